// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Replays seeds with any compiler: "fuzz_seeds TARGET DIR..." runs the built-in seeds, all their cuts and every file in the directories;
// "fuzz_seeds --write TARGET DIR" writes the built-in seeds as a corpus for libFuzzer.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>

#include "targets.hpp"

namespace {

namespace fs = std::filesystem;
using synfate::fuzz::Bytes;
using synfate::fuzz::Target;

Bytes read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

int write_seeds(const Target& target, const fs::path& directory) {
  fs::create_directories(directory);
  std::size_t number = 0;
  for (const Bytes& seed : target.seeds()) {
    std::string text;
    for (const std::byte byte : seed) text += static_cast<char>(byte);
    std::ofstream out(directory / ("seed-" + std::to_string(number++)), std::ios::binary);
    out << text;
    if (!out.flush()) return std::fprintf(stderr, "cannot write to %s\n", directory.c_str()), 1;
  }
  return 0;
}

int replay(const Target& target, int count, char** directories) {
  std::size_t inputs = 0;
  for (const Bytes& seed : target.seeds()) {
    for (std::size_t size = 0; size <= seed.size(); ++size, ++inputs) target.run(std::span(seed).first(size));
  }
  std::size_t files = 0;
  for (int i = 0; i < count; ++i) {
    for (const fs::directory_entry& entry : fs::directory_iterator(directories[i])) {
      if (!entry.is_regular_file()) continue;
      std::printf("%s\n", entry.path().c_str());
      // The name must be out before a broken promise aborts.
      std::fflush(stdout);
      target.run(read_file(entry.path()));
      ++files;
    }
  }
  if (inputs == 0 || (count > 0 && files == 0)) return std::fprintf(stderr, "nothing to replay for %s\n", target.name.data()), 1;
  std::printf("%zu built-in inputs and %zu files replayed\n", inputs, files);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const bool write = argc == 4 && std::string_view(argv[1]) == "--write";
  const Target* target = argc < 2 ? nullptr : synfate::fuzz::find_target(argv[write ? 2 : 1]);
  if (target == nullptr) return std::fprintf(stderr, "usage: fuzz_seeds TARGET [DIR...] | fuzz_seeds --write TARGET DIR\n"), 2;
  return write ? write_seeds(*target, argv[3]) : replay(*target, argc - 2, argv + 2);
}
