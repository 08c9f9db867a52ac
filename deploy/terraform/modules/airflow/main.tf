# A virtual machine for the schedules and MLflow; the data they keep is on a disk of its own.
variable "name" { type = string }
variable "folder_id" { type = string }
variable "zone" { type = string }
variable "subnet_id" { type = string }
variable "security_group_ids" { type = list(string) }
variable "service_account_id" { type = string }
variable "image_id" {
  description = "A boot image with Debian 12."
  type        = string
}
variable "cores" { type = number }
variable "memory_gb" { type = number }
variable "ssh_public_key" { type = string }

resource "yandex_compute_disk" "data" {
  name      = "${var.name}-airflow-data"
  folder_id = var.folder_id
  zone      = var.zone
  type      = "network-ssd"
  size      = 50
}

resource "yandex_compute_instance" "this" {
  name                      = "${var.name}-airflow"
  folder_id                 = var.folder_id
  zone                      = var.zone
  platform_id               = "standard-v3"
  service_account_id        = var.service_account_id
  allow_stopping_for_update = true
  resources {
    cores  = var.cores
    memory = var.memory_gb
  }
  boot_disk {
    initialize_params {
      image_id = var.image_id
      type     = "network-ssd"
      size     = 30
    }
  }
  secondary_disk {
    disk_id     = yandex_compute_disk.data.id
    device_name = "data"
    auto_delete = false
  }
  network_interface {
    subnet_id          = var.subnet_id
    nat                = false
    security_group_ids = var.security_group_ids
  }
  # The machine's own token only by the header form, which a forged request from outside does not send.
  metadata_options {
    gce_http_endpoint    = 1
    gce_http_token       = 1
    aws_v1_http_endpoint = 2
  }
  metadata = { ssh-keys = "weir:${var.ssh_public_key}" }
}

output "instance_id" { value = yandex_compute_instance.this.id }
