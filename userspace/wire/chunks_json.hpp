// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The JSON of a recording's small chunks. Private to this room; readers take untrusted text.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "wire/recording.hpp"

namespace synfate::wire {

std::string header_to_json(const RecordingHeader& header);
/// Unsupported, naming both versions, if the recording is newer than this tool: nothing but the versions is read then.
Result<RecordingHeader> header_from_json(std::string_view text);

std::string notice_to_json(const RecordedNotice& notice);
Result<RecordedNotice> notice_from_json(std::string_view text);

std::string lost_to_json(const LostCounters& lost);
Result<LostCounters> lost_from_json(std::string_view text);

std::string end_to_json(const RecordingEnd& end);
Result<RecordingEnd> end_from_json(std::string_view text);

}  // namespace synfate::wire
