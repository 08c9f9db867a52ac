# Images: the release account pushes, the nodes pull.
variable "name" { type = string }
variable "folder_id" { type = string }
variable "pushers" { type = list(string) }
variable "pullers" { type = list(string) }

resource "yandex_container_registry" "this" {
  name      = var.name
  folder_id = var.folder_id
}

resource "yandex_container_registry_iam_binding" "push" {
  registry_id = yandex_container_registry.this.id
  role        = "container-registry.images.pusher"
  members     = [for one in var.pushers : "serviceAccount:${one}"]
}

resource "yandex_container_registry_iam_binding" "pull" {
  registry_id = yandex_container_registry.this.id
  role        = "container-registry.images.puller"
  members     = [for one in var.pullers : "serviceAccount:${one}"]
}

output "address" { value = "cr.yandex/${yandex_container_registry.this.id}" }
