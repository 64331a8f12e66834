// What a benchmark is told on its command line: --name value, or --name alone for a switch.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

struct argument {
  std::string name;   // with its dashes
  std::string value;  // the default; empty for a switch and for what need not be given
  std::string help;
  bool is_switch = false;
};

/// Known arguments with their values. Unknown ones and `--help` end the program.
class arguments {
 public:
  arguments(std::vector<argument> known, int argc, char** argv) : known_(std::move(known)) {
    for (const argument& one : known_) values_[one.name] = one.value;
    for (int i = 1; i < argc; ++i) {
      const std::string name = argv[i];
      if (name == "--help") leave(0);
      const argument* found = find(name);
      if (!found || (!found->is_switch && i + 1 >= argc)) {
        std::cerr << argv[0] << ": " << (found ? "no value for " : "unknown: ") << name << '\n';
        leave(2);
      }
      values_[name] = found->is_switch ? "yes" : argv[++i];
    }
  }

  const std::string& text(const std::string& name) const { return values_.at(name); }
  bool given(const std::string& name) const { return !text(name).empty(); }
  std::uint64_t number(const std::string& name) const { return number_in(text(name)); }

  /// "1,10,100"
  std::vector<std::uint64_t> numbers(const std::string& name) const {
    std::vector<std::uint64_t> all;
    for (const std::string& word : words(name)) all.push_back(number_in(word));
    return all;
  }

  std::vector<std::string> words(const std::string& name) const {
    std::vector<std::string> all;
    std::string_view rest = text(name);
    while (!rest.empty()) {
      const std::string_view word = rest.substr(0, rest.find(','));
      all.emplace_back(word);
      rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    }
    return all;
  }

 private:
  const argument* find(std::string_view name) const {
    for (const argument& one : known_)
      if (one.name == name) return &one;
    return nullptr;
  }

  static std::uint64_t number_in(const std::string& text) {
    std::uint64_t value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec != std::errc() || read.ptr != text.data() + text.size())
      throw std::invalid_argument("not a number: \"" + text + '"');
    return value;
  }

  [[noreturn]] void leave(int code) const {
    for (const argument& one : known_)
      (code == 0 ? std::cout : std::cerr)
          << "  " << one.name << (one.is_switch ? "" : " " + one.value) << "\n      " << one.help << '\n';
    std::exit(code);
  }

  std::vector<argument> known_;
  std::map<std::string, std::string> values_;
};

/// The body of a program: its arguments are read, and what is thrown becomes a message.
inline int program(int argc, char** argv, std::vector<argument> known, int (*body)(const arguments&)) {
  try {
    return body(arguments(std::move(known), argc, argv));
  } catch (const std::exception& e) {
    std::cerr << argv[0] << ": " << e.what() << '\n';
    return 1;
  }
}

}  // namespace bench
