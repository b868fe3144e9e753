// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Rulesets from real nodes and from other projects, read where they are; they are not this project's to copy.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

namespace synfate::test {

/// By name, those whose name has this in it. Empty, with the reason printed, where there are none.
inline std::map<std::string, std::string> dumps(const std::string& part) {
  namespace fs = std::filesystem;
  const char* const given = std::getenv("SYNFATE_DUMPS");
  const fs::path directory = given != nullptr ? fs::path{given} : fs::path{SYNFATE_FIXTURES} / "../../../shared/dumps";
  std::map<std::string, std::string> found;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator{directory, missing}) {
    const std::string name = entry.path().filename();
    if (name.find(part) == std::string::npos || name.find(".source") != std::string::npos) continue;
    std::ifstream file{entry.path(), std::ios::binary};
    found[name] = {std::istreambuf_iterator<char>{file}, {}};
  }
  if (found.empty()) MESSAGE("skipped: no dumps of other projects in ../shared/dumps, nor where SYNFATE_DUMPS points");
  return found;
}

}  // namespace synfate::test
