// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/recorder.hpp"

namespace synfate::cli {

void Recorder::start(wire::RecordingWriter writer, std::function<void(const Error&)> on_failure, std::uint64_t max_bytes) {
  writer_.emplace(std::move(writer));
  max_bytes_ = max_bytes;
  on_failure_ = std::move(on_failure);
}

void Recorder::record(std::span<const std::byte> bytes) {
  if (writer_ && !is_full(last_ns_)) check(writer_->record(bytes));
}

void Recorder::inventory(MonotonicNs now, const model::Inventory& inventory) {
  if (writer_ && !is_full(now)) check(writer_->inventory(now, inventory));
}

void Recorder::nft_sites(MonotonicNs now, const NftSites& sites) {
  if (writer_ && !is_full(now)) check(writer_->notice(now, {model::NoticeLevel::Info, std::string(kNftSitesCode), to_text(sites)}));
}

void Recorder::notice(MonotonicNs now, const model::Notice& notice) {
  if (writer_ && !is_full(now)) check(writer_->notice(now, notice));
}

void Recorder::judged(MonotonicNs now) {
  if (writer_ && !is_full(now)) check(writer_->notice(now, {model::NoticeLevel::Info, std::string(kJudgedCode), ""}));
}

void Recorder::paused(const judge::Pause& pause) {
  if (writer_) check(writer_->notice(pause.until_ns, {model::NoticeLevel::Info, std::string(kPausedCode), to_text(pause)}));
}

void Recorder::lost(MonotonicNs now, const wire::Counters& counters) {
  if (writer_ && !is_full(now)) check(writer_->lost(now, counters));
}

void Recorder::end(MonotonicNs now, const wire::Counters& counters) {
  if (writer_) check(writer_->end(now, counters));
}

bool Recorder::is_full(MonotonicNs now) {
  last_ns_ = now;
  if (full_ || writer_->bytes() < max_bytes_) return full_;
  full_ = true;
  failed_ = true;
  const std::string size = std::to_string(max_bytes_ >> 20) + " MiB";
  check(writer_->notice(now,
                        {model::NoticeLevel::Warning, "recording_full", "the recording ends here, at " + size + "; the session went on"}));
  if (writer_) on_failure_({ErrorKind::Io, "the recording is full", "it has " + size + ", and gets no more", ""});
  return true;
}

void Recorder::check(const Status& status) {
  if (status) return;
  failed_ = true;
  writer_.reset();
  on_failure_(status.error());
}

}  // namespace synfate::cli
