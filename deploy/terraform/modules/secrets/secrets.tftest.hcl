mock_provider "yandex" {}
variables {
  name      = "t"
  folder_id = "b1gtest"
  accounts  = { nodes = "sa1", airflow = "sa2" }
  secrets   = { api-keys = ["nodes"], airflow = ["airflow"] }
}

run "each_is_read_by_its_own" {
  command = apply
  assert {
    condition     = yandex_lockbox_secret_iam_member.readers["api-keys:nodes"].member == "serviceAccount:sa1" && length(yandex_lockbox_secret_iam_member.readers) == 2
    error_message = "somebody else reads a secret"
  }
  assert {
    condition     = alltrue([for one in yandex_lockbox_secret_version.this : length(one.entries) == 0])
    error_message = "a secret's text is in the state"
  }
}
