// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/json_walk.hpp"

#include <array>
#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace synfate::inventory {
namespace {

using Json = nlohmann::json;

/// A runtime's config.json needs seven.
constexpr std::size_t kMaxDepth = 24;
constexpr const char* kNotWhole = "it is not a whole JSON object";

Error bad(std::string why) { return {ErrorKind::BadData, "cannot read JSON", std::move(why), ""}; }

/// The names are nlohmann's.
class Sax {
 public:
  explicit Sax(JsonVisitor& visitor) : visitor_(visitor), keys_(kMaxDepth) {}

  bool null() { return give({}); }
  bool boolean(bool flag) { return give({std::nullopt, std::nullopt, flag}); }
  bool number_integer(Json::number_integer_t) { return give({}); }
  bool number_unsigned(Json::number_unsigned_t number) { return give({std::nullopt, number, std::nullopt}); }
  bool number_float(Json::number_float_t, const Json::string_t&) { return give({}); }
  bool string(Json::string_t& text) { return give({text, std::nullopt, std::nullopt}); }
  bool binary(Json::binary_t&) { return false; }
  bool start_object(std::size_t) { return open(); }
  bool start_array(std::size_t) { return open(); }
  bool key(Json::string_t& key) {
    keys_[depth_ - 1].swap(key);
    return true;
  }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool parse_error(std::size_t, const std::string&, const Json::exception&) {
    why_ = kNotWhole;
    return false;
  }

  const std::string& why() const { return why_; }

 private:
  bool give(const JsonValue& value) {
    visitor_.value({keys_, depth_}, value);
    return true;
  }
  bool open() {
    if (depth_ == kMaxDepth) {
      why_ = "its JSON nests deeper than " + std::to_string(kMaxDepth);
      return false;
    }
    keys_[depth_++].clear();
    return true;
  }
  bool close() {
    visitor_.end({keys_, --depth_});
    return true;
  }

  JsonVisitor& visitor_;
  std::vector<std::string> keys_;
  std::size_t depth_ = 0;
  std::string why_;
};

constexpr std::array<bool, 256> kMarks = [] {
  std::array<bool, 256> marks{};
  for (const unsigned char c : {'"', '{', '}', '[', ']'}) marks[c] = true;
  return marks;
}();

/// Knows strings and brackets, and where a value ends by them.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool at_end() {
    skip_blanks();
    return at_ == text_.size();
  }
  bool next_is(char expected) { return !at_end() && text_[at_] == expected; }
  bool skip(char expected) {
    if (!next_is(expected)) return false;
    ++at_;
    return true;
  }
  /// Nothing if it does not end.
  std::optional<std::string_view> value() {
    if (at_end()) return std::nullopt;
    const std::size_t begin = at_;
    std::size_t depth = 0;
    do {
      // Between strings and brackets there is nothing to look at.
      while (depth > 0 && at_ + 1 < text_.size() && !is_mark(text_[at_])) ++at_;
      const char c = text_[at_];
      if (c == '"') {
        if (!skip_string()) return std::nullopt;
        continue;
      }
      const bool closes = c == '}' || c == ']';
      if (depth == 0 && (closes || c == ',' || c == ':' || is_blank(c))) break;
      if (c == '{' || c == '[') ++depth;
      if (closes) --depth;
      ++at_;
    } while (at_ < text_.size() && (depth > 0 || !ended(begin)));
    if (depth > 0) return std::nullopt;
    return text_.substr(begin, at_ - begin);
  }

 private:
  static bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }
  static bool is_mark(char c) { return kMarks[static_cast<unsigned char>(c)]; }
  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }
  bool ended(std::size_t begin) const { return text_[begin] == '{' || text_[begin] == '[' || text_[begin] == '"'; }
  bool skip_string() {
    ++at_;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      // Whatever it is, it does not end the string.
      if (c == '\\' && at_ < text_.size()) ++at_;
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

using TakeMember = std::function<void(std::string_view, std::string_view, std::string_view)>;

/// NOLINTNEXTLINE(misc-no-recursion): one level deep, as what is inside opens nothing.
bool scan_object(Scanner& scan, std::string_view parent, std::string_view open, const TakeMember& take) {
  if (!scan.skip('{')) return false;
  for (bool first = true; !scan.skip('}'); first = false) {
    if (!first && !scan.skip(',')) return false;
    const auto quoted = scan.value();
    if (!quoted || quoted->size() < 2 || quoted->front() != '"' || !scan.skip(':')) return false;
    const std::string_view key = quoted->substr(1, quoted->size() - 2);
    if (!open.empty() && key == open && scan.next_is('{')) {
      if (!scan_object(scan, key, "", take)) return false;
      continue;
    }
    const auto value = scan.value();
    if (!value || value->empty()) return false;
    take(parent, key, *value);
  }
  return true;
}

}  // namespace

bool JsonPath::is(std::initializer_list<std::string_view> keys) const {
  if (keys.size() != depth_) return false;
  std::size_t i = 0;
  for (const std::string_view key : keys) {
    if ((*keys_)[i++] != key) return false;
  }
  return true;
}

Status walk_json(std::string_view text, JsonVisitor& visitor) {
  const std::string_view bare = trim(text);
  if (bare.empty() || bare.front() != '{') return bad(kNotWhole);
  Sax sax{visitor};
  if (!Json::sax_parse(bare, &sax)) return bad(sax.why());
  return Ok{};
}

Status each_json_member(std::string_view text, std::string_view open,
                        const std::function<void(std::string_view, std::string_view, std::string_view)>& take) {
  Scanner scan{text};
  if (!scan_object(scan, "", open, take) || !scan.at_end()) return bad(kNotWhole);
  return Ok{};
}

}  // namespace synfate::inventory
