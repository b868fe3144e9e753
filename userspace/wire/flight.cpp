// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wire/flight.hpp"

#include <algorithm>
#include <cstring>

#include "wire/layout.hpp"

namespace synfate::wire {
namespace {

constexpr std::size_t kFixedBytes = offsetof(wire_attempt, hops);
/// Far above what a TTL of 255 and a dozen retransmits can make: a count beyond it is garbage.
constexpr std::uint32_t kMostHops = 1U << 20;

/// Hops that were sent, of which the record's own count may be ahead: other CPUs append to it while it is being copied.
std::size_t hops_sent(std::span<const std::byte> bytes) { return (bytes.size() - kFixedBytes) / sizeof(wire_hop); }

Result<wire_attempt> read_attempt(std::span<const std::byte> bytes) {
  const std::string size = std::to_string(bytes.size());
  wire_attempt record{};
  if (bytes.size() < kFixedBytes || bytes.size() > sizeof record) {
    return bad_record("flight record of " + size + " bytes, expected " + std::to_string(kFixedBytes) + " to " +
                      std::to_string(sizeof record));
  }
  std::memcpy(&record, bytes.data(), bytes.size());
  if (record.header.size != bytes.size()) {
    return bad_record("flight record of " + size + " bytes says that it has " + std::to_string(record.header.size));
  }
  if (kFixedBytes + hops_sent(bytes) * sizeof(wire_hop) != bytes.size())
    return bad_record("flight record of " + size + " bytes ends inside a hop");
  if (record.hop_count > kMostHops) return bad_record("flight record says that it has " + std::to_string(record.hop_count) + " hops");
  if (record.face_count < 1 || record.face_count > WIRE_MAX_FACES) {
    return bad_record("flight record with " + std::to_string(record.face_count) + " faces, expected 1 to " +
                      std::to_string(WIRE_MAX_FACES));
  }
  if (record.id == 0) return bad_record("flight record of attempt 0");
  return record;
}

/// The kernel side sends room for all hops, used or not; other CPUs may have counted more than were written.
std::size_t hops_used(const wire_attempt& record, std::span<const std::byte> bytes) {
  return std::min<std::size_t>(record.hop_count, hops_sent(bytes));
}

bool goes_back_to_the_client(model::Leg leg) {
  return leg == model::Leg::SynAck || leg == model::Leg::Reset || leg == model::Leg::IcmpError;
}

Result<model::Event> to_event(const wire_hop& hop, const std::vector<model::Flow>& faces) {
  auto leg = to_leg(hop.leg);
  if (!leg) return std::move(leg).error();
  auto kind = to_hop_kind(hop.event);
  if (!kind) return std::move(kind).error();
  auto place = to_place(hop.place);
  if (!place) return std::move(place).error();
  if (hop.face > WIRE_MAX_FACES) return bad_record("hop with face " + std::to_string(hop.face));

  model::Hop what{*kind, 0, 0, hop.event == WIRE_PACKET_QUEUE};
  if (*leg == model::Leg::IcmpError) {
    what.icmp_type = static_cast<std::uint8_t>(hop.icmp >> 4);
    what.icmp_code = hop.icmp & 0x0f;
  }
  // A hop whose face did not fit, or was still being written on another CPU, keeps the only flow that is certain to be this attempt's.
  const model::Flow& face = hop.face < faces.size() ? faces[hop.face] : faces[0];
  model::Event event;
  event.time_ns = hop.ts_ns;
  event.leg = *leg;
  event.flow = goes_back_to_the_client(*leg) ? face.reversed() : face;
  event.place = std::move(*place);
  event.what = what;
  return event;
}

FlightRecord identity(const wire_attempt& record) {
  const auto flag = [&](std::uint32_t bit) { return (record.flags & bit) != 0; };
  FlightRecord flight;
  flight.attempt = record.id;
  flight.submitted_ns = record.header.ts_ns;
  flight.cpu = record.header.cpu;
  flight.first_ns = record.first_ns;
  flight.last_ns = record.last_ns;
  flight.last_skb = record.last_skb;
  flight.isn = record.isn;
  flight.server_isn = record.server_isn;
  flight.origin_netns = record.netns;
  if (flag(WIRE_ATTEMPT_OWNER)) flight.client = {record.tgid, record.tid, record.cgroup_id, field_text(record.comm)};
  flight.limits = {record.syn_retries, record.user_timeout_ms};
  flight.local_client = flag(WIRE_ATTEMPT_LOCAL_CLIENT);
  flight.client_established = flag(WIRE_ATTEMPT_CLIENT_ESTABLISHED);
  flight.server_established = flag(WIRE_ATTEMPT_SERVER_ESTABLISHED);
  flight.streamed = flag(WIRE_ATTEMPT_STREAMED);
  flight.passed = flag(WIRE_ATTEMPT_PASSED);
  flight.far_netns = record.far_netns;
  flight.far_ifindex = record.far_ifindex;
  flight.syns = record.syns;
  flight.synacks = record.synacks;
  return flight;
}

}  // namespace

Result<FlightRecord> decode_flight(std::span<const std::byte> bytes) {
  const auto read = read_attempt(bytes);
  if (!read) return read.error();
  const wire_attempt& record = *read;
  FlightRecord flight = identity(record);
  flight.hops_lost = std::max(record.hops_lost, record.hop_count - static_cast<std::uint32_t>(hops_used(record, bytes)));
  if (record.far_event != 0) {
    auto far = to_hop_kind(record.far_event);
    if (!far) return std::move(far).error();
    flight.far_event = *far;
  }
  for (const wire_flow& face : std::span(record.faces).first(record.face_count)) {
    auto flow = to_flow(face);
    if (!flow) return std::move(flow).error();
    flight.faces.push_back(*flow);
  }
  for (const wire_hop& hop : std::span(record.hops).first(hops_used(record, bytes))) {
    if (hop.tag != static_cast<std::uint32_t>(record.id)) {
      ++flight.foreign_hops;
      continue;
    }
    // Its place was taken, and it was not written yet when the record was copied.
    if (hop.event == 0) {
      ++flight.hops_lost;
      continue;
    }
    auto event = to_event(hop, flight.faces);
    if (!event) return std::move(event).error();
    flight.hops.push_back(std::move(*event));
  }
  // Hops know their faces by the order in which these were met; from here on the first is the client's own.
  if (const std::size_t asked = record.flags >> WIRE_ATTEMPT_ASKED_SHIFT & (WIRE_MAX_FACES - 1); asked < flight.faces.size()) {
    std::rotate(flight.faces.begin(), flight.faces.begin() + static_cast<std::ptrdiff_t>(asked),
                flight.faces.begin() + static_cast<std::ptrdiff_t>(asked) + 1);
  }
  return flight;
}

}  // namespace synfate::wire
