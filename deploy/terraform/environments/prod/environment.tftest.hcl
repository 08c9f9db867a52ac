mock_provider "yandex" {}
variables {
  folder_id        = "b1gtest"
  client_cidrs     = ["203.0.113.0/24"]
  ssh_public_key   = "ssh-ed25519 AAAA"
  airflow_image_id = "fd8test"
}

run "wiring" {
  command = apply
  assert {
    condition     = module.weir.airflow_variables.yandex_folder == "b1gtest" && module.weir.airflow_environment.WEIR_NODES == "3"
    error_message = "the schedules would make their clusters elsewhere, or of another size"
  }
  assert {
    condition     = module.weir.airflow_environment.WEIR_LOG_BUCKET == module.weir.buckets["logs"]
    error_message = "clusters would log into a bucket that expires nothing"
  }
  assert {
    condition     = toset(keys(module.weir.buckets)) == toset(["raw", "lake", "models", "code", "logs"])
    error_message = "a bucket is missing"
  }
}
