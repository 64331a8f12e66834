// Who sends in the benchmarks: the floor, the library, and what one would use instead. Each run is a process.
#pragma once

#include "child.hpp"
#include "sink_process.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace bench {

/// One question: so many mails of a size through so many connections.
struct task {
  std::uint16_t port = 0;
  std::string content;  // a file
  std::uint64_t size = 0;
  std::uint64_t connections = 1;
  std::uint64_t mails = 1;
  std::string pattern{};
  std::string certificate{};  // empty: no TLS
};

/// A sender of mails. A peer has a habit of its own instead of patterns.
struct sender {
  std::string name;
  bool peer = true;
  bool knows_tls = true;
  bool exact = true;      // sends the content as it is
  std::string missing{};  // why it cannot take part; empty: it can
  std::vector<std::string> command{};
};

/// A folder that goes with its owner, and the contents in it.
class scratch_folder {
 public:
  scratch_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "postrider-benchmark-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw std::system_error(errno, std::generic_category(), "mkdtemp");
    path_ = name;
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  ~scratch_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::string file(const std::string& name) const { return (path_ / name).string(); }

  /// A mail's content of exactly `size` bytes, in lines.
  std::string content(std::uint64_t size) const {
    std::string text =
        "From: Ada <ada@example.com>\r\nTo: charles@example.org\r\nSubject: benchmark\r\n"
        "Message-ID: <benchmark@example.com>\r\n\r\n";
    while (text.size() < size) text += std::string(76, 'x') + "\r\n";
    text.resize(size);
    text.replace(size - 2, 2, "\r\n");
    const std::string name = file("content-" + std::to_string(size));
    std::ofstream(name, std::ios::binary) << text;
    return name;
  }

 private:
  std::filesystem::path path_;
};

/// The floor.
inline sender raw_sender() {
  return {.name = "raw", .peer = false, .command = {(program_folder() / "bench_raw").string()}};
}

/// The library.
inline sender own_sender() {
  return {.name = "postrider", .peer = false, .command = {(program_folder() / "bench_postrider").string()}};
}

namespace detail {

inline sender smtp_source() {
  sender it{.name = "smtp-source", .knows_tls = false, .exact = false};
  const std::filesystem::path tree = program_folder().parent_path() / "debs" / "postfix" / "usr";
  if (std::filesystem::exists(tree / "sbin/smtp-source"))
    it.command = {"LD_LIBRARY_PATH=" + (tree / "lib/postfix").string(), (tree / "sbin/smtp-source").string()};
  else if (std::filesystem::exists("/usr/sbin/smtp-source")) it.command = {"/usr/sbin/smtp-source"};
  else it.missing = "not installed (postfix)";
  return it;
}

inline sender libcurl() {
  sender it{.name = "libcurl", .command = {(program_folder() / "bench_curl").string()}};
  if (!std::filesystem::exists(it.command[0])) it.missing = "not built (libcurl4-openssl-dev)";
  return it;
}

inline sender nodemailer(const std::string& scripts) {
  const std::vector<std::string> node{"NODE_PATH=/usr/share/nodejs", "node"};
  sender it{.name = "nodemailer", .command = node};
  std::vector<std::string> probe = node;
  probe.insert(probe.end(), {"-e", "require('nodemailer')"});
  if (!run(probe, std::chrono::seconds(30)).ok) it.missing = "not installed (node-nodemailer)";
  it.command.push_back(scripts + "/nodemailer_client.js");
  return it;
}

inline sender aiosmtplib(const std::string& scripts) {
  sender it{.name = "aiosmtplib", .command = {"/usr/bin/python3", scripts + "/aiosmtplib_client.py"}};
  if (!run({"/usr/bin/python3", "-c", "import aiosmtplib"}, std::chrono::seconds(30)).ok)
    it.missing = "not installed (python3-aiosmtplib)";
  return it;
}

}  // namespace detail

inline std::vector<sender> all_peers(const std::string& scripts) {
  return {detail::smtp_source(), detail::libcurl(), detail::nodemailer(scripts), detail::aiosmtplib(scripts)};
}

/// The command line that makes `who` do `what`.
inline std::vector<std::string> command_for(const sender& who, const task& what) {
  std::vector<std::string> words = who.command;
  if (who.name == "smtp-source") {
    words.insert(words.end(), {"-d", "-s", std::to_string(what.connections), "-m", std::to_string(what.mails), "-l",
                               std::to_string(what.size), "-f", "ada@example.com", "-t", "charles@example.org",
                               "127.0.0.1:" + std::to_string(what.port)});
    return words;
  }
  words.insert(words.end(), {"--port", std::to_string(what.port), "--content", what.content, "--connections",
                             std::to_string(what.connections), "--mails", std::to_string(what.mails)});
  if (!who.peer) words.insert(words.end(), {"--pattern", what.pattern});
  if (!what.certificate.empty()) words.insert(words.end(), {"--certificate", what.certificate});
  return words;
}

/// What one run cost and what the sink saw of it.
struct run_result {
  double cpu_us = 0;  // of the client, its start included
  double sink_cpu_us = 0;
  sink_count seen;
  std::string trouble;  // empty: every mail arrived as it should
};

inline run_result run_client(const std::vector<std::string>& command, const sender& who, const task& what,
                             sink_process& sink, std::size_t listener, std::chrono::seconds limit) {
  sink.reset();
  const ended how = run(command, limit);
  const sink_count seen = sink.report().at(listener);
  run_result got{how.cpu_us, sink.cpu_us(), seen, {}};
  const std::uint64_t bytes = what.mails * what.size;
  if (!how.ok) got.trouble = "failed: " + how.said;
  else if (seen.mails != what.mails)
    got.trouble = std::to_string(seen.mails) + " of " + std::to_string(what.mails) + " mails arrived";
  else if (who.exact ? seen.bytes != bytes : seen.bytes < bytes) got.trouble = "contents of a wrong length arrived";
  else if (seen.errors != 0) got.trouble = std::to_string(seen.errors) + " commands out of order";
  return got;
}

}  // namespace bench
