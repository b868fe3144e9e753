// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/recorder.hpp"

namespace synfate::cli {

void Recorder::start(wire::RecordingWriter writer, std::function<void(const Error&)> on_failure) {
  writer_.emplace(std::move(writer));
  on_failure_ = std::move(on_failure);
}

void Recorder::record(std::span<const std::byte> bytes) {
  if (writer_) check(writer_->record(bytes));
}

void Recorder::inventory(MonotonicNs now, const model::Inventory& inventory) {
  if (writer_) check(writer_->inventory(now, inventory));
}

void Recorder::nft_sites(MonotonicNs now, const NftSites& sites) {
  if (writer_) check(writer_->notice(now, {model::NoticeLevel::Info, std::string(kNftSitesCode), to_text(sites)}));
}

void Recorder::judged(MonotonicNs now) {
  if (writer_) check(writer_->notice(now, {model::NoticeLevel::Info, std::string(kJudgedCode), ""}));
}

void Recorder::lost(MonotonicNs now, const wire::Counters& counters) {
  if (writer_) check(writer_->lost(now, counters));
}

void Recorder::end(MonotonicNs now, const wire::Counters& counters) {
  if (writer_) check(writer_->end(now, counters));
}

void Recorder::check(const Status& status) {
  if (status) return;
  failed_ = true;
  writer_.reset();
  on_failure_(status.error());
}

}  // namespace synfate::cli
