// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wire/inventory_scoped.hpp"

namespace synfate::wire {

Json scoped_json(const model::ScopedView& scoped) {
  const auto& [whole, ends, everywhere_ns] = scoped;
  Json json = {{"everywhere_ns", everywhere_ns}, {"whole", Json::array()}, {"ends", Json::array()}};
  for (const auto& [netns, since_ns] : whole) json["whole"].push_back({{"netns", netns}, {"since_ns", since_ns}});
  for (const auto& [end, since_ns] : ends) {
    const auto& [netns, to] = end;
    json["ends"].push_back({{"netns", netns}, {"address", address_json(to.address)}, {"port", to.port}, {"since_ns", since_ns}});
  }
  return json;
}

std::string read_scoped(const Json& json, model::ScopedView& scoped) {
  JsonFields fields(json, "scoped");
  fields.read("everywhere_ns", scoped.everywhere_ns);
  fields.list("whole", [&](const Json& value, std::string where) {
    JsonFields entry(value, std::move(where));
    model::NetnsId netns = 0;
    MonotonicNs since_ns = 0;
    entry.read("netns", netns);
    entry.read("since_ns", since_ns);
    scoped.whole[netns] = since_ns;
    return entry.error();
  });
  fields.list("ends", [&](const Json& value, std::string where) {
    JsonFields entry(value, std::move(where));
    model::NetnsId netns = 0;
    model::Endpoint to;
    MonotonicNs since_ns = 0;
    entry.read("netns", netns);
    entry.read("address", to.address);
    entry.read("port", to.port);
    entry.read("since_ns", since_ns);
    scoped.ends[{netns, to}] = since_ns;
    return entry.error();
  });
  return fields.error();
}

}  // namespace synfate::wire
