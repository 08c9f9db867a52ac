mock_provider "yandex" {}
variables {
  name               = "t"
  folder_id          = "b1gtest"
  network_id         = "n1"
  subnet_ids         = { "ru-central1-a" = "s1", "ru-central1-b" = "s2", "ru-central1-d" = "s3" }
  security_group_ids = ["g1"]
  master_account_id  = "sa1"
  node_account_id    = "sa2"
  highly_available   = true
  nodes              = { min = 1, max = 2, cores = 4, memory_gb = 16 }
}

run "a_master_and_nodes_in_each_zone" {
  command = apply
  assert {
    condition     = length(yandex_kubernetes_cluster.this.master[0].master_location) == 3 && length(yandex_kubernetes_node_group.this) == 3
    error_message = "a zone has no master or no nodes"
  }
  assert {
    condition     = !yandex_kubernetes_cluster.this.master[0].public_ip
    error_message = "the API is open to the internet"
  }
}

run "min_above_max" {
  command = plan
  variables { nodes = { min = 3, max = 2, cores = 4, memory_gb = 16 } }
  expect_failures = [var.nodes]
}
