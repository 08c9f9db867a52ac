#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace weir::journal {

/// One connection to an SQLite file; used by one thread at a time.
class Database {
 public:
  enum class Mode { kCreate, kReadOnly };

  /// Throws Error naming the file.
  Database(const std::filesystem::path& file, Mode mode);

  /// Runs statements without results. Throws Error.
  void execute(const std::string& sql);
  /// The same; gives the SQLite result code instead of throwing.
  int try_execute(const char* sql);
  std::int64_t query_integer(const std::string& sql);

  [[noreturn]] void fail(std::string_view doing) const;
  const char* message() const { return sqlite3_errmsg(handle_.get()); }
  sqlite3* get() const { return handle_.get(); }
  const std::filesystem::path& file() const { return file_; }

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  std::filesystem::path file_;
  std::unique_ptr<sqlite3, Close> handle_;
};

/// A prepared statement.
class Statement {
 public:
  Statement(Database& database, std::string_view sql);

  void bind(int index, std::int64_t value) { sqlite3_bind_int64(statement_.get(), index, value); }
  void bind(int index, double value) { sqlite3_bind_double(statement_.get(), index, value); }
  /// The bytes must outlive the step.
  void bind_text(int index, std::string_view text);
  void bind_blob(int index, const void* data, std::size_t size);
  /// Keeps a copy of the bytes.
  void bind_blob_copy(int index, const void* data, std::size_t size);
  void bind_null(int index) { sqlite3_bind_null(statement_.get(), index); }

  /// SQLITE_ROW, SQLITE_DONE or an error code.
  int try_step() { return sqlite3_step(statement_.get()); }
  /// True for a row. Throws Error.
  bool step();
  void reset() { sqlite3_reset(statement_.get()); }
  /// All parameters are null again.
  void clear() { sqlite3_clear_bindings(statement_.get()); }

  std::int64_t integer(int column) { return sqlite3_column_int64(statement_.get(), column); }
  double real(int column) { return sqlite3_column_double(statement_.get(), column); }
  std::string_view bytes(int column);
  bool is_null(int column) { return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  Database* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

}  // namespace weir::journal
