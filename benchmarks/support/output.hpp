// What a benchmark shows: a bar while it runs, tables, and JSON.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <variant>
#include <vector>

namespace bench {

inline std::string rounded(double value, int digits) {
  std::array<char, 64> text;
  const int size = std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return std::string(text.data(), static_cast<std::size_t>(size));
}

/// Three digits that matter: 0.53, 5.3, 53, 530.
inline std::string brief(double value) {
  return rounded(value, value < 1 ? 2 : value < 100 ? 1 : 0);
}

/// A bar on standard error, if that is a terminal.
class progress {
 public:
  explicit progress(std::size_t steps) : steps_(std::max<std::size_t>(1, steps)) {}
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;
  ~progress() {
    if (terminal_) std::cerr << "\r\033[K" << std::flush;
  }

  /// The next step begins.
  void step(std::string_view name) {
    ++done_;
    if (!terminal_) return;
    constexpr std::size_t width = 32;
    const std::size_t full = std::min(width, width * done_ / steps_);
    std::cerr << "\r\033[K[" << std::string(full, '#') << std::string(width - full, '.') << "] " << done_ << '/'
              << steps_ << ' ' << name << std::flush;
  }

 private:
  std::size_t steps_;
  std::size_t done_ = 0;
  bool terminal_ = ::isatty(STDERR_FILENO) == 1;
};

/// Columns as wide as they must be.
class table {
 public:
  explicit table(std::vector<std::string> head) : rows_{std::move(head)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  void print(std::string_view title) const {
    std::vector<std::size_t> width;
    for (const auto& row : rows_) {
      width.resize(std::max(width.size(), row.size()));
      for (std::size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
    }
    std::cout << '\n' << title << '\n';
    for (const auto& row : rows_) {
      for (std::size_t i = 0; i < row.size(); ++i)
        std::cout << (i == 0 ? "" : "  ") << (i == 0 ? row[i] : "") << std::string(width[i] - row[i].size(), ' ')
                  << (i == 0 ? "" : row[i]);
      std::cout << '\n';
    }
    std::cout << std::flush;
  }

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// Names with values; the JSON of a benchmark is a list of them.
class record {
 public:
  record& with(std::string name, std::string value) { return add(std::move(name), quoted(value)); }
  record& with(std::string name, const char* value) { return add(std::move(name), quoted(value)); }
  record& with(std::string name, double value) { return add(std::move(name), rounded(value, 3)); }
  record& with(std::string name, std::uint64_t value) { return add(std::move(name), std::to_string(value)); }
  record& with(std::string name, bool value) { return add(std::move(name), value ? "true" : "false"); }

  const std::string& text() const noexcept { return text_; }

 private:
  record& add(std::string name, const std::string& value) {
    text_ += (text_.empty() ? "" : ", ") + quoted(name) + ": " + value;
    return *this;
  }

  static std::string quoted(std::string_view plain) {
    std::string text = "\"";
    for (const char c : plain) {
      if (c == '"' || c == '\\') text += '\\';
      text += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    return text + '"';
  }

  std::string text_;
};

/// Said by every program whose short form ran.
inline void disclaim() {
  std::cout << "\nShort form: it proves that the benchmark works; its figures mean nothing.\n";
}

inline void write_json(const std::string& file, const std::vector<record>& records) {
  std::ofstream out(file);
  out << "[\n";
  for (std::size_t i = 0; i < records.size(); ++i)
    out << "  {" << records[i].text() << (i + 1 == records.size() ? "}\n" : "},\n");
  out << "]\n";
  if (!out.flush()) throw std::runtime_error("cannot write " + file);
  std::cout << "\nwritten to " << file << '\n';
}

}  // namespace bench
