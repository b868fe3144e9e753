// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Puts settings back when the process ends in a way that runs no destructor: a signal, abort(), exit(). Every path but SIGKILL. What runs
// in a signal handler here calls nothing that is not safe there and takes no memory.
#pragma once

#include <string>

namespace synfate::nftrace::emergency {

/// What is to be put back: into the file behind `setting`, if it still holds `ours`, goes `before`. `owner` is a socket to close first, or
/// -1. Installs the handlers when the first one comes. -1: there is no room for another.
int remember(int setting, int owner, const std::string& ours, const std::string& before);
/// It was put back, or is nobody's any more.
void forget(int slot);
/// A file to remove once everything was put back, and its directory, if that is empty then.
void remember_ledger(const std::string& path, const std::string& directory);
void forget_ledger();

/// Puts one back. False: the file holds something else or cannot be written.
bool restore(int setting, const std::string& ours, const std::string& before);

}  // namespace synfate::nftrace::emergency
