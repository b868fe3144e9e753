// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nftrace/emergency.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>

namespace synfate::nftrace::emergency {
namespace {

constexpr std::size_t kSlots = 2048;  // two families of as many namespaces as are traced at most
constexpr std::size_t kMaxName = 64;
constexpr std::size_t kMaxPath = 128;

struct Slot {
  std::atomic<bool> used{false};
  int setting = -1;
  int owner = -1;
  char ours[kMaxName];
  char before[kMaxName];
};

std::array<Slot, kSlots> slots;
std::atomic<bool> has_ledger{false};
char ledger_path[kMaxPath];
char ledger_directory[kMaxPath];
std::atomic<pid_t> owner_tgid{0};

constexpr int kFatal[] = {SIGHUP,  SIGINT,  SIGQUIT,   SIGILL,  SIGTRAP, SIGABRT,   SIGBUS,  SIGFPE, SIGUSR1, SIGSEGV, SIGUSR2,
                          SIGALRM, SIGTERM, SIGSTKFLT, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO,  SIGPWR,  SIGSYS};

/// In a signal handler, or near it.
bool put_back(int setting, const char* ours, const char* before) {
  char now[kMaxName + 2];
  const ssize_t length = ::pread(setting, now, sizeof now - 1, 0);
  if (length <= 0) return false;
  std::size_t end = static_cast<std::size_t>(length);
  while (end > 0 && now[end - 1] == '\n') --end;
  const std::size_t expected = std::strlen(ours);
  // Somebody else has set it meanwhile, so it is theirs.
  if (end != expected || std::memcmp(now, ours, expected) != 0) return true;
  const std::size_t size = std::strlen(before);
  return ::pwrite(setting, before, size, 0) == static_cast<ssize_t>(size);
}

void put_all_back() {
  // A forked child has copies of all this and owns nothing of it.
  if (owner_tgid.load() != ::getpid()) return;
  bool all = true;
  for (Slot& slot : slots) {
    if (!slot.used.load() || slot.owner < 0) continue;
    ::close(slot.owner);
  }
  for (Slot& slot : slots) {
    if (!slot.used.exchange(false)) continue;
    all &= put_back(slot.setting, slot.ours, slot.before);
  }
  if (all && has_ledger.exchange(false)) {
    ::unlink(ledger_path);
    ::rmdir(ledger_directory);
  }
}

void on_fatal(int number) {
  put_all_back();
  // SA_RESETHAND has made it fatal again; it comes when this handler returns.
  ::raise(number);
}

void install() {
  static bool installed = false;
  owner_tgid.store(::getpid());
  if (installed) return;
  installed = true;
  std::atexit(put_all_back);
  for (const int number : kFatal) {
    struct sigaction before {};
    // Only what would end the process: who ignores or handles a signal lives on.
    if (::sigaction(number, nullptr, &before) != 0 || before.sa_handler != SIG_DFL || (before.sa_flags & SA_SIGINFO) != 0) continue;
    struct sigaction action {};
    action.sa_handler = on_fatal;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigfillset(&action.sa_mask);
    ::sigaction(number, &action, nullptr);
  }
}

bool copy(char* into, std::size_t size, const std::string& text) {
  if (text.size() >= size) return false;
  std::memcpy(into, text.c_str(), text.size() + 1);
  return true;
}

}  // namespace

int remember(int setting, int owner, const std::string& ours, const std::string& before) {
  for (std::size_t i = 0; i < slots.size(); ++i) {
    Slot& slot = slots[i];
    if (slot.used.load()) continue;
    if (!copy(slot.ours, sizeof slot.ours, ours) || !copy(slot.before, sizeof slot.before, before)) return -1;
    slot.setting = setting;
    slot.owner = owner;
    install();
    slot.used.store(true);
    return static_cast<int>(i);
  }
  return -1;
}

void forget(int slot) {
  if (slot >= 0) slots[static_cast<std::size_t>(slot)].used.store(false);
}

void remember_ledger(const std::string& path, const std::string& directory) {
  has_ledger.store(copy(ledger_path, sizeof ledger_path, path) && copy(ledger_directory, sizeof ledger_directory, directory));
}

void forget_ledger() { has_ledger.store(false); }

bool restore(int setting, const std::string& ours, const std::string& before) { return put_back(setting, ours.c_str(), before.c_str()); }

}  // namespace synfate::nftrace::emergency
