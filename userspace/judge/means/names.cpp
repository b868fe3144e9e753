// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/means/names.hpp"

#include <algorithm>

#include "judge/means/shape.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kMaxSubdomain = 253;

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

bool is_label(std::string_view name) {
  if (name.empty() || name.size() > kMaxLabel || !is_alphanumeric(name.front()) || !is_alphanumeric(name.back())) return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return is_alphanumeric(c) || c == '-'; });
}

bool is_subdomain(std::string_view name) {
  if (name.empty() || name.size() > kMaxSubdomain) return false;
  if (!is_alphanumeric(name.front()) || !is_alphanumeric(name.back())) return false;
  char before = 'a';
  for (const char c : name) {
    const bool dot = c == '.';
    if (!dot && c != '-' && !is_alphanumeric(c)) return false;
    // Every label begins and ends with a letter or a digit.
    if ((dot && !is_alphanumeric(before)) || (before == '.' && !is_alphanumeric(c))) return false;
    before = c;
  }
  return true;
}

bool is_hash16(std::string_view text) {
  return text.size() == 16 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7'); });
}

std::optional<ObjectName> object_name(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view space = text.substr(0, slash);
  const std::string_view name = text.substr(slash + 1);
  if (!is_label(space) || !is_subdomain(name)) return std::nullopt;
  return ObjectName{std::string{space}, std::string{name}};
}

std::optional<ServiceName> service_name(std::string_view text) {
  const std::size_t colon = text.find(':');
  const auto object = object_name(text.substr(0, colon));
  if (!object || !is_label(object->name)) return std::nullopt;
  ServiceName service{*object, ""};
  if (colon != std::string_view::npos) {
    service.port = text.substr(colon + 1);
    if (!is_label(service.port)) return std::nullopt;
  }
  return service;
}

std::optional<std::string_view> between(std::string_view text, std::string_view prefix, std::string_view suffix) {
  if (text.size() < prefix.size() + suffix.size() || !text.starts_with(prefix) || !text.ends_with(suffix)) return std::nullopt;
  return text.substr(prefix.size(), text.size() - prefix.size() - suffix.size());
}

std::string list_words(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 6;
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kShown; ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kShown) text += " and " + std::to_string(names.size() - kShown) + " more";
  return text;
}

std::vector<std::string_view>::const_iterator find_rule(const RuleContext& context) {
  return std::find_if(context.chain.begin(), context.chain.end(), [&](std::string_view line) { return is_same_rule(context.rule, line); });
}

model::Means service_means(const RuleContext& context, const ServiceName& service, const std::string& what) {
  const model::ServicePort* asked = context.service;
  if (asked != nullptr && (asked->namespace_name != service.namespace_name || asked->name != service.name)) {
    return {"Service", "kube-proxy", "", "",
            "the rule is about service " + service.full_name() + ", but the client asked for " + clean(asked->full_name()) +
                ": which of them it is, is not determined"};
  }
  return {"Service", "kube-proxy", service.namespace_name, service.name, "service " + service.full_name() + " " + what};
}

}  // namespace synfate::judge
