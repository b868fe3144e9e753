// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Findings for people, as wide as their terminal. Judges nothing and leaves nothing out for want of room.
#pragma once

#include "base/time.hpp"
#include "render/layout.hpp"
#include "render/sink.hpp"

namespace synfate::render {

///   14:40:31.204  DROPPED  by a rule   a/client → b/server:4317   (#7)
///     flow   10.42.0.17:43210 → 10.43.96.7:4317   DNAT → 10.42.0.9:4317   SYN ×3 in 3.0 s, connect() gives up at 131 s
///     path   eth0@a/client ─ veth5c2a@node ─ cni0 ─ forward ✗
///     where  node · forward · nft ip filter FORWARD rule 9 (handle 41)
///            ip daddr 10.42.0.9 drop
///     means  NetworkPolicy (kube-router) b/default-deny
///     sure   exact: the kernel's own verdict
///     next   kubectl -n b describe networkpolicy default-deny
class TextSink final : public Sink {
 public:
  TextSink(Writer writer, WallClock clock, TextStyle style);

  bool attempt(const model::Attempt& attempt) override;
  bool folded(const model::Folded& folded) override;
  bool notice(const model::Notice& notice) override;
  bool summary(const model::Summary& summary) override;

 private:
  bool write(std::string_view lines);

  Writer writer_;
  WallClock clock_;
  TextStyle style_;
  bool broken_ = false;
};

}  // namespace synfate::render
