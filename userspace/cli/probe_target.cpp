// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/probe_target.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "inventory/pod_processes.hpp"
#include "inventory/processes.hpp"

namespace synfate::cli {
namespace {

constexpr machine::ReadOptions kResolvConf{.max_bytes = 64U << 10U, .excess = machine::Excess::Cut, .follow_symlink = true};
constexpr machine::ReadOptions kHosts{.max_bytes = 1U << 20U, .excess = machine::Excess::Cut, .follow_symlink = true};
constexpr const char* kResolvConfPath = "/etc/resolv.conf";
constexpr const char* kHostsPath = "/etc/hosts";

Error not_there(const Who& who, std::string why, std::string hint = "see: synfate pods") {
  return {ErrorKind::Usage, "--from " + printable(to_string(who), 300), std::move(why), std::move(hint)};
}

/// Of what a name stood for when it was looked up.
Result<machine::NetnsHandle> open_known(const Who& who, model::NetnsId id, inventory::InventoryReader& reader) {
  auto opened = reader.open(id);
  if (opened) return opened;
  Error error = opened.error();
  error.what = "--from " + printable(to_string(who), 300) + ": " + error.what;
  if (error.kind == ErrorKind::Gone) error.why = "it has gone meanwhile";
  return error;
}

Result<ProbeTarget> host(const Who& who, const std::string& words, inventory::InventoryReader& reader) {
  const auto& namespaces = reader.current().namespaces;
  const auto found =
      std::find_if(namespaces.begin(), namespaces.end(), [](const auto& entry) { return entry.second.host && !entry.second.gone; });
  if (found == namespaces.end()) {
    return Error{ErrorKind::Permission, "--from " + printable(to_string(who), 300), "the network namespace of pid 1 may not be read here",
                 "run as root, or give netns:/proc/self/ns/net"};
  }
  auto netns = open_known(who, found->first, reader);
  if (!netns) return netns.error();
  return ProbeTarget{*std::move(netns), words, {1}, {}, true};
}

Result<ProbeTarget> node(const Who& who, const std::string& hostname, inventory::InventoryReader& reader) {
  std::vector<const model::Node*> found;
  for (const model::Node& each : reader.current().nodes) {
    if (each.name == who.name) found.push_back(&each);
  }
  const std::string words = "node " + printable(who.name, 253);
  if (found.empty() && who.name == hostname) return host(who, words, reader);
  if (found.empty()) return not_there(who, "no such node container is known on this machine, which itself is " + printable(hostname, 253));
  if (found.size() > 1) {
    return not_there(who,
                     std::to_string(found.size()) + " node containers have that name: " + std::to_string(found[0]->netns) + " and " +
                         std::to_string(found[1]->netns),
                     "give one of those numbers: netns:" + std::to_string(found[0]->netns));
  }
  auto netns = open_known(who, found[0]->netns, reader);
  if (!netns) return netns.error();
  return ProbeTarget{*std::move(netns), words, {found[0]->init_tgid}, {}, false};
}

Result<ProbeTarget> pod(const Who& who, const std::optional<std::string>& wanted_node, const std::string& hostname,
                        inventory::InventoryReader& reader, machine::Machine& machine) {
  reader.list_hosted();
  std::vector<const model::Pod*> found;
  const auto node_of = [&](const model::Pod& each) { return each.node.empty() ? hostname : each.node; };
  const auto take = [&](const model::Pod& each) {
    if (each.full_name() == who.name && (!wanted_node || node_of(each) == *wanted_node)) found.push_back(&each);
  };
  for (const auto& [id, netns] : reader.current().namespaces) {
    if (netns.pod && !netns.gone) take(*netns.pod);
  }
  for (const model::Pod& each : reader.current().hosted) take(each);
  if (found.empty()) {
    return not_there(who,
                     "no such pod is known on " + (wanted_node ? "node " + printable(*wanted_node, 253) : std::string("this machine")));
  }
  if (found.size() > 1) {
    std::string list;
    for (const model::Pod* each : found) {
      list += (list.empty() ? "" : ", ") + printable(node_of(*each), 253) + " (netns " + std::to_string(each->netns) + ")";
    }
    return not_there(who, "there are " + std::to_string(found.size()) + ": on " + list, "say which with --node NAME, or give netns:INODE");
  }
  const model::Pod& one = *found[0];
  auto netns = open_known(who, one.netns, reader);
  if (!netns) return netns.error();
  const std::string words = "pod " + printable(who.name, 600) + (one.node.empty() ? "" : " on " + printable(one.node, 253));
  auto tgids = inventory::processes_in(machine, one.netns, one.uid);
  return ProbeTarget{*std::move(netns), words, std::move(tgids), {}, false};
}

Result<ProbeTarget> process(const Who& who, machine::Machine& machine) {
  auto netns = machine.open_netns("/proc/" + std::to_string(who.tgid) + "/ns/net");
  if (!netns && netns.error().kind == ErrorKind::Gone) return not_there(who, "there is no such process", "");
  if (!netns) return netns.error();
  const std::string comm = printable(inventory::read_comm(machine, who.tgid), 64);
  return ProbeTarget{*std::move(netns), "process " + std::to_string(who.tgid) + " (" + comm + ")", {who.tgid}, {}, false};
}

Result<ProbeTarget> network(const Who& who, inventory::InventoryReader& reader, machine::Machine& machine) {
  const auto finish = [&](machine::NetnsHandle netns, std::string directory) {
    const auto id = static_cast<model::NetnsId>(netns.inode());
    return ProbeTarget{std::move(netns), "network namespace " + printable(who.name, 300), inventory::processes_in(machine, id, ""),
                       std::move(directory), true};
  };
  if (const auto number = parse_number(who.name)) {
    if (*number == 0 || *number > 0xffffffffULL) return not_there(who, "is no inode number of a namespace");
    const auto id = static_cast<model::NetnsId>(*number);
    if (!reader.knows(id)) return not_there(who, "no such network namespace is known on this machine");
    auto netns = open_known(who, id, reader);
    if (!netns) return netns.error();
    return finish(*std::move(netns), {});
  }
  const bool is_name = who.name.find('/') == std::string::npos;
  const std::string path = is_name ? "/run/netns/" + who.name : who.name;
  auto netns = machine.open_netns(path);
  if (!netns && netns.error().kind == ErrorKind::Permission) return netns.error();
  if (!netns) {
    return not_there(who, netns.error().kind == ErrorKind::Gone ? "there is no " + printable(path, 300)
                          : netns.error().why.empty()           ? netns.error().what
                                                                : netns.error().why);
  }
  const std::size_t slash = path.rfind('/');
  const bool named = path.substr(0, slash) == "/run/netns" || path.substr(0, slash) == "/var/run/netns";
  return finish(*std::move(netns), named ? "/etc/netns/" + path.substr(slash + 1) : std::string());
}

}  // namespace

Result<ProbeTarget> find_target(const ProbeOptions& options, const std::string& hostname, inventory::InventoryReader& reader,
                                machine::Machine& machine) {
  const Who& who = options.from;
  if (who.kind == Who::Kind::Process) return process(who, machine);
  if (Status looked = reader.refresh(); !looked) return looked.error();
  switch (who.kind) {
    case Who::Kind::Pod: return pod(who, options.node, hostname, reader, machine);
    case Who::Kind::Node: return node(who, hostname, reader);
    case Who::Kind::Netns: return network(who, reader, machine);
    default: return host(who, "the host", reader);
  }
}

Result<NameFiles> read_name_files(const ProbeTarget& target, machine::Machine& machine) {
  if (!target.directory.empty()) {
    const std::string path = target.directory + "/resolv.conf";
    if (auto own = machine.read_file(path, kResolvConf)) {
      auto hosts = machine.read_file(target.directory + "/hosts", kHosts);
      if (!hosts) hosts = machine.read_file(kHostsPath, kHosts);
      return NameFiles{*std::move(own), hosts ? *std::move(hosts) : std::string(), printable(path, 300)};
    }
  }
  std::optional<NameFiles> best;
  for (const std::uint32_t tgid : target.tgids) {
    const auto files = machine.tree_of(tgid);
    // Once its root is open it is known whether that was still the process that was meant.
    if (!files || !inventory::is_in(machine, tgid, static_cast<model::NetnsId>(target.netns.inode()))) continue;
    auto resolv_conf = (*files)->read_file(kResolvConfPath, kResolvConf);
    if (!resolv_conf) continue;
    auto hosts = (*files)->read_file(kHostsPath, kHosts);
    const std::string comm = printable(inventory::read_comm(machine, tgid), 64);
    const std::string source = std::string(kResolvConfPath) + " of process " + std::to_string(tgid) + " (" + comm + ")";
    // Of a pod's sandbox, only its containers may have a hosts file.
    if (hosts) return NameFiles{*std::move(resolv_conf), *std::move(hosts), source};
    if (!best) best = NameFiles{*std::move(resolv_conf), {}, source};
  }
  if (best) return *std::move(best);
  if (!target.machine_files) {
    return Error{ErrorKind::Unsupported, "cannot resolve a name as " + target.words,
                 "no process of it shows an " + std::string(kResolvConfPath), "give an address instead of a name"};
  }
  auto resolv_conf = machine.read_file(kResolvConfPath, kResolvConf);
  auto hosts = machine.read_file(kHostsPath, kHosts);
  std::string source = std::string(kResolvConfPath) + " of this machine" + (resolv_conf ? "" : ", which is not there");
  return NameFiles{resolv_conf ? *std::move(resolv_conf) : std::string(), hosts ? *std::move(hosts) : std::string(), std::move(source)};
}

}  // namespace synfate::cli
