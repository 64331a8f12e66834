// TLS as mail needs it: verified certificates, names that match, and words for what went wrong (RFC 8314, RFC 7817).
#pragma once

#include <postrider/core/config.hpp>
#include <postrider/core/result.hpp>
#include <postrider/core/server.hpp>
#include <postrider/net/tls_sessions.hpp>

#include <asio/ssl/context.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace postrider::net {

namespace detail {

/// Whose session a client's SSL object makes, so that the tickets that come find their stack.
struct ticket_owner {
  tls_session_store* store;
  std::string peer;
};

inline int ticket_owner_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

inline int keep_session(SSL* ssl, SSL_SESSION* session) {
  const auto* owner = static_cast<const ticket_owner*>(SSL_get_ex_data(ssl, ticket_owner_index()));
  if (!owner) return 0;
  owner->store->put(owner->peer, tls_session(session));
  return 1;
}

}  // namespace detail

/// Settings and trust shared by many connections; cheap to copy, safe to share between threads.
class tls_context {
 public:
  tls_context() = default;

  /// For connecting: the system's roots and `options.ca_file`, TLS 1.2 or newer. Equal options give the same context as
  /// long as the file is the same: the last few are kept, with their tickets, also while nobody is connected. Fails
  /// with `invalid_configuration` if the file cannot be used. Safe to call from many threads.
  static result<tls_context> client(const tls_options& options) {
    struct entry {
      tls_options options;
      std::filesystem::file_time_type written;
      tls_context context;
    };
    OPENSSL_init_ssl(0, nullptr);  // before what is kept, so that it ends after it
    static std::mutex mutex;
    static std::vector<entry> kept;  // the one used last is the last
    std::error_code absent;
    const auto written = options.ca_file.empty() ? std::filesystem::file_time_type()
                                                 : std::filesystem::last_write_time(options.ca_file, absent);
    const std::lock_guard lock(mutex);
    const auto known = std::find_if(kept.begin(), kept.end(), [&](const entry& one) { return one.options == options; });
    if (known != kept.end() && known->written == written) {
      std::rotate(known, known + 1, kept.end());
      return kept.back().context;
    }
    auto made = make_client(options);
    if (!made) return made;
    if (known != kept.end()) kept.erase(known);
    else if (kept.size() == most_kept) kept.erase(kept.begin());
    kept.push_back({options, written, *made});
    return made;
  }

  /// For accepting, with a PEM certificate chain and its key.
  static result<tls_context> server(const std::string& certificate_chain_file, const std::string& key_file) {
    auto made = std::make_shared<state>(asio::ssl::context::tls_server);
    SSL_CTX* const native = made->context.native_handle();
    SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
    SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION);
    std::error_code error;
    made->context.use_certificate_chain_file(certificate_chain_file, error);
    if (error) return unusable("certificate file", certificate_chain_file, error.message());
    made->context.use_private_key_file(key_file, asio::ssl::context::pem, error);
    if (error) return unusable("key file", key_file, error.message());
    return tls_context(std::move(made));
  }

  explicit operator bool() const noexcept { return state_ != nullptr; }
  asio::ssl::context& native() const noexcept { return state_->context; }
  /// Tickets of the servers that connections made with this context have spoken to.
  tls_session_store& sessions() const noexcept { return state_->sessions; }

 private:
  static constexpr std::size_t most_kept = 16;

  struct state {
    explicit state(asio::ssl::context::method side) : context(side) {
      // Buffers are held only while something is in them; the bytes of a write that waits may have moved meanwhile.
      SSL_CTX_set_mode(context.native_handle(),
                       SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
      SSL_CTX_set_read_ahead(context.native_handle(), 1);  // a record's header and body with one system call
    }
    asio::ssl::context context;
    tls_session_store sessions;
  };

  explicit tls_context(std::shared_ptr<state> made) : state_(std::move(made)) {}

  static result<tls_context> make_client(const tls_options& options) {
    auto made = std::make_shared<state>(asio::ssl::context::tls_client);
    SSL_CTX* const native = made->context.native_handle();
    SSL_CTX_set_min_proto_version(native, options.allow_tls_1_1 ? TLS1_1_VERSION : TLS1_2_VERSION);
    if (options.allow_tls_1_1) SSL_CTX_set_security_level(native, 0);
    SSL_CTX_set_default_verify_paths(native);
    SSL_CTX_set_verify(native, options.dangerously_skip_verification ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
    if (!options.ca_file.empty()) {
      std::error_code error;
      // A pipe or a device could keep everybody waiting who connects.
      const auto kind = std::filesystem::status(options.ca_file, error).type();
      if (kind != std::filesystem::file_type::regular && kind != std::filesystem::file_type::not_found)
        return unusable("CA file", options.ca_file, error ? error.message() : "is no regular file");
      made->context.load_verify_file(options.ca_file, error);
      if (error) return unusable("CA file", options.ca_file, error.message());
    }
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(native, &detail::keep_session);
    ERR_clear_error();
    return tls_context(std::move(made));
  }

  static tl::unexpected<failure> unusable(const char* what, const std::string& file, const std::string& why) {
    ERR_clear_error();
    return fail(cause::invalid_configuration, stage::tls, std::string(what) + ' ' + file + ": " + why);
  }

  std::shared_ptr<state> state_;
};

namespace detail {

/// Demand `name` (host name or address) of the certificate and send it as SNI where it is a name (RFC 6066 section 3).
/// False if it cannot be a name.
inline bool expect_name(SSL* ssl, std::string name) {
  if (name.ends_with('.')) name.pop_back();  // no certificate has it, nor may SNI
  if (name.empty()) return false;
  X509_VERIFY_PARAM* param = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  if (X509_VERIFY_PARAM_set1_ip_asc(param, name.c_str()) == 1) return true;
  ERR_clear_error();
  return X509_VERIFY_PARAM_set1_host(param, name.data(), name.size()) == 1 &&
         SSL_set_tlsext_host_name(ssl, name.c_str()) == 1;
}

/// Why a handshake failed, from OpenSSL's own records of it.
inline failure handshake_failure(SSL* ssl, const std::error_code& error, const std::string& name) {
  const long verified = SSL_get_verify_result(ssl);
  const auto because = [](cause why, std::string words) { return failure(why, stage::tls, std::move(words)); };
  const bool verification_failed =
      ERR_GET_LIB(static_cast<unsigned long>(error.value())) == ERR_LIB_SSL &&
      ERR_GET_REASON(static_cast<unsigned long>(error.value())) == SSL_R_CERTIFICATE_VERIFY_FAILED;
  if (verification_failed) {
    std::string words = X509_verify_cert_error_string(verified);
    switch (verified) {
      case X509_V_ERR_CERT_HAS_EXPIRED:
      case X509_V_ERR_CERT_NOT_YET_VALID: return because(cause::certificate_expired, std::move(words));
      case X509_V_ERR_HOSTNAME_MISMATCH:
      case X509_V_ERR_IP_ADDRESS_MISMATCH: return because(cause::certificate_name, words + " (" + name + ')');
      default: return because(cause::certificate_untrusted, std::move(words));
    }
  }
  if (ERR_GET_LIB(static_cast<unsigned long>(error.value())) == ERR_LIB_SSL) {
    switch (ERR_GET_REASON(static_cast<unsigned long>(error.value()))) {
      case SSL_R_WRONG_VERSION_NUMBER:
      case SSL_R_HTTP_REQUEST:
      case SSL_R_PACKET_LENGTH_TOO_LONG: return because(cause::starttls_expected, error.message());
      case SSL_R_UNSUPPORTED_PROTOCOL:
      case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION: return because(cause::tls_version, error.message());
      default: break;
    }
  }
  return because(cause::tls_handshake, error.message());
}

/// "TLSv1.3 TLS_AES_256_GCM_SHA384; certificate for a.example, b.example; valid until 2027-01-31"
inline std::string describe(SSL* ssl) {
  std::string text = std::string(SSL_get_version(ssl)) + ' ' + SSL_get_cipher_name(ssl);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(ssl), &X509_free);
  if (!certificate) return text;
  const auto free_names = [](GENERAL_NAMES* names) { GENERAL_NAMES_free(names); };
  const std::unique_ptr<GENERAL_NAMES, decltype(free_names)> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)),
      free_names);
  std::string list;
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS) continue;
    const auto* dns = name->d.dNSName;
    list += (list.empty() ? "" : ", ") + std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(dns)),
                                                     static_cast<std::size_t>(ASN1_STRING_length(dns)));
  }
  if (!list.empty()) text += "; certificate for " + list;
  std::tm until{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &until) == 1) {
    char date[16];
    text += "; valid until " + std::string(date, std::strftime(date, sizeof date, "%Y-%m-%d", &until));
  }
  return text;
}

}  // namespace detail
}  // namespace postrider::net
