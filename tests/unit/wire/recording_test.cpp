// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Recordings in memory: round trips, cuts at every byte, other versions, other files.
#include "wire/recording.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/text.hpp"
#include "recordings.hpp"
#include "wire/decode.hpp"

using namespace synfate;
using namespace synfate::test;

namespace {

struct ReadBack {
  std::vector<wire::Chunk> chunks;
  wire::ReadStop stop = wire::ReadStop::None;
  std::string error;
  std::uint64_t whole_chunks = 0;
  std::uint64_t position_bytes = 0;
};

Result<ReadBack> read_back(std::span<const std::byte> file) {
  auto reader = wire::RecordingReader::open(wire::memory_source(file));
  if (!reader) return reader.error();
  ReadBack back;
  while (true) {
    auto chunk = reader->next();
    if (!chunk) back.error = to_string(chunk.error());
    if (!chunk || !*chunk) break;
    back.chunks.push_back(std::move(**chunk));
  }
  back.stop = reader->stop();
  back.whole_chunks = reader->whole_chunks();
  back.position_bytes = reader->position_bytes();
  return back;
}

std::string refusal(std::string_view text) {
  const auto reader = wire::RecordingReader::open(wire::memory_source(std::as_bytes(std::span(text))));
  return reader ? "opened" : reader.error().why;
}

Error refusal(const Bytes& file) {
  auto reader = wire::RecordingReader::open(wire::memory_source(file));
  if (reader) FAIL("opened");
  return reader.error();
}

}  // namespace

TEST_CASE("the header comes back whole") {
  const Bytes file = recording();
  auto reader = wire::RecordingReader::open(wire::memory_source(file));
  REQUIRE(reader);
  const auto& [format, wire_version, tool, kernel, clock, started_ns, tier, gaps, options, pid_namespace, initial] = reader->header();
  const wire::RecordingHeader expected = session();
  CHECK(format == wire::kRecordingFormat);
  CHECK(wire_version == WIRE_VERSION);
  CHECK(tool == expected.tool_version);
  CHECK(kernel.kernel_release == expected.kernel.kernel_release);
  CHECK(kernel.drop_reasons == expected.kernel.drop_reasons);
  CHECK(clock.offset_ns == expected.clock.offset_ns);
  CHECK(started_ns == expected.started_ns);
  CHECK(tier == expected.tier);
  REQUIRE(gaps.size() == 1);
  CHECK(gaps[0].code == expected.gaps[0].code);
  CHECK(gaps[0].text == expected.gaps[0].text);
  CHECK(options == expected.options);
  CHECK(pid_namespace == expected.pid_namespace);
  CHECK(initial == expected.initial_pid_namespace);
}

TEST_CASE("every chunk comes back in order, records byte for byte") {
  const auto back = read_back(recording());
  REQUIRE(back);
  CHECK(back->error.empty());
  CHECK(back->stop == wire::ReadStop::Ended);
  REQUIRE(back->chunks.size() == 6);
  CHECK(std::get<wire::InventorySnapshot>(back->chunks[0]).time_ns == 5);
  CHECK(std::get<wire::InventorySnapshot>(back->chunks[0]).inventory.namespaces.size() == 2);
  CHECK(std::get<wire::RawRecord>(back->chunks[1]).bytes == sent(attempt(), 3));
  CHECK(std::get<wire::RawRecord>(back->chunks[2]).bytes == bytes_of(drop()));
  const auto& notice = std::get<wire::RecordedNotice>(back->chunks[3]);
  CHECK(notice.time_ns == 6);
  CHECK(notice.notice.level == model::NoticeLevel::Warning);
  CHECK(notice.notice.code == "lost");
  CHECK(notice.notice.text == "3 events lost");
  CHECK(std::get<wire::LostCounters>(back->chunks[4]).time_ns == 7);
  CHECK(std::get<wire::LostCounters>(back->chunks[4]).counters == counters());
  const auto& end = std::get<wire::RecordingEnd>(back->chunks[5]);
  CHECK(end.time_ns == 8);
  CHECK(end.counters == counters());
  CHECK(end.records == 2);
}

TEST_CASE("every counter in use has a name of its own") {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < _WIRE_COUNT_MAX; ++i) {
    const std::string_view name = wire::counter_name(i);
    CHECK((name.empty() || std::count(names.begin(), names.end(), name) == 0));
    names.push_back(name);
  }
  CHECK(names[WIRE_COUNT_SUBMITTED] == "submitted");
}

TEST_CASE("a cut at any byte gives every whole chunk before it, and says so") {
  std::vector<std::size_t> ends;
  const Bytes file = recording(&ends);
  REQUIRE(ends.size() == 7);
  for (std::size_t size = 0; size <= file.size(); ++size) {
    CAPTURE(size);
    const auto back = read_back(std::span(file).first(size));
    const auto whole = static_cast<std::size_t>(std::count_if(ends.begin(), ends.end(), [&](std::size_t end) { return end <= size; }));
    if (whole == 0) {
      REQUIRE_FALSE(back);
      CHECK(back.error().kind == ErrorKind::BadData);
      CHECK(back.error().why ==
            (size == 0 ? "it is not a synfate recording but an empty file" : "it was cut inside its header: nothing in it can be used"));
      continue;
    }
    REQUIRE(back);
    CHECK(back->chunks.size() == whole - 1);
    CHECK(back->whole_chunks == whole);
    CHECK(back->position_bytes == ends[whole - 1]);
    if (size == file.size()) {
      CHECK(back->stop == wire::ReadStop::Ended);
    } else if (size == ends[whole - 1]) {
      CHECK(back->stop == wire::ReadStop::Unended);
      CHECK(back->error.empty());
    } else {
      CHECK(back->stop == wire::ReadStop::Truncated);
      CHECK(back->error.find("beyond byte " + std::to_string(ends[whole - 1])) != std::string::npos);
      CHECK(back->error.find("after " + std::to_string(whole) + " whole chunks") != std::string::npos);
    }
  }
}

TEST_CASE("an error stays: the reader never goes on behind a bad chunk") {
  Bytes file = recording();
  file.resize(file.size() - 1);
  auto reader = wire::RecordingReader::open(wire::memory_source(file));
  REQUIRE(reader);
  Result<std::optional<wire::Chunk>> last = std::optional<wire::Chunk>();
  do {
    last = reader->next();
  } while (last);
  const auto again = reader->next();
  REQUIRE_FALSE(again);
  CHECK(again.error().why == last.error().why);
}

TEST_CASE("one byte changed anywhere gives a clear answer, and no chunk too many") {
  const Bytes whole = recording();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const std::byte flip : {std::byte{0x01}, std::byte{0x80}, std::byte{0xff}}) {
      Bytes file = whole;
      file[at] ^= flip;
      const auto back = read_back(file);
      if (!back) {
        CHECK_FALSE(back.error().why.empty());
      } else {
        CHECK(back->stop != wire::ReadStop::None);
        CHECK(back->error.empty() == (back->stop == wire::ReadStop::Ended || back->stop == wire::ReadStop::Unended));
        CHECK(back->chunks.size() <= 6);
      }
    }
  }
}

TEST_CASE("chunks that no version writes are corruption") {
  const Bytes whole = recording();
  const Bytes header = recording_with_header(R"({"format_version":1,"wire_version":1})");
  const auto stop_after = [](Bytes file, const Bytes& more) {
    file.insert(file.end(), more.begin(), more.end());
    const auto back = read_back(file);
    return back ? back->error.substr(back->error.find(": ") + 2) : "not opened";
  };
  using wire::ChunkType;
  CHECK(stop_after(header, chunk(ChunkType{9}, "x")) == "there is a chunk of unknown type 9");
  CHECK(stop_after(header, chunk(ChunkType::Notice, "{")) == "cannot read the notice of the recording: it is not JSON");
  CHECK(stop_after(header, chunk(ChunkType::Notice, R"({"code":5})")) ==
        "cannot read the notice of the recording: code is not a text of at most 65536 bytes");
  CHECK(stop_after(header, chunk(ChunkType::Header, "{}")) == "cannot read the recording: there is a second header");
  CHECK(stop_after(header, chunk(ChunkType::End, R"({"records":3})")) == "its end says 3 records, and there are 0");
  CHECK(stop_after(whole, chunk(ChunkType::Notice, "{}")) == "something follows its end");
  Bytes long_record;
  append_u32(long_record, static_cast<std::uint32_t>(ChunkType::Record));
  append_u32(long_record, 65'536);
  CHECK(stop_after(header, long_record) == "there is a chunk of type 2 and 65536 bytes, at most 65535 are allowed");
  Bytes huge;
  append_u32(huge, static_cast<std::uint32_t>(ChunkType::Inventory));
  append_u32(huge, ~0U);
  CHECK(stop_after(header, huge) == "there is a chunk of type 3 and 4294967295 bytes, at most 16777216 are allowed");
}

TEST_CASE("newer versions are refused by name, whatever else their header holds") {
  const Error format = refusal(recording_with_header(R"({"format_version":7,"wire_version":{"new":1}})"));
  CHECK(format.kind == ErrorKind::Unsupported);
  CHECK(format.why == "it has recording format version 7, and this synfate reads up to version 1");
  const std::string next = std::to_string(WIRE_VERSION + 1);
  const Error wire = refusal(recording_with_header(R"({"format_version":1,"wire_version":)" + next + R"(,"tier":[]})"));
  CHECK(wire.kind == ErrorKind::Unsupported);
  CHECK(wire.why == "it has wire version " + next + ", and this synfate reads up to version " + std::to_string(WIRE_VERSION));
  CHECK(refusal(recording_with_header("{}")).why == "it does not say its versions");
  CHECK(refusal(recording_with_header(R"({"format_version":1,"wire_version":-1})")).why == "wire_version is not a number that fits");
  CHECK(refusal(recording_with_header(R"({"format_version":1,"wire_version":1,"byte_order":"big"})")).kind == ErrorKind::Unsupported);
}

TEST_CASE("the writer puts this tool's versions into the header") {
  wire::RecordingHeader header = session();
  header.format_version = 99;
  header.wire_version = 99;
  Bytes file;
  REQUIRE(wire::RecordingWriter::start(append_to(file), header));
  CHECK(wire::RecordingReader::open(wire::memory_source(file)));
}

TEST_CASE("other files are named for what they are") {
  using namespace std::string_view_literals;
  const std::string prefix = "it is not a synfate recording but ";
  CHECK(refusal(""sv) == prefix + "an empty file");
  CHECK(refusal("\x1f\x8b\x08\x00\x00\x00"sv) == prefix + "gzip data (unpack it first: zcat)");
  CHECK(refusal("\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"sv) == prefix + "a pcap capture");
  CHECK(refusal("\x0a\x0d\x0d\x0a\x1c\x00"sv) == prefix + "a pcapng capture");
  CHECK(refusal("\x7f"
                "ELF\x02\x01\x01"sv) == prefix + "an ELF program");
  CHECK(refusal("{\"type\":\"attempt\",\"v\":1}"sv) == prefix + "synfate's JSON output: it cannot be replayed, only recordings can");
  CHECK(refusal("synfate trace output\n"sv) == prefix + "text that begins with \"synfate trace outp\"");
  CHECK(refusal("\x00\x01\x02\x03\x04"sv) == prefix + "data that begins with 00 01 02 03");
  CHECK(refusal("\x1b[31mred"sv) == prefix + "data that begins with 1b 5b 33 31");
}

TEST_CASE("a source that fails is an Io error, not the end") {
  const Bytes file = recording();
  std::size_t calls = 0;
  auto whole = wire::memory_source(file);
  auto reader = wire::RecordingReader::open([&](std::span<std::byte> space) -> Result<std::size_t> {
    if (++calls > 4) return Error{ErrorKind::Io, "cannot read", "Input/output error", ""};
    return whole(space);
  });
  REQUIRE(reader);
  Result<std::optional<wire::Chunk>> chunk = reader->next();
  while (chunk && *chunk) chunk = reader->next();
  REQUIRE_FALSE(chunk);
  CHECK(chunk.error().kind == ErrorKind::Io);
  CHECK(reader->stop() == wire::ReadStop::Io);
}

TEST_CASE("a source that gives one byte at a time gives the same chunks") {
  const Bytes file = recording();
  auto whole = wire::memory_source(file);
  auto reader =
      wire::RecordingReader::open([&](std::span<std::byte> space) { return whole(space.first(std::min<std::size_t>(space.size(), 1))); });
  REQUIRE(reader);
  std::size_t chunks = 0;
  auto chunk = reader->next();
  for (; chunk && *chunk; chunk = reader->next()) ++chunks;
  CHECK(chunk);
  CHECK(chunks == 6);
  CHECK(reader->stop() == wire::ReadStop::Ended);
}

TEST_CASE("after a failed write nothing more is written") {
  Bytes file;
  bool full = false;
  std::size_t calls_when_full = 0;
  auto writer = wire::RecordingWriter::start(
      [&](std::span<const std::byte> bytes) -> Status {
        if (!full) return append_to(file)(bytes);
        ++calls_when_full;
        CHECK(append_to(file)(bytes.first(3)));
        return Error{ErrorKind::Io, "cannot write", "No space left on device", ""};
      },
      session());
  REQUIRE(writer);
  REQUIRE(writer->record(bytes_of(packet())));
  full = true;
  CHECK_FALSE(writer->record(bytes_of(packet())));
  full = false;
  const Status later = writer->end(1, {});
  REQUIRE_FALSE(later);
  CHECK(later.error().why == "No space left on device");
  CHECK(calls_when_full == 1);
  const auto back = read_back(file);
  REQUIRE(back);
  CHECK(back->chunks.size() == 1);
  CHECK(back->stop == wire::ReadStop::Truncated);
}

TEST_CASE("a record that is too long is refused without spoiling the file") {
  Bytes file;
  auto writer = wire::RecordingWriter::start(append_to(file), session());
  REQUIRE(writer);
  CHECK_FALSE(writer->record(Bytes(65'536)));
  CHECK(writer->record(Bytes(65'535)));
  CHECK(writer->end(1, {}));
  const auto back = read_back(file);
  REQUIRE(back);
  CHECK(back->stop == wire::ReadStop::Ended);
  CHECK(back->chunks.size() == 2);
}
