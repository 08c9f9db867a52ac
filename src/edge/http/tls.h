#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace weir::http {

struct TlsFiles {
  std::string certificate;  ///< PEM: the server's own first, then its chain.
  std::string key;          ///< PEM.
  std::string client_ca;    ///< PEM; not empty: only clients with a certificate of it are heard.
};

/// The server's side of TLS 1.2 and 1.3.
class TlsContext {
 public:
  /// Throws Error naming the file that is missing, damaged or does not fit.
  explicit TlsContext(const TlsFiles& files);

  struct Free {
    void operator()(SSL* session) const { SSL_free(session); }
  };
  using Session = std::unique_ptr<SSL, Free>;

  /// A session that reads and writes `socket`.
  Session accept(int socket) const;

 private:
  struct FreeContext {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  std::unique_ptr<SSL_CTX, FreeContext> context_;
};

}  // namespace weir::http
