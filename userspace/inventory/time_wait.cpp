// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/time_wait.hpp"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "inventory/attributes.hpp"

namespace synfate::inventory {
namespace {

constexpr std::size_t kMaxAnswerBytes = 64U << 10U;
constexpr std::size_t kMaxFlows = 256;
constexpr unsigned kTimeWait = 6;

}  // namespace

machine::NetlinkRequest connection_request(const model::Flow& flow) {
  inet_diag_req_v2 request{};
  request.sdiag_family = flow.family() == 4 ? AF_INET : AF_INET6;
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_states = ~0U;
  request.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  request.id.idiag_sport = htons(flow.dst.port);
  request.id.idiag_dport = htons(flow.src.port);
  std::memcpy(&request.id.idiag_src[0], flow.dst.address.bytes.data(), flow.family() == 4 ? 4 : 16);
  std::memcpy(&request.id.idiag_dst[0], flow.src.address.bytes.data(), flow.family() == 4 ? 4 : 16);
  return {NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, body_of(request), true};
}

bool is_time_wait(const std::string& messages) {
  bool found = false;
  for_each_message(messages, [&](const nlmsghdr* message) {
    const auto answer = fixed_header<inet_diag_msg>(message);
    found = found || (message->nlmsg_type == SOCK_DIAG_BY_FAMILY && answer && answer->idiag_state == kTimeWait);
  });
  return found;
}

void read_time_wait_of(machine::NetnsVisit& visit, model::Netns& netns, const model::Flow& flow) {
  std::erase(netns.time_wait, flow);
  const auto reply = visit.netlink_dump(connection_request(flow), kMaxAnswerBytes);
  // Nothing there at all is an error.
  if (!reply || !is_time_wait(reply->messages)) return;
  if (netns.time_wait.size() >= kMaxFlows) netns.time_wait.erase(netns.time_wait.begin());
  netns.time_wait.push_back(flow);
}

}  // namespace synfate::inventory
