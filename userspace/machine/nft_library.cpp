// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "machine/nft_library.hpp"

#include <nftables/libnftables.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "machine/child.hpp"
#include "machine/errors.hpp"

namespace synfate::machine {
namespace {

enum Step : int { kStepNetns, kStepCapabilities, kStepLibrary };

void write_all(int fd, const char* text) {
  if (text == nullptr) return;
  for (std::string_view left{text}; !left.empty();) {
    const ssize_t written = ::write(fd, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) ::_exit(1);
    left.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

bool is_plain_nft_name(const std::string& name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (name.empty() || !letter(name.front())) return false;
  for (const char c : name) {
    if (!letter(c) && (c < '0' || c > '9') && std::string_view{"/-_."}.find(c) == std::string_view::npos) return false;
  }
  return true;
}

Result<CommandOutput> list_nft_chain(const NftChainName& name, const RunOptions& options) {
  const std::string what = "cannot list a chain with libnftables";
  for (const std::string* part : {&name.family, &name.table, &name.chain}) {
    if (!is_plain_nft_name(*part)) return Error{ErrorKind::BadData, what, "nft's language cannot say its name", ""};
  }
  const std::string command = "list chain " + name.family + " " + name.table + " " + name.chain;
  const auto body = [&](const ChildEnds& ends) {
    if (options.netns != nullptr && ::setns(options.netns->fd(), CLONE_NEWNET) != 0) give_up(ends, kStepNetns);
    if (!keep_network_capabilities_only()) give_up(ends, kStepCapabilities);
    nft_ctx* nft = nft_ctx_new(NFT_CTX_DEFAULT);
    if (nft == nullptr || nft_ctx_buffer_output(nft) != 0 || nft_ctx_buffer_error(nft) != 0) give_up(ends, kStepLibrary);
    // From here on the parent reads the pipes instead of waiting for a report.
    ::close(ends.report);
    nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_HANDLE);
    const int failed = nft_run_cmd_from_buffer(nft, command.c_str());
    write_all(ends.out, nft_ctx_get_output_buffer(nft));
    write_all(ends.err, nft_ctx_get_error_buffer(nft));
    ::_exit(failed == 0 ? 0 : 1);
  };
  return run_child(what, options, body, [&](const ChildFailure& failure) {
    return errno_error(failure.error_number, failure.step == kStepNetns ? what + " in another network namespace" : what);
  });
}

}  // namespace synfate::machine
