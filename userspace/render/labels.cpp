// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The order of preference among the names of a thing.
#include "render/labels.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/text.hpp"

namespace synfate::render {
namespace {

constexpr std::size_t kMaxNameBytes = 256;

std::string name(std::string_view untrusted) { return clean(untrusted, kMaxNameBytes); }

std::string netns_of(const model::Attempt& attempt, const model::Party& party) {
  return party.netns_name.empty() ? netns_label(attempt, party.netns) : name(party.netns_name);
}

std::string at(std::string what, const std::string& netns) { return netns.empty() ? what : std::move(what.append("@").append(netns)); }

bool is_unbound(const model::Endpoint& endpoint) {
  return endpoint.port == 0 &&
         std::all_of(endpoint.address.bytes.begin(), endpoint.address.bytes.end(), [](auto byte) { return byte == 0; });
}

}  // namespace

std::string clean(std::string_view untrusted, std::size_t max_bytes) {
  constexpr std::size_t kLongestCharacter = 4;
  std::string text = printable(untrusted, max_bytes + kLongestCharacter);
  if (text.size() <= max_bytes) return text;
  return printable(untrusted, max_bytes) + "…";
}

std::string netns_label(const model::Attempt& attempt, model::NetnsId netns) {
  const auto it = attempt.netns_names.find(netns);
  if (it != attempt.netns_names.end() && !it->second.empty()) return name(it->second);
  return netns == 0 ? "" : std::to_string(netns);
}

std::string process_label(const model::Process& process) {
  if (process.comm.empty()) return process.tgid == 0 ? "" : "tgid " + std::to_string(process.tgid);
  return process.tgid == 0 ? name(process.comm) : name(process.comm) + "[" + std::to_string(process.tgid) + "]";
}

std::string client_label(const model::Attempt& attempt) {
  const model::Party& client = attempt.client;
  if (!client.pod.empty()) return name(client.pod);
  const std::string process = process_label(client.process);
  if (!process.empty()) {
    std::string netns = netns_of(attempt, client);
    // A namespace without a name is labelled with a process in it, often this very one.
    const std::string same = " (" + process + ")";
    if (netns.ends_with(same)) netns.resize(netns.size() - same.size());
    return at(process, netns);
  }
  if (!client.container.empty()) return name(client.container);
  if (!client.node.empty()) return name(client.node);
  const std::string address = attempt.journey.faces.empty() ? "unknown client" : endpoint_label(attempt.journey.faces.front().src);
  return at(address, netns_of(attempt, client));
}

std::string server_label(const model::Attempt& attempt) {
  const model::Party& server = attempt.server;
  const bool addressed = !attempt.journey.faces.empty();
  const model::Endpoint asked = addressed ? attempt.journey.faces.front().dst : model::Endpoint{};
  if (!server.pod.empty()) return name(server.pod) + ":" + std::to_string(asked.port);
  if (!server.service.empty()) return name(server.service);
  return at(addressed ? endpoint_label(asked) : "unknown server", netns_of(attempt, server));
}

std::string endpoint_label(const model::Endpoint& endpoint) {
  if (is_unbound(endpoint)) return "(unbound)";
  return endpoint.port == 0 ? model::to_string(endpoint.address) : model::to_string(endpoint);
}

std::string errno_name(int error_number) {
  const char* known = strerrorname_np(error_number);
  return known != nullptr ? known : "errno " + std::to_string(error_number);
}

std::optional<int> connect_error(const model::Journey& journey) {
  std::optional<int> error;
  for (const model::Event& event : journey.events) {
    if (const auto* route = event.get<model::RouteFailure>(); route != nullptr && route->error != 0) {
      // An empty table answers -EAGAIN to the lookup; connect() turns that into "network is unreachable".
      error = route->error == -EAGAIN ? ENETUNREACH : std::abs(route->error);
    }
    const auto* socket = event.get<model::SocketEvent>();
    if (socket != nullptr && socket->kind == model::SocketEventKind::Error && !socket->at_server && socket->error != 0)
      return socket->error;
  }
  return error;
}

Rewrite rewrite_of(const model::Journey& journey) {
  Rewrite rewrite;
  if (journey.faces.empty()) return rewrite;
  const model::Flow& first = journey.faces.front();
  const model::Flow& last = journey.faces.back();
  if (last.src != first.src) rewrite.src = last.src;
  if (last.dst != first.dst) rewrite.dst = last.dst;
  return rewrite;
}

}  // namespace synfate::render
