// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The command line: every option becomes its value, every bad value a sentence and status 1, and CMD's own options stay CMD's.
#include "cli/options.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cli/exit_status.hpp"
#include "probe/features.hpp"

using namespace synfate;
using namespace synfate::cli;

using Words = std::vector<std::string>;

namespace {

std::variant<Options, Leave> parse(const Words& words) {
  std::vector<const char*> argv = {"synfate"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  argv.push_back(nullptr);
  return parse_options(static_cast<int>(argv.size() - 1), argv.data());
}

Options accepted(const Words& words) {
  auto parsed = parse(words);
  if (const auto* leave = std::get_if<Leave>(&parsed)) FAIL(leave->text);
  return std::get<Options>(std::move(parsed));
}

Leave left(const Words& words) {
  auto parsed = parse(words);
  REQUIRE(std::holds_alternative<Leave>(parsed));
  return std::get<Leave>(std::move(parsed));
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a command alone asks for nothing else") {
  const Options options = accepted({"trace"});
  CHECK(options.command == Command::Trace);
  CHECK_FALSE(options.filter.any());
  CHECK_FALSE(options.duration);
  CHECK_FALSE(options.count);
  CHECK_FALSE(options.all);
  CHECK_FALSE(options.json);
  CHECK_FALSE(options.verbose);
  CHECK(options.color == ColorWhen::Auto);
  CHECK_FALSE(options.record);
  CHECK_FALSE(options.ready_fd);
  CHECK(options.without.empty());
}

TEST_CASE("the commands") {
  CHECK(accepted({"trace"}).command == Command::Trace);
  CHECK(accepted({"run", "--", "true"}).command == Command::Run);
  CHECK(accepted({"pods"}).command == Command::Pods);
  CHECK(accepted({"doctor"}).command == Command::Doctor);
  CHECK(accepted({"demo"}).command == Command::Demo);
  const Options replay = accepted({"replay", "a.synfate", "--all"});
  CHECK(replay.command == Command::Replay);
  CHECK(replay.file == "a.synfate");
  CHECK(replay.all);
}

TEST_CASE("every filter becomes its value") {
  const Options options = accepted({"trace", "--netns", "blue", "--host", "10.42.0.0/16", "--src", "fd00::1", "--dst", "10.1.2.3/8",
                                    "--port", "65535", "--pid", "4242", "--cgroup", "/system.slice"});
  const FilterOptions& filter = options.filter;
  CHECK(filter.any());
  CHECK(filter.netns == "blue");
  REQUIRE(filter.host);
  CHECK(to_string(filter.host->address) == "10.42.0.0");
  CHECK(filter.host->length == 16);
  REQUIRE(filter.source);
  CHECK(to_string(filter.source->address) == "fd00::1");
  CHECK(filter.source->length == 128);
  REQUIRE(filter.destination);
  CHECK(to_string(filter.destination->address) == "10.0.0.0");
  CHECK(filter.port == 65535);
  CHECK(filter.tgid == 4242U);
  CHECK(filter.cgroup == "/system.slice");
}

TEST_CASE("each filter alone is a filter") {
  for (const Words& words : {Words{"--netns", "1"}, Words{"--host", "::/0"}, Words{"--src", "1.1.1.1"}, Words{"--dst", "1.1.1.1"},
                             Words{"--port", "1"}, Words{"--pid", "1"}, Words{"--cgroup", "/"}}) {
    CAPTURE(words[0]);
    CHECK(accepted({"trace", words[0], words[1]}).filter.any());
    CHECK(accepted({"run", words[0], words[1], "--", "true"}).filter.any());
  }
}

TEST_CASE("every option of a session becomes its value") {
  const Options options = accepted({"trace", "--for", "500ms", "--count", "3", "--all", "--record", "x", "--ready-fd", "0", "--without",
                                    "stack", "--without", "icmp_send", "--json", "-v", "--color", "never"});
  CHECK(options.duration == 500 * kMillisecond);
  CHECK(options.count == 3U);
  CHECK(options.all);
  CHECK(options.record == "x");
  CHECK(options.ready_fd == 0);
  CHECK(options.without == std::set<std::string>{"icmp_send", "stack"});
  CHECK(options.json);
  CHECK(options.verbose);
  CHECK(options.color == ColorWhen::Never);
  CHECK(options.command_line.size() == 18);
  CHECK(options.command_line.front() == "trace");
}

TEST_CASE("rules are traced only when asked for, and only where something runs live") {
  CHECK_FALSE(accepted({"trace"}).nftrace);
  CHECK(accepted({"trace", "--nftrace"}).nftrace);
  CHECK(accepted({"run", "--nftrace", "--", "true"}).nftrace);
  CHECK(std::get<Leave>(parse({"replay", "--nftrace", "file"})).status == kUsage);
}

TEST_CASE("every feature's name is taken by --without") {
  for (const std::string& name : probe::feature_names()) CHECK(accepted({"trace", "--without", name}).without.contains(name));
}

TEST_CASE("what every command takes") {
  for (const char* command : {"trace", "pods", "doctor", "demo"}) {
    CAPTURE(command);
    const Options options = accepted({command, "--json", "--color", "always", "--verbose"});
    CHECK(options.json);
    CHECK(options.verbose);
    CHECK(options.color == ColorWhen::Always);
  }
}

TEST_CASE("after -- everything is the command's own") {
  const Options options = accepted({"run", "--json", "--", "curl", "--json", "-v", "--", "--port", "http://x/"});
  CHECK(options.json);
  CHECK_FALSE(options.verbose);
  CHECK_FALSE(options.filter.any());
  CHECK(options.argv == Words{"curl", "--json", "-v", "--", "--port", "http://x/"});
}

TEST_CASE("a command whose first word looks like an option, or is empty, is still a command") {
  CHECK(accepted({"run", "--", "--help"}).argv == Words{"--help"});
  CHECK(accepted({"run", "--", "echo", ""}).argv == Words{"echo", ""});
}

TEST_CASE("run accepts --all, and nothing changes") { CHECK(accepted({"run", "--all", "--", "true"}).argv == Words{"true"}); }

TEST_CASE("bad values are refused with the option and the value") {
  const std::vector<Words> bad = {{"--host", "10.0.0.0/33"}, {"--src", "nowhere"},  {"--dst", "fd00::/129"},   {"--dst", ""},
                                  {"--port", "0"},           {"--port", "65536"},   {"--port", "http"},        {"--port", "-1"},
                                  {"--port", "80x"},         {"--pid", "0"},        {"--pid", "-5"},           {"--pid", "4194305"},
                                  {"--for", "soon"},         {"--for", "0"},        {"--for", "-1s"},          {"--for", "99999999999999h"},
                                  {"--count", "0"},          {"--count", "-1"},     {"--count", "many"},       {"--color", "pink"},
                                  {"--ready-fd", "-1"},      {"--ready-fd", "one"}, {"--ready-fd", "9999999"}, {"--without", "everything"},
                                  {"--without", "drops"}};
  for (const Words& words : bad) {
    CAPTURE(words[0]);
    CAPTURE(words[1]);
    const Leave leave = left({"trace", words[0], words[1]});
    CHECK(leave.status == kUsage);
    CHECK(leave.to_stderr);
    CHECK(has(leave.text, words[0]));
    CHECK(has(leave.text, "synfate trace --help"));
    CHECK(std::count(leave.text.begin(), leave.text.end(), '\n') <= 3);
  }
}

TEST_CASE("an option without its value, twice, or unknown is refused") {
  for (const Words& words : {Words{"trace", "--port"}, Words{"trace", "--port", "1", "--port", "2"}, Words{"trace", "--nonsense"},
                             Words{"trace", "stray"}, Words{"pods", "--port", "1"}, Words{"doctor", "--record", "x"}, Words{"replay"},
                             Words{"replay", "a", "b"}, Words{"replay", "a", "--port", "80"}, Words{"run"}, Words{"run", "--"},
                             Words{"run", "--for", "1s", "--", "true"}, Words{"trace", "pods"}}) {
    CAPTURE(words.back());
    const Leave leave = left(words);
    CHECK(leave.status == kUsage);
    CHECK(leave.to_stderr);
  }
}

TEST_CASE("no command, or one that does not exist") {
  CHECK(left({}).status == kUsage);
  const Leave leave = left({"tarce", "--json"});
  CHECK(leave.status == kUsage);
  CHECK(leave.to_stderr);
  CHECK(has(leave.text, "tarce"));
}

TEST_CASE("help and version are answers, not errors") {
  for (const Words& words :
       {Words{"--help"}, Words{"-h"}, Words{"trace", "--help"}, Words{"run", "--help"}, Words{"replay", "--help"}, Words{"--version"}}) {
    const Leave leave = left(words);
    CAPTURE(words.back());
    CHECK(leave.status == kDone);
    CHECK_FALSE(leave.to_stderr);
    CHECK_FALSE(leave.text.empty());
  }
  CHECK(has(left({"--version"}).text, SYNFATE_VERSION));
  for (const char* command : {"trace", "run", "pods", "doctor", "replay", "demo"}) CHECK(has(left({"--help"}).text, command));
}

TEST_CASE("what a terminal must not see is not in an error") {
  const Leave leave = left({"trace", "--host", "\x1b[31mred"});
  CHECK(leave.status == kUsage);
  CHECK_FALSE(has(leave.text, "\x1b"));
}
