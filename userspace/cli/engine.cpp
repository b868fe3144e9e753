// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/engine.hpp"

#include <cstdio>

#include "base/text.hpp"
#include "judge/judge.hpp"
#include "wire/decode.hpp"

namespace synfate::cli {
namespace {

/// Attempts whose last answer is remembered, to number revisions; a revision comes within minutes or never.
constexpr std::size_t kMaxRemembered = 16384;

constexpr std::uint16_t kLastCalibrationPort = 13;

/// An attempt that is older than all of these is not judged any more.
constexpr std::size_t kMaxPauses = 64;

/// Two synfates at once see each other calibrate: a SYN to the lowest ports of loopback, in a namespace of its own.
bool is_anothers_calibration(const model::Journey& journey) {
  if (journey.client.comm != kCalibrationComm || journey.faces.empty()) return false;
  const model::Endpoint& to = journey.faces.front().dst;
  return to.address == *model::parse_ip("127.0.0.1") && to.port <= kLastCalibrationPort;
}

/// Which rule the verdict names; empty when it names none.
std::string named_rule(const model::Verdict& verdict) {
  if (!verdict.where.rule) return "";
  const model::RuleRef& rule = *verdict.where.rule;
  if (!rule.number && !rule.handle && rule.policy != true) return "";
  return rule.backend + ' ' + rule.family + ' ' + rule.table + ' ' + rule.chain + ' ' + std::to_string(rule.number.value_or(0)) + ' ' +
         std::to_string(rule.handle.value_or(0));
}

}  // namespace

std::string to_text(const NftSites& sites) {
  char text[96];
  std::snprintf(text, sizeof text, "rule 0x%llx policy 0x%llx netns %u", static_cast<unsigned long long>(sites.rule),
                static_cast<unsigned long long>(sites.policy), sites.calibration_netns);
  return text;
}

std::optional<NftSites> parse_nft_sites(std::string_view text) {
  const std::string terminated(text.substr(0, 128));
  unsigned long long rule = 0;
  unsigned long long policy = 0;
  NftSites sites;
  if (std::sscanf(terminated.c_str(), "rule 0x%llx policy 0x%llx netns %u", &rule, &policy, &sites.calibration_netns) != 3)
    return std::nullopt;
  sites.rule = rule;
  sites.policy = policy;
  return sites;
}

std::string to_text(const judge::Pause& pause) {
  return "from " + std::to_string(pause.from_ns) + " until " + std::to_string(pause.until_ns);
}

std::optional<judge::Pause> parse_pause(std::string_view text) {
  const std::string terminated(text.substr(0, 128));
  unsigned long long from = 0;
  unsigned long long until = 0;
  if (std::sscanf(terminated.c_str(), "from %llu until %llu", &from, &until) != 2 || until < from) return std::nullopt;
  return judge::Pause{from, until};
}

Engine::Engine(render::Sink& sink, wire::KernelNames names, EngineOptions options)
    : sink_(sink), names_(std::move(names)), options_(std::move(options)) {}

bool Engine::feed(std::span<const std::byte> record) {
  auto decoded = wire::decode(record, names_);
  if (!decoded) {
    if (undecodable_++ == 0) broken_ |= !sink_.notice({model::NoticeLevel::Warning, "undecodable", to_string(decoded.error())});
    return true;
  }
  const auto of_calibration = [&](model::NetnsId netns, MonotonicNs time_ns) {
    return netns != 0 && netns == calibration_netns_ && (calibration_end_ns_ == 0 || time_ns <= calibration_end_ns_);
  };
  if (const auto* flight = std::get_if<model::FlightRecord>(&*decoded);
      flight != nullptr && of_calibration(flight->origin_netns, flight->first_ns)) {
    return false;
  }
  if (const auto* event = std::get_if<model::StreamedEvent>(&*decoded)) {
    if (of_calibration(event->event.place.netns, event->event.time_ns)) return false;
    const auto* drop = event->event.get<model::Drop>();
    if (drop != nullptr && drop->symbol.function == "nft_do_chain") wants_calibration_ = true;
  }
  tracker_.add(*decoded);
  return true;
}

void Engine::pause(const judge::Pause& pause) {
  if (pauses_.size() >= kMaxPauses) pauses_.erase(pauses_.begin());
  pauses_.push_back(pause);
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.1f", static_cast<double>(pause.until_ns - pause.from_ns) / 1e9);
  print(model::Notice{model::NoticeLevel::Warning, "paused",
                      std::string("synfate itself did not run for ") + seconds +
                          " s (it was stopped, or got no CPU): the attempts of that time are judged now, by what the machine is like now"});
}

void Engine::advance(MonotonicNs now) {
  tick(now);
  tracker_.take_due(now, [&](const model::Journey& journey) { consider(journey, now, false); });
}

void Engine::finish(MonotonicNs now) {
  tick(now);
  tracker_.finish([&](const model::Journey& journey) { consider(journey, now, true); });
}

bool Engine::Printed::is_news_after(const Printed& before) const {
  return (gave_up && !before.gave_up) || (client_known && !before.client_known) || fate != before.fate || cause != before.cause ||
         packet != before.packet || netns != before.netns || stage != before.stage || (!rule.empty() && rule != before.rule) ||
         (before.confidence == model::Confidence::Partial && confidence != before.confidence);
}

void Engine::consider(const model::Journey& journey, MonotonicNs now, bool last) {
  if (broken_ || !judge::concerns_this_node(journey) || is_anothers_calibration(journey)) return;
  if (before_judge_) before_judge_(journey);
  const model::Journey known = with_sites(journey);
  model::Verdict verdict = judge::judge(known, inventory_, {.now_ns = now, .tier = options_.tier, .pauses = pauses_});
  Printed answer{verdict.fate,
                 verdict.cause,
                 verdict.packet,
                 verdict.where.netns,
                 verdict.where.stage,
                 named_rule(verdict),
                 0,
                 verdict.confidence,
                 judge::tells_of_giving_up(known, verdict),
                 known.local_client,
                 journey.counted_established};
  Printed& before = printed_[journey.id];
  const bool was_printed = before.revision != 0;
  const unsigned revision = before.revision;
  answer.unprinted = before.unprinted;
  const bool changed = answer.is_news_after(before) || answer.unprinted;
  if (answer.rule.empty()) answer.rule = before.rule;
  if (answer.counted && !before.counted) ++counted_twice_;
  before = answer;
  before.revision = revision;
  if (printed_.size() > kMaxRemembered) {
    ++settled_fates_[printed_.begin()->second.fate];
    printed_.erase(printed_.begin());
  }
  if (enough_ || (was_printed && !changed)) return;
  if (verdict.fate == model::Fate::Unfinished && (!last || was_printed)) return;
  if (verdict.fate == model::Fate::Established && !was_printed && !options_.print_all) return;
  const model::Attempt row = make_row(known, std::move(verdict), revision + 1);
  if (admits_ && !admits_(row)) {
    printed_.erase(journey.id);
    return;
  }
  Printed& printed = printed_[journey.id];
  if (has_room_ && !has_room_()) {
    if (!printed.unprinted) ++unprinted_;
    printed.unprinted = true;
    return;
  }
  if (printed.unprinted) --unprinted_;
  printed.unprinted = false;
  printed.revision = revision + 1;
  broken_ |= !sink_.attempt(row);
  if (!was_printed) ++rows_;
  enough_ = options_.count && rows_ >= *options_.count;
}

model::Journey Engine::with_sites(const model::Journey& journey) const {
  model::Journey known = journey;
  if (sites_.rule == 0) return known;
  for (model::Event& event : known.events) {
    auto* drop = std::get_if<model::Drop>(&event.what);
    if (drop == nullptr) continue;
    if (drop->symbol.address == sites_.rule) drop->nft_site = model::Drop::Site::Rule;
    if (drop->symbol.address == sites_.policy) drop->nft_site = model::Drop::Site::Policy;
  }
  return known;
}

model::Attempt Engine::make_row(const model::Journey& journey, model::Verdict verdict, unsigned revision) const {
  model::Attempt row;
  row.id = journey.id;
  row.revision = revision;
  row.client = judge::client_party(journey, inventory_);
  row.server = judge::server_party(journey, inventory_);
  row.gives_up_after_s = judge::gives_up_after_s(journey, inventory_);
  const auto name = [&](model::NetnsId netns) {
    if (netns != 0) row.netns_names.emplace(netns, inventory_.label(netns));
  };
  name(journey.origin_netns);
  name(verdict.where.netns);
  for (const model::Event& event : journey.events) name(event.place.netns);
  row.journey = journey;
  row.verdict = std::move(verdict);
  return row;
}

bool Engine::print(const model::Notice& notice) {
  broken_ |= !sink_.notice(notice);
  return !broken_;
}

bool Engine::print(const model::Summary& summary) {
  broken_ |= !sink_.summary(summary);
  return !broken_;
}

std::map<model::Fate, std::uint64_t> Engine::fates() const {
  auto fates = settled_fates_;
  for (const auto& [id, answer] : printed_) ++fates[answer.fate];
  return fates;
}

}  // namespace synfate::cli
