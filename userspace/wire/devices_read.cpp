// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wire/devices_read.hpp"

namespace synfate::wire {
namespace {

std::string read_vlans(const Json& json, std::string where, model::BridgeVlans& port) {
  JsonFields fields(json, std::move(where));
  fields.read("ifindex", port.ifindex);
  read_list(
      fields, "vlans", port.vlans, +[](const Json& value, std::string at, model::VlanRange& range) {
        JsonFields vlan(value, std::move(at));
        vlan.read("first", range.first);
        vlan.read("last", range.last);
        vlan.read("pvid", range.pvid);
        return vlan.error();
      });
  return fields.error();
}

std::string read_qdisc(const Json& json, std::string where, model::Qdisc& qdisc) {
  JsonFields fields(json, std::move(where));
  fields.read("ifindex", qdisc.ifindex);
  fields.read("kind", qdisc.kind);
  fields.read("handle", qdisc.handle);
  fields.read("parent", qdisc.parent);
  fields.read("drops", qdisc.drops);
  fields.read("waiting", qdisc.waiting);
  return fields.error();
}

std::string read_input_queue(const Json& json, std::string where, model::InputQueue& queue) {
  JsonFields fields(json, std::move(where));
  fields.read("cpu", queue.cpu);
  fields.read("dropped", queue.dropped);
  fields.read("flow_limited", queue.flow_limited);
  return fields.error();
}

std::string read_neighbour_table(const Json& json, std::string where, model::NeighbourTable& table) {
  JsonFields fields(json, std::move(where));
  fields.read("family", table.family);
  fields.read("entries", table.entries);
  fields.read("limit", table.limit);
  fields.read("times_full", table.times_full);
  return fields.error();
}

std::string read_neighbour_queue(const Json& json, std::string where, model::NeighbourQueue& queue) {
  JsonFields fields(json, std::move(where));
  fields.read("family", queue.family);
  fields.read("ifindex", queue.ifindex);
  fields.read("limit_bytes", queue.limit_bytes);
  return fields.error();
}

std::string read_neighbour_entry(const Json& json, std::string where, model::NeighbourEntry& entry) {
  JsonFields fields(json, std::move(where));
  fields.read("ifindex", entry.ifindex);
  fields.read("state", entry.state);
  fields.read("address", entry.address);
  fields.read("mac", entry.mac);
  return fields.error();
}

}  // namespace

std::string read_devices(JsonFields& fields, model::Netns& netns) {
  read_list(fields, "bridge_vlans", netns.bridge_vlans, read_vlans);
  if (const Json* object = fields.object("queues")) {
    JsonFields queues(*object, fields.where("queues"));
    netns.queues.emplace();
    read_list(queues, "qdiscs", netns.queues->qdiscs, read_qdisc);
    queues.read("qdiscs_read", netns.queues->qdiscs_read);
    queues.read("time_ns", netns.queues->time_ns);
    read_list(queues, "input", netns.queues->input, read_input_queue);
    if (!queues.error().empty()) return queues.error();
  }
  if (const Json* object = fields.object("neighbours")) {
    JsonFields neighbours(*object, fields.where("neighbours"));
    netns.neighbours.emplace();
    read_list(neighbours, "tables", netns.neighbours->tables, read_neighbour_table);
    read_list(neighbours, "queues", netns.neighbours->queues, read_neighbour_queue);
    read_list(neighbours, "entries", netns.neighbours->entries, read_neighbour_entry);
    neighbours.read("entries_read", netns.neighbours->entries_read);
    if (!neighbours.error().empty()) return neighbours.error();
  }
  return {};
}

}  // namespace synfate::wire
