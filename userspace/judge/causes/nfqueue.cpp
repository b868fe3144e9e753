// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// nfqueue_drop: a packet that went to a process for its verdict, or was to go there. The kernel gives no reason; the function tells on
// which side of the queue it was freed.
#include <algorithm>

#include "judge/cause_table.hpp"
#include "judge/hooks.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Drop;

bool is_unnamed(const Drop& drop) { return drop.reason.empty() || drop.reason == "NOT_SPECIFIED" || drop.reason == "NETFILTER_DROP"; }

bool is_queue(std::string_view function) {
  return function == "nf_queue" || function == "__nf_queue" || function == "nf_reinject" || function.starts_with("nfqnl_") ||
         function.starts_with("__nfqnl_");
}

/// On the sender's side of the queue.
bool is_entering(std::string_view function) {
  return function == "nf_queue" || function == "__nf_queue" || function.find("enqueue") != std::string_view::npos;
}

std::string queue_words(const model::NfQueue& queue) { return "queue " + std::to_string(queue.number); }

std::string list_words(const std::vector<model::NfQueue>& queues) {
  constexpr std::size_t kShown = 8;
  std::string text = queues.size() == 1 ? "queue " : "queues ";
  for (std::size_t i = 0; i < queues.size() && i < kShown; ++i) text += (i == 0 ? "" : ", ") + std::to_string(queues[i].number);
  return text + (queues.size() > kShown ? ", ..." : "");
}

/// The queue of the process that was running. Its netlink port is its tgid only in its own pid namespace, so a lone queue needs no such
/// proof.
const model::NfQueue* queue_of(const model::Netns& netns, const Drop& drop) {
  if (netns.nf_queues.size() == 1) return &netns.nf_queues.front();
  const auto own = std::find_if(netns.nf_queues.begin(), netns.nf_queues.end(), [&](const model::NfQueue& queue) {
    return drop.context_tgid != 0 && queue.peer_portid == drop.context_tgid;
  });
  return own == netns.nf_queues.end() ? nullptr : &*own;
}

std::string process_words(const Drop& drop) {
  const std::string comm = drop.context_comm.empty() ? "a process" : clean(drop.context_comm);
  return drop.context_tgid == 0 ? comm : comm + "[" + std::to_string(drop.context_tgid) + "]";
}

/// After the queue: its owner's verdict.
void describe_owner(const Case& kase, Finding& finding) {
  const Drop& drop = *kase.drop();
  const model::Netns* netns = kase.netns(finding.where.netns);
  // The rest of the hook's entries run in the same place once the owner has said yes.
  finding.ceiling = model::Confidence::Strong;
  finding.summary = "after " + process_words(drop) + " had it in a queue";
  finding.doubts.push_back("it had been queued to a process and was freed while " + process_words(drop) +
                           " ran: by its verdict, because it closed its queue, or by a later entry of the same hook");
  if (netns == nullptr || !netns->nf_queues_read) {
    finding.evidence.push_back("which queue it was is not known: the list of queues was not read");
  } else if (const model::NfQueue* queue = queue_of(*netns, drop)) {
    finding.evidence.push_back("that is " + queue_words(*queue) +
                               (netns->nf_queues.size() == 1 ? ", the only one there" : ", whose port is that process's"));
  } else if (!netns->nf_queues.empty()) {
    finding.evidence.push_back("there are " + list_words(netns->nf_queues) + " in " + netns_words(kase, finding.where.netns) +
                               "; whose is which is not known");
  } else {
    finding.evidence.push_back("no queue was there any more when the list was read");
  }
}

/// Before the queue: it could not be entered.
void describe_entering(const Case& kase, Finding& finding) {
  const model::Netns* netns = kase.netns(finding.where.netns);
  const bool read = netns != nullptr && netns->nf_queues_read;
  if (read && netns->nf_queues.empty()) {
    finding.summary = "nobody listens on the queue that a rule sends it to";
    finding.evidence.push_back("no process listens on any netfilter queue in " + netns_words(kase, finding.where.netns) +
                               ", and the rule has no bypass");
    return;
  }
  finding.ceiling = model::Confidence::Strong;
  finding.summary = "it could not be queued to a process";
  finding.evidence.push_back("either nobody listens on the queue that the rule names and the rule has no bypass, or that queue is full");
  if (!read) {
    finding.doubts.push_back("the list of netfilter queues was not read, so which of the two is not determined");
    return;
  }
  const bool none_was_full = std::all_of(netns->nf_queues.begin(), netns->nf_queues.end(),
                                         [](const model::NfQueue& queue) { return queue.dropped == 0 && queue.user_dropped == 0; });
  finding.evidence.push_back("listened on: " + list_words(netns->nf_queues) + (none_was_full ? ", none of which was ever full" : ""));
  if (none_was_full) {
    finding.summary = "nobody listens on the queue that a rule sends it to";
  } else {
    finding.doubts.push_back("some of them have been full, so which of the two is not determined");
  }
}

}  // namespace

std::optional<Finding> match_nfqueue_drop(const Case& kase) {
  if (kase.drop() == nullptr || !is_unnamed(*kase.drop())) return std::nullopt;
  const Drop& drop = *kase.drop();
  if (!is_queue(drop.symbol.function)) return std::nullopt;
  Finding finding = finding_about_drop(kase, drop.has_hook ? stage_of(drop.hook) : model::Stage::None);
  if (is_entering(drop.symbol.function)) {
    describe_entering(kase, finding);
  } else {
    describe_owner(kase, finding);
  }
  finding.next = in_netns(kase, finding.where.netns, "cat /proc/net/netfilter/nfnetlink_queue");
  return finding;
}

}  // namespace synfate::judge
