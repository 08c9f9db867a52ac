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
    condition     = module.weir.airflow_environment.WEIR_NODES == "2" && module.weir.airflow_environment.WEIR_ZONE == "ru-central1-a"
    error_message = "the schedules would make clusters of another size or elsewhere"
  }
}
