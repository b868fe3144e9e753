// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// replay: its exit statuses, and that one recording always gives the same output. Its output is read from a file put in the place of
// standard output.
#include "cli/replay.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/unique_fd.hpp"
#include "cli/exit_status.hpp"
#include "cli/recorder.hpp"
#include "recordings.hpp"
#include "session.hpp"
#include "wire/recording_file.hpp"

using namespace synfate;
using namespace synfate::cli;
using namespace synfate::cli::test;

namespace {

class Place {
 public:
  Place() {
    std::string pattern = (std::filesystem::temp_directory_path() / "synfate-cli-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

struct Replayed {
  int status = -1;
  std::string output;
};

void redirect(int from, int to) { REQUIRE(::dup2(from, to) == to); }

Replayed replayed(const Place& place, const std::string& recording, bool json = true, bool all = false) {
  Options options;
  options.command = Command::Replay;
  options.file = recording;
  options.json = json;
  options.all = all;
  options.color = ColorWhen::Never;
  const std::string path = place.file("output");
  const UniqueFd output(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  const UniqueFd kept_out(::dup(STDOUT_FILENO));
  const UniqueFd kept_err(::dup(STDERR_FILENO));
  const UniqueFd nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  REQUIRE((output && kept_out && kept_err && nowhere));
  redirect(output.get(), STDOUT_FILENO);
  redirect(nowhere.get(), STDERR_FILENO);
  Replayed result;
  result.status = replay(options);
  redirect(kept_out.get(), STDOUT_FILENO);
  redirect(kept_err.get(), STDERR_FILENO);
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  result.output = text.str();
  return result;
}

unsigned count(const std::string& text, const std::string& part) {
  unsigned found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

wire::RecordingHeader header() {
  wire::RecordingHeader result = synfate::test::session();
  result.kernel = names();
  result.started_ns = at(0);
  result.options = {"trace"};
  return result;
}

/// Ten dropped, five established.
std::string record_session(const Place& place, bool ended = true, std::uint64_t lost = 0, std::vector<std::string> options = {"trace"}) {
  const std::string path = place.file(("session" + std::to_string(ended) + std::to_string(lost) + options.front()).c_str());
  wire::RecordingHeader about = header();
  about.options = std::move(options);
  auto writer = wire::create_recording(path, about);
  REQUIRE(writer);
  REQUIRE(writer->inventory(at(0), synfate::test::machine()));
  for (__u16 i = 1; i <= 15; ++i) {
    const Script script(i, i);
    for (const Bytes& record : i % 3 == 0 ? script.established(10 * i) : script.dropped(10 * i)) REQUIRE(writer->record(record));
  }
  wire::Counters counters{};
  counters[WIRE_COUNT_EVENTS] = 80;
  counters[WIRE_COUNT_RING_FULL] = lost;
  if (lost != 0) REQUIRE(writer->lost(at(140), counters));
  if (ended) REQUIRE(writer->end(at(1000), counters));
  return path;
}

}  // namespace

TEST_CASE("one recording, one output") {
  const Place place;
  const std::string path = record_session(place);
  for (const bool json : {true, false}) {
    const Replayed first = replayed(place, path, json);
    const Replayed second = replayed(place, path, json);
    CHECK(first.status == kDone);
    CHECK(first.output == second.output);
    CHECK_FALSE(first.output.empty());
  }
}

TEST_CASE("a whole recording: every failed attempt, a summary, status 0") {
  const Place place;
  const Replayed result = replayed(place, record_session(place));
  CHECK(result.status == kDone);
  CHECK(count(result.output, R"("type":"attempt")") == 10);
  CHECK(count(result.output, R"("fate":"dropped")") == 10);
  CHECK(count(result.output, R"("type":"summary")") == 1);
  CHECK(count(result.output, R"("type":"notice")") == 0);
}

TEST_CASE("--all, or a recording of run or of trace --all, shows the established ones too") {
  const Place place;
  CHECK(count(replayed(place, record_session(place), true, true).output, R"("fate":"established")") == 5);
  CHECK(count(replayed(place, record_session(place, true, 0, {"run", "--", "true"})).output, R"("fate":"established")") == 5);
  CHECK(count(replayed(place, record_session(place, true, 1, {"trace", "--all"})).output, R"("fate":"established")") == 5);
}

TEST_CASE("a recording that was not finished says so: status 3") {
  const Place place;
  const Replayed result = replayed(place, record_session(place, false));
  CHECK(result.status == kEvidenceLost);
  CHECK(count(result.output, "recording_unfinished") == 1);
  CHECK(count(result.output, R"("type":"attempt")") == 10);
}

TEST_CASE("a recording that is cut inside a chunk gives what came before: status 3") {
  const Place place;
  const std::string path = record_session(place);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 10);
  const Replayed result = replayed(place, path);
  CHECK(result.status == kEvidenceLost);
  CHECK(count(result.output, "recording_damaged") == 1);
  CHECK(count(result.output, R"("type":"attempt")") == 10);
  CHECK(count(result.output, R"("type":"summary")") == 1);
}

TEST_CASE("lost events are in the summary, in the confidence and in the status") {
  const Place place;
  const Replayed result = replayed(place, record_session(place, true, 9));
  CHECK(result.status == kEvidenceLost);
  CHECK(count(result.output, R"("lost":9)") == 1);
  CHECK(count(result.output, R"("confidence":"partial")") > 0);
}

TEST_CASE("a replay judges when the session did: not before the losses of a burst are known") {
  const Place place;
  const std::string path = place.file("burst");
  auto writer = wire::create_recording(path, header());
  REQUIRE(writer);
  wire::Counters counters{};
  for (__u16 i = 1; i <= 10; ++i) {
    for (const Bytes& record : Script(i, i).dropped(100 * i)) REQUIRE(writer->record(record));
  }
  counters[WIRE_COUNT_RING_FULL] = 3;
  REQUIRE(writer->lost(at(1100), counters));
  REQUIRE(writer->notice(at(1100), {model::NoticeLevel::Info, std::string(kJudgedCode), ""}));
  for (const Bytes& record : Script(11, 11).dropped(2000)) REQUIRE(writer->record(record));
  REQUIRE(writer->notice(at(2100), {model::NoticeLevel::Info, std::string(kJudgedCode), ""}));
  REQUIRE(writer->end(at(3000), counters));
  const Replayed result = replayed(place, path);
  CHECK(count(result.output, R"("confidence":"partial")") == 10);
  CHECK(count(result.output, R"("confidence":"exact")") == 1);
  CHECK(count(result.output, R"("type":"notice")") == 0);
}

TEST_CASE("a replay knows when the session did not run") {
  const Place place;
  const std::string path = place.file("pause");
  auto writer = wire::create_recording(path, header());
  REQUIRE(writer);
  Recorder recorder;
  recorder.start(std::move(*writer), [](const Error&) { FAIL("the recording failed"); });
  for (const Bytes& record : Script(1, 1).dropped(0)) recorder.record(record);
  recorder.judged(at(100));
  recorder.paused({at(500), at(10'500)});
  for (const Bytes& record : Script(2, 2).dropped(1000)) recorder.record(record);
  recorder.judged(at(10'500));
  recorder.end(at(11'000), {});
  const Replayed result = replayed(place, path);
  CHECK(result.status == kDone);
  CHECK(count(result.output, R"("code":"paused")") == 1);
  CHECK(count(result.output, R"("confidence":"partial")") == 1);
  CHECK(count(result.output, R"("confidence":"exact")") == 1);
}

TEST_CASE("a replay judges when the session did: a revision that was printed is printed again") {
  const Place place;
  const std::string path = place.file("revision");
  auto writer = wire::create_recording(path, header());
  REQUIRE(writer);
  for (const Bytes& record : Script(1, 1).dropped(0)) REQUIRE(writer->record(record));
  REQUIRE(writer->notice(at(100), {model::NoticeLevel::Info, std::string(kJudgedCode), ""}));
  std::vector<Bytes> second = Script(1, 1).established(1000);
  second.erase(second.begin());
  for (const Bytes& record : second) REQUIRE(writer->record(record));
  REQUIRE(writer->end(at(3000), {}));
  const Replayed result = replayed(place, path);
  CHECK(count(result.output, R"("revision":1)") == 1);
  CHECK(count(result.output, R"("revision":2)") == 1);
  CHECK(count(result.output, R"("fate":"established")") == 1);
}

TEST_CASE("no recording is a usage error, a newer one is not") {
  const Place place;
  CHECK(replayed(place, place.file("missing")).status == kUsage);
  std::ofstream(place.file("text")) << "hello\n";
  CHECK(replayed(place, place.file("text")).status == kUsage);
  const Bytes newer = synfate::test::recording_with_header(R"({"format":999,"wire":1})");
  std::ofstream(place.file("newer"), std::ios::binary).write(reinterpret_cast<const char*>(newer.data()), static_cast<long>(newer.size()));
  const Replayed result = replayed(place, place.file("newer"));
  CHECK(result.status != kDone);
  CHECK(result.output.empty());
}
