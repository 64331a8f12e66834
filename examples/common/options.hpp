// What the command lines of the programs have in common.
#pragma once

#include <postrider/core/secret.hpp>
#include <postrider/core/vocabulary.hpp>
#include <postrider/mail/mailbox.hpp>

#include <CLI/CLI.hpp>

#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace postrider::examples {

/// A mistake in the command line; `option` is the one to correct.
class usage_error : public std::runtime_error {
 public:
  usage_error(std::string option, const std::string& message)
      : std::runtime_error(option + ": " + message), option(std::move(option)) {}

  std::string option;
};

template <vocabulary E>
std::string choices() {
  std::string all;
  for (const std::string_view name : spellings<E>) (all += all.empty() ? "" : "|") += name;
  return all;
}

/// Takes the spelling of an enumerator and nothing else.
template <vocabulary E>
CLI::Option* add_choice(CLI::App& app, const std::string& name, E& value, const std::string& help) {
  return app
      .add_option_function<std::string>(
          name,
          [&value, name](const std::string& text) {
            const auto known = from_string<E>(text);
            if (!known) throw CLI::ValidationError(name, "\"" + text + "\" is none of " + choices<E>());
            value = *known;
          },
          help)
      ->type_name(choices<E>());
}

/// The file's content without its last line end.
inline secret read_password(const std::string& path) {
  std::ifstream file;
  if (path != "-") {
    file.open(path, std::ios::binary);
    if (!file) throw usage_error("--password-file", "cannot read " + path);
  }
  std::istream& in = path == "-" ? std::cin : file;
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (in.bad() || (path != "-" && file.bad())) throw usage_error("--password-file", "cannot read " + path);
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty()) throw usage_error("--password-file", path + " holds no password");
  return secret(std::move(text));
}

/// app.parse(), except that an unknown option is named even where a known one is missing too. What follows it is not
/// repeated: it may be a secret.
inline void parse(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError) ||
        error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError))
      for (const std::string& text : app.remaining(true))
        if (text.size() > 1 && text.front() == '-')
          throw usage_error(text.substr(0, text.find('=')), "there is no such option");
    throw;
  }
}

inline void demand_address(const std::string& option, const std::string& text) {
  if (const auto box = mailbox::parse(text); !box) throw usage_error(option, box.error().detail);
}

}  // namespace postrider::examples
