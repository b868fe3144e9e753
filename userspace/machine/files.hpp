// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Bounded reads of files, directories and links that somebody else may have put there; refuses to block and to open devices.
#pragma once

#include <string>
#include <vector>

#include "machine/machine.hpp"

namespace synfate::machine {

/// These carry the contracts of the methods of Machine with the same names, for the thread that calls them.
Result<std::string> read_regular_file(const std::string& path, const ReadOptions& options);
Result<std::vector<std::string>> list_directory_names(const std::string& path, std::size_t max_entries);
Result<std::string> read_symlink(const std::string& path);
Result<FileIdentity> identify_file(const std::string& path);

/// The same for what is open already, whichever way it was found; path is for the errors only.
Result<std::string> read_open_file(const UniqueFd& fd, const std::string& path, const ReadOptions& options);
Result<std::vector<std::string>> list_open_directory(UniqueFd fd, const std::string& path, std::size_t max_entries);
Error not_a_regular_file(const std::string& path);
Error not_a_link(const std::string& path);

}  // namespace synfate::machine
