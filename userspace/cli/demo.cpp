// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/demo.hpp"

#include <cstdio>
#include <optional>

#include "base/text.hpp"
#include "cli/demo_actors.hpp"
#include "cli/demo_lab.hpp"
#include "cli/demo_script.hpp"
#include "cli/exit_status.hpp"
#include "cli/live.hpp"
#include "cli/output.hpp"
#include "machine/real.hpp"
#include "probe/permissions.hpp"

namespace synfate::cli {
namespace {

constexpr DurationNs kLabPatience = 5 * kSecond;
/// Below this the picture would not be one.
constexpr unsigned kPictureWidth = 60;
/// Of prose in a pipe or a file; rows are not folded there.
constexpr unsigned kProseWidth = 100;
constexpr const char* kIntroduction =
    "A node with four pods, made of network namespaces that only this process can see. The client makes five connections: one works, four "
    "fail, each for another reason. The numbered lines say what was set up, the rows what synfate found.";
constexpr const char* kPicture =
    "\n"
    "    client ── cni0 ── node ── cni1 ──┬── web    :8080\n"
    "    10.42.0.10         │             ├── db     :5432\n"
    "                       │             └── cache  :6379\n"
    "                       └─ backup0 ─────────┘\n";
constexpr const char* kPictureAscii =
    "\n"
    "    client -- cni0 -- node -- cni1 --+-- web    :8080\n"
    "    10.42.0.10         |             +-- db     :5432\n"
    "                       |             +-- cache  :6379\n"
    "                       +- backup0 ---------+\n";

/// Narration belongs to the show; where the show is JSON it must not be among the findings.
class Narrator {
 public:
  explicit Narrator(const Options& options) : json_(options.json), out_(stdout_writer()) {
    if (!json_) style_ = text_style(options);
    if (style_.width == 0) style_.width = kProseWidth;
  }

  const render::TextStyle& style() const { return style_; }
  bool say(std::string_view lines) const {
    if (!json_) return out_(lines);
    std::fprintf(stderr, "%.*s", static_cast<int>(lines.size()), lines.data());
    return true;
  }
  bool tell(const std::string& words) const {
    render::Phrase phrase;
    phrase.words(words);
    return say(render::lay_out(phrase, style_, 0, 0));
  }
  void introduce() const {
    tell(kIntroduction);
    if (style_.width >= kPictureWidth) say(style_.ascii ? kPictureAscii : kPicture);
  }

 private:
  bool json_;
  render::Writer out_;
  render::TextStyle style_;
};

struct Company {
  DemoActor web;
  DemoActor db;
  DemoActor cache;
  DemoActor client;
};

model::Endpoint at(const char* address, std::uint16_t port) { return {model::parse_ip(address).value_or(model::IpAddress{}), port}; }

Result<Company> gather(machine::Machine& machine, const DemoLab& lab) {
  auto web = DemoActor::server(machine, lab.netns("web"), at("10.42.1.20", 8080));
  if (!web) return web.error();
  auto db = DemoActor::server(machine, lab.netns("db"), at("10.42.1.30", 5432));
  if (!db) return db.error();
  auto cache = DemoActor::server(machine, lab.netns("cache"), at("10.42.1.40", 6379));
  if (!cache) return cache.error();
  auto client = DemoActor::client(lab.netns("client"));
  if (!client) return client.error();
  return Company{*std::move(web), *std::move(db), *std::move(cache), *std::move(client)};
}

int fail(const Error& error) {
  complain(error);
  return exit_status(error);
}

/// The status of the session, and what the script makes of it.
struct Performance {
  int status = kDone;
  bool broken = false;
  bool complete = false;
  std::vector<std::string> complaints;
};

Result<Performance> perform(const Options& given, const DemoLab& lab, const DemoActor& client, const Narrator& narrator) {
  Options options = given;
  options.all = true;
  options.filter.netns = std::to_string(lab.netns("client").inode());
  const WallClock clock = wall_clock_now();
  const auto rows = make_sink(options, clock);
  LiveSession* running = nullptr;
  DemoScript script(*rows, {.say = [&](std::string_view lines) { return narrator.say(lines); },
                            .connect = [&](const model::Endpoint& to) { client.connect(to); },
                            .netns = [&](const char* name) { return static_cast<model::NetnsId>(lab.netns(name).inode()); },
                            .end = [&] { running->end_soon(); },
                            .style = narrator.style()});
  auto session = LiveSession::start(options, script, clock);
  if (!session) return session.error();
  running = session->get();
  running->watch(script.fd(), [&] { script.overdue(); });
  Performance performance;
  performance.status = running->loop([&] {
    narrator.introduce();
    script.begin();
  });
  performance.broken = script.is_broken();
  performance.complete = script.is_complete();
  performance.complaints = script.complaints();
  return performance;
}

}  // namespace

int demo(const Options& options) {
  if (Status capable = probe::check_capabilities(); !capable) return fail(capable.error());
  const Narrator narrator(options);
  machine::RealMachine machine;
  auto lab = DemoLab::build(machine);
  if (!lab) return fail(lab.error());
  std::optional<Company> company;
  if (auto gathered = gather(machine, *lab); gathered) {
    company.emplace(*std::move(gathered));
  } else {
    return fail(gathered.error());
  }
  // A lab in which nothing works would show nothing about the failures either.
  if (Status works = demo_reaches(machine, lab->netns("client"), at("10.96.0.10", 80), kLabPatience); !works) return fail(works.error());

  const auto performance = perform(options, *lab, company->client, narrator);
  company.reset();
  const Status removed = lab->remove();
  if (!performance) return fail(performance.error());
  if (!removed) return fail(removed.error());
  if (performance->broken) return performance->status;
  if (!performance->complete) {
    std::fputs("synfate: the demo was interrupted; its lab is gone\n", stderr);
    return kInterrupted;
  }
  for (const std::string& complaint : performance->complaints) std::fprintf(stderr, "synfate: %s\n", printable(complaint).c_str());
  if (!performance->complaints.empty()) {
    std::fputs("  this demo failed, and its rows are not to be trusted on this machine; see: synfate doctor\n", stderr);
    return kEvidenceLost;
  }
  if (!options.json) narrator.say("\n");
  narrator.tell(
      "All five are as set up. The lab is gone, and with it what the commands after \"next\" would show; for this machine's own "
      "connections: synfate trace");
  return performance->status;
}

}  // namespace synfate::cli
