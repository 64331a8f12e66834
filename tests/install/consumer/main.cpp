#include <postrider/core/failure.hpp>
#include <postrider/core/mail_id.hpp>
#include <postrider/net/tls.hpp>

#include <cstdio>
#include <string>

int main() {
  const postrider::failure failure(postrider::cause::mailbox_unknown, postrider::stage::rcpt);
  const std::string name(postrider::to_string(failure.cause));
  const auto context = postrider::net::tls_context::client(postrider::tls_options());
  std::printf("%s, TLS %s\n", name.c_str(), context ? "ready" : "not ready");
  return name == "mailbox_unknown" && context ? 0 : 1;
}
