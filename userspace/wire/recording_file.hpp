// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Recordings on disk: the only file of this room that opens anything.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "wire/recording.hpp"

namespace synfate::wire {

/// Creates the file, readable by its owner only. Never overwrites and never follows a symbolic link: an existing name is a Usage error.
Result<RecordingWriter> create_recording(const std::string& path, const RecordingHeader& header);

/// Writes to an open descriptor: short writes are continued, ENOSPC and the like are Io errors.
ByteSink file_sink(UniqueFd fd, std::string path);

/// Opens a file, pipe or /dev/stdin and reads its header.
Result<RecordingReader> open_recording(const std::string& path);

ByteSource file_source(UniqueFd fd, std::string path);

}  // namespace synfate::wire
