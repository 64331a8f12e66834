// Two ends of a TCP connection on loopback, and certificates made anew for each run.
#pragma once

#include <postrider/net/transport.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <support/run.hpp>
#include <support/temporary_folder.hpp>
#include <utility>

namespace test {

using postrider::net::tls_context;
using postrider::net::transport;

struct two_ends {
  explicit two_ends(asio::io_context& context) : two_ends(connected(context)) {}

  transport client;
  transport server;

 private:
  using pair = std::pair<asio::ip::tcp::socket, asio::ip::tcp::socket>;
  explicit two_ends(pair both) : client(std::move(both.first)), server(std::move(both.second)) {}
  static pair connected(asio::io_context& context) {
    asio::ip::tcp::acceptor acceptor(context, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    asio::ip::tcp::socket client(context);
    client.connect(acceptor.local_endpoint());
    return {std::move(client), acceptor.accept()};
  }
};

/// A certificate authority that signs what it is asked to.
class authority {
 public:
  authority() : key_(EVP_EC_gen("P-256"), &EVP_PKEY_free), certificate_(nullptr, &X509_free) {
    certificate_ = make("a throw-away CA", key_.get(), nullptr, "", -60, 3600);
    write(ca_file(), [&](std::FILE* f) { return PEM_write_X509(f, certificate_.get()); });
    write(key_file(),
          [&](std::FILE* f) { return PEM_write_PrivateKey(f, key_.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  }

  /// For `names` ("DNS:a.example,IP:127.0.0.1"); the file of the certificate. Its key is `key_file()`.
  std::string issue(const std::string& names, long from = -60, long until = 3600,
                    const char* common_name = "a server") {
    return written(make(common_name, key_.get(), certificate_.get(), names, from, until));
  }
  /// The same, signed by itself.
  std::string self_signed(const std::string& names) {
    return written(make("itself", key_.get(), nullptr, names, -60, 3600));
  }

  std::string ca_file() const { return folder_ / "ca.pem"; }
  std::string key_file() const { return folder_ / "key.pem"; }
  std::string path(const std::string& name) const { return folder_ / name; }

 private:
  using x509 = std::unique_ptr<X509, decltype(&X509_free)>;

  static x509 make(const char* name, EVP_PKEY* key, X509* issuer, const std::string& names, long from, long until) {
    static long serial = 0;
    x509 made(X509_new(), &X509_free);
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), from);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), until);
    X509_set_pubkey(made.get(), key);
    X509_NAME* const subject = X509_get_subject_name(made.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    X509_set_issuer_name(made.get(), issuer ? X509_get_subject_name(issuer) : subject);
    if (names.empty()) extend(made.get(), NID_basic_constraints, "critical,CA:TRUE");
    else extend(made.get(), NID_subject_alt_name, names.c_str());
    if (X509_sign(made.get(), key, EVP_sha256()) == 0) throw std::runtime_error("no certificate could be made");
    return made;
  }

  static void extend(X509* certificate, int what, const char* value) {
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, what, value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }

  std::string written(const x509& certificate) {
    const std::string file = path("certificate-" + std::to_string(++files_) + ".pem");
    write(file, [&](std::FILE* f) { return PEM_write_X509(f, certificate.get()); });
    return file;
  }

  template <class Write>
  static void write(const std::string& path, Write with) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "w"), &std::fclose);
    if (!file || with(file.get()) != 1) throw std::runtime_error(path + " cannot be written");
  }

  postrider::test::temporary_folder folder_;
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
  x509 certificate_;
  int files_ = 0;
};

inline authority& ca() {
  static authority only;
  return only;
}

}  // namespace test
