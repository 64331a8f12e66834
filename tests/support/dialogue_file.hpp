// Dialogues as text, in the notation of the RFCs.
//
//     # a comment; the setting below is for whoever replays the file
//     @max-size 1000
//     S: 220 mx.example.org ESMTP postrider
//     C: EHLO client.example.com
//     S: 250 mx.example.org
//     C= DATA\r\n            exactly these bytes: no line end is added
//     C & S: <TLS>           both sides agree on TLS here
//     S: <closes>            or C: <closes>
//
// A line has its CRLF added. In both forms \r \n \t \0 \\ and \xHH stand for bytes, and \*600(ab) stands for 600
// times "ab". Trailing blanks belong to the line. Lines of one side that follow each other are one turn.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace test {

enum class turn_kind { client, server, tls, client_closes, server_closes };

/// What one side says before the other one speaks.
struct turn {
  turn_kind kind = turn_kind::client;
  std::string bytes;
  int line = 0;  ///< where it begins in the file
};

struct dialogue_file {
  std::string name;  ///< the file's name without its ending
  std::map<std::string, std::string, std::less<>> settings;
  std::vector<turn> turns;

  std::string setting(std::string_view key, std::string otherwise = {}) const {
    const auto found = settings.find(key);
    return found == settings.end() ? otherwise : found->second;
  }
  bool has(std::string_view key) const { return settings.find(key) != settings.end(); }
};

namespace detail {

inline std::string unescape(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      bytes += text[i];
      continue;
    }
    if (++i == text.size()) throw std::invalid_argument("a backslash at the end");
    switch (text[i]) {
      case 'r': bytes += '\r'; break;
      case 'n': bytes += '\n'; break;
      case 't': bytes += '\t'; break;
      case '0': bytes += '\0'; break;
      case '\\': bytes += '\\'; break;
      case 'x':
        bytes += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
        i += 2;
        break;
      case '*': {
        const auto open = text.find('(', i);
        const auto close = text.find(')', i);
        if (open == text.npos || close == text.npos) throw std::invalid_argument("\\*N(text) is not complete");
        const int times = std::stoi(std::string(text.substr(i + 1, open - i - 1)));
        for (int n = 0; n < times; ++n) bytes += text.substr(open + 1, close - open - 1);
        i = close;
        break;
      }
      default: throw std::invalid_argument("an unknown escape");
    }
  }
  return bytes;
}

inline void add_line(dialogue_file& file, std::string_view line, int number) {
  const auto add = [&](turn_kind kind, std::string bytes) {
    const bool speaks = kind == turn_kind::client || kind == turn_kind::server;
    if (speaks && !file.turns.empty() && file.turns.back().kind == kind) file.turns.back().bytes += bytes;
    else file.turns.push_back({kind, std::move(bytes), number});
  };
  if (line.empty() || line[0] == '#') return;
  if (line[0] == '@') {
    const auto blank = std::min(line.find(' '), line.size());
    file.settings[std::string(line.substr(1, blank - 1))] = line.substr(std::min(blank + 1, line.size()));
    return;
  }
  if (line == "C & S: <TLS>") return add(turn_kind::tls, {});
  const bool client = line[0] == 'C';
  if (line.size() < 2 || (!client && line[0] != 'S') || (line[1] != ':' && line[1] != '='))
    throw std::invalid_argument("neither C: nor S: nor a comment");
  const auto text = line.substr(line.size() > 2 && line[2] == ' ' ? 3 : 2);
  if (text == "<closes>") return add(client ? turn_kind::client_closes : turn_kind::server_closes, {});
  add(client ? turn_kind::client : turn_kind::server, unescape(text) + (line[1] == ':' ? "\r\n" : ""));
}

}  // namespace detail

/// Reads `path`; throws std::runtime_error that names file and line if it is not a dialogue.
inline dialogue_file read_dialogue(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error(path.string() + ": cannot be read");
  dialogue_file file;
  file.name = path.stem().string();
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    try {
      detail::add_line(file, line, number);
    } catch (const std::logic_error& error) {
      throw std::runtime_error(path.string() + ':' + std::to_string(number) + ": " + error.what());
    }
  }
  return file;
}

/// The dialogues in `folder`, ordered by name.
inline std::vector<std::filesystem::path> dialogues_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".txt") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace test
