// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/service_parts.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace synfate::inventory {
namespace {

/// Kubernetes itself allows 63 for either, and 15 for a port's; some releases took more for a port's.
constexpr std::size_t kMaxLabel = 63;
/// The longest list that a recording holds.
constexpr std::size_t kMaxPorts = 65'536;

bool is_label(std::string_view text) {
  return !text.empty() && text.size() <= kMaxLabel && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

}  // namespace

std::optional<ServiceName> parse_service_name(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(slash + 1);
  const std::size_t colon = rest.find(':');
  const std::string_view port = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon + 1);
  if (!is_label(text.substr(0, slash)) || !is_label(rest.substr(0, colon)) || (!port.empty() && !is_label(port))) return std::nullopt;
  return ServiceName{std::string{text.substr(0, slash)}, std::string{rest.substr(0, colon)}, std::string{port}};
}

void set_name(model::ServicePort& port, const ServiceName& name) {
  port.namespace_name = name.namespace_name;
  port.name = name.name;
  port.port_name = name.port_name;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto number = parse_number(text);
  if (!number || *number == 0 || *number > 65'535) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

std::optional<model::Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_port(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = model::parse_ip(host);
  if (!port || !address || bracketed != (address->family == 6)) return std::nullopt;
  return model::Endpoint{*address, *port};
}

model::Endpoint any_address(std::uint8_t family, std::uint16_t port) {
  model::Endpoint endpoint;
  endpoint.address.family = family;
  endpoint.port = port;
  return endpoint;
}

NameIndex::Id NameIndex::id(std::string_view name) {
  constexpr std::size_t kMaxAlike = 64;
  if (const auto known = index_.find(name); known != index_.end()) return known->second;
  if (const auto known = crowded_.find(name); known != crowded_.end()) return known->second;
  const auto id = static_cast<Id>(names_.size());
  const std::string_view own = names_.emplace_back(name);
  if (id != 0 && index_.bucket_size(index_.bucket(own)) >= kMaxAlike) {
    crowded_.emplace(own, id);
  } else {
    index_.emplace(own, id);
  }
  return id;
}

ServiceChains::Id ServiceChains::id(std::string_view chain) {
  const Id id = index_.id(chain);
  if (id == chains_.size()) chains_.emplace_back();
  return id;
}

std::vector<model::Endpoint> ServiceChains::endpoints(Id chain) {
  std::vector<model::Endpoint> found;
  ++search_;
  std::vector<Id> waiting{chain};
  while (!waiting.empty() && steps_left_ != 0) {
    --steps_left_;
    Chain& here = chains_[waiting.back()];
    waiting.pop_back();
    if (here.seen_in == search_) continue;
    here.seen_in = search_;
    const std::size_t taken = std::min(here.endpoints.size(), endpoints_left_);
    found.insert(found.end(), here.endpoints.begin(), here.endpoints.begin() + static_cast<std::ptrdiff_t>(taken));
    endpoints_left_ -= taken;
    const std::size_t ways = std::min(here.next.size(), steps_left_);
    steps_left_ -= ways;
    waiting.insert(waiting.end(), here.next.begin(), here.next.begin() + static_cast<std::ptrdiff_t>(ways));
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

ServicePorts::Place ServicePorts::at(const model::Endpoint& address) {
  const auto known = index_.find(address);
  if (known != index_.end()) return {&ports_[known->second], false};
  if (ports_.size() == kMaxPorts) {
    excessive_ = true;
    return {};
  }
  index_.emplace(address, ports_.size());
  ports_.emplace_back().address = address;
  return {&ports_.back(), true};
}

std::string counted(std::size_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

}  // namespace synfate::inventory
