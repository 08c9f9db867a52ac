# Managed Kubernetes: where the chart goes. Network policies are enforced (Cilium).
variable "name" { type = string }
variable "folder_id" { type = string }
variable "network_id" { type = string }
variable "subnet_ids" { type = map(string) }
variable "security_group_ids" { type = list(string) }
variable "master_account_id" { type = string }
variable "node_account_id" { type = string }
variable "highly_available" {
  description = "A master in each zone instead of one."
  type        = bool
}
variable "nodes" {
  type = object({ min = number, max = number, cores = number, memory_gb = number })
  validation {
    condition     = var.nodes.min >= 1 && var.nodes.min <= var.nodes.max
    error_message = "nodes.min must be at least 1 and at most nodes.max."
  }
}

locals {
  zones = keys(var.subnet_ids)
}

resource "yandex_kms_symmetric_key" "this" {
  name            = "${var.name}-kubernetes"
  folder_id       = var.folder_id
  rotation_period = "8760h"
}

resource "yandex_kubernetes_cluster" "this" {
  name                    = var.name
  folder_id               = var.folder_id
  network_id              = var.network_id
  service_account_id      = var.master_account_id
  node_service_account_id = var.node_account_id
  release_channel         = "STABLE"
  network_implementation {
    cilium {}
  }
  kms_provider { key_id = yandex_kms_symmetric_key.this.id }
  master {
    public_ip          = false
    security_group_ids = var.security_group_ids
    dynamic "master_location" {
      for_each = var.highly_available ? local.zones : slice(local.zones, 0, 1)
      content {
        zone      = master_location.value
        subnet_id = var.subnet_ids[master_location.value]
      }
    }
    maintenance_policy {
      auto_upgrade = true
      maintenance_window {
        day        = "sunday"
        start_time = "02:00"
        duration   = "3h"
      }
    }
  }
}

# A group a zone: an autoscaled group lives in one.
resource "yandex_kubernetes_node_group" "this" {
  for_each   = var.subnet_ids
  name       = "${var.name}-${each.key}"
  cluster_id = yandex_kubernetes_cluster.this.id
  instance_template {
    platform_id = "standard-v3"
    resources {
      cores  = var.nodes.cores
      memory = var.nodes.memory_gb
    }
    boot_disk {
      type = "network-ssd"
      size = 64
    }
    network_interface {
      subnet_ids         = [each.value]
      nat                = false
      security_group_ids = var.security_group_ids
    }
    container_runtime { type = "containerd" }
  }
  scale_policy {
    auto_scale {
      min     = var.nodes.min
      max     = var.nodes.max
      initial = var.nodes.min
    }
  }
  allocation_policy {
    location { zone = each.key }
  }
  deploy_policy {
    max_unavailable = 0
    max_expansion   = 1
  }
  maintenance_policy {
    auto_repair  = true
    auto_upgrade = true
  }
}

output "cluster_id" { value = yandex_kubernetes_cluster.this.id }
