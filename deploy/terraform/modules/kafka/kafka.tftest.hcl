mock_provider "yandex" {}
variables {
  name               = "t"
  folder_id          = "b1gtest"
  environment        = "PRODUCTION"
  network_id         = "n1"
  subnet_ids         = { "ru-central1-a" = "s1", "ru-central1-b" = "s2", "ru-central1-d" = "s3" }
  security_group_ids = ["g1"]
  brokers_in_a_zone  = 1
  preset             = "s3-c2-m8"
  disk_gb            = 200
  partitions         = 1
  retention_days     = 400
}

run "a_zone_may_go" {
  command = apply
  assert {
    condition     = alltrue([for one in yandex_mdb_kafka_topic.this : one.replication_factor == 3 && one.topic_config[0].min_insync_replicas == "2"])
    error_message = "a topic would stop or lose messages with one zone"
  }
  assert {
    condition     = !yandex_mdb_kafka_cluster.this.config[0].kafka[0].kafka_config[0].auto_create_topics_enable
    error_message = "a misspelt topic would be made"
  }
}

run "one_broker_has_one_copy" {
  command = apply
  variables { subnet_ids = { "ru-central1-a" = "s1" } }
  assert {
    condition     = alltrue([for one in yandex_mdb_kafka_topic.this : one.replication_factor == 1 && one.topic_config[0].min_insync_replicas == "1"])
    error_message = "more copies than brokers"
  }
}
