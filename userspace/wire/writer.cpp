// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Writing chunks: each is built whole in memory and handed over in one call.
#include <cassert>

#include "wire/chunks_json.hpp"
#include "wire/recording.hpp"

namespace synfate::wire {
namespace {

void append_u32(std::vector<std::byte>& out, std::uint32_t number) {
  for (unsigned shift = 0; shift < 32; shift += 8) out.push_back(static_cast<std::byte>(number >> shift & 0xffU));
}

void append(std::vector<std::byte>& out, std::span<const std::byte> bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

}  // namespace

Result<RecordingWriter> RecordingWriter::start(ByteSink sink, RecordingHeader header) {
  header.format_version = kRecordingFormat;
  header.wire_version = WIRE_VERSION;
  RecordingWriter writer(std::move(sink));
  // In one call with the header, so that a file with the magic alone exists only where the disk was full.
  if (Status written = writer.write(ChunkType::Header, header_to_json(header), kRecordingMagic); !written) return written.error();
  return writer;
}

Status RecordingWriter::write(ChunkType type, std::string_view payload, std::string_view before) {
  return write(type, bytes_of(payload), before);
}

Status RecordingWriter::write(ChunkType type, std::span<const std::byte> payload, std::string_view before) {
  assert(!ended_);
  if (failure_) return *failure_;
  const std::size_t most = type == ChunkType::Record ? kMaxRecordBytes : kMaxChunkBytes;
  if (payload.size() > most) {
    return Error{ErrorKind::BadData, "cannot record a chunk of " + std::to_string(payload.size()) + " bytes",
                 "at most " + std::to_string(most) + " fit", ""};
  }
  std::vector<std::byte> chunk;
  chunk.reserve(before.size() + 8 + payload.size());
  append(chunk, bytes_of(before));
  append_u32(chunk, static_cast<std::uint32_t>(type));
  append_u32(chunk, static_cast<std::uint32_t>(payload.size()));
  append(chunk, payload);
  Status written = sink_(chunk);
  if (!written) failure_ = written.error();
  bytes_ += chunk.size();
  return written;
}

Status RecordingWriter::record(std::span<const std::byte> bytes) {
  Status written = write(ChunkType::Record, bytes);
  if (written) ++records_;
  return written;
}

Status RecordingWriter::inventory(MonotonicNs time_ns, const model::Inventory& inventory) {
  return write(ChunkType::Inventory, inventory_to_json(time_ns, inventory));
}

Status RecordingWriter::notice(MonotonicNs time_ns, const model::Notice& notice) {
  return write(ChunkType::Notice, notice_to_json({time_ns, notice}));
}

Status RecordingWriter::lost(MonotonicNs time_ns, const Counters& counters) {
  return write(ChunkType::Lost, lost_to_json({time_ns, counters}));
}

Status RecordingWriter::end(MonotonicNs time_ns, const Counters& counters) {
  Status written = write(ChunkType::End, end_to_json({time_ns, counters, records_}));
  ended_ = true;
  return written;
}

}  // namespace synfate::wire
