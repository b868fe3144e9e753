// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// `doctor` for people and for programs.
#include "render/doctor.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "samples.hpp"

using namespace synfate;
using namespace synfate::render;
using namespace synfate::render::testing;
using nlohmann::json;

namespace {

DoctorReport report() {
  using State = DoctorLine::State;
  return {{{"tp_btf programs", State::Yes, "", ""},
           {"fentry programs", State::No, "refused by policy", "xtables rules are not read directly"},
           {"netfilter links", State::Unknown, "EPERM", ""}},
          "1",
          "this machine can run synfate",
          true};
}

}  // namespace

TEST_CASE("checks with reasons and consequences, the tier last") {
  Paper paper;
  CHECK(write_doctor_text(report(), {}, paper.writer()));
  CHECK(paper.text == R"(yes      tp_btf programs
no       fentry programs   refused by policy
         xtables rules are not read directly
unknown  netfilter links   EPERM
tier 1   this machine can run synfate
)");
}

TEST_CASE("forty columns in colour") {
  Paper paper;
  CHECK(write_doctor_text(report(), {40, true, false, false}, paper.writer()));
  CHECK(paper.text ==
        "\x1b[32myes\x1b[0m      tp_btf programs\n"
        "\x1b[1;31mno\x1b[0m       fentry programs\n"
        "         refused by policy\n"
        "         xtables rules are not read\n"
        "         directly\n"
        "\x1b[33munknown\x1b[0m  netfilter links   EPERM\n"
        "\x1b[32mtier\x1b[0m \x1b[32m1\x1b[0m   this machine can run synfate\n");
}

TEST_CASE("no tier is said in words") {
  DoctorReport bad = report();
  bad.lines.clear();
  bad.tier.clear();
  bad.can_run = false;
  bad.verdict = "this kernel has no BTF";
  Paper paper;
  CHECK(write_doctor_text(bad, {}, paper.writer()));
  CHECK(paper.text == "no tier  this kernel has no BTF\n");
}

TEST_CASE("as JSON lines") {
  Paper paper;
  CHECK(write_doctor_json(report(), paper.writer()));
  REQUIRE(paper.writes.size() == 4);
  CHECK(json::parse(paper.writes[0]) ==
        json::parse(R"({"type": "check", "v": 1, "name": "tp_btf programs", "state": "yes", "why": null, "consequence": null})"));
  CHECK(json::parse(paper.writes[1]).at("state") == "no");
  CHECK(json::parse(paper.writes[2]).at("state") == "unknown");
  CHECK(json::parse(paper.writes[3]) ==
        json::parse(R"({"type": "summary", "v": 1, "tier": "1", "can_run": true, "verdict": "this machine can run synfate"})"));
}

TEST_CASE("hostile reasons, a broken pipe") {
  DoctorReport evil = report();
  evil.lines[1].why = "\x1b[2J\xff";
  Paper paper;
  CHECK(write_doctor_json(evil, paper.writer()));
  CHECK(json::parse(paper.writes[1]).at("why") == "?[2J?");
  CHECK(write_doctor_text(evil, {}, paper.writer()));
  CHECK(paper.text.find('\x1b') == std::string::npos);
  paper.writes_left = 1;
  CHECK_FALSE(write_doctor_json(evil, paper.writer()));
  CHECK(paper.refused == 1);
}
