// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The texts of --help, for somebody who has an incident and no time.
#pragma once

#include <string_view>

namespace synfate::cli::help {

inline constexpr std::string_view kAbout =
    "synfate: where did my SYN die?\n"
    "Watches TCP connection attempts on this machine, in every network namespace. For each that fails it\n"
    "says who, what, where it ended, and how sure that is. Changes nothing on the machine, unless\n"
    "--nftrace is given.";

inline constexpr std::string_view kFooter =
    "Start with:  synfate trace                     what fails from now on\n"
    "             synfate run -- curl http://x/     this one command\n"
    "             synfate doctor                    can this machine run it\n"
    "Exit status: 0 done, 1 usage, 2 this machine cannot run it, 3 done but evidence was lost; see each\n"
    "command's --help for its own.\n"
    "Findings go to standard output, everything about the tool itself to standard error.";

inline constexpr std::string_view kTrace = "watch this machine and print each attempt that fails, as it fails";
inline constexpr std::string_view kTraceFooter =
    "Ends with Ctrl-C, SIGTERM, --for or --count; the summary says what was lost and could not be seen.\n"
    "An attempt is printed again, with a higher revision, when later evidence changes its fate.\n"
    "Exit status: 0 done, 1 usage, 2 this machine cannot run it, 3 evidence was lost.\n"
    "Examples:\n"
    "  synfate trace --dst 10.96.0.0/12             attempts to service addresses\n"
    "  synfate trace --netns /proc/4242/ns/net      what touches the namespace of process 4242\n"
    "  synfate trace --port 5432 --for 30s --json   for a script";

inline constexpr std::string_view kRun = "run a command and print the fate of each connection that it attempts";
inline constexpr std::string_view kRunFooter =
    "Arms first, then runs CMD; follows CMD and its children, also into other network namespaces. Prints\n"
    "one row each, established ones included.\n"
    "Exit status: CMD's own; 127 CMD was not found, 126 it cannot be run; 1 and 2 as for trace, when CMD\n"
    "was not started. Evidence that was lost is said, and does not change it.\n"
    "Examples:\n"
    "  synfate run -- curl -m 5 http://10.96.0.1/\n"
    "  synfate run -- nsenter -t 4242 -n nc -vz 10.43.96.7 4317";

inline constexpr std::string_view kProbe = "connect from inside a pod, node, namespace or process, and print the fate";
inline constexpr std::string_view kProbeFooter =
    "Makes real connections in WHO's network namespace and sends nothing over them. A name is resolved by\n"
    "the hosts and resolv.conf of WHO's own processes: hosts first, then its name servers. Each address\n"
    "is tried and gets a row. The cgroup and the user of WHO are not taken on.\n"
    "Exit status: 0 established, 10 dropped, 11 refused or failed at once, 12 unanswered, 13 vanished or\n"
    "parked, 14 the name is not resolved; 1 and 2 as for trace, 3 not decided, 130 interrupted before.\n"
    "With several addresses 0 if one is established; else, and with --count, the highest counts.\n"
    "Examples:\n"
    "  synfate probe --from pod:shop/web-0 --to db.shop:5432\n"
    "  synfate probe --from node:kind-worker --to 10.96.0.1:443 --count 5\n"
    "  synfate probe --from pid:4242 --to [fd00::7]:80 --timeout 10s --json";

inline constexpr std::string_view kPods = "print the network namespaces, whose they are, and the gaps";
inline constexpr std::string_view kPodsFooter =
    "Pods, nodes and containers are known by their processes' cgroups and by what container engines, CNI\n"
    "plugins and the kubelet keep on disk; no runtime and no API server is asked. -v adds the devices.\n"
    "Exit status: 0 all of it was read, 3 something could not be read, 2 nothing could.";
inline constexpr std::string_view kDoctor = "can this machine run synfate, what will not be seen, and why";
inline constexpr std::string_view kDoctorFooter =
    "Loads and attaches every BPF program once, and removes them.\n"
    "Exit status: 0 it can, 3 it can with something missing, 2 it cannot.";
inline constexpr std::string_view kReplay = "judge a recording again: no BPF, no root, any machine";
inline constexpr std::string_view kReplayFooter =
    "Exit status: 0 all of it, 3 it was cut short or evidence was lost, 1 it is no recording, 2 a newer\n"
    "synfate made it.";
inline constexpr std::string_view kDemo = "make real connections fail in a lab of its own, and name each cause";
inline constexpr std::string_view kDemoFooter =
    "The lab is private to this process: its namespaces, devices and rules vanish with it, also after\n"
    "kill -9. The machine's own network is not touched; its kernel may load the modules that a bridge,\n"
    "veth and nft need. Needs root, ip (package iproute2) and nft (package nftables).\n"
    "Exit status: 0 every row names what was set up, 3 one does not or evidence was lost, 2 no lab can\n"
    "be built here, 130 interrupted.";

}  // namespace synfate::cli::help
