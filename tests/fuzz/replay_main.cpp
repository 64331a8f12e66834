// Replays seeds through a fuzz target without libFuzzer: each file whole, cut at every length, and with one byte bent
// at every position. Arguments are files or folders; finding no input at all is an error.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using bytes = std::vector<std::uint8_t>;

/// An allocation of exactly this size, so that a sanitizer sees the first byte read past the end.
void feed(std::span<const std::uint8_t> input) {
  const auto exact = std::make_unique<std::uint8_t[]>(input.size());
  std::copy(input.begin(), input.end(), exact.get());
  LLVMFuzzerTestOneInput(exact.get(), input.size());
}

std::size_t replay(bytes input) {
  constexpr std::size_t most_variants = 2048;
  const std::size_t step = input.size() / most_variants + 1;
  std::size_t runs = 1;
  feed(input);
  for (std::size_t length = 0; length < input.size(); length += step, ++runs) feed(std::span(input).first(length));
  for (std::size_t at = 0; at < input.size(); at += step, ++runs) {
    const std::uint8_t kept = input[at];
    input[at] = static_cast<std::uint8_t>(kept ^ (1U << (at % 8)));
    feed(input);
    input[at] = kept;
  }
  return runs;
}

bytes slurp(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::filesystem::filesystem_error("cannot read", path, std::make_error_code(std::errc::io_error));
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<std::filesystem::path> files_of(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return {path};
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t seeds = 0;
  std::size_t runs = 1;
  try {
    feed({});
    for (const char* argument : std::span(argv, static_cast<std::size_t>(argc)).subspan(1)) {
      for (const auto& file : files_of(argument)) {
        runs += replay(slurp(file));
        ++seeds;
      }
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  std::printf("%zu seeds, %zu runs\n", seeds, runs);
  if (seeds == 0) std::fprintf(stderr, "no seeds found\n");
  return seeds == 0 ? 1 : 0;
}
