// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// kube-proxy's ipvs mode: the kernel's virtual servers. Its rules and sets hold addresses only, so no name is to be had, nor whether an
// address is a service's own or the node's.
#include <charconv>

#include "base/text.hpp"
#include "inventory/service_parts.hpp"

namespace synfate::inventory {
namespace {

/// "0A60000A:0035" or "[fd00:0010:...:000a]:0035".
std::optional<model::Endpoint> hex_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.size() - colon != 5) return std::nullopt;
  const auto hex = [](std::string_view digits) -> std::optional<std::uint32_t> {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return number;
  };
  const std::string_view host = text.substr(0, colon);
  const auto port = hex(text.substr(colon + 1));
  if (!port || *port == 0) return std::nullopt;
  model::Endpoint endpoint;
  endpoint.port = static_cast<std::uint16_t>(*port);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    const auto address = model::parse_ip(host.substr(1, host.size() - 2));
    if (!address || address->family != 6) return std::nullopt;
    endpoint.address = *address;
    return endpoint;
  }
  const auto address = hex(host);
  if (!address || host.size() != 8) return std::nullopt;
  endpoint.address.family = 4;
  for (unsigned i = 0; i < 4; ++i) endpoint.address.bytes[i] = static_cast<std::uint8_t>(*address >> (24 - 8 * i));
  return endpoint;
}

/// The words of a line, as many as are asked for.
std::vector<std::string_view> words(std::string_view line) {
  constexpr std::size_t kMaxWords = 8;
  std::vector<std::string_view> found;
  while (found.size() < kMaxWords) {
    line = trim(line);
    if (line.empty()) break;
    const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
    found.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
  return found;
}

}  // namespace

ServiceTable parse_ipvs_services(std::string_view text) {
  ServiceTable table;
  const auto gap = [&](std::string why) { table.gaps.push_back({kServicesPartial, "ipvs: " + std::move(why)}); };
  if (text.size() > kMaxServicesBytes) {
    gap("its text is longer than is read");
    return table;
  }
  constexpr std::size_t kMaxEndpoints = 262'144;
  ServicePorts ports;
  model::ServicePort* server = nullptr;
  std::size_t endpoints = 0;
  std::size_t odd = 0;
  bool cut = !text.empty() && text.back() != '\n';
  bool heading = true;
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    // A line without its end may lack more than that.
    if (newline == std::string_view::npos) break;
    const auto line = words(text.substr(0, newline));
    text.remove_prefix(newline + 1);
    if (line.empty()) continue;
    // "IP Virtual Server version ...", "Prot LocalAddress:Port ...", "  -> RemoteAddress:Port ..."
    if (heading && (line.front() == "IP" || line.front() == "Prot" || (line.size() > 1 && line[1] == "RemoteAddress:Port"))) continue;
    heading = false;
    if (line.front() == "->") {
      if (server == nullptr) continue;
      const auto endpoint = line.size() >= 4 ? hex_endpoint(line[1]) : std::nullopt;
      if (!endpoint) {
        ++odd;
        continue;
      }
      // One that goes away keeps its old connections at weight 0 and gets no new ones.
      if (line[3] == "0") continue;
      if (endpoints++ < kMaxEndpoints) server->endpoints.push_back(*endpoint);
      continue;
    }
    server = nullptr;
    if (line.front() == "UDP" || line.front() == "SCTP" || line.front() == "FWM") continue;
    const auto address = line.front() == "TCP" && line.size() >= 2 ? hex_endpoint(line[1]) : std::nullopt;
    if (!address) {
      ++odd;
      continue;
    }
    const auto place = ports.at(*address);
    server = place.port;
    if (server != nullptr) server->source = "ipvs (/proc/net/ip_vs): a virtual server, which tells neither name nor kind";
  }
  if (cut) gap("its text is cut");
  if (odd != 0) gap(counted(odd, "line is", "lines are") + " not understood");
  if (ports.excessive() || endpoints > kMaxEndpoints) gap("there are more services or endpoints than are read");
  table.ports = std::move(ports.ports());
  if (!table.ports.empty()) {
    table.gaps.push_back({kServicesUnnamed, "ipvs: " + counted(table.ports.size(), "service port has", "service ports have") +
                                                " no name: the kernel's virtual servers have none"});
  }
  return table;
}

}  // namespace synfate::inventory
