// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What `demo` tries, step by step, and whether each row says what was set up. It prints and decides when the next step begins; the
// packets are other people's work.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "base/unique_fd.hpp"
#include "model/verdict.hpp"
#include "render/layout.hpp"
#include "render/sink.hpp"

namespace synfate::cli {

/// One attempt of the client, and the truth about it.
struct DemoStep {
  const char* to;      ///< as the client asks for it; no two steps ask for the same address
  std::uint16_t port;  ///< of `to`
  const char* words;   ///< what is tried and what stands in its way
  const char* cause;
  model::Leg packet;
  const char* netns;  ///< of the lab, where it dies; "" if it does not
};

const std::vector<DemoStep>& demo_steps();

/// Passes rows on, and begins the next step when the row of the one under way says what was set up, or after a while.
class DemoScript final : public render::Sink {
 public:
  struct Stage {
    std::function<bool(std::string_view)> say;            ///< whole lines; false: nobody listens
    std::function<void(const model::Endpoint&)> connect;  ///< by the client
    std::function<model::NetnsId(const char*)> netns;     ///< of the lab, by name
    std::function<void()> end;                            ///< nothing more to come
    render::TextStyle style;
  };

  /// A row comes some 20 ms after what it is about; a SYN that the kernel sends again is worth waiting for.
  static constexpr DurationNs kPatience = 4 * kSecond;

  DemoScript(render::Sink& rows, Stage stage, DurationNs patience = kPatience);

  /// The first step.
  void begin();
  /// Readable when the row of a step is overdue; call overdue() then.
  int fd() const { return timer_.get(); }
  void overdue();

  bool attempt(const model::Attempt& attempt) override;
  bool notice(const model::Notice& notice) override { return heard(rows_.notice(notice)); }
  bool summary(const model::Summary& summary) override;

  bool is_complete() const { return current_ >= demo_steps().size(); }
  /// The reader of the output has gone.
  bool is_broken() const { return broken_; }
  /// A sentence for each step whose last row is missing or says something else than what was set up.
  std::vector<std::string> complaints() const;

 private:
  void next();
  void perform();
  bool heard(bool ok);
  /// Of a step that has a row.
  bool is_at_its_place(std::size_t step) const;
  bool is_as_set_up(std::size_t step) const;

  render::Sink& rows_;
  Stage stage_;
  DurationNs patience_;
  UniqueFd timer_;
  std::size_t current_ = 0;
  std::vector<std::optional<model::Verdict>> answers_;
  bool broken_ = false;
};

}  // namespace synfate::cli
