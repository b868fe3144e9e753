// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Target "recording": a whole recording file, its records decoded, its inventories written and read again.
#include "targets.hpp"
#include "unit/wire/recordings.hpp"
#include "wire/decode.hpp"
#include "wire/inventory_json.hpp"

namespace synfate::fuzz {
namespace {

void check_inventory(const wire::InventorySnapshot& snapshot) {
  const std::string text = wire::inventory_to_json(snapshot.time_ns, snapshot.inventory);
  const auto again = wire::inventory_from_json(text);
  require(static_cast<bool>(again), "what was read can be written and read again");
  require(wire::inventory_to_json(again->time_ns, again->inventory) == text, "and is the same then");
}

}  // namespace

void run_recording(std::span<const std::byte> input) {
  auto reader = wire::RecordingReader::open(wire::memory_source(input));
  if (!reader) {
    require(!reader.error().why.empty(), "a refusal says why");
    return;
  }
  auto chunk = reader->next();
  for (; chunk && *chunk; chunk = reader->next()) {
    require(reader->position_bytes() <= input.size(), "no chunk is behind the end");
    if (const auto* record = std::get_if<wire::RawRecord>(&**chunk)) {
      require(record->bytes.size() <= wire::kMaxRecordBytes, "a record is bounded");
      run_decode(record->bytes);
    } else if (const auto* snapshot = std::get_if<wire::InventorySnapshot>(&**chunk)) {
      check_inventory(*snapshot);
    }
  }
  require(reader->stop() != wire::ReadStop::None, "a reader that gives no more says why");
  const bool good = reader->stop() == wire::ReadStop::Ended || reader->stop() == wire::ReadStop::Unended;
  require(good == static_cast<bool>(chunk), "an error and a bad stop go together");
  require(good ? reader->position_bytes() == input.size() : !reader->next(), "good files are read to the end, bad ones no further");
}

std::vector<Bytes> recording_seeds() {
  std::vector<Bytes> seeds{test::recording()};
  seeds.push_back({seeds[0].begin(), seeds[0].begin() + static_cast<std::ptrdiff_t>(seeds[0].size() / 2)});
  seeds.push_back(test::recording_with_header(R"({"format_version":1,"wire_version":1})"));
  seeds.push_back(test::recording_with_header(R"({"format_version":2,"wire_version":1})"));
  return seeds;
}

}  // namespace synfate::fuzz
