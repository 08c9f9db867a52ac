mock_provider "yandex" {}
variables {
  name         = "t"
  folder_id    = "b1gtest"
  subnets      = { "ru-central1-a" = "10.0.0.0/24", "ru-central1-b" = "10.0.1.0/24" }
  client_cidrs = ["203.0.113.0/24"]
}

run "every_subnet_goes_out_through_nat" {
  command = apply
  assert {
    condition     = alltrue([for one in yandex_vpc_subnet.this : one.route_table_id == yandex_vpc_route_table.out.id])
    error_message = "a subnet has no way out"
  }
  assert {
    condition     = yandex_vpc_security_group.clients.ingress[0].port == 443 && yandex_vpc_security_group.clients.ingress[0].v4_cidr_blocks == tolist(["203.0.113.0/24"])
    error_message = "clients get in by something else than HTTPS from their networks"
  }
}

run "not_from_everywhere" {
  command = plan
  variables { client_cidrs = ["0.0.0.0/0"] }
  expect_failures = [var.client_cidrs]
}
