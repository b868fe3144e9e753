// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Files below another root, which whoever writes there cannot lead out of; refuses magic links, and to read the kernel's own files by way
// of a link.
#pragma once

#include <memory>
#include <string>

#include "machine/machine.hpp"

namespace synfate::machine {

/// root: a directory as synfate names it, such as /proc/42/root. It is held open, whatever its path leads to later.
Result<std::unique_ptr<FileTree>> open_tree(const std::string& root);

}  // namespace synfate::machine
