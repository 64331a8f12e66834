// What every client of the benchmarks is told, and the content that it sends.
#pragma once

#include "arguments.hpp"

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {

inline std::vector<argument> client_arguments() {
  return {{"--port", "", "of the server, or several with commas between"},
          {"--content", "", "file with a mail's content"},
          {"--connections", "1", "at once, to each server"},
          {"--mails", "1", "in all"},
          {"--pattern", "pipelining", "lockstep, pipelining, chunking, window:N"},
          {"--certificate", "", "to trust; then TLS from the first byte"}};
}

inline std::string content_in(const arguments& given) {
  std::ifstream file(given.text("--content"), std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(file), {}};
  if (content.empty()) throw std::runtime_error("no content in " + given.text("--content"));
  return content;
}

}  // namespace bench
