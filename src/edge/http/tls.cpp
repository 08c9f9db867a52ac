#include "edge/http/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>

#include "core/transaction/error.h"

namespace weir::http {
namespace {

[[noreturn]] void fail(std::string_view flag, const std::string& file, std::string_view wanted) {
  char text[256] = "not usable";
  if (const unsigned long code = ERR_get_error()) ERR_error_string_n(code, text, sizeof(text));
  ERR_clear_error();
  throw Error(fmt::format("{} \"{}\": {}; wanted {}", flag, file, text, wanted));
}

}  // namespace

TlsContext::TlsContext(const TlsFiles& files) : context_(SSL_CTX_new(TLS_server_method())) {
  SSL_CTX* context = context_.get();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // A buffer may have moved or grown before a write is tried again.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1) {
    fail("--tls-certificate", files.certificate, "a PEM file with the server's certificate");
  }
  if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    fail("--tls-key", files.key, "a PEM file with the key of the certificate");
  }
  if (files.client_ca.empty()) return;
  if (SSL_CTX_load_verify_locations(context, files.client_ca.c_str(), nullptr) != 1) {
    fail("--tls-client-ca", files.client_ca, "a PEM file with the authority of the clients");
  }
  SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(files.client_ca.c_str()));
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
}

TlsContext::Session TlsContext::accept(int socket) const {
  Session session(SSL_new(context_.get()));
  SSL_set_fd(session.get(), socket);
  SSL_set_accept_state(session.get());
  return session;
}

}  // namespace weir::http
