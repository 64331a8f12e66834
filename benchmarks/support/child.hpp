// Processes of a benchmark: started, listened to, waited for, and never left behind.
#pragma once

#include "channel.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <utility>
#include <vector>

namespace bench {

/// The folder that the programs of the benchmarks lie in.
inline std::filesystem::path program_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}

/// How a process ended.
struct ended {
  bool ok = false;
  double cpu_us = 0;
  std::string said;  // on both of its outputs
};

/// One process with pipes to its input and from its outputs. It dies with this object, or with this process.
class child {
 public:
  /// `command` may begin with settings: {"LANG=C", "program", "argument"}.
  explicit child(const std::vector<std::string>& command) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    must(::pipe2(in.data(), O_CLOEXEC), "pipe2");
    must(::pipe2(out.data(), O_CLOEXEC), "pipe2");
    const descriptor its_in(in[0]);
    const descriptor its_out(out[1]);
    in_ = descriptor(in[1]);
    out_ = descriptor(out[0]);
    std::vector<char*> words;
    for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    pid_ = must(::fork(), "fork");
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(its_in.get(), STDIN_FILENO);
    ::dup2(its_out.get(), STDOUT_FILENO);
    ::dup2(its_out.get(), STDERR_FILENO);
    char** word = words.data();
    for (; *word && std::string_view(*word).find('=') != std::string_view::npos; ++word) ::putenv(*word);
    ::execvp(*word, word);
    ::_exit(127);
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  ~child() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  void say(std::string_view line) const { must(::write(in_.get(), line.data(), line.size()), "write to a child"); }

  /// The next line, without its end.
  std::string line(std::chrono::seconds limit = std::chrono::seconds(60)) {
    std::size_t end = 0;
    while ((end = heard_.find('\n')) == std::string::npos)
      if (!listen(limit)) throw std::runtime_error("a process of the benchmark said nothing more: " + heard_);
    std::string found = heard_.substr(0, end);
    heard_.erase(0, end + 1);
    return found;
  }

  /// Waits until it ends by itself; what takes longer than `limit` is killed.
  ended wait(std::chrono::seconds limit) {
    in_.reset();
    const auto due = std::chrono::steady_clock::now() + limit;
    bool in_time = true;
    while (in_time) {
      const auto left = std::chrono::ceil<std::chrono::seconds>(due - std::chrono::steady_clock::now());
      if (left.count() <= 0) in_time = false;
      else if (!listen(left)) break;
    }
    if (!in_time) ::kill(pid_, SIGKILL);
    int status = 0;
    rusage used{};
    must(::wait4(pid_, &status, 0, &used), "wait4");
    pid_ = -1;
    const auto sum = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec);
    };
    if (WIFSIGNALED(status)) heard_ += " (signal " + std::to_string(WTERMSIG(status)) + ')';
    if (!in_time) heard_ += " (killed after " + std::to_string(limit.count()) + " s)";
    return {WIFEXITED(status) && WEXITSTATUS(status) == 0, sum(used.ru_utime) + sum(used.ru_stime), std::move(heard_)};
  }

 private:
  /// False at the end of what it says, or if nothing comes in time.
  bool listen(std::chrono::seconds limit) {
    pollfd wanted{out_.get(), POLLIN, 0};
    const int ready = ::poll(&wanted, 1, static_cast<int>(limit.count() * 1000));
    if (ready <= 0) return ready < 0 && errno == EINTR;
    std::array<char, 4096> room;
    const ssize_t count = ::read(out_.get(), room.data(), room.size());
    if (count <= 0) return false;
    heard_.append(room.data(), static_cast<std::size_t>(count));
    return true;
  }

  pid_t pid_ = -1;
  descriptor in_;
  descriptor out_;
  std::string heard_;
};

inline ended run(const std::vector<std::string>& command, std::chrono::seconds limit) {
  return child(command).wait(limit);
}

}  // namespace bench
