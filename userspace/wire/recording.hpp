// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The recording file: what replay needs to give the same answers on another machine. Append-only; never holds a packet's payload.
//
//   "synfate recording\n"                            the magic
//   { u32 type, u32 length, payload[length] } ...    chunks, numbers in little-endian order
//
// The first chunk is the header (JSON). After it, in the order in which they happened: raw wire records (verbatim), and JSON chunks for
// inventory snapshots, notices, lost counters and the end. Only the end chunk says that the recording was finished.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "model/inventory.hpp"
#include "model/verdict.hpp"
#include "synfate/wire.h"
#include "wire/inventory_json.hpp"
#include "wire/kernel_names.hpp"

namespace synfate::wire {

inline constexpr std::string_view kRecordingMagic = "synfate recording\n";
/// Of the file's own structure; a new chunk type or a changed meaning bumps it. WIRE_VERSION covers the records in it.
inline constexpr std::uint32_t kRecordingFormat = 1;
inline constexpr std::uint32_t kMaxChunkBytes = 16U << 20;
/// wire_header.size is a __u16.
inline constexpr std::uint32_t kMaxRecordBytes = 0xffff;

enum class ChunkType : std::uint32_t { Header = 1, Record = 2, Inventory = 3, Notice = 4, Lost = 5, End = 6 };

/// The session that was recorded.
struct RecordingHeader {
  std::uint32_t format_version = kRecordingFormat;
  std::uint32_t wire_version = WIRE_VERSION;
  std::string tool_version;
  KernelNames kernel;
  WallClock clock;
  MonotonicNs started_ns = 0;
  std::string tier;
  std::vector<model::Gap> gaps;      ///< of observation, known at start
  std::vector<std::string> options;  ///< the command line, without the program
  std::uint32_t pid_namespace = 0;   ///< inode of the one that tgid and tid count in
  bool initial_pid_namespace = false;
};

/// The kernel side's counters, cumulative, summed over CPUs, by enum wire_counter.
using Counters = std::array<std::uint64_t, _WIRE_COUNT_MAX>;

/// "ring_full"; empty for a number that is not in use.
std::string_view counter_name(std::size_t counter);

struct RawRecord {
  std::vector<std::byte> bytes;  ///< of this tool's WIRE_VERSION: older ones are upgraded while they are read
};

struct RecordedNotice {
  MonotonicNs time_ns = 0;
  model::Notice notice;
};

struct LostCounters {
  MonotonicNs time_ns = 0;
  Counters counters{};
};

struct RecordingEnd {
  MonotonicNs time_ns = 0;
  Counters counters{};
  std::uint64_t records = 0;  ///< raw records in the file
};

using Chunk = std::variant<RawRecord, InventorySnapshot, RecordedNotice, LostCounters, RecordingEnd>;

/// Takes all of the bytes or fails.
using ByteSink = std::function<Status(std::span<const std::byte>)>;
/// Fills the front of the span and says how many bytes; 0 is the end.
using ByteSource = std::function<Result<std::size_t>(std::span<std::byte>)>;

/// Reads from memory that outlives the source.
ByteSource memory_source(std::span<const std::byte> bytes);

/// Each chunk reaches the sink in one call. After a failed write nothing more is written, so that the file stays readable up to its last
/// whole chunk; every later call returns the same error.
class RecordingWriter {
 public:
  /// Writes the magic and the header. The versions in the header are this tool's, whatever the caller put there.
  static Result<RecordingWriter> start(ByteSink sink, RecordingHeader header);

  Status record(std::span<const std::byte> bytes);
  Status inventory(MonotonicNs time_ns, const model::Inventory& inventory);
  Status notice(MonotonicNs time_ns, const model::Notice& notice);
  Status lost(MonotonicNs time_ns, const Counters& counters);
  /// The last chunk; anything after it is an error of the caller's.
  Status end(MonotonicNs time_ns, const Counters& counters);
  /// So long is the recording by now.
  std::uint64_t bytes() const { return bytes_; }

 private:
  explicit RecordingWriter(ByteSink sink) : sink_(std::move(sink)) {}
  Status write(ChunkType type, std::span<const std::byte> payload, std::string_view before = {});
  Status write(ChunkType type, std::string_view payload, std::string_view before = {});

  ByteSink sink_;
  std::uint64_t records_ = 0;
  std::uint64_t bytes_ = 0;
  bool ended_ = false;
  std::optional<Error> failure_;
};

/// Why a reader stopped.
enum class ReadStop : std::uint8_t {
  None,       ///< more may follow
  Ended,      ///< after the end chunk: nothing is missing
  Unended,    ///< the file ends between two chunks, but the recording was not finished
  Truncated,  ///< the file ends inside a chunk; all chunks before it were given
  Corrupt,    ///< a chunk that no version of synfate writes
  Io,         ///< the source failed
};

/// One chunk in memory at a time. Untrusted input: no chunk is longer than kMaxChunkBytes, and no memory is taken for bytes that are not
/// there.
class RecordingReader {
 public:
  /// Reads the magic and the header. Errors: BadData for what is no recording (names what it is instead) or is cut inside its header;
  /// Unsupported for a newer format or wire version (names both); Io.
  static Result<RecordingReader> open(ByteSource source);

  const RecordingHeader& header() const { return header_; }
  /// The next chunk; nothing at the end, see stop(). After an error or the end every call gives the same again.
  Result<std::optional<Chunk>> next();
  ReadStop stop() const { return stop_; }
  /// Whole chunks given so far, the header included, and where in the file the next one begins.
  std::uint64_t whole_chunks() const { return whole_chunks_; }
  std::uint64_t position_bytes() const { return position_bytes_; }

 private:
  struct RawChunk {
    ChunkType type = ChunkType::Header;
    std::vector<std::byte> payload;
  };

  explicit RecordingReader(ByteSource source) : source_(std::move(source)) {}
  Status read_header();
  Result<std::optional<RawChunk>> read_chunk();
  Result<Chunk> decode_chunk(RawChunk chunk);
  /// Up to `wanted` more bytes at the end of `bytes`: fewer only at the end of the file.
  Status fill(std::vector<std::byte>& bytes, std::size_t wanted);
  Error stopped(ReadStop stop, ErrorKind kind, std::string why);

  ByteSource source_;
  RecordingHeader header_;
  ReadStop stop_ = ReadStop::None;
  std::optional<Error> failure_;
  std::uint64_t whole_chunks_ = 0;
  std::uint64_t position_bytes_ = 0;
  std::uint64_t records_ = 0;
  bool ended_ = false;
};

}  // namespace synfate::wire
