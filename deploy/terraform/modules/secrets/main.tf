# Secrets that Lockbox makes up itself: no password is in a variable, and none of these is in the state.
variable "name" { type = string }
variable "folder_id" { type = string }
variable "secrets" {
  description = "Name of a secret: the service accounts that may read it."
  type        = map(list(string))
}

locals {
  readers = merge([for secret, accounts in var.secrets : { for account in accounts : "${secret}:${account}" => { secret = secret, account = account } }]...)
}

resource "yandex_kms_symmetric_key" "this" {
  name            = "${var.name}-secrets"
  folder_id       = var.folder_id
  rotation_period = "8760h"
}

resource "yandex_lockbox_secret" "this" {
  for_each            = var.secrets
  name                = "${var.name}-${each.key}"
  folder_id           = var.folder_id
  kms_key_id          = yandex_kms_symmetric_key.this.id
  deletion_protection = true
  password_payload_specification {
    password_key        = "value"
    length              = 32
    include_punctuation = false
  }
}

resource "yandex_lockbox_secret_version" "this" {
  for_each  = var.secrets
  secret_id = yandex_lockbox_secret.this[each.key].id
}

resource "yandex_lockbox_secret_iam_member" "readers" {
  for_each  = local.readers
  secret_id = yandex_lockbox_secret.this[each.value.secret].id
  role      = "lockbox.payloadViewer"
  member    = "serviceAccount:${var.accounts[each.value.account]}"
}

variable "accounts" {
  description = "Ids of the service accounts, by name."
  type        = map(string)
}

output "ids" { value = { for name, one in yandex_lockbox_secret.this : name => one.id } }
