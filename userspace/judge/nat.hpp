// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// NAT mistakes, which drop nothing: a SYN that was sent to nobody, by an old translation, or to a service untranslated. They explain why a
// SYN was where it found no answer; what became of it there is the cause's to say.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "judge/cause_table.hpp"
#include "model/journey.hpp"

namespace synfate::judge {

/// What to look up before an attempt is judged that nobody has answered; nothing of others.
struct NatQuestions {
  std::optional<model::Endpoint> sent_to;  ///< where NAT sent the SYN; none: nowhere else
  model::NetnsId translator = 0;           ///< the namespace that did so; 0: not known
  bool concluded = false;                  ///< sent_to is the endpoint of the asked service that is being asked for on a link
  bool left_as_asked = false;              ///< a device was given it last, with the destination that the client asked for
  /// The SYN as it came into each namespace on its way, which is how conntrack there has the connection.
  std::vector<std::pair<model::NetnsId, model::Flow>> flows;
  model::IpAddress wanted;  ///< who has it? none: nobody needs to know
  model::Place by;          ///< the device that was to send the SYN there; ifindex 0: not known
};

/// Where no hop shows a translation, conntrack may, once it was asked: then there is more to look up.
NatQuestions questions_about_nat(const model::Journey& journey, const model::Inventory& inventory);

/// Adds to a finding about a SYN what NAT has to do with it, by the answers in the inventory.
void tell_nat(const Case& kase, std::string_view cause, Finding& finding);

}  // namespace synfate::judge
