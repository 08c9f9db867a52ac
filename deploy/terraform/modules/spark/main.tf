# Spark. The schedules make a Data Processing cluster for each job from the
# outputs here and end it; `standing` keeps one
# for people who explore.
variable "name" { type = string }
variable "folder_id" { type = string }
variable "zone" { type = string }
variable "subnet_id" { type = string }
variable "security_group_ids" { type = list(string) }
variable "service_account_id" { type = string }
variable "log_bucket" { type = string }
variable "code_bucket" { type = string }
variable "ssh_public_key" { type = string }
variable "standing" { type = bool }
variable "workers" {
  type = number
  validation {
    condition     = var.workers >= 1 && var.workers <= 8
    error_message = "workers must be 1 to 8: a month of 47 million payments is trained on by 3, and each costs money by the hour."
  }
}

locals {
  version = "2.1"
  preset  = "s3-c4-m16"
}

resource "yandex_dataproc_cluster" "standing" {
  count               = var.standing ? 1 : 0
  name                = "${var.name}-spark"
  folder_id           = var.folder_id
  zone_id             = var.zone
  bucket              = var.log_bucket
  service_account_id  = var.service_account_id
  security_group_ids  = var.security_group_ids
  deletion_protection = false
  labels              = { made-by = "terraform" } # Not weir: the sweep of forgotten clusters leaves it alone.
  cluster_config {
    version_id = local.version
    hadoop {
      services        = ["YARN", "SPARK"]
      ssh_public_keys = [var.ssh_public_key]
      properties      = { "yarn:yarn.resourcemanager.am.max-attempts" = "5" }
    }
    subcluster_spec {
      name        = "master"
      role        = "MASTERNODE"
      subnet_id   = var.subnet_id
      hosts_count = 1
      resources {
        resource_preset_id = local.preset
        disk_type_id       = "network-ssd"
        disk_size          = 40
      }
    }
    subcluster_spec {
      name        = "compute"
      role        = "COMPUTENODE"
      subnet_id   = var.subnet_id
      hosts_count = var.workers
      resources {
        resource_preset_id = local.preset
        disk_type_id       = "network-ssd"
        disk_size          = 128
      }
    }
  }
}

# What dags/weir_cluster.py reads when WEIR_CLUSTER is yandex: Airflow's variables, and its environment.
output "airflow_variables" {
  value = { yandex_folder = var.folder_id, yandex_subnet = var.subnet_id }
}
output "airflow_environment" {
  value = {
    WEIR_CLUSTER    = "yandex"
    WEIR_ZONE       = var.zone
    WEIR_NODES      = tostring(var.workers)
    WEIR_LOG_BUCKET = var.log_bucket
    WEIR_CODE       = "s3a://${var.code_bucket}"
  }
}
output "standing_id" { value = one(yandex_dataproc_cluster.standing[*].id) }
