// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nftrace/ledger.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/text.hpp"
#include "machine/errors.hpp"
#include "machine/files.hpp"
#include "nftrace/emergency.hpp"

namespace synfate::nftrace {
namespace {

constexpr std::string_view kTitle = "synfate nf_log 1";
constexpr std::string_view kPrefix = "nf_log.";
constexpr std::string_view kUnborn = ".new";
constexpr std::size_t kMaxLedger = 1U << 20U;
constexpr int kAttempts = 64;

std::string boot_id() {
  const auto text = machine::read_regular_file("/proc/sys/kernel/random/boot_id", {.max_bytes = 128});
  return text ? std::string(trim(*text)) : std::string();
}

/// Root's alone, and no link to elsewhere.
Status check_directory(const std::string& directory) {
  struct stat status {};
  const std::string what = "cannot keep a record of changes in " + directory;
  if (::lstat(directory.c_str(), &status) != 0) return machine::errno_error(errno, what);
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Error{ErrorKind::BadData, what, "it is not a directory that only synfate's user can write to", ""};
  }
  return Ok{};
}

}  // namespace

bool is_logger_name(std::string_view name) {
  return !name.empty() && name.size() < 64 && std::all_of(name.begin(), name.end(), [](char sign) {
    return (sign >= 'a' && sign <= 'z') || (sign >= 'A' && sign <= 'Z') || (sign >= '0' && sign <= '9') || sign == '_' || sign == '-';
  });
}

std::string to_line(const LoggerChange& change) {
  return "netns " + std::to_string(change.netns) + " cookie " + std::to_string(change.cookie) + " family " + std::to_string(change.family) +
         " was " + change.before;
}

std::optional<LoggerChange> parse_change(std::string_view line) {
  const auto words = split(line, ' ');
  if (words.size() != 8 || words[0] != "netns" || words[2] != "cookie" || words[4] != "family" || words[6] != "was") return std::nullopt;
  const auto netns = parse_number(words[1]);
  const auto cookie = parse_number(words[3]);
  const auto family = parse_number(words[5]);
  if (!netns || !cookie || *cookie == 0 || !family || (*family != 2 && *family != 10) || !is_logger_name(words[7])) return std::nullopt;
  return LoggerChange{*netns, *cookie, static_cast<std::uint8_t>(*family), std::string(words[7])};
}

std::vector<LoggerChange> outstanding(std::string_view ledger, std::string_view boot) {
  std::vector<LoggerChange> open;
  const auto lines = split(ledger, '\n');
  if (lines.size() < 2 || lines[0] != kTitle || boot.empty() || lines[1] != "boot " + std::string(boot)) return open;
  // The last line may have been cut while it was written: its change was not made then.
  for (std::size_t i = 2; i + 1 < lines.size(); ++i) {
    std::string_view line = lines[i];
    const bool undone = line.starts_with("undone ");
    if (undone) line.remove_prefix(7);
    const auto change = parse_change(line);
    if (!change) continue;
    std::erase(open, *change);
    if (!undone) open.push_back(*change);
  }
  return open;
}

Ledger::~Ledger() {
  if (!file_) return;
  emergency::forget_ledger();
  if (outstanding_ != 0) return;
  ::unlink(path_.c_str());
  ::rmdir(directory_.c_str());
}

Status Ledger::create() {
  const std::string boot = boot_id();
  if (boot.empty()) return Error{ErrorKind::Io, "cannot keep a record of changes", "this boot's id cannot be read", ""};
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST) return machine::errno_error(errno, "cannot make " + directory_);
    if (Status safe = check_directory(directory_); !safe) return safe;
    path_ = directory_ + "/" + std::string(kPrefix) + std::to_string(::getpid()) + "." + std::to_string(attempt);
    const std::string unborn = path_ + std::string(kUnborn);
    file_.reset(::open(unborn.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    // The directory is removed by whoever leaves last.
    if (!file_ && (errno == EEXIST || errno == ENOENT)) continue;
    if (!file_) return machine::errno_error(errno, "cannot make " + unborn);
    if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) continue;
    if (Status written = append(std::string(kTitle) + "\nboot " + boot + "\n"); !written) return written;
    // Under its own name it is locked and has its title: nobody takes it for one that was left behind. link() replaces nobody's.
    const bool born = ::link(unborn.c_str(), path_.c_str()) == 0;
    ::unlink(unborn.c_str());
    if (!born) continue;
    emergency::remember_ledger(path_, directory_);
    return Ok{};
  }
  file_.reset();
  return Error{ErrorKind::Io, "cannot keep a record of changes in " + directory_, "too many files are there", ""};
}

Status Ledger::append(const std::string& line) {
  const ssize_t written = ::write(file_.get(), line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size())) return Ok{};
  return machine::errno_error(written < 0 ? errno : ENOSPC, "cannot write to " + path_);
}

Status Ledger::about_to_change(const LoggerChange& change) {
  if (!is_logger_name(change.before)) return Error{ErrorKind::BadData, "cannot note the previous logger", "it has an odd name", ""};
  if (!file_) {
    if (Status created = create(); !created) {
      file_.reset();
      return created;
    }
  }
  if (Status written = append(to_line(change) + "\n"); !written) return written;
  ++outstanding_;
  return Ok{};
}

void Ledger::put_back(const LoggerChange& change) {
  if (outstanding_ != 0) --outstanding_;
  // A line too few only makes the next start look at a logger that is not ours any more, and leave it.
  (void)append("undone " + to_line(change) + "\n");
}

Mended mend(const std::string& directory, const std::function<bool(const LoggerChange&)>& put_back) {
  Mended mended;
  if (!check_directory(directory)) return mended;
  const auto names = machine::list_directory_names(directory, 4096);
  if (!names) return mended;
  const std::string boot = boot_id();
  for (const std::string& name : *names) {
    if (!name.starts_with(kPrefix)) continue;
    const std::string path = directory + "/" + name;
    const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
    // Locked: its synfate lives, or another one is mending it.
    if (!file || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) continue;
    const auto text = machine::read_regular_file(path, {.max_bytes = kMaxLedger});
    if (!text || boot.empty()) continue;
    bool all = true;
    for (const LoggerChange& change : outstanding(*text, boot)) {
      const bool done = put_back(change);
      ++(done ? mended.put_back : mended.failed);
      all &= done;
    }
    if (all) ::unlink(path.c_str());
  }
  ::rmdir(directory.c_str());
  return mended;
}

}  // namespace synfate::nftrace
