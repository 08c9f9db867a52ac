# One network, a subnet a zone, a way out through NAT and no way in but what the security groups say.
variable "name" { type = string }
variable "folder_id" { type = string }
variable "subnets" {
  description = "Address range by zone."
  type        = map(string)
}
variable "client_cidrs" {
  description = "Who may reach the service's ingress and the schedules' console."
  type        = list(string)
  validation {
    condition     = alltrue([for one in var.client_cidrs : one != "0.0.0.0/0"])
    error_message = "client_cidrs holds 0.0.0.0/0; payments come from known networks: list them."
  }
}

resource "yandex_vpc_network" "this" {
  name      = var.name
  folder_id = var.folder_id
}

resource "yandex_vpc_gateway" "out" {
  name      = "${var.name}-out"
  folder_id = var.folder_id
  shared_egress_gateway {}
}

resource "yandex_vpc_route_table" "out" {
  name       = "${var.name}-out"
  folder_id  = var.folder_id
  network_id = yandex_vpc_network.this.id
  static_route {
    destination_prefix = "0.0.0.0/0"
    gateway_id         = yandex_vpc_gateway.out.id
  }
}

resource "yandex_vpc_subnet" "this" {
  for_each       = var.subnets
  name           = "${var.name}-${each.key}"
  folder_id      = var.folder_id
  zone           = each.key
  network_id     = yandex_vpc_network.this.id
  route_table_id = yandex_vpc_route_table.out.id
  v4_cidr_blocks = [each.value]
}

resource "yandex_vpc_security_group" "inside" {
  name       = "${var.name}-inside"
  folder_id  = var.folder_id
  network_id = yandex_vpc_network.this.id
  ingress {
    description    = "Anything within the network"
    protocol       = "ANY"
    v4_cidr_blocks = values(var.subnets)
  }
  ingress {
    description       = "Health checks of the load balancers"
    protocol          = "TCP"
    predefined_target = "loadbalancer_healthchecks"
  }
  egress {
    description    = "Out: registry, storage, updates"
    protocol       = "ANY"
    v4_cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "yandex_vpc_security_group" "clients" {
  name       = "${var.name}-clients"
  folder_id  = var.folder_id
  network_id = yandex_vpc_network.this.id
  ingress {
    description    = "HTTPS of the payment system"
    protocol       = "TCP"
    port           = 443
    v4_cidr_blocks = var.client_cidrs
  }
}

output "network_id" { value = yandex_vpc_network.this.id }
output "subnet_ids" { value = { for zone, one in yandex_vpc_subnet.this : zone => one.id } }
output "inside_group_id" { value = yandex_vpc_security_group.inside.id }
output "clients_group_id" { value = yandex_vpc_security_group.clients.id }
