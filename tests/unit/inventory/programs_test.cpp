// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What may have dropped a packet, as the kernel lists it: filters of tc, programs and their owners, IPsec policies, TIME_WAIT.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <linux/inet_diag.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tc_act/tc_gact.h>
#include <linux/xfrm.h>
#include <sys/socket.h>

#include "inventory/attributes.hpp"
#include "inventory/bpf_programs.hpp"
#include "inventory/reader.hpp"
#include "inventory/tc_filters.hpp"
#include "inventory/time_wait.hpp"
#include "inventory/xfrm.hpp"
#include "machine/fake.hpp"

using namespace synfate;
using namespace synfate::inventory;

namespace {

template <class Value>
std::string_view raw(const Value& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string attribute(std::uint16_t type, std::string_view payload) {
  std::string bytes;
  append_attribute(bytes, type, payload);
  return bytes;
}

std::string message(std::uint16_t type, std::string body) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + body.size());
  header.nlmsg_type = type;
  std::string bytes = std::string(raw(header)) + std::move(body);
  bytes.resize(NLMSG_ALIGN(bytes.size()), '\0');
  return bytes;
}

std::string tc_message(std::uint32_t priority, std::uint32_t handle, const std::string& kind, const std::string& options) {
  tcmsg header{};
  header.tcm_info = priority << 16U;
  header.tcm_handle = handle;
  std::string body(raw(header));
  body += attribute(TCA_KIND, kind + '\0');
  if (!options.empty()) body += attribute(TCA_OPTIONS, options);
  return message(RTM_NEWTFILTER, body);
}

std::string gact(int verdict) {
  struct tc_gact parameters {};
  parameters.action = verdict;
  return attribute(
      1, attribute(TCA_ACT_KIND, std::string("gact") + '\0') + attribute(TCA_ACT_OPTIONS, attribute(TCA_GACT_PARMS, raw(parameters))));
}

}  // namespace

TEST_CASE("filters of tc in the order of asking, with their programs and verdicts") {
  const std::uint32_t id = 42;
  const std::string messages = tc_message(49152, 0, "bpf", "") + tc_message(49152, 1, "bpf", attribute(TCA_BPF_ID, raw(id))) +
                               tc_message(100, 7, "matchall", attribute(TCA_MATCHALL_ACT, gact(TC_ACT_SHOT))) +
                               tc_message(50, 8, "flower", attribute(TCA_FLOWER_ACT, gact(TC_ACT_OK)));
  const TcFilterTable table = decode_tc_filters(messages);
  CHECK(table.malformed == 0);
  REQUIRE(table.rows.size() == 3);
  CHECK(table.rows[0].kind == "flower");
  CHECK(table.rows[0].actions == std::vector<std::string>{"pass"});
  CHECK_FALSE(table.rows[0].drops);
  CHECK(table.rows[1].kind == "matchall");
  CHECK(table.rows[1].drops);
  CHECK(table.rows[1].handle == 7);
  CHECK(table.rows[2].program_id == 42);
  CHECK(table.rows[2].priority == 49152);
  CHECK(decode_tc_filters(messages.substr(0, messages.size() - 3)).malformed == 1);
}

TEST_CASE("more filters, or more actions of one, than are read") {
  std::string messages;
  for (std::uint32_t handle = 1; handle <= 256; ++handle) messages += tc_message(handle, handle, "flower", "x");
  CHECK_FALSE(decode_tc_filters(messages).cut);
  messages += tc_message(257, 257, "flower", "x");
  CHECK(decode_tc_filters(messages).cut);
  CHECK(decode_tc_filters(messages).rows.size() == 256);
  std::string actions;
  for (int i = 0; i < 32; ++i) actions += gact(TC_ACT_OK);
  CHECK_FALSE(decode_tc_filters(tc_message(1, 1, "matchall", attribute(TCA_MATCHALL_ACT, actions))).cut);
  actions += gact(TC_ACT_SHOT);
  CHECK(decode_tc_filters(tc_message(1, 1, "matchall", attribute(TCA_MATCHALL_ACT, actions))).cut);
}

TEST_CASE("who keeps a program: a process that has it open, or a path") {
  machine::FakeMachine machine;
  machine.add_bpf_program({42, 6, {1, 2, 3, 4, 5, 6, 7, 0xff}, "guard", 1000});
  machine.add_bpf_program({43, 6, {}, "other", 0});
  machine.add_process(7, "agent", 1);
  machine.add_link("/proc/7/fd/3", "anon_inode:bpf-map");
  machine.add_link("/proc/7/fd/4", "anon_inode:bpf_link");
  machine.add_file("/proc/7/fdinfo/4", "pos:\t0\nlink_type:\txdp\nprog_tag:\t0102\nprog_id:\t42\n");
  machine.add_file("/sys/fs/bpf/shop/other", "");
  machine.add_pinned_program("/sys/fs/bpf/shop/other", 43);
  machine.fail("/sys/fs/bpf/none", Error{ErrorKind::Gone, "", "", ""});
  std::map<std::uint32_t, model::BpfProgram> programs;
  ProgramReader reader(machine);
  CHECK(reader.read({0, 42, 43, 44}, programs, kSecond));
  REQUIRE(programs.size() == 2);
  CHECK(programs.at(42).name == "guard");
  CHECK(programs.at(42).tag == "01020304050607ff");
  CHECK(programs.at(42).uid == 1000);
  CHECK(programs.at(42).holder_tgid == 7);
  CHECK(programs.at(42).holder_comm == "agent");
  CHECK(programs.at(43).holder_tgid == 0);
  CHECK(programs.at(43).holders_read);
  // Not asked again so soon.
  CHECK_FALSE(reader.read({42}, programs, 2 * kSecond));
}

TEST_CASE("programs of a cgroup, each with where it is attached") {
  machine::FakeMachine machine;
  machine.add_cgroup(9, "/shop/web");
  machine.add_cgroup_program("/shop", 0, 42);
  machine.add_cgroup_program("/shop/web", 0, 43);
  machine.add_cgroup_program("/other", 0, 44);
  const model::CgroupPrograms programs = read_cgroup_programs(machine, 9);
  CHECK(programs.path == "/shop/web");
  CHECK(programs.gap.empty());
  REQUIRE(programs.ingress.size() == 2);
  CHECK(programs.ingress[0].path == "/shop");
  CHECK(programs.ingress[1].path == "/shop/web");
  CHECK(programs.egress.empty());
  CHECK_FALSE(read_cgroup_programs(machine, 10).gap.empty());
}

TEST_CASE("programs of BPF LSM that connections meet: those of their hooks, and whether a link holds them") {
  const std::map<std::uint32_t, std::string> hooks{{100, "socket_sock_rcv_skb"}, {200, "inet_conn_request"}};
  machine::FakeMachine machine;
  const auto add = [&](std::uint32_t id, std::uint32_t type, std::uint32_t attach_btf_id) {
    machine.add_bpf_program({id, type, {}, "guard", 0, attach_btf_id});
    machine.add_bpf_link({id, 2});
  };
  add(42, 29, 100);
  add(43, 29, 200);
  add(44, 29, 300);
  add(45, 26, 100);
  add(46, 29, 0);
  machine.add_bpf_program({47, 29, {}, "idle", 0, 100});
  machine.add_bpf_program({48, 29, {}, "of a cgroup", 0, 100});
  machine.add_bpf_link({48, 3});
  const auto words = [](const auto& programs) {
    std::string text;
    for (const model::SecurityProgram& program : *programs)
      text += std::to_string(program.id) + " " + program.hook + (program.of_cgroup ? " cgroup;" : program.attached ? ";" : " loose;");
    return text;
  };
  auto found = find_security_programs(machine, hooks);
  REQUIRE(found);
  CHECK(words(found) == "42 socket_sock_rcv_skb;43 inet_conn_request;46 ;47 socket_sock_rcv_skb loose;48 socket_sock_rcv_skb cgroup;");
  SUBCASE("without the kernel's types no hook is known") {
    found = find_security_programs(machine, {});
    REQUIRE(found);
    CHECK(words(found) == "42 ;43 ;44 ;46 ;47  loose;48  cgroup;");
  }
  SUBCASE("without links nobody is known to be attached") {
    machine.fail_bpf_links(Error{ErrorKind::Permission, "", "", ""});
    found = find_security_programs(machine, hooks);
    REQUIRE(found);
    CHECK(words(found) ==
          "42 socket_sock_rcv_skb loose;43 inet_conn_request loose;46  loose;47 socket_sock_rcv_skb loose;48 socket_sock_rcv_skb loose;");
  }
  SUBCASE("what cannot be listed is not none") {
    machine.fail_bpf_programs(Error{ErrorKind::Permission, "", "", ""});
    CHECK_FALSE(find_security_programs(machine, hooks));
  }
}

TEST_CASE("the reader keeps programs of BPF LSM for a moment, and forgets them where they cannot be read any more") {
  machine::FakeMachine machine;
  machine.add_bpf_program({42, 29, {}, "guard", 0, 100});
  machine.add_bpf_link({42, 2});
  InventoryReader reader(machine);
  reader.set_security_hooks({{100, "socket_sock_rcv_skb"}}, true);
  CHECK_FALSE(reader.current().security_programs);
  CHECK(reader.read_security_programs(kSecond));
  REQUIRE(reader.current().security_programs);
  CHECK(reader.current().security_programs->own_reason);
  REQUIRE(reader.current().security_programs->programs.size() == 1);
  CHECK(reader.current().programs.at(42).name == "guard");
  machine.fail_bpf_programs(Error{ErrorKind::Permission, "", "", ""});
  CHECK_FALSE(reader.read_security_programs(kSecond + kMillisecond));
  CHECK(reader.current().security_programs);
  CHECK(reader.read_security_programs(3 * kSecond));
  CHECK_FALSE(reader.current().security_programs);
}

TEST_CASE("IPsec policies and counters") {
  xfrm_userpolicy_info info{};
  info.sel.family = AF_INET;
  info.sel.daddr.a4 = 0x0200000a;
  info.sel.prefixlen_d = 32;
  info.dir = XFRM_POLICY_IN;
  info.action = XFRM_POLICY_BLOCK;
  info.priority = 7;
  std::string messages = message(XFRM_MSG_NEWPOLICY, std::string(raw(info)));
  info.action = XFRM_POLICY_ALLOW;
  info.dir = XFRM_POLICY_FWD;
  messages += message(XFRM_MSG_NEWPOLICY, std::string(raw(info)) + attribute(XFRMA_TMPL, "x"));
  info.dir = XFRM_POLICY_MAX;
  messages += message(XFRM_MSG_NEWPOLICY, std::string(raw(info)));
  info.dir = XFRM_POLICY_OUT;
  info.sel.sport = htons(5000);
  info.sel.sport_mask = 0xffff;
  info.sel.ifindex = 3;
  const xfrm_mark mark{1, 0xff};
  const std::uint32_t interface_id = 9;
  messages +=
      message(XFRM_MSG_NEWPOLICY, std::string(raw(info)) + attribute(XFRMA_MARK, raw(mark)) + attribute(XFRMA_IF_ID, raw(interface_id)));
  const XfrmPolicyTable table = decode_xfrm_policies(messages);
  CHECK(table.complete);
  REQUIRE(table.rows.size() == 3);
  CHECK(table.rows[0].source_port_mask == 0);
  CHECK(table.rows[0].mark_mask == 0);
  CHECK(table.rows[0].xfrm_interface_id == 0);
  CHECK(table.rows[2].source_port == 5000);
  CHECK(table.rows[2].source_port_mask == 0xffff);
  CHECK(table.rows[2].ifindex == 3);
  CHECK(table.rows[2].mark == 1);
  CHECK(table.rows[2].mark_mask == 0xff);
  CHECK(table.rows[2].xfrm_interface_id == 9);
  CHECK(table.rows[0].block);
  CHECK(to_string(table.rows[0].destination) == "10.0.0.2");
  CHECK(table.rows[0].priority == 7);
  CHECK(table.rows[1].wants_ipsec);
  CHECK_FALSE(decode_xfrm_policies(messages.substr(0, 100)).complete);

  const auto counters = parse_xfrm_counters("XfrmInError             \t0\nXfrmInPolBlock          \t3\nnonsense\n");
  CHECK(counters.size() == 1);
  CHECK(counters.at("XfrmInPolBlock") == 3);
}

TEST_CASE("a connection in TIME_WAIT, and not the listener that is found in its place") {
  inet_diag_msg answer{};
  answer.idiag_state = 6;
  CHECK(is_time_wait(message(SOCK_DIAG_BY_FAMILY, std::string(raw(answer)))));
  answer.idiag_state = 10;
  CHECK_FALSE(is_time_wait(message(SOCK_DIAG_BY_FAMILY, std::string(raw(answer)))));
  CHECK_FALSE(is_time_wait(""));
}
