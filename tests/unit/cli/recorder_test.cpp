// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The recording of a session: what it writes, and that a failing disk ends the recording and never the session.
#include "cli/recorder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "recordings.hpp"
#include "session.hpp"

using namespace synfate;
using namespace synfate::cli;
using namespace synfate::cli::test;

namespace {

/// What a sink was given, and whether it still takes anything.
struct Disk {
  Bytes bytes;
  bool full = false;
  unsigned calls = 0;

  wire::ByteSink sink() {
    return [this](std::span<const std::byte> more) -> Status {
      ++calls;
      if (full) return Error{ErrorKind::Io, "cannot write the recording", "No space left on device", ""};
      bytes.insert(bytes.end(), more.begin(), more.end());
      return Ok{};
    };
  }
};

std::vector<wire::Chunk> chunks(const Bytes& file) {
  auto reader = wire::RecordingReader::open(wire::memory_source(file));
  REQUIRE(reader);
  std::vector<wire::Chunk> result;
  for (auto chunk = reader->next(); chunk && *chunk; chunk = reader->next()) result.push_back(std::move(**chunk));
  return result;
}

}  // namespace

TEST_CASE("without --record nothing happens, and nothing fails") {
  Recorder recorder;
  CHECK_FALSE(recorder.is_on());
  recorder.record(Script(1).flight(0));
  recorder.inventory(1, {});
  recorder.judged(1);
  recorder.lost(1, {});
  recorder.end(1, {});
  CHECK_FALSE(recorder.has_failed());
}

TEST_CASE("what a session tells is in the file, in order") {
  Disk disk;
  auto writer = wire::RecordingWriter::start(disk.sink(), synfate::test::session());
  REQUIRE(writer);
  Recorder recorder;
  recorder.start(std::move(*writer), [](const Error& error) { FAIL(to_string(error)); });
  CHECK(recorder.is_on());
  recorder.inventory(1, synfate::test::machine());
  recorder.record(Script(1).flight(0));
  recorder.nft_sites(2, {0x10, 0x20, 30});
  recorder.judged(3);
  recorder.lost(3, synfate::test::counters());
  recorder.end(4, synfate::test::counters());
  const auto found = chunks(disk.bytes);
  REQUIRE(found.size() == 6);
  CHECK(std::holds_alternative<wire::InventorySnapshot>(found[0]));
  CHECK(std::get<wire::RawRecord>(found[1]).bytes == Script(1).flight(0));
  const auto& notice = std::get<wire::RecordedNotice>(found[2]).notice;
  CHECK(notice.code == kNftSitesCode);
  REQUIRE(parse_nft_sites(notice.text));
  CHECK(parse_nft_sites(notice.text)->policy == 0x20);
  CHECK(std::get<wire::RecordedNotice>(found[3]).notice.code == kJudgedCode);
  CHECK(std::get<wire::LostCounters>(found[4]).counters == synfate::test::counters());
  CHECK(std::get<wire::RecordingEnd>(found[5]).records == 1);
}

TEST_CASE("a full disk is said once, and the session goes on without a recording") {
  Disk disk;
  auto writer = wire::RecordingWriter::start(disk.sink(), synfate::test::session());
  REQUIRE(writer);
  Recorder recorder;
  std::vector<std::string> said;
  recorder.start(std::move(*writer), [&](const Error& error) { said.push_back(to_string(error)); });
  recorder.record(Script(1).flight(0));
  disk.full = true;
  recorder.record(Script(1).nft_drop(1));
  const unsigned calls = disk.calls;
  disk.full = false;
  recorder.record(Script(1).nft_drop(2));
  recorder.inventory(3, {});
  recorder.nft_sites(3, {});
  recorder.lost(3, {});
  recorder.end(4, {});
  CHECK(recorder.has_failed());
  CHECK_FALSE(recorder.is_on());
  CHECK(disk.calls == calls);
  REQUIRE(said.size() == 1);
  CHECK(said[0].find("No space left on device") != std::string::npos);
  CHECK(chunks(disk.bytes).size() == 1);
}

TEST_CASE("the kernel's own full device fails the recording too") {
  UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  REQUIRE(full);
  bool started = false;
  const auto writer = wire::RecordingWriter::start(
      [&, to_full = wire::file_sink(std::move(full), "/dev/full")](std::span<const std::byte> bytes) -> Status {
        if (started) return to_full(bytes);
        return Ok{};
      },
      synfate::test::session());
  REQUIRE(writer);
  started = true;
  Recorder recorder;
  int failures = 0;
  recorder.start(*writer, [&](const Error& error) {
    ++failures;
    CHECK(error.kind == ErrorKind::Io);
  });
  recorder.record(Script(1).flight(0));
  recorder.record(Script(1).flight(1));
  CHECK(failures == 1);
}

TEST_CASE("a recording has an end, however much happens") {
  Disk disk;
  auto writer = wire::RecordingWriter::start(disk.sink(), synfate::test::session());
  REQUIRE(writer);
  Recorder recorder;
  unsigned said = 0;
  recorder.start(
      std::move(*writer), [&](const Error&) { ++said; }, 1 << 20);
  for (int i = 0; i < 10000; ++i) {
    recorder.record(Script(1).flight(0));
    recorder.judged(at(i));
  }
  recorder.end(at(10000), {});
  CHECK(said == 1);
  CHECK(recorder.has_failed());
  CHECK(disk.bytes.size() < (1 << 20) + 4096);
  const std::vector<wire::Chunk> all = chunks(disk.bytes);
  REQUIRE(all.size() > 2);
  const auto* notice = std::get_if<wire::RecordedNotice>(&all[all.size() - 2]);
  REQUIRE(notice != nullptr);
  CHECK(notice->notice.code == "recording_full");
  CHECK(std::holds_alternative<wire::RecordingEnd>(all.back()));
}
