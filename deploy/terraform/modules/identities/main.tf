# A service account for each thing that runs, with what it needs and no more. Access to buckets, secrets and images is
# granted where those are made.
variable "name" { type = string }
variable "folder_id" { type = string }

locals {
  roles = {
    airflow    = ["dataproc.editor", "vpc.user"] # Makes and ends Spark clusters in the subnet.
    spark      = ["dataproc.agent", "dataproc.provisioner"]
    kubernetes = ["k8s.clusters.agent", "vpc.publicAdmin", "load-balancer.admin"]
    nodes      = [] # Pulls images: granted on the registry.
    release    = ["k8s.cluster-api.editor"]
  }
  grants = merge([for account, roles in local.roles : { for role in roles : "${account}:${role}" => { account = account, role = role } }]...)
}

resource "yandex_iam_service_account" "this" {
  for_each  = local.roles
  name      = "${var.name}-${each.key}"
  folder_id = var.folder_id
}

resource "yandex_resourcemanager_folder_iam_member" "this" {
  for_each  = local.grants
  folder_id = var.folder_id
  role      = each.value.role
  member    = "serviceAccount:${yandex_iam_service_account.this[each.value.account].id}"
}

# The schedules start clusters that run as spark.
resource "yandex_iam_service_account_iam_member" "airflow_as_spark" {
  service_account_id = yandex_iam_service_account.this["spark"].id
  role               = "iam.serviceAccounts.user"
  member             = "serviceAccount:${yandex_iam_service_account.this["airflow"].id}"
}

output "ids" { value = { for name, one in yandex_iam_service_account.this : name => one.id } }
output "grants" { value = keys(local.grants) }
