// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Reading chunks of untrusted bytes: one at a time, each length doubted before memory is taken for it.
#include <algorithm>
#include <cstring>

#include "wire/chunks_json.hpp"
#include "wire/foreign.hpp"
#include "wire/recording.hpp"
#include "wire/upgrade.hpp"

namespace synfate::wire {
namespace {

std::string_view text_of_bytes(const std::vector<std::byte>& bytes, std::string& storage) {
  storage.resize(bytes.size());
  if (!bytes.empty()) std::memcpy(storage.data(), bytes.data(), bytes.size());
  return storage;
}

std::uint32_t u32_at(const std::vector<std::byte>& bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (unsigned i = 0; i < 4; ++i) number |= std::to_integer<std::uint32_t>(bytes[at + i]) << (8 * i);
  return number;
}

std::uint32_t longest(std::uint32_t type) {
  return type == static_cast<std::uint32_t>(ChunkType::Record) ? kMaxRecordBytes : kMaxChunkBytes;
}

bool is_known(std::uint32_t type) {
  return type >= static_cast<std::uint32_t>(ChunkType::Header) && type <= static_cast<std::uint32_t>(ChunkType::End);
}

template <class T>
Result<Chunk> as_chunk(Result<T> decoded) {
  if (!decoded) return std::move(decoded).error();
  return Chunk{std::move(*decoded)};
}

}  // namespace

ByteSource memory_source(std::span<const std::byte> bytes) {
  return [bytes](std::span<std::byte> space) mutable -> Result<std::size_t> {
    const std::size_t count = std::min(space.size(), bytes.size());
    std::copy_n(bytes.begin(), count, space.begin());
    bytes = bytes.subspan(count);
    return count;
  };
}

Error RecordingReader::stopped(ReadStop stop, ErrorKind kind, std::string why) {
  stop_ = stop;
  failure_ = Error{kind, "cannot read the recording beyond byte " + std::to_string(position_bytes_), std::move(why), ""};
  return *failure_;
}

Status RecordingReader::fill(std::vector<std::byte>& bytes, std::size_t wanted) {
  // In steps, so that a length that lies costs no memory.
  constexpr std::size_t kStep = 64U << 10;
  while (wanted > 0) {
    const std::size_t had = bytes.size();
    bytes.resize(had + std::min(wanted, kStep));
    const auto count = source_(std::span(bytes).subspan(had));
    bytes.resize(had + (count ? std::min(*count, bytes.size() - had) : 0));
    if (!count) {
      stop_ = ReadStop::Io;
      failure_ = count.error();
      return *failure_;
    }
    if (*count == 0) break;
    wanted -= bytes.size() - had;
  }
  return Ok{};
}

Result<std::optional<RecordingReader::RawChunk>> RecordingReader::read_chunk() {
  constexpr std::size_t kFrameBytes = 8;
  std::vector<std::byte> frame;
  if (Status read = fill(frame, kFrameBytes); !read) return read.error();
  if (frame.empty()) return std::optional<RawChunk>();

  const auto truncated = [&](std::uint64_t present, const std::string& of) {
    return stopped(ReadStop::Truncated, ErrorKind::BadData,
                   "it was cut inside a chunk, " + std::to_string(present) + " of " + of + " bytes are there, after " +
                       std::to_string(whole_chunks_) + " whole chunks");
  };
  if (frame.size() < kFrameBytes) return truncated(frame.size(), "at least 8");
  const std::uint32_t type = u32_at(frame, 0);
  const std::uint32_t length = u32_at(frame, 4);
  if (!is_known(type)) return stopped(ReadStop::Corrupt, ErrorKind::BadData, "there is a chunk of unknown type " + std::to_string(type));
  if (length > longest(type)) {
    return stopped(ReadStop::Corrupt, ErrorKind::BadData,
                   "there is a chunk of type " + std::to_string(type) + " and " + std::to_string(length) + " bytes, at most " +
                       std::to_string(longest(type)) + " are allowed");
  }
  RawChunk chunk{static_cast<ChunkType>(type), {}};
  if (Status read = fill(chunk.payload, length); !read) return read.error();
  if (chunk.payload.size() < length) return truncated(kFrameBytes + chunk.payload.size(), std::to_string(kFrameBytes + length));
  return std::optional(std::move(chunk));
}

Status RecordingReader::read_header() {
  std::vector<std::byte> magic;
  if (Status read = fill(magic, kRecordingMagic.size()); !read) return read;
  const auto expected = std::as_bytes(std::span(kRecordingMagic));
  if (magic.empty() || !std::equal(magic.begin(), magic.end(), expected.begin())) {
    return Error{ErrorKind::BadData, "cannot replay this file", "it is not a synfate recording but " + what_it_is(magic),
                 "recordings are made with: synfate trace --record FILE"};
  }
  const auto cut = [] {
    return Error{ErrorKind::BadData, "cannot replay this recording", "it was cut inside its header: nothing in it can be used", ""};
  };
  if (magic.size() < kRecordingMagic.size()) return cut();
  position_bytes_ = magic.size();

  auto chunk = read_chunk();
  if (!chunk) return stop_ == ReadStop::Truncated ? cut() : std::move(chunk).error();
  if (!*chunk) return cut();
  if ((*chunk)->type != ChunkType::Header) return stopped(ReadStop::Corrupt, ErrorKind::BadData, "its first chunk is not a header");
  std::string text;
  auto header = header_from_json(text_of_bytes((*chunk)->payload, text));
  if (!header) return std::move(header).error();
  header_ = std::move(*header);
  position_bytes_ += 8 + (*chunk)->payload.size();
  whole_chunks_ = 1;
  return Ok{};
}

Result<RecordingReader> RecordingReader::open(ByteSource source) {
  RecordingReader reader(std::move(source));
  if (Status read = reader.read_header(); !read) return read.error();
  return reader;
}

Result<Chunk> RecordingReader::decode_chunk(RawChunk chunk) {
  std::string text;
  if (chunk.type == ChunkType::Record) {
    if (Status done = upgrade_record(chunk.payload, header_.wire_version); !done) return done.error();
    return Chunk{RawRecord{std::move(chunk.payload)}};
  }
  text_of_bytes(chunk.payload, text);
  switch (chunk.type) {
    case ChunkType::Inventory: return as_chunk(inventory_from_json(text));
    case ChunkType::Notice: return as_chunk(notice_from_json(text));
    case ChunkType::Lost: return as_chunk(lost_from_json(text));
    case ChunkType::End: return as_chunk(end_from_json(text));
    case ChunkType::Header:
    case ChunkType::Record: break;
  }
  return Error{ErrorKind::BadData, "cannot read the recording", "there is a second header", ""};
}

Result<std::optional<Chunk>> RecordingReader::next() {
  if (failure_) return *failure_;
  if (stop_ != ReadStop::None) return std::optional<Chunk>();
  auto raw = read_chunk();
  if (!raw) return std::move(raw).error();
  if (!*raw) {
    stop_ = ended_ ? ReadStop::Ended : ReadStop::Unended;
    return std::optional<Chunk>();
  }
  if (ended_) return stopped(ReadStop::Corrupt, ErrorKind::BadData, "something follows its end");
  const std::uint64_t bytes = 8 + (*raw)->payload.size();
  auto chunk = decode_chunk(std::move(**raw));
  if (!chunk) return stopped(ReadStop::Corrupt, ErrorKind::BadData, chunk.error().what + ": " + chunk.error().why);
  if (std::holds_alternative<RawRecord>(*chunk)) ++records_;
  if (const auto* end = std::get_if<RecordingEnd>(&*chunk)) {
    if (end->records != records_) {
      return stopped(ReadStop::Corrupt, ErrorKind::BadData,
                     "its end says " + std::to_string(end->records) + " records, and there are " + std::to_string(records_));
    }
    ended_ = true;
  }
  position_bytes_ += bytes;
  ++whole_chunks_;
  return std::optional(std::move(*chunk));
}

}  // namespace synfate::wire
