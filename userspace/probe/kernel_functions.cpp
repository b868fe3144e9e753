// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/kernel_functions.hpp"

#include <array>
#include <cstdio>
#include <cstring>
#include <memory>

namespace synfate::probe {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

std::set<std::string> kernel_functions(const std::set<std::string>& wanted) {
  std::set<std::string> found;
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen("/proc/kallsyms", "re"));
  std::array<char, 1024> line{};
  // "ffffffff81f63250 T nft_do_chain\t[nf_tables]"; addresses may be hidden, names are not.
  while (file && std::fgets(line.data(), line.size(), file.get()) != nullptr) {
    const char* type = std::strchr(line.data(), ' ');
    if (type == nullptr || (type[1] != 't' && type[1] != 'T') || type[2] != ' ') continue;
    const std::string name(type + 3, std::strcspn(type + 3, " \t\n"));
    if (wanted.contains(name)) found.insert(name);
  }
  return found;
}

}  // namespace synfate::probe
