// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What a live session's scope is by now: told to the kernel's filter, and attached to. It finds out nothing itself.
#include "cli/live.hpp"

namespace synfate::cli {

void LiveSession::attach_scope() {
  if (!scoped_) return;
  if (netns_filter_) scoped_->include({*netns_filter_}, monotonic_now());
}

void LiveSession::name_scope() {
  if (!named_scope_.is_on()) return;
  for (const model::NetnsId netns : named_scope_.unread(surroundings_.inventory())) surroundings_.read_details(netns);
  const std::vector<probe::ScopeName> news = named_scope_.news(surroundings_.inventory());
  std::vector<model::NetnsId> namespaces;
  for (const probe::ScopeName& name : news) {
    // A pod of a node is less than the node.
    if (name.netns != 0 && (name.pod || !options_.filter.pod)) namespaces.push_back(name.netns);
  }
  if (scoped_) scoped_->include(namespaces, monotonic_now());
  if (Status told = probe_.add_names(news); !told)
    engine_.print(model::Notice{model::NoticeLevel::Warning, "name_scope", to_string(told.error())});
}

}  // namespace synfate::cli
