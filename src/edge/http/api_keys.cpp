#include "edge/http/api_keys.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <strings.h>

#include <charconv>

#include "core/transaction/error.h"

namespace weir::http {
namespace {

std::string_view take_word(std::string_view& text) {
  const auto begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return text = {};
  text.remove_prefix(begin);
  const std::string_view word = text.substr(0, text.find_first_of(" \t\r"));
  text.remove_prefix(word.size());
  return word;
}

bool parse_hash(std::string_view hex, std::array<unsigned char, 32>& hash) {
  if (hex.size() != 2 * hash.size()) return false;
  for (std::size_t i = 0; i < hash.size(); ++i) {
    const char* at = hex.data() + 2 * i;
    const auto [end, error] = std::from_chars(at, at + 2, hash[i], 16);
    if (error != std::errc() || end != at + 2) return false;
  }
  return true;
}

}  // namespace

std::optional<Role> find_role(std::string_view word) {
  if (word == "scorer") return kScorer;
  if (word == "feedback") return kFeedback;
  if (word == "analyst") return kAnalyst;
  if (word == "admin") return kAdmin;
  return std::nullopt;
}

ApiKeys ApiKeys::parse(std::string_view text, std::string_view source) {
  ApiKeys keys;
  for (int number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    line = line.substr(0, line.find('#'));
    Entry entry;
    entry.name = take_word(line);
    if (entry.name.empty()) continue;
    std::string_view roles = take_word(line);
    const auto bad = [&](std::string_view what) {
      return Error(fmt::format(
          "keys \"{}\" line {}: {}; wanted `name roles sha256`, e.g. `gateway scorer,feedback "
          "$(printf %s KEY | sha256sum)` with roles of scorer, feedback, analyst, admin",
          source, number, what));
    };
    if (roles.empty()) throw bad("no roles");
    while (!roles.empty()) {
      const auto comma = roles.find(',');
      const auto role = find_role(roles.substr(0, comma));
      // What stands there could be a key: it is not printed.
      if (!role) throw bad("an unknown role");
      entry.roles |= *role;
      roles.remove_prefix(comma == std::string_view::npos ? roles.size() : comma + 1);
    }
    if (!parse_hash(take_word(line), entry.hash)) throw bad("no SHA-256 of 64 hex digits");
    keys.entries_.push_back(std::move(entry));
  }
  if (keys.entries_.empty()) {
    throw Error(fmt::format("keys \"{}\": holds no key, so nobody could call the service", source));
  }
  return keys;
}

std::uint8_t ApiKeys::roles_of(std::string_view key) const {
  std::array<unsigned char, 32> hash;
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), hash.data());
  std::uint8_t roles = kNobody;
  // All are compared, whichever fits.
  for (const Entry& entry : entries_) {
    if (CRYPTO_memcmp(hash.data(), entry.hash.data(), hash.size()) == 0) roles |= entry.roles;
  }
  return roles;
}

std::optional<std::string_view> bearer_key(std::string_view authorization) {
  constexpr std::string_view kScheme = "Bearer ";
  if (authorization.size() <= kScheme.size() ||
      strncasecmp(authorization.data(), kScheme.data(), kScheme.size()) != 0) {
    return std::nullopt;
  }
  return authorization.substr(kScheme.size());
}

}  // namespace weir::http
