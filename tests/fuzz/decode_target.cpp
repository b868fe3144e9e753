// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Target "decode": one raw ring-buffer record.
#include <variant>

#include "targets.hpp"
#include "unit/wire/records.hpp"
#include "wire/decode.hpp"

namespace synfate::fuzz {
namespace {

void check_event(const model::Event& event) {
  require(event.place.device.size() <= WIRE_DEVICE_LEN, "a device name is bounded");
  const auto family = event.flow.family();
  require(family == 0 || family == 4 || family == 6, "a family is 4, 6 or none");
  if (const auto* drop = event.get<model::Drop>()) {
    require(drop->symbol.function.size() < WIRE_SYMBOL_LEN, "a function name is bounded");
    require(drop->symbol.module.empty() || !drop->symbol.function.empty(), "a module comes with a function");
  }
}

}  // namespace

void run_decode(std::span<const std::byte> input) {
  static const wire::KernelNames kNames{{{8, "NETFILTER_DROP"}}, "6.18.0"};
  const auto decoded = wire::decode(input, kNames);
  if (!decoded) {
    require(decoded.error().kind == ErrorKind::BadData && !decoded.error().why.empty(), "a refusal says why");
    return;
  }
  if (const auto* flight = std::get_if<wire::FlightRecord>(&*decoded)) {
    require(flight->attempt != 0, "an attempt has an id");
    require(!flight->faces.empty() && flight->faces.size() <= WIRE_MAX_FACES, "faces are counted");
    require(flight->hops.size() + flight->foreign_hops <= WIRE_MAX_HOPS, "hops are counted");
    require(flight->client.comm.size() <= WIRE_COMM_LEN, "a command name is bounded");
    for (const model::Event& hop : flight->hops) check_event(hop);
  } else if (const auto* streamed = std::get_if<wire::StreamedEvent>(&*decoded)) {
    check_event(streamed->event);
  }
}

std::vector<Bytes> decode_seeds() { return test::one_of_each(); }

}  // namespace synfate::fuzz
