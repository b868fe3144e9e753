// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Standard output as a sink: which form, which width, which colours.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "cli/options.hpp"
#include "render/layout.hpp"
#include "render/sink.hpp"

namespace synfate::cli {

/// Writes whole lines to standard output; false once nobody reads them.
render::Writer stdout_writer();

/// What the terminal behind standard output is like; NO_COLOR and the locale are looked at.
render::TextStyle text_style(const Options& options);

std::unique_ptr<render::Sink> make_sink(const Options& options, const WallClock& clock);

/// "synfate: what: why" and a hint on standard error, each line cleaned.
void complain(const Error& error);

}  // namespace synfate::cli
