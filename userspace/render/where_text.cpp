// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The rows "where" and "rule".
#include "render/where_text.hpp"

#include <algorithm>
#include <vector>

#include "base/text.hpp"
#include "render/labels.hpp"
#include "render/words.hpp"

namespace synfate::render {
namespace {

std::string rule_name(const model::RuleRef& rule) {
  // "ip" alone would say nothing to anyone.
  const bool family_only = rule.backend.empty() && rule.table.empty() && rule.chain.empty() && !rule.family.empty();
  std::string name = family_only ? "family" : "";
  for (const std::string* part : {&rule.backend, &rule.family, &rule.table, &rule.chain}) append_joined(name, clean(*part, 256), " ");
  if (rule.policy == true) append_joined(name, "policy", " ");
  if (rule.number) append_joined(name, "rule " + std::to_string(*rule.number), " ");
  if (rule.handle) append_joined(name, "(handle " + std::to_string(*rule.handle) + ")", " ");
  if (!rule.element.empty()) append_joined(name, "element " + clean(rule.element, 1024), " ");
  return name;
}

bool names_the_rule(const model::Where& where) {
  return where.rule && where.rule_gap.empty() && (where.rule->number || where.rule->handle || where.rule->policy == true);
}

Phrase where(const model::Attempt& attempt, const TextStyle& style) {
  const model::Where& place = attempt.verdict.where;
  std::string name = !place.pod.empty() ? place.pod : place.node;
  if (name.empty()) name = netns_label(attempt, place.netns);
  std::vector<std::string> parts{clean(name, 256), std::string(model::to_string(place.stage))};
  if (!place.device.empty()) parts.push_back("dev " + clean(place.device, 64));
  if (place.rule) parts.push_back(rule_name(*place.rule));
  if (!names_the_rule(place) || style.verbose) {
    std::string function = clean(place.function, 256);
    if (!function.empty() && !place.module.empty()) function += " [" + clean(place.module, 64) + "]";
    parts.push_back(function);
    parts.push_back(clean(place.reason, 256));
  }
  Phrase line;
  for (const std::string& part : parts) {
    if (part.empty()) continue;
    if (line.empty()) {
      line.words(part);
    } else {
      line.group("·", 1).words(part);
    }
  }
  return line;
}

std::string rule_lines(const model::Where& where, const TextStyle& style) {
  std::string lines;
  if (where.rule) {
    std::string text = where.rule->text;
    std::replace(text.begin(), text.end(), '\t', ' ');
    for (const std::string_view part : split(text, '\n')) lines += labelled("", phrase_of(trim(part)), style);
    if (!where.rule->via.empty()) lines += labelled("", phrase_of("reached by element: " + where.rule->via), style);
    const std::string& comment = where.rule->comment;
    if (!comment.empty() && text.find(comment) == std::string::npos) lines += labelled("", phrase_of("comment: " + comment), style);
    if (style.verbose && !where.rule->how.empty()) lines += labelled("", phrase_of("known by: " + where.rule->how), style);
  }
  if (where.rule_gap.empty()) return lines;
  const bool partly = where.rule && (where.rule->number || where.rule->handle || where.rule->policy == true);
  return lines + labelled("rule", phrase_of((partly ? "partly determined: " : "not determined: ") + where.rule_gap), style);
}

}  // namespace

std::string where_text(const model::Attempt& attempt, const TextStyle& style) {
  return labelled("where", where(attempt, style), style) + rule_lines(attempt.verdict.where, style);
}

}  // namespace synfate::render
