// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nftrace/ledger.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace synfate::nftrace {
namespace {

namespace fs = std::filesystem;

const LoggerChange kIpv4{4026532248, 70588, 2, "nf_log_ipv4"};
const LoggerChange kIpv6{4026532248, 70588, 10, "NONE"};

/// A directory whose child "synfate" is for the ledgers; gone with the test.
class Place {
 public:
  Place() { REQUIRE(::mkdtemp(name_) != nullptr); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { fs::remove_all(name_); }

  std::string ledgers() const { return std::string(name_) + "/synfate"; }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    if (!fs::exists(ledgers())) return names;
    for (const auto& entry : fs::directory_iterator(ledgers())) names.push_back(entry.path());
    return names;
  }

 private:
  char name_[64] = "/tmp/synfate-ledger-XXXXXX";
};

std::string content(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// What a killed synfate leaves: the text of a living one's, with nobody's lock.
void leave_behind(const Place& place, const std::vector<LoggerChange>& changes) {
  std::string text;
  {
    Ledger ledger(place.ledgers());
    for (const LoggerChange& change : changes) REQUIRE(ledger.about_to_change(change));
    REQUIRE(place.files().size() == 1);
    text = content(place.files()[0]);
    for (const LoggerChange& change : changes) ledger.put_back(change);
  }
  fs::create_directories(place.ledgers());
  ::chmod(place.ledgers().c_str(), 0700);
  std::ofstream(place.ledgers() + "/nf_log.1.0") << text;
}

TEST_CASE("a change as a line, and back") {
  CHECK(parse_change(to_line(kIpv4)) == kIpv4);
  CHECK(parse_change(to_line(kIpv6)) == kIpv6);
  for (const char* line : {"", "netns 1 cookie 2 family 2 was", "netns 1 cookie 2 family 2 was a b", "netns x cookie 2 family 2 was a",
                           "netns 1 cookie 0 family 2 was a", "netns 1 cookie 2 family 7 was a", "netns 1 cookie 2 family 2 was ../x",
                           "netns 1 cookie 2 family 2 was ", "Netns 1 cookie 2 family 2 was a"}) {
    CAPTURE(line);
    CHECK_FALSE(parse_change(line));
  }
}

TEST_CASE("what is outstanding") {
  const std::string head = "synfate nf_log 1\nboot b\n";
  const std::string both = head + to_line(kIpv4) + "\n" + to_line(kIpv6) + "\n";
  CHECK(outstanding(both, "b") == std::vector<LoggerChange>{kIpv4, kIpv6});
  CHECK(outstanding(both + "undone " + to_line(kIpv4) + "\n", "b") == std::vector<LoggerChange>{kIpv6});
  CHECK(outstanding(both + "undone " + to_line(kIpv4) + "\n" + to_line(kIpv4) + "\n", "b").size() == 2);
  CHECK(outstanding(both, "another").empty());
  CHECK(outstanding(both, "").empty());
  CHECK(outstanding("something else\nboot b\n" + to_line(kIpv4) + "\n", "b").empty());
  // Cut while it was written: "nf_log_ipv4" may have been longer.
  CHECK(outstanding(head + to_line(kIpv4), "b").empty());
}

TEST_CASE("a ledger is there while something is outstanding, and not before or after") {
  Place place;
  {
    Ledger ledger(place.ledgers());
    CHECK(place.files().empty());
    REQUIRE(ledger.about_to_change(kIpv4));
    CHECK(place.files().size() == 1);
    ledger.put_back(kIpv4);
  }
  CHECK_FALSE(fs::exists(place.ledgers()));
}

TEST_CASE("what could not be put back stays noted") {
  Place place;
  {
    Ledger ledger(place.ledgers());
    REQUIRE(ledger.about_to_change(kIpv4));
    REQUIRE(ledger.about_to_change(kIpv6));
    ledger.put_back(kIpv4);
  }
  std::vector<LoggerChange> found;
  const Mended mended = mend(place.ledgers(), [&](const LoggerChange& change) {
    found.push_back(change);
    return true;
  });
  CHECK(found == std::vector<LoggerChange>{kIpv6});
  CHECK(mended.put_back == 1);
  CHECK_FALSE(fs::exists(place.ledgers()));
}

TEST_CASE("a logger with an odd name is not replaced") {
  Place place;
  Ledger ledger(place.ledgers());
  CHECK_FALSE(ledger.about_to_change({1, 2, 2, "a b"}));
  CHECK_FALSE(ledger.about_to_change({1, 2, 2, ""}));
  CHECK(place.files().empty());
}

TEST_CASE("a living synfate's ledger is left alone") {
  Place place;
  Ledger alive(place.ledgers());
  REQUIRE(alive.about_to_change(kIpv4));
  mend(place.ledgers(), [](const LoggerChange&) {
    FAIL("that one is alive");
    return true;
  });
  CHECK(place.files().size() == 1);
  alive.put_back(kIpv4);
}

TEST_CASE("what cannot be put back is tried again the next time") {
  Place place;
  leave_behind(place, {kIpv4, kIpv6});
  CHECK(mend(place.ledgers(), [](const LoggerChange& change) { return change.family == 2; }).failed == 1);
  CHECK(place.files().size() == 1);
  CHECK(mend(place.ledgers(), [](const LoggerChange&) { return true; }).put_back == 2);
  CHECK_FALSE(fs::exists(place.ledgers()));
}

TEST_CASE("a directory that others can write to is not believed") {
  Place place;
  leave_behind(place, {kIpv4});
  ::chmod(place.ledgers().c_str(), 0777);
  mend(place.ledgers(), [](const LoggerChange&) {
    FAIL("anybody may have written that");
    return true;
  });
  CHECK(place.files().size() == 1);
  Ledger ledger(place.ledgers());
  CHECK_FALSE(ledger.about_to_change(kIpv4));
}

TEST_CASE("two at once have a ledger each") {
  Place place;
  Ledger one(place.ledgers());
  Ledger other(place.ledgers());
  REQUIRE(one.about_to_change(kIpv4));
  REQUIRE(other.about_to_change(kIpv6));
  CHECK(place.files().size() == 2);
  one.put_back(kIpv4);
  other.put_back(kIpv6);
}

}  // namespace
}  // namespace synfate::nftrace
