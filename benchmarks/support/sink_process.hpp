// The sink, as those who start it see it.
#pragma once

#include "child.hpp"

#include <cstdint>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace bench {

/// What one listener of the sink counted since the last reset.
struct sink_count {
  std::uint64_t connections = 0;
  std::uint64_t handshakes = 0;
  std::uint64_t resumed = 0;
  std::uint64_t mails = 0;
  std::uint64_t chunked = 0;
  std::uint64_t bytes = 0;
  std::uint64_t reads = 0;
  std::uint64_t errors = 0;
  double seconds = 0;  // from the first mail to the last

  double mails_a_second() const { return seconds > 0 ? static_cast<double>(mails - 1) / seconds : 0; }
};

class sink_process {
 public:
  /// `kinds` are those of the sink's `--listen`; its certificate goes to `certificate`.
  sink_process(std::string kinds, std::string certificate)
      : certificate_(std::move(certificate)),
        process_(
            {(program_folder() / "bench_sink").string(), "--listen", std::move(kinds), "--certificate", certificate_}) {
    std::istringstream words(process_.line());
    std::string word;
    words >> word;
    if (word != "ready") throw std::runtime_error("the sink did not start: " + word);
    for (std::uint16_t port = 0; words >> port;) ports_.push_back(port);
  }

  std::uint16_t port(std::size_t listener) const { return ports_.at(listener); }
  const std::string& certificate() const noexcept { return certificate_; }

  void reset() {
    process_.say("reset\n");
    process_.line();
  }

  std::vector<sink_count> report() {
    process_.say("report\n");
    std::vector<sink_count> all;
    for (std::size_t i = 0; i < ports_.size(); ++i) {
      std::istringstream words(process_.line());
      std::string word;
      sink_count c;
      std::int64_t first = 0;
      std::int64_t last = 0;
      words >> word >> c.connections >> c.handshakes >> c.resumed >> c.mails >> c.chunked >> c.bytes >> c.reads >>
          c.errors >> first >> last;
      c.seconds = static_cast<double>(last - first) / 1e9;
      all.push_back(c);
    }
    std::istringstream words(process_.line());
    std::string word;
    words >> word >> cpu_us_;
    return all;
  }

  /// CPU of the sink between the last reset and the last report.
  double cpu_us() const noexcept { return cpu_us_; }

 private:
  std::string certificate_;
  child process_;
  std::vector<std::uint16_t> ports_;
  double cpu_us_ = 0;
};

}  // namespace bench
