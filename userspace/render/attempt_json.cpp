// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Each part of the contract's object by a function of its own.
#include "render/attempt_json.hpp"

#include "render/labels.hpp"
#include "render/rule_path.hpp"

namespace synfate::render {
namespace {

/// False also for the zeros of a socket that was never bound.
bool is_known(const model::Endpoint& endpoint) {
  return endpoint.address && (endpoint.port != 0 || endpoint.address.bytes != model::IpAddress{}.bytes);
}

Json address_json(const model::Endpoint& endpoint) { return is_known(endpoint) ? Json(model::to_string(endpoint.address)) : Json(nullptr); }

Json endpoint_json(const model::Endpoint& endpoint) { return is_known(endpoint) ? Json(model::to_string(endpoint)) : Json(nullptr); }

Json flow_json(const model::Journey& journey) {
  const model::Flow flow = journey.faces.empty() ? model::Flow{} : journey.faces.front();
  const std::uint8_t family = flow.dst.address.family;
  return {{"family", number_or_null(family)},
          {"src", address_json(flow.src)},
          {"sport", number_or_null(flow.src.port)},
          {"dst", address_json(flow.dst)},
          {"dport", number_or_null(flow.dst.port)}};
}

Json nat_json(const model::Journey& journey) {
  const Rewrite rewrite = rewrite_of(journey);
  if (!rewrite.src && !rewrite.dst) return nullptr;
  const model::Endpoint src = rewrite.src.value_or(model::Endpoint{});
  const model::Endpoint dst = rewrite.dst.value_or(model::Endpoint{});
  return {{"src", address_json(src)}, {"sport", number_or_null(src.port)}, {"dst", address_json(dst)}, {"dport", number_or_null(dst.port)}};
}

Json netns_name_json(const model::Attempt& attempt, model::NetnsId netns, const std::string& known) {
  if (!known.empty()) return text_or_null(known);
  const auto it = attempt.netns_names.find(netns);
  return it == attempt.netns_names.end() ? Json(nullptr) : text_or_null(it->second);
}

Json client_json(const model::Attempt& attempt) {
  const model::Party& client = attempt.client;
  return {{"netns", number_or_null(client.netns)},       {"netns_name", netns_name_json(attempt, client.netns, client.netns_name)},
          {"node", text_or_null(client.node)},           {"pod", text_or_null(client.pod)},
          {"container", text_or_null(client.container)}, {"tgid", number_or_null(client.process.tgid)},
          {"comm", text_or_null(client.process.comm)}};
}

Json server_json(const model::Attempt& attempt) {
  const model::Party& server = attempt.server;
  Json json = {{"netns", number_or_null(server.netns)},
               {"netns_name", netns_name_json(attempt, server.netns, server.netns_name)},
               {"node", text_or_null(server.node)},
               {"pod", text_or_null(server.pod)},
               {"service", text_or_null(server.service)}};
  // Only where the listener was looked at.
  if (server.process.known()) {
    json["tgid"] = number_or_null(server.process.tgid);
    json["comm"] = text_or_null(server.process.comm);
  }
  return json;
}

Json rule_json(const std::optional<model::RuleRef>& rule) {
  if (!rule) return nullptr;
  Json object{{"backend", text_or_null(rule->backend)}, {"family", text_or_null(rule->family)},   {"table", text_or_null(rule->table)},
              {"chain", text_or_null(rule->chain)},     {"number", number_or_null(rule->number)}, {"handle", number_or_null(rule->handle)},
              {"policy", number_or_null(rule->policy)}, {"text", lines_or_null(rule->text)},      {"comment", lines_or_null(rule->comment)},
              {"how", text_or_null(rule->how)}};
  if (!rule->element.empty()) object["element"] = text_or_null(rule->element);
  if (!rule->via.empty()) object["via"] = text_or_null(rule->via);
  for (const auto& [key, value] : object.items()) {
    if (!value.is_null()) return object;
  }
  return nullptr;
}

Json where_json(const model::Attempt& attempt) {
  const model::Where& where = attempt.verdict.where;
  return {{"netns", number_or_null(where.netns)},     {"netns_name", netns_name_json(attempt, where.netns, "")},
          {"node", text_or_null(where.node)},         {"pod", text_or_null(where.pod)},
          {"device", text_or_null(where.device)},     {"stage", text_or_null(model::to_string(where.stage))},
          {"function", text_or_null(where.function)}, {"module", text_or_null(where.module)},
          {"reason", text_or_null(where.reason)},     {"rule", rule_json(where.rule)},
          {"rule_gap", text_or_null(where.rule_gap)}};
}

Json means_json(const std::optional<model::Means>& means) {
  if (!means) return nullptr;
  return {{"kind", text_or_null(means->kind)},
          {"engine", text_or_null(means->engine)},
          {"namespace", text_or_null(means->namespace_name)},
          {"name", text_or_null(means->name)},
          {"text", lines_or_null(means->text)}};
}

struct EventName {
  std::string_view operator()(const model::Hop& hop) const {
    switch (hop.kind) {
      case model::HopKind::Xmit: return hop.queued ? "queue" : "xmit";
      case model::HopKind::Receive: return "receive";
      case model::HopKind::Enqueue: return "enqueue";
    }
    return "hop";
  }
  std::string_view operator()(const model::SocketEvent& event) const {
    switch (event.kind) {
      case model::SocketEventKind::State: return "state";
      case model::SocketEventKind::Retransmit: return "retransmit";
      case model::SocketEventKind::SynAckRetransmit: return "synack_retransmit";
      case model::SocketEventKind::Error: return "error";
      case model::SocketEventKind::ResetSent: return "rst_sent";
      case model::SocketEventKind::ResetReceived: return "rst_received";
      case model::SocketEventKind::Stale: return "stale";
      case model::SocketEventKind::Passed: return "passed";
    }
    return "socket";
  }
  std::string_view operator()(const model::Drop&) const { return "drop"; }
  std::string_view operator()(const model::IcmpSent&) const { return "icmp_sent"; }
  std::string_view operator()(const model::RouteFailure&) const { return "route_failure"; }
  /// Not on the path: what a drop is about, in a record of its own.
  std::string_view operator()(const model::HookVerdict&) const { return ""; }
  std::string_view operator()(const model::Receiver&) const { return ""; }
  std::string_view operator()(const model::Decision& decision) const { return decision.drops != 0 ? "refused_by_listener" : "syn_cookie"; }
  std::string_view operator()(const model::Closing& closing) const { return closing.at_server ? "server_closes" : "client_is_closed"; }
};

Json path_json(const model::Journey& journey) {
  Json path = Json::array();
  for (const model::Event& event : journey.events) {
    const std::string_view name = std::visit(EventName{}, event.what);
    if (name.empty()) continue;
    const auto since_first_ns = static_cast<std::int64_t>(event.time_ns - journey.first_ns);
    path.push_back({{"t_us", since_first_ns / 1000},
                    {"netns", number_or_null(event.place.netns)},
                    {"device", text_or_null(event.place.device)},
                    {"event", name},
                    {"leg", text_or_null(model::to_string(event.leg))},
                    {"src", endpoint_json(event.flow.src)},
                    {"dst", endpoint_json(event.flow.dst)}});
  }
  return path;
}

Json list_json(const std::vector<std::string>& items) {
  Json list = Json::array();
  for (const std::string& item : items) list.push_back(clean(item));
  return list;
}

}  // namespace

Json folded_json(const model::Folded& folded, const WallClock& clock) {
  const model::Attempt& like = folded.like;
  const model::Flow flow = like.journey.faces.empty() ? model::Flow{} : like.journey.faces.front();
  const bool one = folded.destinations == 1;
  Json object = typed("folded");
  object.update({{"like", like.id},
                 {"attempts", folded.attempts},
                 {"sources", folded.sources},
                 {"destinations", folded.destinations},
                 {"at_least", folded.at_least},
                 {"first_seen", iso_utc(clock, folded.first_ns)},
                 {"last_seen", iso_utc(clock, folded.last_ns)},
                 {"dst", one ? address_json(flow.dst) : Json(nullptr)},
                 {"dport", one ? number_or_null(flow.dst.port) : Json(nullptr)},
                 {"fate", model::to_string(like.verdict.fate)},
                 {"cause", text_or_null(like.verdict.cause)},
                 {"packet", text_or_null(model::to_string(like.verdict.packet))},
                 {"where", where_json(like)},
                 {"confidence", model::to_string(like.verdict.confidence)}});
  return object;
}

Json attempt_json(const model::Attempt& attempt, const WallClock& clock) {
  const model::Journey& journey = attempt.journey;
  const model::Verdict& verdict = attempt.verdict;
  Json object = typed("attempt");
  object["id"] = attempt.id;
  object["revision"] = attempt.revision;
  object["first_seen"] = iso_utc(clock, journey.first_ns);
  object["last_seen"] = iso_utc(clock, journey.last_ns);
  object["flow"] = flow_json(journey);
  object["nat"] = nat_json(journey);
  object["isn"] = journey.sent_a_syn ? Json(journey.isn) : Json(nullptr);
  object["syns"] = journey.syns;
  object["gives_up_after_s"] = number_or_null(attempt.gives_up_after_s);
  object["client"] = client_json(attempt);
  object["server"] = server_json(attempt);
  object["fate"] = model::to_string(verdict.fate);
  object["cause"] = text_or_null(verdict.cause);
  object["packet"] = text_or_null(model::to_string(verdict.packet));
  object["where"] = where_json(attempt);
  object["means"] = means_json(verdict.means);
  object["path"] = path_json(journey);
  if (Json rules = rule_path_json(journey); !rules.empty()) object["rule_path"] = std::move(rules);
  object["confidence"] = model::to_string(verdict.confidence);
  object["evidence"] = list_json(verdict.evidence);
  object["notes"] = list_json(verdict.notes);
  object["next"] = text_or_null(verdict.next);
  return object;
}

}  // namespace synfate::render
