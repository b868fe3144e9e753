// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Devices in the order of first sight, folded when there are too many.
#include "render/path_line.hpp"

#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "render/labels.hpp"

namespace synfate::render {
namespace {

/// A healthy leg through two node containers and the host's bridge has about ten devices; a forwarding loop can have hundreds.
constexpr std::size_t kShownDevices = 16;

std::vector<const model::Place*> devices_of(const model::Journey& journey, model::Leg leg) {
  std::vector<const model::Place*> devices;
  std::set<std::tuple<model::NetnsId, std::uint32_t, std::string_view>> seen;
  for (const model::Event& event : journey.events) {
    if (event.leg != leg || event.get<model::Hop>() == nullptr) continue;
    const model::Place& place = event.place;
    // Without an index only the name tells devices apart; with one, a renamed device stays the same.
    if (seen.emplace(place.netns, place.ifindex, place.ifindex == 0 ? std::string_view(place.device) : "").second)
      devices.push_back(&place);
  }
  return devices;
}

std::string_view mark_of(model::Fate fate) {
  switch (fate) {
    case model::Fate::Established: return "✓";
    case model::Fate::Dropped:
    case model::Fate::Refused:
    case model::Fate::ClosedEarly: return "✗";
    case model::Fate::Unanswered:
    case model::Fate::Parked:
    case model::Fate::Vanished: return "?";
    case model::Fate::Unfinished: return "…";
  }
  return "?";
}

class PathBuilder {
 public:
  explicit PathBuilder(const model::Attempt& attempt) : attempt_(attempt) {}

  void device(const model::Place& place) {
    const std::string name =
        place.device.empty() ? (place.ifindex == 0 ? "?" : "if" + std::to_string(place.ifindex)) : clean(place.device, 64);
    step(name, place.netns);
  }

  void folded(std::size_t count) {
    step("(" + std::to_string(count) + " more devices)", 0);
    netns_ = 0;
  }

  void end() {
    const model::Verdict& verdict = attempt_.verdict;
    const model::Stage stage = verdict.where.stage;
    if (stage == model::Stage::Beyond) {
      step("beyond this node", 0);
    } else if (stage != model::Stage::None) {
      step(std::string(model::to_string(stage)), verdict.where.netns);
    }
    phrase_.glue(mark_of(verdict.fate));
  }

  bool empty() const { return phrase_.empty(); }
  Phrase take() { return std::move(phrase_); }

 private:
  void step(std::string text, model::NetnsId netns) {
    if (netns != 0 && netns != netns_) {
      text += "@" + netns_label(attempt_, netns);
      netns_ = netns;
    }
    if (phrase_.empty()) {
      phrase_.words(text);
    } else {
      phrase_.glued("─", text);
    }
  }

  const model::Attempt& attempt_;
  Phrase phrase_;
  model::NetnsId netns_ = 0;
};

}  // namespace

Phrase path_phrase(const model::Attempt& attempt, model::Leg leg, bool verbose) {
  const auto devices = devices_of(attempt.journey, leg);
  const std::size_t hidden = verbose || devices.size() <= kShownDevices ? 0 : devices.size() - kShownDevices;
  const std::size_t first_hidden = kShownDevices / 2;
  PathBuilder path(attempt);
  for (std::size_t i = 0; i < devices.size(); ++i) {
    if (hidden != 0 && i == first_hidden) {
      path.folded(hidden);
      i += hidden;
    }
    path.device(*devices[i]);
  }
  const model::Leg died = attempt.verdict.packet == model::Leg::None ? model::Leg::Syn : attempt.verdict.packet;
  const bool has_end = attempt.verdict.where.stage != model::Stage::None;
  if (leg == died && (has_end || !path.empty())) path.end();
  return path.take();
}

}  // namespace synfate::render
