// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/demo_lab.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <optional>
#include <vector>

#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace synfate::cli {
namespace {

constexpr const char* kWhat = "cannot build the demo's lab";
constexpr std::array<const char*, 5> kNamespaces{"node", "client", "web", "db", "cache"};

/// New namespaces take over the machine's own settings of IPv4: here they are what the picture says, on every machine.
constexpr std::array<const char*, 8> kZero{
    "ipv4/conf/all/rp_filter",  "ipv4/conf/default/rp_filter",  "ipv4/conf/all/log_martians", "ipv4/conf/default/log_martians",
    "ipv4/conf/all/arp_ignore", "ipv4/conf/default/arp_ignore", "ipv4/conf/all/arp_filter",   "ipv4/conf/default/arp_filter",
};
/// Present only with IPv6 or with br_netfilter: bridged frames must not meet the rules twice.
constexpr std::array<std::pair<const char*, const char*>, 3> kIfPresent{{
    {"ipv6/conf/all/disable_ipv6", "1"},
    {"ipv6/conf/default/disable_ipv6", "1"},
    {"bridge/bridge-nf-call-iptables", "0"},
}};

struct Batch {
  const char* netns;
  const char* commands;
};

constexpr std::array<Batch, 5> kLinks{{
    {"node",
     "link add cni0 type bridge forward_delay 0 stp_state 0\n"
     "link add cni1 type bridge forward_delay 0 stp_state 0\n"
     "link set cni0 up\n"
     "link set cni1 up\n"
     "link add veth-client type veth peer name eth0 netns /run/netns/client\n"
     "link add veth-web type veth peer name eth0 netns /run/netns/web\n"
     "link add veth-db type veth peer name eth0 netns /run/netns/db\n"
     "link add veth-cache type veth peer name eth0 netns /run/netns/cache\n"
     "link add backup0 type veth peer name eth1 netns /run/netns/cache\n"
     "link set veth-client master cni0 up\n"
     "link set veth-web master cni1 up\n"
     "link set veth-db master cni1 up\n"
     "link set veth-cache master cni1 up\n"
     "link set backup0 up\n"
     "addr add 10.42.0.1/24 dev cni0\n"
     "addr add 10.42.1.1/24 dev cni1\n"
     "addr add 172.30.0.1/24 dev backup0\n"
     "route add blackhole 10.42.9.0/24\n"},
    {"client",
     "link set lo up\n"
     "link set eth0 up\n"
     "addr add 10.42.0.10/24 dev eth0\n"
     "route add default via 10.42.0.1\n"},
    {"web",
     "link set lo up\n"
     "link set eth0 up\n"
     "addr add 10.42.1.20/24 dev eth0\n"
     "route add default via 10.42.1.1\n"},
    {"db",
     "link set lo up\n"
     "link set eth0 up\n"
     "addr add 10.42.1.30/24 dev eth0\n"
     "route add default via 10.42.1.1\n"},
    {"cache",
     "link set lo up\n"
     "link set eth0 up\n"
     "link set eth1 up\n"
     "addr add 10.42.1.40/24 dev eth0\n"
     "addr add 172.30.0.2/24 dev eth1\n"
     "route add default via 172.30.0.1\n"},
}};

constexpr const char* kRules =
    "table ip lab {\n"
    "  chain services { type nat hook prerouting priority -100; policy accept;\n"
    "    ip daddr 10.96.0.10 tcp dport 80 dnat to 10.42.1.20:8080 comment \"service web\";\n"
    "    ip daddr 10.96.0.20 tcp dport 80 dnat to 10.42.1.20:9090 comment \"service reports\";\n"
    "  }\n"
    "  chain policies { type filter hook forward priority 0; policy accept;\n"
    "    ct state established,related accept;\n"
    "    ip saddr 10.42.0.0/24 ip daddr 10.42.1.30 tcp dport 5432 drop comment \"policy db-is-private\";\n"
    "  }\n"
    "}\n";

Error failed(int number, const std::string& step) {
  const bool forbidden = number == EPERM || number == EACCES;
  return {forbidden ? ErrorKind::Permission : ErrorKind::Unsupported, kWhat, step + ": " + errno_text(number),
          forbidden ? "run it as root, with CAP_SYS_ADMIN: sudo synfate demo" : ""};
}

/// Below the real /run, which nobody but this process stops seeing.
Status hide_run() {
  if (::unshare(CLONE_NEWNS) != 0) return failed(errno, "a mount namespace");
  // Slave, not shared: nothing of this reaches the machine, and what the machine unmounts is not kept busy here.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return failed(errno, "a private mount namespace");
  if (::mount("synfate-demo", "/run", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755,size=1m") != 0) {
    return failed(errno, "a tmpfs of its own on /run");
  }
  if (::mkdir("/run/netns", 0755) != 0) return failed(errno, "/run/netns");
  return Ok{};
}

/// Named as `ip netns add` names them, so that `synfate pods` and the rows find the names.
Status make_netns(const std::string& name) {
  const UniqueFd own(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  const std::string path = "/run/netns/" + name;
  const UniqueFd place(::open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
  if (!own || !place) return failed(errno, "network namespace " + name);
  if (::unshare(CLONE_NEWNET) != 0) return failed(errno, "network namespace " + name);
  const bool named = ::mount("/proc/thread-self/ns/net", path.c_str(), nullptr, MS_BIND, nullptr) == 0;
  const int number = errno;
  if (::setns(own.get(), CLONE_NEWNET) != 0) return failed(errno, "the way back out of network namespace " + name);
  if (!named) return failed(number, "network namespace " + name);
  return Ok{};
}

/// 0 or errno.
int write_file(const std::string& path, std::string_view text, int flags) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | flags, 0644));
  if (!file) return errno;
  return ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : errno;
}

class Builder {
 public:
  using Namespaces = std::map<std::string, machine::NetnsHandle, std::less<>>;

  Builder(machine::Machine& machine, const Namespaces& namespaces) : machine_(machine), namespaces_(namespaces) {}

  Status build() {
    for (const char* name : kNamespaces) {
      if (Status set = settle_settings(name); !set) return set;
    }
    if (Status set = write_setting("node", "ipv4/ip_forward", "1"); !set) return set;
    // The answers leave by eth1, and the node would not answer an ARP request that asks with the address of eth0.
    if (Status set = write_setting("cache", "ipv4/conf/all/arp_announce", "2"); !set) return set;
    for (const Batch& batch : kLinks) {
      const std::string file = std::string("/run/") + batch.netns + ".ip";
      if (const int number = write_file(file, batch.commands, O_CREAT | O_TRUNC); number != 0) return failed(number, file);
      if (Status ran = run(batch.netns, {"ip", "-batch", file}, "iproute2", "veth and bridge"); !ran) return ran;
    }
    if (Status set = write_setting("node", "ipv4/conf/backup0/rp_filter", "1"); !set) return set;
    return run("node", {"nft", kRules}, "nftables", "nf_tables, nft_chain_nat and nft_ct");
  }

 private:
  Status settle_settings(const char* netns) {
    for (const char* key : kZero) {
      if (Status set = write_setting(netns, key, "0"); !set) return set;
    }
    for (const auto& [key, value] : kIfPresent) {
      if (Status set = write_setting(netns, key, value, true); !set) return set;
    }
    return Ok{};
  }

  /// /proc/sys/net shows the settings of the namespace in which the writing thread stands.
  Status write_setting(const char* netns, const char* key, const char* value, bool if_present = false) {
    int number = 0;
    const auto write = [&](machine::NetnsVisit&) { number = write_file(std::string("/proc/sys/net/") + key, value, 0); };
    if (Status visited = machine_.inside(namespaces_.find(netns)->second, write); !visited) return visited;
    if (number == 0 || (if_present && number == ENOENT)) return Ok{};
    return failed(number, std::string("sysctl net/") + key + " of its namespace " + netns);
  }

  Status run(const char* netns, const std::vector<std::string>& argv, const std::string& package, const std::string& modules) {
    const auto done = machine_.run(argv, {.netns = &namespaces_.find(netns)->second});
    if (!done && done.error().kind == ErrorKind::Gone) {
      return Error{ErrorKind::Unsupported, kWhat, "there is no " + argv.front() + " command on this machine",
                   "install the package " + package + " (Debian and Ubuntu: sudo apt-get install " + package + ")"};
    }
    if (!done) return done.error();
    if (done->exit_status == 0) return Ok{};
    const std::string said(trim(split(done->err, '\n').front()));
    return Error{ErrorKind::Unsupported, kWhat,
                 argv.front() + " in its namespace " + netns + ": " +
                     (said.empty() ? "exit status " + std::to_string(done->exit_status) : printable(said, 300)),
                 "does this kernel have " + modules + "?"};
  }

  machine::Machine& machine_;
  const Namespaces& namespaces_;
};

}  // namespace

Result<DemoLab> DemoLab::build(machine::Machine& machine) {
  if (Status hidden = hide_run(); !hidden) return hidden.error();
  DemoLab lab;
  for (const char* name : kNamespaces) {
    if (Status made = make_netns(name); !made) return made.error();
    auto opened = machine.open_netns(std::string("/run/netns/") + name);
    if (!opened) return opened.error();
    lab.namespaces_.emplace(name, *std::move(opened));
  }
  if (Status built = Builder(machine, lab.namespaces_).build(); !built) return built.error();
  return lab;
}

Status DemoLab::remove() {
  namespaces_.clear();
  if (::umount2("/run", MNT_DETACH) != 0) return Error{ErrorKind::Io, "cannot let go of the demo's lab", errno_text(errno), ""};
  return Ok{};
}

}  // namespace synfate::cli
