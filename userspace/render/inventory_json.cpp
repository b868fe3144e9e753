// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Namespaces, devices and gaps as objects.
#include "render/inventory_json.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "render/json_value.hpp"
#include "render/labels.hpp"

namespace synfate::render {
namespace {

Json mac_json(const std::array<std::uint8_t, 6>& mac) {
  if (std::all_of(mac.begin(), mac.end(), [](auto byte) { return byte == 0; })) return nullptr;
  char text[18];
  std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
  return text;
}

Json device_name_json(const model::Netns* netns, std::uint32_t ifindex) {
  const model::Link* link = netns == nullptr || ifindex == 0 ? nullptr : netns->link(ifindex);
  return link == nullptr ? Json(nullptr) : text_or_null(link->name);
}

Json peer_json(const model::Inventory& inventory, const model::Link& link) {
  if (link.peer_ifindex == 0) return nullptr;
  const model::Netns* netns = link.peer_netns ? inventory.find(*link.peer_netns) : nullptr;
  return {{"netns", number_or_null(link.peer_netns)},
          {"netns_name", netns == nullptr ? Json(nullptr) : text_or_null(netns->name)},
          {"ifindex", link.peer_ifindex},
          {"device", device_name_json(netns, link.peer_ifindex)}};
}

Json bridge_port_json(const std::optional<model::BridgePort>& port) {
  if (!port) return nullptr;
  constexpr std::array<const char*, 5> kStates{"disabled", "listening", "learning", "forwarding", "blocking"};
  return {{"state", port->state < kStates.size() ? Json(kStates[port->state]) : Json(nullptr)},
          {"hairpin", port->hairpin},
          {"isolated", port->isolated}};
}

Json device_json(const model::Inventory& inventory, const model::Netns& netns, const model::Link& link) {
  Json addresses = Json::array();
  for (const model::InterfaceAddress& address : link.addresses) {
    addresses.push_back(model::to_string(address.address) + "/" + std::to_string(address.prefix_length));
  }
  return {{"ifindex", link.ifindex},
          {"name", text_or_null(link.name)},
          {"kind", text_or_null(link.kind)},
          {"up", link.up},
          {"loopback", link.loopback},
          {"physical", link.physical},
          {"mtu", number_or_null(link.mtu)},
          {"mac", mac_json(link.mac)},
          {"master", device_name_json(&netns, link.master_ifindex)},
          {"peer", peer_json(inventory, link)},
          {"bridge_port", bridge_port_json(link.bridge_port)},
          {"addresses", addresses}};
}

Json pod_json(const std::optional<model::Pod>& pod) {
  if (!pod) return nullptr;
  Json addresses = Json::array();
  for (const model::IpAddress& address : pod->addresses) addresses.push_back(model::to_string(address));
  return {{"namespace", text_or_null(pod->namespace_name)}, {"name", text_or_null(pod->name)},     {"uid", text_or_null(pod->uid)},
          {"sandbox_id", text_or_null(pod->sandbox_id)},    {"host_network", pod->host_network},   {"addresses", addresses},
          {"host_device", text_or_null(pod->host_device)},  {"source", text_or_null(pod->source)}, {"doubt", text_or_null(pod->doubt)}};
}

Json node_json(const model::Node* node) {
  if (node == nullptr) return nullptr;
  return {{"name", text_or_null(node->name)},        {"cluster", text_or_null(node->cluster)},
          {"role", text_or_null(node->role)},        {"container_id", text_or_null(node->container_id)},
          {"tgid", number_or_null(node->init_tgid)}, {"source", text_or_null(node->source)}};
}

Json netns_json(const model::Inventory& inventory, const model::Netns& netns) {
  Json object = typed("netns");
  object["netns"] = netns.id;
  object["name"] = text_or_null(netns.name);
  object["source"] = text_or_null(netns.source);
  object["host"] = netns.host;
  object["tgid"] = number_or_null(netns.example_tgid);
  object["comm"] = text_or_null(netns.example_comm);
  object["node"] = text_or_null(netns.node);
  object["node_container"] = node_json(inventory.node_of(netns.id));
  object["pod"] = pod_json(netns.pod);
  object["container"] = text_or_null(netns.container);
  object["devices"] = Json::array();
  for (const model::Link& link : netns.links) object["devices"].push_back(device_json(inventory, netns, link));
  object["gaps"] = Json::array();
  for (const model::Gap& gap : netns.gaps) object["gaps"].push_back(gap_json(gap));
  return object;
}

}  // namespace

bool write_inventory_json(const model::Inventory& inventory, const Writer& writer) {
  Json gaps = Json::array();
  for (const auto& [id, netns] : inventory.namespaces) {
    if (!writer(json_line(netns_json(inventory, netns)))) return false;
    for (const model::Gap& gap : netns.gaps) {
      Json entry = gap_json(gap);
      entry["netns"] = id;
      gaps.push_back(entry);
    }
  }
  for (const model::Pod& pod : inventory.hosted) {
    Json object = typed("pod");
    object["netns"] = number_or_null(pod.netns);
    object["node"] = text_or_null(pod.node);
    object["pod"] = pod_json(pod);
    if (!writer(json_line(object))) return false;
  }
  for (const model::Gap& gap : inventory.gaps) {
    Json entry = gap_json(gap);
    entry["netns"] = nullptr;
    gaps.push_back(entry);
  }
  Json summary = typed("summary");
  summary["namespaces"] = inventory.namespaces.size();
  summary["gaps"] = gaps;
  return writer(json_line(summary));
}

}  // namespace synfate::render
