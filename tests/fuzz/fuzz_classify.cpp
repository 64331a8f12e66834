// Any evidence yields a failure that explain can put into words, with class, scope and action in agreement.
#include <postrider/client/explain.hpp>
#include <postrider/protocol/classify.hpp>

#include <cstdlib>

using namespace postrider;

namespace {

void demand(bool holds) {
  if (!holds) std::abort();
}

void judge(const failure& why, stage where) {
  demand(why.stage == where);
  demand(why.outcome != outcome::accepted);
  if (why.scope == scope::account || why.scope == scope::server)
    demand(why.outcome != outcome::permanent && why.action != action::bounce);
  const explanation words = explain(why);
  demand(words.sentence.ends_with('.') && words.next_step.ends_with('.'));
  demand(words.sentence.find('\n') == std::string::npos && words.sentence.size() < 1000);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto where = static_cast<stage>(data[0] % spellings<stage>.size());
  const bool known = (data[1] & 1) != 0;
  std::string_view input(reinterpret_cast<const char*>(data + 2), size - 2);
  judge(protocol::classify_not_smtp(where, input, static_cast<security>(data[1] % spellings<security>.size())), where);
  protocol::reply_parser parser;
  while (parser.parse(input) == protocol::reply_parser::status::complete)
    judge(protocol::classify(where, parser.value(), protocol::reply_context{known, known}), where);
  return 0;
}
