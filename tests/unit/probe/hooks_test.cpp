// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The hook table and the BPF object say the same: no program is forgotten, none is invented. The object is read, not loaded.
#include "probe/hooks.hpp"

#include <bpf/libbpf.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

using namespace synfate;
using namespace synfate::probe;

namespace {

/// Program to section, of the object that the skeleton embeds.
std::map<std::string, std::string> programs() {
  libbpf_set_print(nullptr);
  bpf_object* object = bpf_object__open_file(SYNFATE_BPF_OBJECT, nullptr);
  REQUIRE(object != nullptr);
  std::map<std::string, std::string> found;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) found.emplace(bpf_program__name(program), bpf_program__section_name(program));
  bpf_object__close(object);
  return found;
}

}  // namespace

TEST_CASE("each program is in the table once") {
  std::set<std::string_view> names;
  for (const Hook& hook : hooks()) {
    CAPTURE(hook.program);
    CHECK(names.insert(hook.program).second);
  }
}

TEST_CASE("the object has the programs of the table and no other") {
  const auto built = programs();
  CHECK(built.size() == hooks().size());
  for (const Hook& hook : hooks()) {
    CAPTURE(hook.program);
    CHECK(built.contains(std::string(hook.program)));
  }
  for (const auto& each : built) {
    const auto& program = each.first;
    CAPTURE(program);
    CHECK(std::any_of(hooks().begin(), hooks().end(), [&](const Hook& hook) { return hook.program == program; }));
  }
}

TEST_CASE("each program is built for the tracepoint that the table names") {
  const auto built = programs();
  for (const Hook& hook : hooks()) {
    CAPTURE(hook.program);
    const std::string own = hook.need == Need::Scope ? "tc" : "syscall";
    const std::string expected = hook.tracepoint.empty() ? own : "tp_btf/" + std::string(hook.tracepoint);
    const auto found = built.find(std::string(hook.program));
    REQUIRE(found != built.end());
    CHECK(found->second == expected);
  }
}

TEST_CASE("each entry says what it is called and what is missed without it") {
  for (const Hook& hook : hooks()) {
    CAPTURE(hook.program);
    CHECK_FALSE(hook.feature.empty());
    CHECK_FALSE(hook.consequence.empty());
    CHECK(hook.consequence.find('\n') == std::string_view::npos);
  }
}

TEST_CASE("what must be there cannot share a name with what may be switched off") {
  for (const Hook& must : hooks()) {
    if (must.need != Need::Must) continue;
    for (const Hook& other : hooks()) {
      CAPTURE(other.program);
      if (other.need != Need::Must) CHECK(other.feature != must.feature);
    }
  }
}
