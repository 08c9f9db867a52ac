# Everything weir needs in one folder of the cloud; environments/dev and environments/prod give it sizes.
variable "name" { type = string }
variable "folder_id" { type = string }
variable "production" { type = bool }
variable "subnets" { type = map(string) }
variable "client_cidrs" { type = list(string) }
variable "ssh_public_key" { type = string }
variable "airflow" { type = object({ image_id = string, cores = number, memory_gb = number }) }
variable "spark" { type = object({ standing = bool, workers = number }) }
variable "kafka" {
  type = object({ brokers_in_a_zone = number, preset = string, disk_gb = number, partitions = number, retention_days = number })
}
variable "nodes" { type = object({ min = number, max = number, cores = number, memory_gb = number }) }

locals {
  zone = keys(var.subnets)[0]
}

module "network" {
  source       = "../network"
  name         = var.name
  folder_id    = var.folder_id
  subnets      = var.subnets
  client_cidrs = var.client_cidrs
}

module "identities" {
  source    = "../identities"
  name      = var.name
  folder_id = var.folder_id
}

module "storage" {
  source    = "../storage"
  name      = var.name
  folder_id = var.folder_id
  writers   = { for one in ["airflow", "spark"] : one => module.identities.ids[one] }
}

module "secrets" {
  source    = "../secrets"
  name      = var.name
  folder_id = var.folder_id
  accounts  = module.identities.ids
  secrets = {
    api-keys      = ["nodes"]
    kafka-weir    = ["nodes"]
    kafka-gateway = ["release"]
    airflow       = ["airflow"]
  }
}

module "registry" {
  source    = "../registry"
  name      = var.name
  folder_id = var.folder_id
  pushers   = [module.identities.ids["release"]]
  pullers   = [module.identities.ids["nodes"]]
}

module "kubernetes" {
  source             = "../kubernetes"
  name               = var.name
  folder_id          = var.folder_id
  network_id         = module.network.network_id
  subnet_ids         = module.network.subnet_ids
  security_group_ids = [module.network.inside_group_id, module.network.clients_group_id]
  master_account_id  = module.identities.ids["kubernetes"]
  node_account_id    = module.identities.ids["nodes"]
  highly_available   = var.production
  nodes              = var.nodes
}

module "kafka" {
  source             = "../kafka"
  name               = var.name
  folder_id          = var.folder_id
  environment        = var.production ? "PRODUCTION" : "PRESTABLE"
  network_id         = module.network.network_id
  subnet_ids         = var.production ? module.network.subnet_ids : { (local.zone) = module.network.subnet_ids[local.zone] }
  security_group_ids = [module.network.inside_group_id]
  brokers_in_a_zone  = var.kafka.brokers_in_a_zone
  preset             = var.kafka.preset
  disk_gb            = var.kafka.disk_gb
  partitions         = var.kafka.partitions
  retention_days     = var.kafka.retention_days
}

module "spark" {
  source             = "../spark"
  name               = var.name
  folder_id          = var.folder_id
  zone               = local.zone
  subnet_id          = module.network.subnet_ids[local.zone]
  security_group_ids = [module.network.inside_group_id]
  service_account_id = module.identities.ids["spark"]
  log_bucket         = module.storage.buckets["logs"]
  code_bucket        = module.storage.buckets["code"]
  ssh_public_key     = var.ssh_public_key
  standing           = var.spark.standing
  workers            = var.spark.workers
}

module "airflow" {
  source             = "../airflow"
  name               = var.name
  folder_id          = var.folder_id
  zone               = local.zone
  subnet_id          = module.network.subnet_ids[local.zone]
  security_group_ids = [module.network.inside_group_id]
  service_account_id = module.identities.ids["airflow"]
  image_id           = var.airflow.image_id
  cores              = var.airflow.cores
  memory_gb          = var.airflow.memory_gb
  ssh_public_key     = var.ssh_public_key
}

output "registry" { value = module.registry.address }
output "kubernetes_cluster_id" { value = module.kubernetes.cluster_id }
output "kafka_cluster_id" { value = module.kafka.cluster_id }
output "secrets" { value = module.secrets.ids }
output "buckets" { value = module.storage.buckets }
output "airflow_variables" { value = module.spark.airflow_variables }
output "airflow_environment" { value = module.spark.airflow_environment }
