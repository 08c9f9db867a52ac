# To try things: one zone, the smallest sizes, nothing kept for long.
terraform {
  required_version = ">= 1.7"
  required_providers {
    yandex = {
      source  = "yandex-cloud/yandex"
      version = ">= 0.130, < 1.0"
    }
  }
  # Bucket and key by -backend-config or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
  backend "s3" {
    endpoints                   = { s3 = "https://storage.yandexcloud.net" }
    region                      = "ru-central1"
    key                         = "weir/dev.tfstate"
    use_lockfile                = true
    skip_region_validation      = true
    skip_credentials_validation = true
    skip_requesting_account_id  = true
    skip_s3_checksum            = true
  }
}

variable "folder_id" {
  description = "The folder of this environment."
  type        = string
}
variable "client_cidrs" {
  description = "Networks of the payment system."
  type        = list(string)
}
variable "ssh_public_key" {
  description = "Of the operators, for the machine of the schedules and the clusters."
  type        = string
}
variable "airflow_image_id" {
  description = "A boot image with Debian 12: yc compute image get-latest-from-family debian-12 --folder-id standard-images."
  type        = string
}

# Its token comes from the environment (YC_TOKEN), never from a file.
provider "yandex" {
  folder_id = var.folder_id
}

module "weir" {
  source         = "../../modules/environment"
  name           = "weir-dev"
  folder_id      = var.folder_id
  production     = false
  subnets        = { "ru-central1-a" = "10.10.0.0/24" }
  client_cidrs   = var.client_cidrs
  ssh_public_key = var.ssh_public_key
  airflow        = { image_id = var.airflow_image_id, cores = 2, memory_gb = 8 }
  spark          = { standing = false, workers = 2 }
  kafka          = { brokers_in_a_zone = 1, preset = "s3-c2-m8", disk_gb = 32, partitions = 1, retention_days = 7 }
  nodes          = { min = 1, max = 2, cores = 2, memory_gb = 8 }
}

output "weir" {
  value = module.weir
}
