# Managed Kafka: the log of payments and feedback, and what weir stream makes of it. Users are made by
# deploy/terraform/kafka_users.sh from Lockbox: here their passwords would stand in the state.
variable "name" { type = string }
variable "folder_id" { type = string }
variable "environment" { type = string }
variable "network_id" { type = string }
variable "subnet_ids" { type = map(string) }
variable "security_group_ids" { type = list(string) }
variable "brokers_in_a_zone" { type = number }
variable "preset" { type = string }
variable "disk_gb" { type = number }
variable "partitions" { type = number }
variable "retention_days" { type = number }
locals {
  copies = min(3, var.brokers_in_a_zone * length(var.subnet_ids))
  topics = {
    "weir.events"    = { partitions = var.partitions, days = var.retention_days }
    "weir.decisions" = { partitions = var.partitions, days = var.retention_days }
    "weir.rejects"   = { partitions = var.partitions, days = 90 }
  }
}

resource "yandex_mdb_kafka_cluster" "this" {
  name                = "${var.name}-kafka"
  folder_id           = var.folder_id
  environment         = var.environment
  network_id          = var.network_id
  subnet_ids          = values(var.subnet_ids)
  security_group_ids  = var.security_group_ids
  deletion_protection = var.environment == "PRODUCTION"
  config {
    version          = "3.9"
    brokers_count    = var.brokers_in_a_zone
    zones            = keys(var.subnet_ids)
    assign_public_ip = false
    kafka {
      resources {
        resource_preset_id = var.preset
        disk_type_id       = "network-ssd"
        disk_size          = var.disk_gb
      }
      kafka_config {
        auto_create_topics_enable  = false
        default_replication_factor = tostring(local.copies)
      }
    }
    disk_size_autoscaling {
      disk_size_limit           = var.disk_gb * 2
      planned_usage_threshold   = 80
      emergency_usage_threshold = 90
    }
  }
}

resource "yandex_mdb_kafka_topic" "this" {
  for_each           = local.topics
  cluster_id         = yandex_mdb_kafka_cluster.this.id
  name               = each.key
  partitions         = each.value.partitions
  replication_factor = local.copies
  topic_config {
    cleanup_policy      = "CLEANUP_POLICY_DELETE"
    compression_type    = "COMPRESSION_TYPE_ZSTD"
    retention_ms        = tostring(each.value.days * 86400000)
    min_insync_replicas = tostring(max(1, local.copies - 1))
  }
}

output "cluster_id" { value = yandex_mdb_kafka_cluster.this.id }
