#include "planner/partition_bound_text.hpp"

#include <charconv>

namespace pgsluice::planner {

namespace {

constexpr std::string_view kNumberLetters = "0123456789.eE+-";

using Value = BoundText::Value;

// Reads the text from left to right. Each function takes what it names, with the blanks before it, or nothing.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool is_at_end() {
    skip_blanks();
    return rest_.empty();
  }

  bool take(std::string_view word) {
    skip_blanks();
    if (!rest_.starts_with(word)) {
      return false;
    }
    rest_.remove_prefix(word.size());
    return true;
  }

  std::optional<std::uint64_t> take_number() {
    skip_blanks();
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc()) {
      return std::nullopt;
    }
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }

  std::optional<Value> take_value() {
    using Kind = Value::Kind;
    for (const auto& [word, kind] :
         {std::pair{"MINVALUE", Kind::minvalue}, {"MAXVALUE", Kind::maxvalue}, {"NULL", Kind::null}}) {
      if (take(word)) {
        return Value{kind, {}};
      }
    }
    for (const char* word : {"true", "false"}) {
      if (take(word)) {
        return Value{Kind::literal, word};
      }
    }
    const std::size_t size = rest_.starts_with('\'') ? quoted_size() : rest_.find_first_not_of(kNumberLetters);
    if (size == 0 || size == std::string_view::npos) {
      return std::nullopt;
    }
    Value value{Kind::literal, std::string(rest_.substr(0, size))};
    rest_.remove_prefix(size);
    return value;
  }

  // `(value, value, …)`.
  std::optional<std::vector<Value>> take_values() {
    if (!take("(")) {
      return std::nullopt;
    }
    std::vector<Value> values;
    do {
      std::optional<Value> value = take_value();
      if (!value) {
        return std::nullopt;
      }
      values.push_back(std::move(*value));
    } while (take(","));
    return take(")") ? std::optional(std::move(values)) : std::nullopt;
  }

 private:
  void skip_blanks() {
    while (rest_.starts_with(' ')) {
      rest_.remove_prefix(1);
    }
  }

  // A quote within is doubled; a backslash is a letter like others, and where it is not, the server doubles it.
  std::size_t quoted_size() const {
    for (std::size_t at = 1; at < rest_.size(); ++at) {
      if (rest_[at] != '\'') {
        continue;
      }
      if (at + 1 == rest_.size() || rest_[at + 1] != '\'') {
        return at + 1;
      }
      ++at;
    }
    return 0;
  }

  std::string_view rest_;
};

bool read_hash(Reader& reader, BoundText& bound) {
  bound.kind = BoundText::Kind::hash;
  const bool begins = reader.take("(") && reader.take("modulus");
  const std::optional<std::uint64_t> modulus = begins ? reader.take_number() : std::nullopt;
  const bool goes_on = modulus && reader.take(",") && reader.take("remainder");
  const std::optional<std::uint64_t> remainder = goes_on ? reader.take_number() : std::nullopt;
  if (!remainder || !reader.take(")") || *modulus == 0 || *remainder >= *modulus) {
    return false;
  }
  bound.modulus = *modulus;
  bound.remainder = *remainder;
  return true;
}

bool read_range(Reader& reader, BoundText& bound) {
  bound.kind = BoundText::Kind::range;
  std::optional<std::vector<Value>> lower = reader.take_values();
  std::optional<std::vector<Value>> upper = lower && reader.take("TO") ? reader.take_values() : std::nullopt;
  if (!upper) {
    return false;
  }
  bound.lower = std::move(*lower);
  bound.upper = std::move(*upper);
  return true;
}

bool read_list(Reader& reader, BoundText& bound) {
  bound.kind = BoundText::Kind::list;
  std::optional<std::vector<Value>> values = reader.take_values();
  if (!values) {
    return false;
  }
  bound.values = std::move(*values);
  return true;
}

}  // namespace

std::optional<BoundText> parse_bound_text(std::string_view text) {
  Reader reader(text);
  BoundText bound;
  if (reader.take("DEFAULT")) {
    return reader.is_at_end() ? std::optional(bound) : std::nullopt;
  }
  if (!reader.take("FOR VALUES ")) {
    return std::nullopt;
  }
  const bool is_read = reader.take("WITH")   ? read_hash(reader, bound)
                       : reader.take("FROM") ? read_range(reader, bound)
                       : reader.take("IN")   ? read_list(reader, bound)
                                             : false;
  return is_read && reader.is_at_end() ? std::optional(std::move(bound)) : std::nullopt;
}

}  // namespace pgsluice::planner
