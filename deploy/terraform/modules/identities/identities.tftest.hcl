mock_provider "yandex" {}
variables {
  name      = "t"
  folder_id = "b1gtest"
}

run "least_rights" {
  command = apply
  assert {
    condition     = alltrue([for one in yandex_resourcemanager_folder_iam_member.this : !contains(["admin", "editor", "viewer"], one.role)])
    error_message = "an account has a role over the whole folder"
  }
  assert {
    condition     = length([for grant in output.grants : grant if startswith(grant, "nodes:")]) == 0
    error_message = "nodes need no role in the folder"
  }
}
