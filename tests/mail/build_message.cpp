// Writes the mail that a description on standard input asks for: one call a line, its name and its arguments in
// base64. Prints the reverse-path, the recipients, an empty line and the content; or the failure, and ends with 1.
#include <postrider/core/base64.hpp>
#include <postrider/mail/delivery_status.hpp>
#include <postrider/mail/message.hpp>

#include <chrono>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

using namespace postrider;

namespace {

struct call {
  std::string name;
  std::vector<std::string> arguments;
};

std::vector<call> read_calls(std::istream& in) {
  std::vector<call> calls;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    call next;
    words >> next.name;
    for (std::string word; words >> word;)
      next.arguments.push_back(word == "-" ? std::string() : base64::decode(word).value());
    calls.push_back(std::move(next));
  }
  return calls;
}

std::chrono::system_clock::time_point seconds(const std::string& text) {
  return std::chrono::system_clock::time_point(std::chrono::seconds(std::stoll(text)));
}

result<mail> build_message(const std::vector<call>& calls) {
  message m;
  for (const auto& [name, a] : calls) {
    if (name == "from" && a.size() == 2) m.from(mailbox(a.at(0), address::parse(a.at(1)).value()));
    else if (name == "from") m.from(a.at(0));
    else if (name == "to" && a.size() == 2) m.to(mailbox(a.at(0), address::parse(a.at(1)).value()));
    else if (name == "to") m.to(a.at(0));
    else if (name == "cc") m.cc(a.at(0));
    else if (name == "bcc") m.bcc(a.at(0));
    else if (name == "reply_to") m.reply_to(a.at(0));
    else if (name == "subject") m.subject(a.at(0));
    else if (name == "text") m.text(a.at(0));
    else if (name == "html") m.html(a.at(0));
    else if (name == "attach") m.attach(a.at(0), a.at(1), a.at(2));
    else if (name == "embed") m.embed(a.at(0), a.at(1), a.at(2));
    else if (name == "header") m.header(a.at(0), a.at(1));
    else if (name == "message_id") m.message_id(a.at(0));
    else if (name == "date") m.date(seconds(a.at(0)));
    else throw std::invalid_argument(name);
  }
  return m.build();
}

result<mail> build_report(const std::vector<call>& calls) {
  const auto& first = calls.at(0).arguments;
  delivery_status report(first.at(0), address::parse(first.at(1)).value());
  for (const auto& [name, a] : calls) {
    if (name == "report") continue;
    if (name == "subject") report.subject = a.at(0);
    else if (name == "explanation") report.explanation = a.at(0);
    else if (name == "envid") report.envid = a.at(0);
    else if (name == "arrival") report.arrival = seconds(a.at(0));
    else if (name == "original") report.original = a.at(0);
    else if (name == "returned") report.returned = from_string<ret>(a.at(0)).value();
    else if (name == "recipient") {
      const auto status = enhanced_status::parse(a.at(2)).value_or(enhanced_status{});
      recipient_status about(address::parse(a.at(0)).value(), from_string<delivery_action>(a.at(1)).value(), status);
      about.original_recipient = a.at(3);
      about.diagnostic = a.at(4);
      about.remote_mta = a.at(5);
      about.last_attempt = seconds(a.at(6));
      report.recipients.push_back(std::move(about));
    } else throw std::invalid_argument(name);
  }
  return report.build();
}

}  // namespace

int main() {
  const auto calls = read_calls(std::cin);
  const auto built = !calls.empty() && calls.front().name == "report" ? build_report(calls) : build_message(calls);
  if (!built) {
    std::cerr << built.error().detail << '\n';
    return 1;
  }
  const auto& envelope = built->envelope();
  std::cout << '<' << (envelope.reverse_path ? envelope.reverse_path->str() : "") << ">\n";
  for (const auto& to : envelope.recipients) std::cout << '<' << to.forward_path.str() << ">\n";
  std::cout << '\n' << built->content().bytes().value();
  return 0;
}
