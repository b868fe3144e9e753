// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nftrace/loggers.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/text.hpp"
#include "machine/errors.hpp"
#include "machine/netns.hpp"
#include "nftrace/emergency.hpp"
#include "nftrace/post.hpp"

namespace synfate::nftrace {
namespace {

constexpr const char* kOurs = "nfnetlink_log";
constexpr std::uint16_t kGroup = 0;
/// An IPv6 header with a few extensions, and TCP.
constexpr std::uint32_t kCopiedBytes = 128;

std::string setting_path(std::uint8_t family) { return "/proc/sys/net/netfilter/nf_log/" + std::to_string(family); }

Result<std::string> read_setting(int fd, std::uint8_t family) {
  std::array<char, 80> text{};
  const ssize_t length = ::pread(fd, text.data(), text.size() - 1, 0);
  if (length < 0) return machine::errno_error(errno, "cannot read " + setting_path(family));
  return std::string(trim(std::string_view(text.data(), static_cast<std::size_t>(length))));
}

void configure(Post& post, std::uint8_t family, std::uint16_t group, std::uint32_t sequence) {
  post.begin(NFNL_SUBSYS_ULOG, NFULNL_MSG_CONFIG, NLM_F_REQUEST | NLM_F_ACK, family, group, sequence);
}

}  // namespace

LegacyTables LegacyTables::open() {
  LegacyTables tables;
  tables.ipv4_.reset(::open("/proc/thread-self/net/ip_tables_names", O_RDONLY | O_CLOEXEC));
  tables.ipv6_.reset(::open("/proc/thread-self/net/ip6_tables_names", O_RDONLY | O_CLOEXEC));
  return tables;
}

std::vector<std::uint8_t> LegacyTables::families() const {
  std::vector<std::uint8_t> families;
  const auto has_names = [](const UniqueFd& list) {
    char first = 0;
    return list && ::pread(list.get(), &first, 1, 0) == 1;
  };
  if (has_names(ipv4_)) families.push_back(NFPROTO_IPV4);
  if (has_names(ipv6_)) families.push_back(NFPROTO_IPV6);
  return families;
}

bool LegacyTables::is_outdated() const {
  // A module's list is in every namespace at once, so in the caller's.
  return (!ipv4_ && ::access("/proc/thread-self/net/ip_tables_names", F_OK) == 0) ||
         (!ipv6_ && ::access("/proc/thread-self/net/ip6_tables_names", F_OK) == 0);
}

Result<std::unique_ptr<XtTracing>> XtTracing::start(Ledger& ledger, model::NetnsId netns, int owner,
                                                    const std::vector<std::uint8_t>& families) {
  auto cookie = machine::netns_cookie_here();
  if (!cookie) return std::move(cookie).error();
  auto socket = NetfilterSocket::open();
  if (!socket) return std::move(socket).error();
  std::unique_ptr<XtTracing> tracing(new XtTracing(ledger, std::move(*socket), netns, *cookie, owner));
  if (Status bound = tracing->bind_group(); !bound) return std::move(bound).error();
  for (const std::uint8_t family : families) {
    if (Status taken = tracing->take_over(family); !taken) return std::move(taken).error();
  }
  return tracing;
}

Status XtTracing::bind_group() {
  const std::uint32_t first = socket_.next_sequence(3);
  Post post(1024);
  const nfulnl_msg_config_cmd bind{NFULNL_CFG_CMD_BIND};
  configure(post, AF_UNSPEC, kGroup, first);
  post.raw(NFULA_CFG_CMD, Bytes(reinterpret_cast<const std::uint8_t*>(&bind), sizeof bind));
  nfulnl_msg_config_mode mode{};
  mode.copy_range = htonl(kCopiedBytes);
  mode.copy_mode = NFULNL_COPY_PACKET;
  configure(post, AF_UNSPEC, kGroup, first + 1);
  post.raw(NFULA_CFG_MODE, Bytes(reinterpret_cast<const std::uint8_t*>(&mode), sizeof mode));
  // One by one: the kernel would keep them for a second to send them together.
  configure(post, AF_UNSPEC, kGroup, first + 2);
  post.big32(NFULA_CFG_QTHRESH, 1);
  const auto bytes = post.take();
  if (Status bound = socket_.exchange(bytes, first, 3); !bound) {
    return Error{bound.error().kind, "cannot read NFLOG group 0", bound.error().why, "another program may be reading it (ulogd?)"};
  }
  return Ok{};
}

Status XtTracing::take_over(std::uint8_t family) {
  Taken taken;
  taken.setting.reset(::open(setting_path(family).c_str(), O_RDWR | O_CLOEXEC));
  if (!taken.setting) return machine::errno_error(errno, "cannot open " + setting_path(family));
  auto before = read_setting(taken.setting.get(), family);
  if (!before) return std::move(before).error();
  taken.change = {netns_, cookie_, family, *before};
  taken.is_ours = *before != kOurs;
  if (taken.is_ours) {
    if (Status noted = ledger_.about_to_change(taken.change); !noted) return noted;
    taken.slot = emergency::remember(taken.setting.get(), owner_, kOurs, *before);
    if (taken.slot < 0) {
      ledger_.put_back(taken.change);
      return Error{ErrorKind::Io, "cannot take over the logger", "too many namespaces are traced already", ""};
    }
    const std::uint32_t sequence = socket_.next_sequence(1);
    const nfulnl_msg_config_cmd bind{NFULNL_CFG_CMD_PF_BIND};
    Post post(256);
    configure(post, family, 0, sequence);
    post.raw(NFULA_CFG_CMD, Bytes(reinterpret_cast<const std::uint8_t*>(&bind), sizeof bind));
    if (Status bound = socket_.exchange(post.take(), sequence, 1); !bound) {
      emergency::forget(taken.slot);
      ledger_.put_back(taken.change);
      return Error{bound.error().kind, "cannot take over the logger of family " + std::to_string(family), bound.error().why, ""};
    }
  }
  taken_.push_back(std::move(taken));
  return Ok{};
}

XtTracing::~XtTracing() {
  for (const Taken& taken : taken_) {
    if (!taken.is_ours) continue;
    const bool restored = emergency::restore(taken.setting.get(), kOurs, taken.change.before);
    emergency::forget(taken.slot);
    // What could not be restored stays in the ledger, for the next start.
    if (restored) ledger_.put_back(taken.change);
  }
}

bool XtTracing::covers(std::uint8_t family) const {
  return std::any_of(taken_.begin(), taken_.end(), [&](const Taken& taken) { return taken.change.family == family; });
}

std::vector<LoggerChange> XtTracing::changes() const {
  std::vector<LoggerChange> changes;
  for (const Taken& taken : taken_) {
    if (taken.is_ours) changes.push_back(taken.change);
  }
  return changes;
}

bool give_back(const LoggerChange& change) {
  const auto cookie = machine::netns_cookie_here();
  if (!cookie) return false;
  // Another namespace got the number: the one that was changed is gone.
  if (*cookie != change.cookie) return true;
  const UniqueFd setting{::open(setting_path(change.family).c_str(), O_RDWR | O_CLOEXEC)};
  return setting && emergency::restore(setting.get(), kOurs, change.before);
}

}  // namespace synfate::nftrace
