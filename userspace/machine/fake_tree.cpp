// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What a process of a FakeMachine sees; resolves every component of a path as openat2 does, so that tests of the rooms above meet the same
// refusals.
#include <cerrno>
#include <deque>

#include "base/text.hpp"
#include "machine/errors.hpp"
#include "machine/fake.hpp"
#include "machine/files.hpp"

namespace synfate::machine {
namespace {

/// As many as the kernel follows.
constexpr int kMaxLinks = 40;

std::deque<std::string> components_of(std::string_view path) {
  std::deque<std::string> components;
  for (const std::string_view component : split(path, '/')) {
    if (!component.empty() && component != ".") components.emplace_back(component);
  }
  return components;
}

/// "net:[4026532511]": what /proc shows leads where no path does.
bool is_magic(const std::string& target) { return target.find(":[") != std::string::npos && target.back() == ']'; }

}  // namespace

class FakeMachine::Tree final : public FileTree {
 public:
  Tree(FakeMachine& machine, std::string root) : machine_(machine), root_(std::move(root)) {}

  Result<std::string> read_file(const std::string& path, const ReadOptions& options) override {
    const auto found = resolve(path, options.follow_symlink, "cannot read " + path);
    if (!found) return found.error();
    if (is(*found, Node::Kind::Link)) return not_a_regular_file(path);
    return machine_.read_file(root_ + *found, options);
  }

  Result<std::vector<std::string>> list_directory(const std::string& path, std::size_t max_entries) override {
    const auto found = resolve(path, true, "cannot list " + path);
    if (!found) return found.error();
    if (root_.empty() && found->empty()) return Error{ErrorKind::Unsupported, "cannot list /", "the fake has no list of it", ""};
    return machine_.list_directory(root_ + *found, max_entries);
  }

  Result<std::string> read_link(const std::string& path) override {
    const auto found = resolve(path, false, "cannot read link " + path);
    if (!found) return found.error();
    if (found->empty()) return not_a_link(path);
    return machine_.read_link(root_ + *found);
  }

  Result<FileIdentity> identify(const std::string& path) override {
    const auto found = resolve(path, true, "cannot look at " + path);
    if (!found) return found.error();
    if (root_.empty() && found->empty()) return FileIdentity{1, 0};
    return machine_.identify(root_ + *found);
  }

 private:
  bool is(const std::string& inside, Node::Kind kind) const {
    const auto node = machine_.nodes_.find(root_ + inside);
    return node != machine_.nodes_.end() && node->second.kind == kind;
  }

  /// The path below the root that this one leads to, which exists.
  Result<std::string> resolve(const std::string& path, bool follow_last, const std::string& what) const {
    if (path.empty() || path.front() != '/' || path.find('\0') != std::string::npos) {
      return Error{ErrorKind::BadData, what, "it is not an absolute path", ""};
    }
    if (const auto error = machine_.failure(root_ + path)) return *error;
    auto ahead = components_of(path);
    std::string at;
    for (int links = 0; !ahead.empty();) {
      const std::string component = ahead.front();
      ahead.pop_front();
      if (component == "..") {
        at.resize(at.empty() ? 0 : at.rfind('/'));
        continue;
      }
      const std::string next = at + "/" + component;
      const auto node = machine_.nodes_.find(root_ + next);
      if (node == machine_.nodes_.end()) return errno_error(ENOENT, what);
      if (node->second.kind == Node::Kind::Link && (follow_last || !ahead.empty())) {
        const std::string& target = node->second.text;
        if (++links > kMaxLinks || is_magic(target)) return errno_error(ELOOP, what);
        const auto led = components_of(target);
        ahead.insert(ahead.begin(), led.begin(), led.end());
        if (!target.empty() && target.front() == '/') at.clear();
        continue;
      }
      if (node->second.kind != Node::Kind::Directory && !ahead.empty()) return errno_error(ENOTDIR, what);
      at = next;
    }
    return at;
  }

  FakeMachine& machine_;
  std::string root_;
};

Result<std::unique_ptr<FileTree>> FakeMachine::tree_of(std::uint32_t tgid) {
  const std::string process = "/proc/" + std::to_string(tgid);
  const std::string root = process + "/root";
  if (auto error = failure(root)) return *error;
  if (tgid != 0 && nodes_.count(process) == 0) return errno_error(ENOENT, "cannot open " + root);
  const auto own = nodes_.find(root);
  const bool has_own = tgid != 0 && own != nodes_.end() && own->second.kind == Node::Kind::Directory;
  return std::unique_ptr<FileTree>{std::make_unique<Tree>(*this, has_own ? root : std::string{})};
}

}  // namespace synfate::machine
