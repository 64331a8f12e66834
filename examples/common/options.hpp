// What the command lines of the programs have in common.
#pragma once

#include <postrider/core/secret.hpp>
#include <postrider/core/vocabulary.hpp>
#include <postrider/mail/mailbox.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <fstream>
#include <iostream>
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

/// All that `in` has, which was opened as `path` for `option`.
inline std::string read_all(std::istream& in, const std::string& option, const std::string& path) {
  std::string text;
  std::array<char, 16 * 1024> room;
  while (in.read(room.data(), room.size()) || in.gcount() > 0)
    text.append(room.data(), static_cast<std::size_t>(in.gcount()));
  if (!in.eof()) throw usage_error(option, "cannot read " + path);  // no file, or a folder
  return text;
}

inline std::string read_file(const std::string& option, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return read_all(file, option, path);
}

/// The file's content without its last line end.
inline secret read_password(const std::string& path) {
  const std::string option = "--password-file";
  std::string text = path == "-" ? read_all(std::cin, option, path) : read_file(option, path);
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

/// Whether an answer for programs is wanted, which has to be known before the command line is understood.
inline bool asks_for_json(int argc, char** argv) {
  return std::any_of(argv, argv + argc, [](const char* argument) { return std::string_view(argument) == "--json"; });
}

/// The option that CLI11 complains of: the first one that it names.
inline std::string option_in(const std::string& message, const std::string& otherwise = {}) {
  const std::size_t at = message.find("--");
  if (at == std::string::npos) return otherwise;
  return message.substr(at, message.find_first_of(" :=,", at) - at);
}

inline void demand_address(const std::string& option, const std::string& text) {
  if (const auto box = mailbox::parse(text); !box) throw usage_error(option, box.error().detail);
}

}  // namespace postrider::examples
