// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The answer about one attempt, as it is printed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/crowd.hpp"
#include "model/inventory.hpp"
#include "model/journey.hpp"

namespace synfate::model {

enum class Fate : std::uint8_t { Established, Dropped, Refused, Unanswered, ClosedEarly, Parked, Vanished, Unfinished };
enum class Stage : std::uint8_t {
  None,
  LocalOut,
  Xdp,
  TcIngress,
  Bridge,
  Prerouting,
  RouteIn,
  Input,
  Forward,
  Output,
  Postrouting,
  Neighbour,
  TcEgress,
  Qdisc,
  Device,
  Socket,
  Beyond,
};
enum class Confidence : std::uint8_t { Exact, Strong, Partial };

std::string_view to_string(Fate fate);
std::string_view to_string(Stage stage);  ///< "" for None
std::string_view to_string(Confidence confidence);
std::string_view to_string(Leg leg);  ///< "syn", "synack", "ack", "rst", "icmp"; "" for None

/// What is known of the rule that decided; parts that are not known are empty.
struct RuleRef {
  std::string backend;  ///< "nft", "iptables-nft", "iptables-legacy"
  std::string family;   ///< "ip", "ip6", "inet", "bridge", "netdev"
  std::string table;
  std::string chain;
  std::optional<std::uint32_t> number;
  std::optional<std::uint64_t> handle;
  std::optional<bool> policy;  ///< none: not known whether a rule or the chain's policy
  std::string element;
  std::string text;
  std::string comment;
  std::string how;
  std::string via;  ///< the map element that led to the chain, where one did
};

struct Where {
  NetnsId netns = 0;
  std::string node;
  std::string pod;
  std::string device;
  Stage stage = Stage::None;
  std::string function;
  std::string module;
  std::string reason;
  std::optional<RuleRef> rule;
  std::string rule_gap;  ///< why the rule is not (fully) named; empty when there is nothing to name
};

/// What a rule stands for in the words of the engine that wrote it.
struct Means {
  std::string kind;
  std::string engine;
  std::string namespace_name;
  std::string name;
  std::string text;
};

struct Verdict {
  Fate fate = Fate::Unfinished;
  std::string cause;    ///< a name of judge/causes, "" while undecided
  std::string summary;  ///< a few words after the fate: "by a rule", "no route to 10.9.9.9"
  Leg packet = Leg::None;
  Where where;
  std::optional<Means> means;
  Confidence confidence = Confidence::Partial;
  std::vector<std::string> evidence;
  std::vector<std::string> notes;  ///< not part of the cause: SYN cookies, a duplicate that was answered
  std::string next;
};

/// One end of the attempt, named as far as the inventory can.
struct Party {
  NetnsId netns = 0;  ///< 0: not on this node, or not seen
  std::string netns_name;
  std::string node;
  std::string pod;
  std::string container;
  std::string service;
  Process process;
};

/// One printed row.
struct Attempt {
  std::uint64_t id = 0;
  unsigned revision = 1;
  Journey journey;
  Verdict verdict;
  Party client;
  Party server;
  std::optional<unsigned> gives_up_after_s;
  std::map<NetnsId, std::string> netns_names;  ///< labels of every namespace on the path
};

/// Attempts that are like one that was printed, and were counted instead of printed.
struct Folded {
  Attempt like;  ///< without its path and evidence
  std::uint64_t attempts = 0;
  std::uint64_t sources = 0;  ///< addresses
  std::uint64_t destinations = 0;
  bool at_least = false;  ///< there may be more sources and destinations than that
  MonotonicNs first_ns = 0;
  MonotonicNs last_ns = 0;
};

enum class NoticeLevel : std::uint8_t { Info, Warning };

struct Notice {
  NoticeLevel level = NoticeLevel::Info;
  std::string code;
  std::string text;
};

struct Summary {
  std::map<Fate, std::uint64_t> attempts;
  std::uint64_t events_seen = 0;
  std::uint64_t events_lost = 0;
  std::string tier;
  std::string hops;  ///< where packets were seen: "all devices", "tcx: 8 devices of 3 network namespaces"; empty: not known
  std::vector<Gap> gaps;
  DurationNs duration_ns = 0;
  std::uint64_t folded = 0;   ///< of the attempts, those that were not printed one by one
  std::uint64_t crowded = 0;  ///< SYNs that are in none of the attempts: counted only
  std::vector<Crowd> crowds;  ///< where they went, as far as it is known
};

}  // namespace synfate::model
