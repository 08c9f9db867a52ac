#include "edge/journal/database.h"

#include <fmt/format.h>

#include "core/transaction/error.h"

namespace weir::journal {

Database::Database(const std::filesystem::path& file, Mode mode) : file_(file) {
  sqlite3* handle = nullptr;
  const int flags =
      mode == Mode::kCreate ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  const int code = sqlite3_open_v2(file.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  handle_.reset(handle);
  if (code != SQLITE_OK) fail("open");
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, 5000);
}

void Database::fail(std::string_view doing) const {
  throw Error(
      fmt::format("journal \"{}\": {}: {}; check the disk and that no other program writes "
                  "there",
                  file_.string(), doing, message()));
}

int Database::try_execute(const char* sql) {
  return sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
}

void Database::execute(const std::string& sql) {
  if (try_execute(sql.c_str()) != SQLITE_OK) fail(sql.substr(0, 60));
}

std::int64_t Database::query_integer(const std::string& sql) {
  Statement statement(*this, sql);
  return statement.step() ? statement.integer(0) : 0;
}

Statement::Statement(Database& database, std::string_view sql) : database_(&database) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(database.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  statement_.reset(statement);
  if (code != SQLITE_OK) database.fail(sql.substr(0, 60));
}

void Statement::bind_text(int index, std::string_view text) {
  sqlite3_bind_text(statement_.get(), index, text.data(), static_cast<int>(text.size()),
                    SQLITE_STATIC);
}

void Statement::bind_blob_copy(int index, const void* data, std::size_t size) {
  sqlite3_bind_blob(statement_.get(), index, data, static_cast<int>(size), SQLITE_TRANSIENT);
}

void Statement::bind_blob(int index, const void* data, std::size_t size) {
  sqlite3_bind_blob(statement_.get(), index, data, static_cast<int>(size), SQLITE_STATIC);
}

bool Statement::step() {
  const int code = try_step();
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) {
    reset();
    database_->fail("read");
  }
  return false;
}

std::string_view Statement::bytes(int column) {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return data == nullptr ? std::string_view() : std::string_view(data, size);
}

}  // namespace weir::journal
