// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/json_walk.hpp"

#include <doctest/doctest.h>

using namespace synfate;
using namespace synfate::inventory;

namespace {

class Printer final : public JsonVisitor {
 public:
  std::string out;

  void value(const JsonPath& path, const JsonValue& value) override {
    out += place(path) + "=" +
           (value.text     ? "'" + std::string{*value.text} + "'"
            : value.number ? std::to_string(*value.number)
            : value.flag   ? std::string{*value.flag ? "yes" : "no"}
                           : std::string{"-"}) +
           " ";
  }
  void end(const JsonPath& path) override { out += place(path) + ") "; }

 private:
  static std::string place(const JsonPath& path) {
    std::string text;
    for (std::size_t i = 0; i < path.depth(); ++i) text += "/" + std::string{path[i]};
    return text;
  }
};

std::string walk(const std::string& text) {
  Printer printer;
  const auto walked = walk_json(text, printer);
  return walked ? printer.out : walked.error().why;
}

std::string members(const std::string& text, const std::string& open = "") {
  std::string out;
  const auto done = each_json_member(text, open, [&](std::string_view parent, std::string_view key, std::string_view value) {
    out.append(parent).append(parent.empty() ? "" : ".").append(key).append("=").append(value).append(";");
  });
  return done ? out : "bad";
}

}  // namespace

TEST_CASE("JSON is walked with the place of each value") {
  CHECK(walk(R"({"a":{"b":[1,{"c":"x"},[true]],"d":null},"e":-1.5,"f":-2})") ==
        "/a/b/=1 /a/b//c='x' /a/b/) /a/b//=yes /a/b/) /a/b) /a/d=- /a) /e=- /f=- ) ");
  CHECK(walk("  {}\n") == ") ");
}

TEST_CASE("what is no whole object, or too deep, is refused without an exception") {
  for (const std::string& text : {std::string{}, std::string{"["}, std::string{"[]"}, std::string{"1"}, std::string{"{"},
                                  std::string{"{\"a\":"}, std::string{"{\"a\":1}}"}, std::string{"{\"a\":\"\xff\"}"},
                                  std::string{"{\"a\":1e999}"}, std::string{"{\"a\":\"\x01\"}"}, std::string{"{} x"}}) {
    CAPTURE(text);
    CHECK(walk(text) == "it is not a whole JSON object");
  }
  const auto nested = [](std::size_t depth) { return "{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}"; };
  CHECK(walk(nested(23)).find(") ") != std::string::npos);
  CHECK(walk(nested(24)) == "its JSON nests deeper than 24");
  CHECK(walk(nested(1'000'000)) == "its JSON nests deeper than 24");
}

TEST_CASE("members are found by brackets and strings alone") {
  CHECK(members(R"({"a":{"b":"}\"{"},"c":[1,[2]] , "d" : "x\\","e":1,"f":true })") == R"(a={"b":"}\"{"};c=[1,[2]];d="x\\";e=1;f=true;)");
  CHECK(members("{}").empty());
  CHECK(members(" { } ").empty());
  CHECK(members("{\"a\":" + std::string(1'000'000, '[') + std::string(1'000'000, ']') + "}").size() == 2'000'003);
  CHECK(members(R"({"a":{"b":1,"a":{"c":2}},"d":{"a":3},"a":4})", "a") == R"(a.b=1;a.a={"c":2};d={"a":3};a=4;)");
  CHECK(members(R"({"a":{},"b":1})", "a") == "b=1;");
  CHECK(members(R"({"a":{"b":1,}})", "a") == "bad");
  for (const char* text : {"", "[]", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1", "{\"a\":1,}", "{\"a\":\"x}", "{\"a\":[}", "{a:1}",
                           "{\"a\":1}x", "{,}", "{\"a\":1 \"b\":2}", "{\"a\\", "{\"a\":\"\\", "}", "\"", "{\"a\":1}{}"}) {
    CAPTURE(text);
    CHECK(members(text) == "bad");
  }
}
