// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/routes.hpp"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "inventory/attributes.hpp"

namespace synfate::inventory {
namespace {

constexpr std::size_t kMaxAnswerBytes = 64U << 10U;
constexpr std::uint8_t kTcp = 6;

std::string_view raw(const model::IpAddress& address) {
  return {reinterpret_cast<const char*>(address.bytes.data()), address.family == 6 ? std::size_t{16} : std::size_t{4}};
}

template <class Value>
std::string_view raw(const Value& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::uint8_t kernel_family(const model::IpAddress& address) { return address.family == 6 ? AF_INET6 : AF_INET; }

std::optional<model::IpAddress> address_of(int family, std::string_view bytes) {
  model::IpAddress address;
  address.family = family == AF_INET6 ? 6 : 4;
  if (bytes.size() != (family == AF_INET6 ? 16U : 4U)) return std::nullopt;
  std::memcpy(address.bytes.data(), bytes.data(), bytes.size());
  return address;
}

/// RTA_VIA: a gateway of the other family, which is two bytes of it in front of the address.
std::optional<model::IpAddress> gateway_of(const Attributes& attributes, int family) {
  if (attributes.has(RTA_GATEWAY)) return address_of(family, attributes.bytes(RTA_GATEWAY));
  const std::string_view via = attributes.bytes(RTA_VIA);
  std::uint16_t other = 0;
  if (via.size() <= sizeof other) return std::nullopt;
  std::memcpy(&other, via.data(), sizeof other);
  return address_of(other, via.substr(sizeof other));
}

/// Calls take(header, attributes) for the one route of an answer.
template <class Take>
bool with_route(const std::string& messages, Take take) {
  bool found = false;
  for_each_message(messages, [&](const nlmsghdr* message) {
    const auto header = fixed_header<rtmsg>(message);
    if (message->nlmsg_type != RTM_NEWROUTE || !header || found) return;
    found = take(*header, Attributes{message, sizeof(rtmsg)});
  });
  return found;
}

/// The kernel's own refusal, as opposed to its not being able to answer.
bool is_no_way(const Error& error) {
  for (const int number : {ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL, EXDEV, EAGAIN, ESRCH, ENODEV}) {
    if (error.why == errno_text(number)) return true;
  }
  return false;
}

}  // namespace

machine::NetlinkRequest route_request(const model::RouteQuestion& question, bool match) {
  rtmsg header{};
  header.rtm_family = kernel_family(question.destination);
  const std::uint8_t bits = question.destination.family == 6 ? 128 : 32;
  header.rtm_dst_len = bits;
  if (question.source) header.rtm_src_len = bits;
  // RTM_F_FIB_MATCH: Linux 4.13 (b61798130f1b), for IPv6 4.15 (18c3a61c4264).
  if (match) header.rtm_flags = RTM_F_FIB_MATCH;
  std::string body = body_of(header);
  append_attribute(body, RTA_DST, raw(question.destination));
  if (question.source) append_attribute(body, RTA_SRC, raw(question.source));
  if (question.in_ifindex != 0) append_attribute(body, RTA_IIF, raw(question.in_ifindex));
  append_attribute(body, RTA_IP_PROTO, raw(kTcp));
  return {NETLINK_ROUTE, RTM_GETROUTE, body, true};
}

machine::NetlinkRequest neighbour_request(std::uint32_t ifindex, const model::IpAddress& address) {
  ndmsg header{};
  header.ndm_family = kernel_family(address);
  header.ndm_ifindex = static_cast<int>(ifindex);
  std::string body = body_of(header);
  append_attribute(body, NDA_DST, raw(address));
  return {NETLINK_ROUTE, RTM_GETNEIGH, body, true};
}

bool decode_route(const std::string& messages, model::RouteAnswer& answer) {
  return with_route(messages, [&](const rtmsg& header, const Attributes& attributes) {
    answer.type = header.rtm_type;
    answer.out_ifindex = attributes.u32(RTA_OIF).value_or(0);
    if (const auto gateway = gateway_of(attributes, header.rtm_family)) answer.gateway = *gateway;
    return true;
  });
}

bool decode_matched_route(const std::string& messages, model::RouteAnswer& answer) {
  return with_route(messages, [&](const rtmsg& header, const Attributes& attributes) {
    const unsigned bits = header.rtm_family == AF_INET6 ? 128 : 32;
    if (header.rtm_dst_len > bits) return false;
    answer.length = header.rtm_dst_len;
    answer.table = attributes.u32(RTA_TABLE).value_or(header.rtm_table);
    if (const auto prefix = address_of(header.rtm_family, attributes.bytes(RTA_DST))) answer.prefix = *prefix;
    answer.several = attributes.has(RTA_MULTIPATH);
    answer.matched = answer.length == 0 || answer.prefix;
    return true;
  });
}

std::optional<model::Neighbour> decode_neighbour(const std::string& messages) {
  std::optional<model::Neighbour> found;
  for_each_message(messages, [&](const nlmsghdr* message) {
    const auto header = fixed_header<ndmsg>(message);
    if (message->nlmsg_type != RTM_NEWNEIGH || !header) return;
    model::Neighbour& neighbour = found.emplace();
    neighbour.state = header->ndm_state;
    const Attributes attributes{message, sizeof(ndmsg)};
    const std::string_view mac = attributes.bytes(NDA_LLADDR);
    if (mac.size() == 6) std::memcpy(neighbour.mac.emplace().data(), mac.data(), mac.size());
  });
  return found;
}

std::optional<model::RouteAnswer> read_route(machine::NetnsVisit& visit, const model::RouteQuestion& question) {
  if (!question.destination) return std::nullopt;
  model::RouteAnswer answer;
  answer.question = question;
  const auto chosen = visit.netlink_dump(route_request(question, false), kMaxAnswerBytes);
  if (!chosen) {
    if (!is_no_way(chosen.error())) return std::nullopt;
    answer.error = chosen.error().why;
    return answer;
  }
  if (!decode_route(chosen->messages, answer)) return std::nullopt;
  if (const auto matched = visit.netlink_dump(route_request(question, true), kMaxAnswerBytes)) {
    decode_matched_route(matched->messages, answer);
  }
  if (question.neighbour && answer.out_ifindex != 0) {
    const auto entry =
        visit.netlink_dump(neighbour_request(answer.out_ifindex, answer.gateway ? answer.gateway : question.destination), kMaxAnswerBytes);
    if (entry) {
      answer.neighbour = decode_neighbour(entry->messages);
    } else if (entry.error().kind == ErrorKind::Gone) {
      answer.neighbour.emplace();
    }
  }
  return answer;
}

}  // namespace synfate::inventory
