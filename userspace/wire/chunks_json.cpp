// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wire/chunks_json.hpp"

#include <bit>
#include <limits>

#include "base/text.hpp"
#include "wire/json.hpp"

namespace synfate::wire {
namespace {

constexpr std::string_view kByteOrder = std::endian::native == std::endian::little ? "little" : "big";

Error bad_chunk(std::string_view what, std::string why) {
  return {ErrorKind::BadData, "cannot read the " + std::string(what) + " of the recording", std::move(why), ""};
}

Error newer(std::string_view what, std::uint32_t theirs, std::uint32_t ours) {
  return {ErrorKind::Unsupported, "cannot replay this recording",
          "it has " + std::string(what) + " version " + std::to_string(theirs) + ", and this synfate reads up to version " +
              std::to_string(ours),
          "replay it with the synfate that recorded it, or a newer one"};
}

Json counters_json(const Counters& counters) {
  Json json = Json::object();
  for (std::size_t i = 0; i < counters.size(); ++i) {
    if (!counter_name(i).empty()) json[std::string(counter_name(i))] = counters[i];
  }
  return json;
}

void read_counters(JsonFields& outer, Counters& counters) {
  const Json* json = outer.object("counters");
  if (json == nullptr) return;
  JsonFields fields(*json, outer.where("counters"));
  for (std::size_t i = 0; i < counters.size(); ++i) {
    if (!counter_name(i).empty()) fields.read(std::string(counter_name(i)).c_str(), counters[i]);
  }
  if (!fields.error().empty()) outer.fail("counters", "a set of counters: " + fields.error());
}

/// Pairs, not an object: the keys are numbers.
Json reasons_json(const std::map<std::uint32_t, std::string>& reasons) {
  Json list = Json::array();
  for (const auto& [number, name] : reasons) {
    if (list.size() < kMaxListed) list.push_back(Json::array({number, text_json(name)}));
  }
  return list;
}

void read_reasons(JsonFields& fields, std::map<std::uint32_t, std::string>& reasons) {
  constexpr std::size_t kLongestName = 64;
  fields.list("drop_reasons", [&](const Json& pair, const std::string& at) {
    const bool is_pair = pair.is_array() && pair.size() == 2 && pair[0].is_number_unsigned();
    const auto name = is_pair ? text_of(pair[1]) : std::nullopt;
    const std::uint64_t number = is_pair ? pair[0].get_ref<const Json::number_unsigned_t&>() : 0;
    if (!name || name->size() > kLongestName || number > std::numeric_limits<std::uint32_t>::max()) {
      return at + " is not a pair of a number and a name";
    }
    reasons[static_cast<std::uint32_t>(number)] = *name;
    return std::string();
  });
}

/// Reads one chunk's object: parse, the fields by `read`, and the first error of either.
template <class T, class Read>
Result<T> read_object(std::string_view text, std::string_view what, Read read) {
  const auto json = parse_json(text, std::string(what) + " of the recording");
  if (!json) return json.error();
  T value;
  JsonFields fields(*json, "");
  read(fields, value);
  if (!fields.error().empty()) return bad_chunk(what, fields.error());
  return value;
}

Status check_versions(const Json& json) {
  std::uint32_t format = 0;
  std::uint32_t wire = 0;
  std::string byte_order = std::string(kByteOrder);
  JsonFields fields(json, "");
  fields.read("format_version", format);
  if (fields.error().empty() && format > kRecordingFormat) return newer("recording format", format, kRecordingFormat);
  fields.read("wire_version", wire);
  fields.read("byte_order", byte_order);
  if (!fields.error().empty()) return bad_chunk("header", fields.error());
  if (wire > WIRE_VERSION) return newer("wire", wire, WIRE_VERSION);
  if (format == 0 || wire == 0) return bad_chunk("header", "it does not say its versions");
  if (byte_order != kByteOrder) {
    return Error{ErrorKind::Unsupported, "cannot replay this recording",
                 "it was made on a machine with " + printable(byte_order, 16) + "-endian byte order", "replay it on such a machine"};
  }
  return Ok{};
}

}  // namespace

std::string_view counter_name(std::size_t counter) {
  switch (counter) {
    case WIRE_COUNT_EVENTS: return "events";
    case WIRE_COUNT_ATTEMPTS: return "attempts";
    case WIRE_COUNT_ESTABLISHED: return "established";
    case WIRE_COUNT_RING_FULL: return "ring_full";
    case WIRE_COUNT_TABLE_FULL: return "table_full";
    case WIRE_COUNT_UNTOLD: return "untold";
    case WIRE_COUNT_CROWDED: return "crowded";
    case WIRE_COUNT_EVICTED: return "evicted";
    case WIRE_COUNT_HOPS_LOST: return "hops_lost";
    case WIRE_COUNT_UNREADABLE: return "unreadable";
    case WIRE_COUNT_SUBMITTED: return "submitted";
    case WIRE_COUNT_SPARED: return "spared";
    default: return {};
  }
}

std::string header_to_json(const RecordingHeader& header) {
  const auto& [format, wire, tool, kernel, clock, started_ns, tier, gaps, options, pid_namespace, initial] = header;
  const auto& [reasons, release] = kernel;
  Json options_list = Json::array();
  for (const std::string& option : options) {
    if (options_list.size() < kMaxListed) options_list.push_back(text_json(option));
  }
  return dump({{"format_version", format},
               {"wire_version", wire},
               {"byte_order", kByteOrder},
               {"tool_version", text_json(tool)},
               {"kernel_release", text_json(release)},
               {"drop_reasons", reasons_json(reasons)},
               {"wall_clock_offset_ns", clock.offset_ns},
               {"started_ns", started_ns},
               {"tier", text_json(tier)},
               {"gaps", gaps_json(gaps)},
               {"options", std::move(options_list)},
               {"pid_namespace", pid_namespace},
               {"initial_pid_namespace", initial}});
}

Result<RecordingHeader> header_from_json(std::string_view text) {
  const auto json = parse_json(text, "header of the recording");
  if (!json) return json.error();
  if (Status known = check_versions(*json); !known) return known.error();
  RecordingHeader header;
  JsonFields fields(*json, "");
  fields.read("format_version", header.format_version);
  fields.read("wire_version", header.wire_version);
  fields.read("tool_version", header.tool_version);
  fields.read("kernel_release", header.kernel.kernel_release);
  read_reasons(fields, header.kernel.drop_reasons);
  fields.read("wall_clock_offset_ns", header.clock.offset_ns);
  fields.read("started_ns", header.started_ns);
  fields.read("tier", header.tier);
  fields.read("gaps", header.gaps);
  fields.read("options", header.options);
  fields.read("pid_namespace", header.pid_namespace);
  fields.read("initial_pid_namespace", header.initial_pid_namespace);
  if (!fields.error().empty()) return bad_chunk("header", fields.error());
  return header;
}

std::string notice_to_json(const RecordedNotice& recorded) {
  const auto& [time_ns, notice] = recorded;
  const auto& [level, code, text] = notice;
  return dump(
      {{"time_ns", time_ns}, {"warning", level == model::NoticeLevel::Warning}, {"code", text_json(code)}, {"text", text_json(text)}});
}

Result<RecordedNotice> notice_from_json(std::string_view text) {
  return read_object<RecordedNotice>(text, "notice", [](JsonFields& fields, RecordedNotice& recorded) {
    bool warning = false;
    fields.read("time_ns", recorded.time_ns);
    fields.read("warning", warning);
    fields.read("code", recorded.notice.code);
    fields.read("text", recorded.notice.text);
    recorded.notice.level = warning ? model::NoticeLevel::Warning : model::NoticeLevel::Info;
  });
}

std::string lost_to_json(const LostCounters& lost) {
  const auto& [time_ns, counters] = lost;
  return dump({{"time_ns", time_ns}, {"counters", counters_json(counters)}});
}

Result<LostCounters> lost_from_json(std::string_view text) {
  return read_object<LostCounters>(text, "lost counters", [](JsonFields& fields, LostCounters& lost) {
    fields.read("time_ns", lost.time_ns);
    read_counters(fields, lost.counters);
  });
}

std::string end_to_json(const RecordingEnd& end) {
  const auto& [time_ns, counters, records] = end;
  return dump({{"time_ns", time_ns}, {"counters", counters_json(counters)}, {"records", records}});
}

Result<RecordingEnd> end_from_json(std::string_view text) {
  return read_object<RecordingEnd>(text, "end", [](JsonFields& fields, RecordingEnd& end) {
    fields.read("time_ns", end.time_ns);
    read_counters(fields, end.counters);
    fields.read("records", end.records);
  });
}

}  // namespace synfate::wire
