// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// From raw records to printed rows: decode, track, judge, print. The same for a live session and for a replay; it is given everything,
// the time included, and touches nothing but its sink.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "base/time.hpp"
#include "judge/judge.hpp"
#include "model/verdict.hpp"
#include "render/sink.hpp"
#include "track/tracker.hpp"
#include "wire/kernel_names.hpp"

namespace synfate::cli {

/// The two places from which nft_do_chain() frees a packet, told apart by a calibration; 0: not known.
struct NftSites {
  std::uint64_t rule = 0;
  std::uint64_t policy = 0;
  model::NetnsId calibration_netns = 0;  ///< its drops are the calibration's own
};

/// As the text of a notice in a recording, and back.
std::string to_text(const NftSites& sites);
std::optional<NftSites> parse_nft_sites(std::string_view text);
inline constexpr std::string_view kNftSitesCode = "nft_sites";
/// A notice in a recording: the session judged what was due at this time. A replay judges then and not before, so that it knows what the
/// session knew: the losses that are found only after a burst was read, a calibration that came meanwhile.
inline constexpr std::string_view kJudgedCode = "judged";
/// A notice in a recording: the session did not run, from when until when.
inline constexpr std::string_view kPausedCode = "paused";
std::string to_text(const judge::Pause& pause);
std::optional<judge::Pause> parse_pause(std::string_view text);
/// The name of the process that calibrates. Another synfate's is seen like any other process; its attempts deserve no row.
inline constexpr char kCalibrationComm[] = "synfate-calib";

struct EngineOptions {
  bool print_all = false;  ///< established attempts as well
  std::optional<std::uint64_t> count;
  std::string tier = "1";
};

class Engine {
 public:
  /// The sink outlives the engine.
  Engine(render::Sink& sink, wire::KernelNames names, EngineOptions options);

  /// One raw record. Undecodable ones are counted, and said once. False for a record of the calibration's own, which tells nothing about
  /// the machine and belongs in no recording.
  bool feed(std::span<const std::byte> record);
  void set_inventory(model::Inventory inventory) { inventory_ = std::move(inventory); }
  const model::Inventory& inventory() const { return inventory_; }
  /// Asked before each judgement to bring the inventory up to date for these namespaces; a replay has none.
  void set_before_judge(std::function<void(const model::Journey&)> hook) { before_judge_ = std::move(hook); }
  /// Rows that it refuses are not printed.
  void set_admission(std::function<bool(const model::Attempt&)> admits) { admits_ = std::move(admits); }
  /// Rows that were printed without them are looked at again.
  void set_nft_sites(const NftSites& sites, MonotonicNs now) {
    sites_ = sites;
    tracker_.reconsider(now);
  }
  const NftSites& nft_sites() const { return sites_; }
  /// A drop in nft_do_chain() was seen and its sites are not known.
  bool wants_calibration() const { return wants_calibration_ && sites_.rule == 0; }
  /// Attempts in the calibration's own namespace are none of the machine's.
  void ignore_netns(model::NetnsId netns) {
    calibration_netns_ = netns;
    calibration_end_ns_ = 0;
  }
  /// It is gone: who gets its number from now on is somebody else.
  void stop_ignoring(MonotonicNs now) { calibration_end_ns_ = now; }

  void lose(unsigned events) { tracker_.lose(events); }
  /// The session did not run meanwhile: says so, and what is judged of that time was read late.
  void pause(const judge::Pause& pause);
  /// Asked before each row: without room it is not printed now, and counted.
  void set_room(std::function<bool()> has_room) { has_room_ = std::move(has_room); }
  /// Attempts whose last answer found no room.
  std::uint64_t unprinted() const { return unprinted_; }
  std::optional<MonotonicNs> next_due() const { return tracker_.next_due(); }
  void advance(MonotonicNs now);
  /// It is `now`: what the sink holds back may be due.
  void tick(MonotonicNs now) { broken_ |= !sink_.tick(now); }
  /// Judges what is still open, as interrupted.
  void finish(MonotonicNs now);

  /// Nothing more will be printed: enough rows, or nobody reads.
  bool is_done() const { return broken_ || enough_; }
  bool is_broken() const { return broken_; }
  bool print(const model::Notice& notice);
  bool print(const model::Summary& summary);
  /// By the last fate of each attempt; established ones that never left the kernel are not in it.
  std::map<model::Fate, std::uint64_t> fates() const;
  /// Attempts that are in fates() and that the kernel side has counted as established too.
  std::uint64_t counted_twice() const { return counted_twice_; }
  std::uint64_t forgotten() const { return tracker_.forgotten(); }
  std::uint64_t undecodable() const { return undecodable_; }

 private:
  struct Printed {
    model::Fate fate = model::Fate::Unfinished;
    std::string cause;
    model::Leg packet = model::Leg::None;
    model::NetnsId netns = 0;
    model::Stage stage = model::Stage::None;
    std::string rule;       ///< empty: not named
    unsigned revision = 0;  ///< 0: judged, not printed
    model::Confidence confidence = model::Confidence::Partial;
    bool gave_up = false;  ///< the application did
    bool client_known = false;
    bool counted = false;    ///< among counted_twice_
    bool unprinted = false;  ///< and among unprinted_

    /// A rule that is no longer named is no news: it is the one that was printed. That an answer is less sure than it was is none either.
    bool is_news_after(const Printed& before) const;
  };

  void consider(const model::Journey& journey, MonotonicNs now, bool last);
  model::Journey with_sites(const model::Journey& journey) const;
  model::Attempt make_row(const model::Journey& journey, model::Verdict verdict, unsigned revision) const;

  render::Sink& sink_;
  wire::KernelNames names_;
  EngineOptions options_;
  track::Tracker tracker_;
  model::Inventory inventory_;
  NftSites sites_;
  std::function<void(const model::Journey&)> before_judge_;
  model::NetnsId calibration_netns_ = 0;
  MonotonicNs calibration_end_ns_ = 0;                  ///< 0: it goes on
  std::map<std::uint64_t, Printed> printed_;            ///< by attempt id; bounded
  std::map<model::Fate, std::uint64_t> settled_fates_;  ///< of attempts that are no longer in printed_
  std::uint64_t rows_ = 0;
  std::uint64_t undecodable_ = 0;
  std::uint64_t counted_twice_ = 0;
  std::uint64_t unprinted_ = 0;
  std::vector<judge::Pause> pauses_;  ///< the last ones
  std::function<bool()> has_room_;
  bool wants_calibration_ = false;
  bool broken_ = false;
  std::function<bool(const model::Attempt&)> admits_;
  bool enough_ = false;
};

}  // namespace synfate::cli
