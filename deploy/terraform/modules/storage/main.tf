# Buckets: raw as delivered, lake, models, the jobs' code, logs of clusters. Versions are kept for a while, so a deletion can be undone.
variable "name" { type = string }
variable "folder_id" { type = string }
variable "writers" {
  description = "Service accounts that read and write, by name."
  type        = map(string)
}
variable "raw_cold_after_days" {
  type    = number
  default = 60
  validation {
    condition     = var.raw_cold_after_days >= 30
    error_message = "raw_cold_after_days is under 30; the newest month is read every day, keep it in standard storage."
  }
}

locals {
  buckets = {
    raw    = { versions_days = 30, cold_days = var.raw_cold_after_days, expire_days = 0 }
    lake   = { versions_days = 14, cold_days = 0, expire_days = 0 }
    models = { versions_days = 400, cold_days = 0, expire_days = 0 } # A decision may be asked about for a year.
    code   = { versions_days = 30, cold_days = 0, expire_days = 0 }  # The jobs that clusters run.
    logs   = { versions_days = 1, cold_days = 0, expire_days = 30 }
  }
}

resource "yandex_kms_symmetric_key" "this" {
  name            = "${var.name}-storage"
  folder_id       = var.folder_id
  rotation_period = "8760h"
}

resource "yandex_storage_bucket" "this" {
  for_each  = local.buckets
  bucket    = "${var.name}-${each.key}"
  folder_id = var.folder_id
  versioning { enabled = true }
  anonymous_access_flags {
    read        = false
    list        = false
    config_read = false
  }
  server_side_encryption_configuration {
    rule {
      apply_server_side_encryption_by_default {
        kms_master_key_id = yandex_kms_symmetric_key.this.id
        sse_algorithm     = "aws:kms"
      }
    }
  }
  lifecycle_rule {
    id                                     = "old-versions"
    enabled                                = true
    abort_incomplete_multipart_upload_days = 3
    noncurrent_version_expiration { days = each.value.versions_days }
  }
  dynamic "lifecycle_rule" {
    for_each = each.value.cold_days > 0 ? [each.value.cold_days] : []
    content {
      id      = "cold"
      enabled = true
      transition {
        days          = lifecycle_rule.value
        storage_class = "COLD"
      }
    }
  }
  dynamic "lifecycle_rule" {
    for_each = each.value.expire_days > 0 ? [each.value.expire_days] : []
    content {
      id      = "expire"
      enabled = true
      expiration { days = lifecycle_rule.value }
    }
  }
}

resource "yandex_resourcemanager_folder_iam_member" "writers" {
  for_each  = var.writers
  folder_id = var.folder_id
  role      = "storage.editor" # Jobs delete their temporary files.
  member    = "serviceAccount:${each.value}"
}

resource "yandex_resourcemanager_folder_iam_member" "key" {
  for_each  = var.writers
  folder_id = var.folder_id
  role      = "kms.keys.encrypterDecrypter"
  member    = "serviceAccount:${each.value}"
}

output "buckets" { value = { for name, one in yandex_storage_bucket.this : name => one.bucket } }
