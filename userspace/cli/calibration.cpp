// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/calibration.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <nftables/libnftables.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace synfate::cli {
namespace {

constexpr std::uint16_t kRulePort = 1;
constexpr std::uint16_t kPolicyPort = 2;
/// A verdict is promised within 100 ms of the drop.
constexpr DurationNs kPatience = 70 * kMillisecond;

constexpr char kRuleset[] =
    "table ip synfate_calibration {\n"
    "  chain by_rule { type filter hook output priority 0; policy accept; tcp dport 1 drop; }\n"
    "  chain by_policy { type filter hook output priority 1; policy drop; }\n"
    "}\n";

bool raise_loopback() {
  const UniqueFd socket_fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  if (!socket_fd || ::ioctl(socket_fd.get(), SIOCGIFFLAGS, &request) != 0) return false;
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  return ::ioctl(socket_fd.get(), SIOCSIFFLAGS, &request) == 0;
}

bool load_rules() {
  nft_ctx* nft = nft_ctx_new(NFT_CTX_DEFAULT);
  if (nft == nullptr) return false;
  nft_ctx_buffer_error(nft);
  const bool loaded = nft_run_cmd_from_buffer(nft, kRuleset) == 0;
  nft_ctx_free(nft);
  return loaded;
}

void send_syn(std::uint16_t port) {
  const UniqueFd socket_fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // It is dropped in the output hook, in this very call; the result does not matter.
  (void)::connect(socket_fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

[[noreturn]] void be_the_child(int report_fd, int go_fd) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NAME, kCalibrationComm);
  struct stat space {};
  if (::unshare(CLONE_NEWNET) != 0 || !raise_loopback() || !load_rules() || ::stat("/proc/self/ns/net", &space) != 0) ::_exit(1);
  const auto netns = static_cast<std::uint32_t>(space.st_ino);
  char go = 0;
  if (::write(report_fd, &netns, sizeof netns) != sizeof netns || ::read(go_fd, &go, 1) != 1) ::_exit(1);
  send_syn(kRulePort);
  send_syn(kPolicyPort);
  // Until the parent closes its end: the namespace must exist while its events are read.
  (void)!::read(go_fd, &go, 1);
  ::_exit(0);
}

}  // namespace

void Calibration::start(MonotonicNs now) {
  int report[2];
  int go[2];
  state_ = State::Failed;
  if (::pipe2(report, O_CLOEXEC) != 0) return;
  from_child_.reset(report[0]);
  const UniqueFd report_end(report[1]);
  if (::pipe2(go, O_CLOEXEC) != 0) return;
  to_child_.reset(go[1]);
  const UniqueFd go_end(go[0]);
  child_ = ::fork();
  if (child_ == 0) {
    to_child_.reset();
    be_the_child(report_end.get(), go_end.get());
  }
  if (child_ < 0) return;
  deadline_ = now + kPatience;
  state_ = State::Preparing;
}

void Calibration::proceed(probe::Probe& probe, Engine& engine) {
  if (state_ != State::Preparing) return;
  std::uint32_t netns = 0;
  if (::read(from_child_.get(), &netns, sizeof netns) != sizeof netns) {
    deadline_ = 0;
    return;
  }
  sites_ = {};
  sites_.calibration_netns = netns;
  probe.set_calibration_netns(netns);
  engine.watch_calibration(netns, [this](const model::Event& event) {
    const auto* drop = event.get<model::Drop>();
    if (drop == nullptr || drop->symbol.function != "nft_do_chain") return;
    if (event.flow.dst.port == kRulePort) sites_.rule = drop->symbol.address;
    if (event.flow.dst.port == kPolicyPort) sites_.policy = drop->symbol.address;
  });
  const char go = 1;
  if (::write(to_child_.get(), &go, 1) != 1) deadline_ = 0;
  state_ = State::Measuring;
}

bool Calibration::settle(MonotonicNs now, probe::Probe& probe, Engine& engine) {
  if (!is_under_way()) return false;
  const bool both = sites_.rule != 0 && sites_.policy != 0;
  if (!both && now < deadline_) return false;
  // One place for both tells nothing.
  state_ = both && sites_.rule != sites_.policy ? State::Done : State::Failed;
  if (state_ == State::Done) engine.set_nft_sites(sites_);
  probe.set_calibration_netns(0);
  stop();
  return true;
}

void Calibration::stop() {
  to_child_.reset();
  from_child_.reset();
  if (child_ <= 0) return;
  ::kill(child_, SIGKILL);
  ::waitpid(child_, nullptr, 0);
  child_ = -1;
}

}  // namespace synfate::cli
