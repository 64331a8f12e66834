// What a test of a server found, stage by stage.
#pragma once

#include <postrider/core/failure.hpp>
#include <postrider/core/receipt.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace postrider::client {

/// One stage of a test, passed or failed. A stage may appear more than once: EHLO again under TLS, RCPT for each
/// recipient.
class stage_report {
 public:
  stage_report(postrider::stage stage, std::chrono::milliseconds elapsed, std::string detail)
      : stage(stage), ok(true), elapsed(elapsed), detail(std::move(detail)) {}
  stage_report(std::chrono::milliseconds elapsed, postrider::failure why)
      : stage(why.stage), ok(false), elapsed(elapsed), failure(std::move(why)) {}

  postrider::stage stage;
  bool ok;
  std::chrono::milliseconds elapsed;
  std::string detail;  ///< an address, a greeting, capabilities, a cipher and a certificate, a server's words
  std::optional<postrider::failure> failure;
};

/// The whole test. `failure` is the first thing that went wrong; `receipt` is there if a mail was given to the server.
class report {
 public:
  bool ok = false;
  std::vector<stage_report> stages;
  std::optional<postrider::failure> failure;
  std::optional<postrider::receipt> receipt;
  std::vector<std::string> transcript;  ///< "C: ..." and "S: ...", passwords replaced
};

}  // namespace postrider::client
