// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The kernel's renderings of code addresses, real ones and hostile ones.
#include "wire/symbol.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace synfate;

namespace {

constexpr std::size_t kCapacity = 96;

struct Case {
  const char* rendering;
  const char* function;
  std::uint32_t offset;
  const char* module;
};

}  // namespace

TEST_CASE("renderings") {
  const Case cases[] = {
      {"nft_do_chain+0x3e8/0x5c0 [nf_tables]", "nft_do_chain", 0x3e8, "nf_tables"},
      {"ip_error.part.0+0x1a/0x200", "ip_error", 0x1a, ""},
      {"ip_rcv_finish_core.constprop.0.isra.0+0x10/0x20", "ip_rcv_finish_core", 0x10, ""},
      {"tcp_v4_rcv.cold+0x5/0x30", "tcp_v4_rcv", 5, ""},
      {"nf_hook_slow+0x0/0xc0", "nf_hook_slow", 0, ""},
      {"ipt_do_table+0x2f/0x6b0 [ip_tables 0123456789abcdef]", "ipt_do_table", 0x2f, "ip_tables"},
      {"br_handle_frame.llvm.123+0x1/0x2 [br-netfilter]", "br_handle_frame", 1, "br-netfilter"},
      {"0xffffffff81a0c3e8", "", 0, ""},
      {"", "", 0, ""},
      {"nft_do_chain", "", 0, ""},
      {"nft_do_chain+0x3e8", "", 0, ""},
      {"nft_do_chain+3e8/0x5c0", "", 0, ""},
      {"nft_do_chain+0x/0x5c0", "", 0, ""},
      {"nft_do_chain+0x3e8/", "", 0, ""},
      {"nft_do_chain+0x123456789/0x5c0", "", 0, ""},
      {"nft_do_chain+0x3e8/0x5c0 [nf_tab", "", 0, ""},
      {"nft_do_chain+0x3e8/0x5c0 []", "", 0, ""},
      {"nft_do_chain+0x3e8/0x5c0 nf_tables", "", 0, ""},
      {"nft do chain+0x3e8/0x5c0", "", 0, ""},
      {"\x1b[31m+0x1/0x2", "", 0, ""},
      {"+0x1/0x2", "", 0, ""},
      {".cold+0x1/0x2", "", 0, ""},
  };
  for (const Case& one : cases) {
    CAPTURE(one.rendering);
    const model::Symbol got = wire::parse_symbol(one.rendering, 0xffffffff81000000, kCapacity);
    CHECK(got.function == one.function);
    CHECK(got.offset == one.offset);
    CHECK(got.module == one.module);
    CHECK(got.address == 0xffffffff81000000);
  }
}

TEST_CASE("a rendering that fills the field may have lost its module, unless its bracket is closed") {
  const std::string tail = "+0x3e8/0x5c0";
  const std::string module = tail + " [m]";
  const auto filled = [](std::size_t size, const std::string& end) { return std::string(size - end.size(), 'f') + end; };
  CHECK(wire::parse_symbol(filled(kCapacity - 1, tail), 1, kCapacity).function.empty());
  CHECK(wire::parse_symbol(filled(kCapacity - 2, tail), 1, kCapacity).function.size() == kCapacity - 2 - tail.size());
  CHECK(wire::parse_symbol(filled(kCapacity - 1, module), 1, kCapacity).module == "m");
}
