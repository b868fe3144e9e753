// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/replay.hpp"

#include <signal.h>

#include <algorithm>
#include <cstring>

#include "cli/engine.hpp"
#include "cli/exit_status.hpp"
#include "cli/output.hpp"
#include "cli/untold.hpp"
#include "wire/recording_file.hpp"

namespace synfate::cli {
namespace {

/// Of a raw record, without believing more of it than that it has a header.
MonotonicNs time_of(const std::vector<std::byte>& record) {
  wire_header header{};
  if (record.size() < sizeof header) return 0;
  std::memcpy(&header, record.data(), sizeof header);
  return header.ts_ns;
}

/// What the chunks said besides records.
struct Totals {
  wire::Counters counters{};
  std::uint64_t lost = 0;
  MonotonicNs last_ns = 0;
  bool ended = false;
};

void apply(wire::Chunk& chunk, Engine& engine, Totals& totals) {
  // A record is stamped before others that were written earlier: time never goes back.
  const auto reach = [&](MonotonicNs now) { totals.last_ns = std::max(totals.last_ns, now); };
  if (auto* record = std::get_if<wire::RawRecord>(&chunk)) {
    reach(time_of(record->bytes));
    engine.feed(record->bytes);
  } else if (auto* snapshot = std::get_if<wire::InventorySnapshot>(&chunk)) {
    // Read for the judgement that follows.
    engine.set_inventory(std::move(snapshot->inventory));
    reach(snapshot->time_ns);
  } else if (const auto* notice = std::get_if<wire::RecordedNotice>(&chunk)) {
    reach(notice->time_ns);
    const auto sites = notice->notice.code == kNftSitesCode ? parse_nft_sites(notice->notice.text) : std::nullopt;
    const auto pause = notice->notice.code == kPausedCode ? parse_pause(notice->notice.text) : std::nullopt;
    if (notice->notice.code == kJudgedCode) {
      engine.advance(totals.last_ns);
    } else if (sites) {
      engine.set_nft_sites(*sites, notice->time_ns);
    } else if (pause) {
      engine.pause(*pause);
    } else {
      engine.print(notice->notice);
    }
  } else if (const auto* lost = std::get_if<wire::LostCounters>(&chunk)) {
    const std::uint64_t now_lost = lost->counters[WIRE_COUNT_RING_FULL];
    if (now_lost > totals.lost) engine.lose(static_cast<unsigned>(std::min<std::uint64_t>(now_lost - totals.lost, 1U << 20)));
    totals.lost = std::max(totals.lost, now_lost);
    totals.counters = lost->counters;
    reach(lost->time_ns);
  } else if (const auto* end = std::get_if<wire::RecordingEnd>(&chunk)) {
    totals.counters = end->counters;
    totals.lost = std::max(totals.lost, end->counters[WIRE_COUNT_RING_FULL]);
    totals.ended = true;
    reach(end->time_ns);
  }
}

}  // namespace

int replay(const Options& options) {
  ::signal(SIGPIPE, SIG_IGN);
  auto reader = wire::open_recording(options.file);
  if (!reader) {
    complain(reader.error());
    // Not a recording, or not there: what was typed is wrong. A recording of a newer version is fine, this synfate is not.
    return reader.error().kind == ErrorKind::Unsupported ? kCannotRun : kUsage;
  }
  const wire::RecordingHeader header = reader->header();
  const bool ran_a_command = !header.options.empty() && header.options.front() != "trace";
  const auto sink = ran_a_command ? make_sink(options, header.clock) : make_folding_sink(options, header.clock);
  const bool all = options.all || ran_a_command || std::find(header.options.begin(), header.options.end(), "--all") != header.options.end();
  Engine engine(*sink, header.kernel, {.print_all = all, .count = std::nullopt, .tier = header.tier});
  Totals totals;
  totals.last_ns = header.started_ns;
  bool whole = true;
  while (!engine.is_done()) {
    auto chunk = reader->next();
    if (!chunk) {
      whole = false;
      engine.print(model::Notice{model::NoticeLevel::Warning, "recording_damaged", to_string(chunk.error())});
      break;
    }
    if (!*chunk) break;
    apply(**chunk, engine, totals);
  }
  if (whole && !totals.ended && !engine.is_broken()) {
    whole = false;
    engine.print(model::Notice{model::NoticeLevel::Warning, "recording_unfinished",
                               "the recording was not finished: synfate was killed while it was made, or the disk was full"});
  }
  // As the session did at its end: what is due is judged before the rest is called unfinished.
  engine.advance(totals.last_ns);
  engine.finish(totals.last_ns);
  model::Summary summary;
  summary.attempts = engine.fates();
  summary.attempts[model::Fate::Established] +=
      totals.counters[WIRE_COUNT_ESTABLISHED] - std::min(totals.counters[WIRE_COUNT_ESTABLISHED], engine.counted_twice());
  if (summary.attempts[model::Fate::Established] == 0) summary.attempts.erase(model::Fate::Established);
  summary.events_seen = totals.counters[WIRE_COUNT_EVENTS];
  summary.events_lost = totals.lost;
  summary.tier = header.tier;
  summary.gaps = header.gaps;
  for (const model::Gap& gap : engine.inventory().gaps) summary.gaps.push_back(gap);
  if (auto untold = untold_gap(totals.counters, header.wire_version)) summary.gaps.push_back(*std::move(untold));
  summary.crowded = totals.counters[WIRE_COUNT_CROWDED];
  if (auto crowded = crowded_gap(summary)) summary.gaps.push_back(*std::move(crowded));
  summary.duration_ns = totals.last_ns - std::min(header.started_ns, totals.last_ns);
  engine.print(summary);
  return whole && totals.lost == 0 && summary.crowded == 0 && (header.wire_version <= 6 || totals.counters[WIRE_COUNT_UNTOLD] == 0) &&
                 engine.undecodable() == 0
             ? kDone
             : kEvidenceLost;
}

}  // namespace synfate::cli
