mock_provider "yandex" {}
variables {
  name      = "t"
  folder_id = "b1gtest"
  writers   = { spark = "sa1" }
}

run "what_was_deleted_comes_back" {
  command = apply
  assert {
    condition     = alltrue([for one in yandex_storage_bucket.this : one.versioning[0].enabled])
    error_message = "a bucket keeps no versions"
  }
  assert {
    condition     = alltrue([for one in yandex_storage_bucket.this : !one.anonymous_access_flags[0].read])
    error_message = "a bucket is readable by anybody"
  }
  assert {
    condition     = [for rule in yandex_storage_bucket.this["raw"].lifecycle_rule : rule.transition[0].days if rule.id == "cold"] == [60]
    error_message = "raw data does not move to cold storage after 60 days"
  }
  assert {
    condition     = length([for rule in yandex_storage_bucket.this["lake"].lifecycle_rule : rule if rule.id != "old-versions"]) == 0
    error_message = "the lake loses data by age"
  }
}

run "the_newest_month_is_not_cold" {
  command = plan
  variables { raw_cold_after_days = 7 }
  expect_failures = [var.raw_cold_after_days]
}
