// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// JSON that was made to hurt: deep, wide, broken. An answer every time, never a crash, never minutes.
#include <doctest/doctest.h>

#include <string>

#include "wire/inventory_json.hpp"

using namespace synfate;

namespace {

std::string why_not(const std::string& json) {
  const auto inventory = wire::inventory_from_json(json);
  return inventory ? "read" : inventory.error().why;
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

}  // namespace

TEST_CASE("nesting") {
  CHECK(why_not(R"({"gaps":)" + repeated("[", 1'000'000)) == "its JSON nests deeper than 16");
  CHECK(why_not(repeated(R"({"a":)", 1'000'000)) == "its JSON nests deeper than 16");
  CHECK(why_not(R"({"unknown":)" + repeated("[", 10) + repeated("]", 10) + "}") == "read");
  CHECK(why_not(R"({"unknown":"[[[[[[[[[[[[[[[[[[[[[[[[[[ \" [[[[[["})") == "read");
}

TEST_CASE("a million gaps") {
  CHECK(why_not(R"({"gaps":[)" + repeated("{},", 999'999) + "{}]}") == "its JSON has more than 2000000 values");
  CHECK(why_not(R"({"gaps":[)" + repeated("0,", 999'999) + "0]}") == "gaps is not a list of at most 65536 (it has 1000000)");
}

TEST_CASE("a million different keys in one object") {
  std::string json = "{";
  for (int i = 0; i < 1'000'000; ++i) json += "\"" + std::to_string(i) + "\":0,";
  CHECK(why_not(json + "\"id\":0}") == "read");
}

TEST_CASE("a long text") {
  CHECK(why_not(R"({"gaps":[{"code":")" + std::string(65'536, 'x') + "\"}]}") == "read");
  CHECK(why_not(R"({"gaps":[{"code":")" + std::string(65'537, 'x') + "\"}]}") == "gaps[0].code is not a text of at most 65536 bytes");
}

TEST_CASE("not JSON") {
  for (const char* text : {"", "{", "}", "]", "{\"a\":}", "{\"a\":1}x", "nul", "\"", "\\", "{\"\xff\":1}", "{\"a\":1e999}", "{'a':1}"}) {
    CAPTURE(text);
    CHECK(why_not(text) == "it is not JSON");
  }
  for (const char* text : {"[]", "5", "null", "\"text\""}) CHECK(why_not(text) == "it is not a JSON object");
}
