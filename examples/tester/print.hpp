// A report for people: a line for each stage, then the diagnosis.
#pragma once

#include <postrider/client/explain.hpp>
#include <postrider/client/report.hpp>
#include <postrider/core/server.hpp>

#include <iomanip>
#include <ostream>
#include <string>
#include <string_view>

namespace postrider::examples {

inline std::string_view in_words(field setting) {
  switch (setting) {
    case field::auth_method: return "authentication method";
    case field::user: return "user name";
    case field::sender: return "sender address";
    case field::recipient: return "recipient address";
    case field::message: return "the mail itself";
    default: return to_string(setting);
  }
}

inline std::string_view in_words(security with) {
  switch (with) {
    case security::starttls: return "STARTTLS";
    case security::tls: return "SSL/TLS";
    case security::none: break;
  }
  return "no encryption";
}

inline void print_stage(std::ostream& out, const client::stage_report& s) {
  out << "  " << (s.ok ? "\u2713" : "\u2717") << ' ' << std::left << std::setw(9) << to_string(s.stage) << std::right
      << std::setw(7) << s.elapsed.count() << " ms  ";
  if (s.ok) out << s.detail;
  else if (s.failure) out << to_string(s.failure->cause);
  out << '\n';
}

inline void print_setting(std::ostream& out, const failure& why) {
  if (why.field != field::none) out << "Setting to look at: " << in_words(why.field) << '\n';
}

inline void print_diagnosis(std::ostream& out, const failure& why) {
  const explanation words = explain(why);
  out << words.sentence << '\n';
  print_setting(out, why);
  out << "Next step: " << words.next_step << '\n';
}

inline void print(std::ostream& out, const server& where, const client::report& tested, bool transcript) {
  out << "Testing " << where.endpoint() << " with " << in_words(where.security);
  if (!where.account.empty()) out << " as " << where.account.user;
  out << '\n';
  for (const auto& s : tested.stages) print_stage(out, s);
  if (transcript) {
    out << "\nWhat was said (passwords are not shown):\n";
    for (const auto& line : tested.transcript) out << "  " << line << '\n';
  }
  out << '\n';
  const bool several = tested.receipt && tested.receipt->recipients.size() > 1;
  if (several || (tested.receipt && tested.ok)) out << explain(*tested.receipt) << '\n';
  else if (tested.ok) out << where.endpoint() << " can be used. No mail was sent: --from and --to send one.\n";
  // What is said of each recipient has the next steps in it.
  if (tested.failure && several) print_setting(out, *tested.failure);
  else if (tested.failure) print_diagnosis(out, *tested.failure);
}

}  // namespace postrider::examples
