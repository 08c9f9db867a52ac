#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::http {

/// What a key may do; bits.
enum Role : std::uint8_t {
  kNobody = 0,
  kScorer = 1,    ///< Sends payments.
  kFeedback = 2,  ///< Sends outcomes.
  kAnalyst = 4,   ///< Reads decisions, works the review queue.
  kAdmin = 8,     ///< Reloads models; may do everything.
};

/// Nothing for another word than `scorer`, `feedback`, `analyst`, `admin`.
std::optional<Role> find_role(std::string_view word);

/// Who may call the service. Keys are kept as SHA-256 only: who reads the file cannot use them.
class ApiKeys {
 public:
  /// Text of lines `name roles sha256`, e.g. `gateway scorer,feedback 9f86d0…`; `#` begins a
  /// comment. Throws Error naming `source` and the line.
  static ApiKeys parse(std::string_view text, std::string_view source);

  /// Roles of the key; kNobody for an unknown one. Takes the same time wherever it differs.
  std::uint8_t roles_of(std::string_view key) const;

  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string name;
    std::uint8_t roles = kNobody;
    std::array<unsigned char, 32> hash{};
  };
  std::vector<Entry> entries_;
};

/// The key of `Authorization: Bearer KEY`; nothing for another scheme.
std::optional<std::string_view> bearer_key(std::string_view authorization);

}  // namespace weir::http
