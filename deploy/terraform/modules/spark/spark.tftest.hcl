mock_provider "yandex" {}
variables {
  name               = "t"
  folder_id          = "b1gtest"
  zone               = "ru-central1-a"
  subnet_id          = "s1"
  security_group_ids = ["g1"]
  service_account_id = "sa1"
  log_bucket         = "t-logs"
  code_bucket        = "t-code"
  ssh_public_key     = "ssh-ed25519 AAAA"
  standing           = false
  workers            = 3
}

run "none_stands_by_itself" {
  command = plan
  assert {
    condition     = length(yandex_dataproc_cluster.standing) == 0
    error_message = "a cluster stands, and costs, that nobody asked for"
  }
}

run "a_standing_one_is_not_swept" {
  command = apply
  variables { standing = true }
  assert {
    condition     = yandex_dataproc_cluster.standing[0].labels["made-by"] != "weir"
    error_message = "the sweep of forgotten clusters would end it"
  }
  assert {
    condition     = [for one in yandex_dataproc_cluster.standing[0].cluster_config[0].subcluster_spec : one.hosts_count if one.role == "COMPUTENODE"] == [3]
    error_message = "another number of workers"
  }
}

run "not_too_many" {
  command = plan
  variables { workers = 40 }
  expect_failures = [var.workers]
}
