// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/name_lookup.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace synfate::inventory {
namespace {

using Kind = machine::NameReply::Kind;

/// Silence in all: longer than an incident leaves anybody to wait.
constexpr DurationNs kMaxSilence = 20 * kSecond;
constexpr std::size_t kMaxNameBytes = 253;

/// What the servers together say of one name.
enum class Outcome { Found, NextName, GiveUp };

class Search {
 public:
  Search(const ResolverSettings& settings, const AskServer& ask) : settings_(settings), ask_(ask) {}

  Outcome ask_all(const std::string& name, NameLookup& lookup) {
    bool failed = false;
    for (unsigned round = 0; round < settings_.attempts; ++round) {
      bool silent = false;
      for (const std::string& server : settings_.servers) {
        if (silence_ >= kMaxSilence) {
          lookup.out_of_time = true;
          return Outcome::GiveUp;
        }
        const Kind kind = ask_one(server, name, lookup);
        if (kind == Kind::Addresses) return Outcome::Found;
        if (kind == Kind::NoSuchName || kind == Kind::NoAddress) return Outcome::NextName;
        failed |= kind == Kind::Failed;
        silent |= kind == Kind::Silent;
      }
      // Asking again gets the same refusal; only silence may have been a lost packet.
      if (!silent) break;
    }
    return failed ? Outcome::NextName : Outcome::GiveUp;
  }

 private:
  Kind ask_one(const std::string& server, const std::string& name, NameLookup& lookup) {
    NameStep step{server, name, Kind::Unusable, {}};
    const auto reply = ask_({server, name, settings_.timeout});
    if (reply) {
      step.kind = reply->kind;
      step.words = reply->words;
      for (const std::string& text : reply->addresses) {
        if (const auto address = model::parse_ip(text)) lookup.addresses.push_back(*address);
      }
      if (step.kind == Kind::Addresses && lookup.addresses.empty()) step.kind = Kind::NoAddress;
    } else {
      step.words = reply.error().why;
    }
    if (step.kind == Kind::Silent) silence_ += settings_.timeout;
    if (step.kind == Kind::Addresses) {
      lookup.name = name;
      lookup.server = server;
    }
    lookup.steps.push_back(std::move(step));
    return lookup.steps.back().kind;
  }

  const ResolverSettings& settings_;
  const AskServer& ask_;
  DurationNs silence_ = 0;
};

std::string kind_words(const NameStep& step) {
  switch (step.kind) {
    case Kind::Addresses: return "found";
    case Kind::NoSuchName: return "no such name (NXDOMAIN)";
    case Kind::NoAddress: return "a name without an address (NODATA)";
    case Kind::Failed: return "it failed (SERVFAIL)";
    case Kind::Refused: return "it refuses to answer (REFUSED)";
    case Kind::Silent: return "no answer";
    case Kind::Unreachable: return "it cannot be reached, or nobody listens on its port 53";
    case Kind::Unusable: return printable(step.words, 200);
  }
  return {};
}

}  // namespace

std::vector<std::string> names_to_ask(std::string_view name, const ResolverSettings& settings) {
  if (!name.empty() && name.back() == '.') return {std::string(name.substr(0, name.size() - 1))};
  const bool dotted = static_cast<std::size_t>(std::count(name.begin(), name.end(), '.')) >= settings.ndots;
  std::vector<std::string> names;
  if (dotted) names.emplace_back(name);
  for (const std::string& domain : settings.search) {
    std::string whole = std::string(name) + "." + domain;
    if (whole.back() == '.') whole.pop_back();
    if (whole.size() <= kMaxNameBytes) names.push_back(std::move(whole));
  }
  if (!dotted) names.emplace_back(name);
  return names;
}

NameLookup look_up(std::string_view name, std::string_view hosts, const ResolverSettings& settings, const AskServer& ask) {
  NameLookup lookup;
  lookup.addresses = addresses_in_hosts(hosts, name);
  if (!lookup.addresses.empty()) {
    lookup.name = name;
    return lookup;
  }
  Search search(settings, ask);
  for (const std::string& each : names_to_ask(name, settings)) {
    if (search.ask_all(each, lookup) != Outcome::NextName) break;
  }
  return lookup;
}

std::string answers_text(const NameLookup& lookup) {
  struct Group {
    std::string server;
    std::string words;
    std::vector<std::string> names;
    unsigned times = 0;
  };
  std::vector<Group> groups;
  for (const NameStep& step : lookup.steps) {
    const std::string words = kind_words(step);
    auto group =
        std::find_if(groups.begin(), groups.end(), [&](const Group& each) { return each.server == step.server && each.words == words; });
    if (group == groups.end()) group = groups.insert(groups.end(), {step.server, words, {}, 0});
    if (std::find(group->names.begin(), group->names.end(), step.name) == group->names.end()) group->names.push_back(step.name);
    ++group->times;
  }
  std::string text;
  for (const Group& group : groups) {
    text += (text.empty() ? "" : "; ") + group.server + " says of ";
    for (std::size_t i = 0; i < group.names.size(); ++i) text += (i == 0 ? "" : ", ") + printable(group.names[i], 260);
    text += ": " + group.words;
    if (group.times > group.names.size()) text += ", asked " + std::to_string(group.times) + " times";
  }
  if (lookup.out_of_time) text += "; not all was asked: that was enough silence";
  return text;
}

}  // namespace synfate::inventory
