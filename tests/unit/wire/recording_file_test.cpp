// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Recordings on disk: created for the owner alone, never over another file; a full disk is an error.
#include "wire/recording_file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "recordings.hpp"

using namespace synfate;
using namespace synfate::test;

namespace {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "synfate-wire-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace

TEST_CASE("what is written is read, and only the owner may") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("a.rec");
  {
    auto writer = wire::create_recording(path, session());
    REQUIRE(writer);
    REQUIRE(writer->record(bytes_of(packet())));
    REQUIRE(writer->end(1, {}));
  }
  struct stat info {};
  REQUIRE(stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  auto reader = wire::open_recording(path);
  REQUIRE(reader);
  CHECK(reader->header().tool_version == "0.1.0");
  const auto chunk = reader->next();
  REQUIRE(chunk);
  REQUIRE(*chunk);
  CHECK(std::get<wire::RawRecord>(**chunk).bytes == bytes_of(packet()));
}

TEST_CASE("an existing name is refused: a file, or a link to nowhere") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("a.rec");
  REQUIRE(wire::create_recording(path, session()));
  const auto size = std::filesystem::file_size(path);
  const auto again = wire::create_recording(path, session());
  REQUIRE_FALSE(again);
  CHECK(again.error().kind == ErrorKind::Usage);
  CHECK(again.error().why == "it exists already");
  CHECK_FALSE(again.error().hint.empty());
  CHECK(std::filesystem::file_size(path) == size);

  const std::string link = directory.file("link.rec");
  std::filesystem::create_symlink(directory.file("elsewhere"), link);
  CHECK_FALSE(wire::create_recording(link, session()));
  CHECK_FALSE(std::filesystem::exists(directory.file("elsewhere")));
}

TEST_CASE("a full disk is an Io error with its name") {
  UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  REQUIRE(full);
  const auto writer = wire::RecordingWriter::start(wire::file_sink(std::move(full), "x.rec"), session());
  REQUIRE_FALSE(writer);
  CHECK(writer.error().kind == ErrorKind::Io);
  CHECK(writer.error().why == errno_text(ENOSPC));
}

TEST_CASE("a pipe can be replayed, a directory and a missing file cannot") {
  const TemporaryDirectory directory;
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const Bytes file = recording();
  REQUIRE(::write(write_end.get(), file.data(), file.size()) == static_cast<ssize_t>(file.size()));
  write_end.reset();
  CHECK(wire::RecordingReader::open(wire::file_source(std::move(read_end), "pipe")));

  const auto of_directory = wire::open_recording(directory.file(""));
  REQUIRE_FALSE(of_directory);
  CHECK(of_directory.error().kind == ErrorKind::Io);
  const auto missing = wire::open_recording(directory.file("missing"));
  REQUIRE_FALSE(missing);
  CHECK(missing.error().kind == ErrorKind::Io);
  CHECK_FALSE(missing.error().hint.empty());
  REQUIRE_FALSE(wire::create_recording(directory.file("no/such/place"), session()));
}

TEST_CASE("a foreign file is named with its path, cleaned for a terminal") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("\x1b[31m.rec");
  { UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)); }
  const auto reader = wire::open_recording(path);
  REQUIRE_FALSE(reader);
  CHECK(reader.error().what.find('\x1b') == std::string::npos);
  CHECK(reader.error().what.find("[31m.rec") != std::string::npos);
  CHECK(reader.error().why == "it is not a synfate recording but an empty file");
}
