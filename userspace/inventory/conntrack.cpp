// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/conntrack.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "base/text.hpp"

namespace synfate::inventory {
namespace {

/// A line of counters for each possible CPU: room for 4096 of them.
constexpr std::size_t kMaxCounterBytes = 1U << 20U;
/// 65,536 queues are possible; no node has a thousand.
constexpr std::size_t kMaxQueueBytes = 256U << 10U;
constexpr std::size_t kMaxNumberBytes = 64;
constexpr const char* kGap = "netfilter_unreadable";

struct Counter {
  std::string_view column;
  std::uint64_t model::Conntrack::*target;
};

/// The columns differ from kernel to kernel: only the header says which is which.
constexpr std::array<Counter, 6> kCounters{{
    {"invalid", &model::Conntrack::invalid},
    {"insert_failed", &model::Conntrack::insert_failed},
    {"drop", &model::Conntrack::drop},
    {"early_drop", &model::Conntrack::early_drop},
    {"chaintoolong", &model::Conntrack::chain_too_long},
    // Linux calls the same counter so in this file.
    {"chainlength", &model::Conntrack::chain_too_long},
}};

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> found;
  for (const std::string_view word : split(line, ' ')) {
    if (!word.empty()) found.push_back(word);
  }
  return found;
}

std::optional<std::uint64_t> hexadecimal(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// Lines that end, without the empty ones.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (const std::string_view line : split(text, '\n')) {
    if (!trim(line).empty()) lines.push_back(line);
  }
  return lines;
}

class Reader {
 public:
  Reader(machine::NetnsVisit& visit, model::Netns& netns) : visit_(visit), netns_(netns) {
    std::erase_if(netns.gaps, [](const model::Gap& gap) { return gap.code == kGap; });
  }

  /// Nothing where the file is not there or (a gap) cannot be read.
  std::optional<std::string> text(const std::string& path, std::size_t max_bytes) {
    gone_ = false;
    auto read = visit_.read_file(path, {max_bytes});
    if (read) return std::move(*read);
    gone_ = read.error().kind == ErrorKind::Gone;
    if (!gone_) gap(to_string(read.error()));
    return std::nullopt;
  }

  std::optional<std::uint64_t> number(const std::string& path) {
    const auto read = text(path, kMaxNumberBytes);
    return read ? parse_number(trim(*read)) : std::nullopt;
  }

  /// The file asked for last does not exist.
  bool gone() const { return gone_; }
  void gap(std::string why) { netns_.gaps.push_back({kGap, std::move(why)}); }

 private:
  machine::NetnsVisit& visit_;
  model::Netns& netns_;
  bool gone_ = false;
};

}  // namespace

bool parse_conntrack_counters(std::string_view text, model::Conntrack& conntrack) {
  const auto lines = lines_of(text);
  if (lines.size() < 2) return false;
  const auto columns = words(lines.front());
  const auto has = [&](std::string_view name) { return std::find(columns.begin(), columns.end(), name) != columns.end(); };
  if (!has("drop") || !has("insert_failed")) return false;
  model::Conntrack sums = conntrack;
  for (const Counter& counter : kCounters) sums.*counter.target = 0;
  for (std::size_t row = 1; row < lines.size(); ++row) {
    const auto values = words(lines[row]);
    if (values.size() != columns.size()) return false;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto value = hexadecimal(values[i]);
      if (!value) return false;
      for (const Counter& counter : kCounters) {
        if (counter.column == columns[i]) sums.*counter.target += *value;
      }
    }
  }
  sums.counters_read = true;
  conntrack = sums;
  return true;
}

std::optional<std::vector<model::NfQueue>> parse_nf_queues(std::string_view text) {
  constexpr std::size_t kColumns = 9;
  std::vector<model::NfQueue> queues;
  for (const std::string_view line : lines_of(text)) {
    // The kernel prints number, port, waiting, copy mode and range, both drops, the last packet's number, and a 1.
    std::array<std::uint64_t, kColumns> values{};
    const auto columns = words(line);
    if (columns.size() != kColumns) return std::nullopt;
    for (std::size_t i = 0; i < kColumns; ++i) {
      const auto value = parse_number(columns[i]);
      if (!value || *value > 0xffff'ffffU) return std::nullopt;
      values[i] = *value;
    }
    queues.push_back({static_cast<std::uint32_t>(values[0]), static_cast<std::uint32_t>(values[1]), values[2], values[5], values[6]});
  }
  return queues;
}

void read_netfilter_of(machine::NetnsVisit& visit, model::Netns& netns) {
  Reader reader(visit, netns);
  model::Conntrack conntrack;
  conntrack.count = reader.number("/proc/sys/net/netfilter/nf_conntrack_count");
  conntrack.max = reader.number("/proc/sys/net/netfilter/nf_conntrack_max");
  if (const auto text = reader.text("/proc/thread-self/net/stat/nf_conntrack", kMaxCounterBytes)) {
    if (!parse_conntrack_counters(*text, conntrack)) reader.gap("the counters of conntrack could not be understood");
  }
  netns.conntrack.reset();
  if (conntrack.count || conntrack.max || conntrack.counters_read) netns.conntrack = conntrack;

  netns.nf_queues.clear();
  const auto text = reader.text("/proc/thread-self/net/netfilter/nfnetlink_queue", kMaxQueueBytes);
  // Without the file the kernel has no queue to a process, and so no listener.
  netns.nf_queues_read = reader.gone();
  if (!text) return;
  if (auto queues = parse_nf_queues(*text)) {
    netns.nf_queues = std::move(*queues);
    netns.nf_queues_read = true;
  } else {
    reader.gap("the list of netfilter queues could not be understood");
  }
}

}  // namespace synfate::inventory
