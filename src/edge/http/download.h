#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace weir::http {

struct DownloadLimits {
  std::size_t bytes = 256 * 1024 * 1024;
  std::chrono::seconds silence{10};  ///< No byte for so long: the server counts as away.
};

struct Download {
  int status = 0;  ///< 200, or 304 where `etag` is still what the server has.
  std::string body;
  std::string etag;
};

/// One GET of `http://…` or `https://…`, on a connection of its own. HTTPS checks the server's
/// certificate and name against the system's authorities (`SSL_CERT_FILE` names others).
/// `etag` and `bearer_key` may be empty. Redirections are not followed. Throws Error naming the
/// address for everything but 200 and 304.
Download download(std::string_view url,
                  std::string_view etag,
                  std::string_view bearer_key,
                  DownloadLimits limits = {});

/// Begins with `http://` or `https://`.
bool is_url(std::string_view text);

}  // namespace weir::http
