// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Standard output as a sink: which form, which width, which colours.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "cli/options.hpp"
#include "cli/output_queue.hpp"
#include "render/layout.hpp"
#include "render/sink.hpp"

namespace synfate::cli {

/// Writes whole lines to standard output, and waits until they are taken; false once nobody reads them.
render::Writer stdout_writer();

/// What the terminal behind standard output is like; NO_COLOR and the locale are looked at.
render::TextStyle text_style(const Options& options);

std::unique_ptr<render::Sink> make_sink(const Options& options, const WallClock& clock, render::Writer writer = stdout_writer());
/// The same, which counts what it has printed the like of often enough.
std::unique_ptr<render::Sink> make_folding_sink(const Options& options, const WallClock& clock, render::Writer writer = stdout_writer());
/// Into a queue, which outlives the writer.
render::Writer queue_writer(OutputQueue& queue);
/// At the end: waits for who reads it. False, and says why, where not all was written; a reader that just went is no reason.
bool finish_output(OutputQueue& queue);

/// "synfate: what: why" and a hint on standard error, each line cleaned.
void complain(const Error& error);

}  // namespace synfate::cli
