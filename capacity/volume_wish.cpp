#include "capacity/volume_wish.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace pgsluice::capacity {

namespace {

constexpr double kGibPerTib = 1024;
constexpr double kPercent = 100;
constexpr const char* kForms =
    "Write gp2:2000, gp2:2000:full, gp3:2000:16000iops:1000mbps, io1:2000:20000iops, gp2:750:ebs for one volume of "
    "your "
    "own on EC2, or custom:5000iops:250mbps for other disks.";

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return result;
}

// A number with one of these units after it; absent when it is anything else. Digits alone, so no sign and no exponent;
// what is too large for any disk is no number.
std::optional<double> with_unit(std::string_view text, std::initializer_list<std::string_view> units) {
  std::uint64_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit = text.substr(static_cast<std::size_t>(rest - text.data()));
  constexpr std::uint64_t kNumberMax = 1'000'000'000'000;
  if (error != std::errc() || number > kNumberMax || std::find(units.begin(), units.end(), unit) == units.end()) {
    return std::nullopt;
  }
  return static_cast<double>(number);
}

// True when `text` says how many credits are there, be it that nobody knows.
bool read_credits(std::string_view text, CreditShare& credits) {
  const std::optional<double> percent = with_unit(text, {"%"});
  if (text == "full") {
    credits = 1;
  } else if (text == "empty") {
    credits = 0;
  } else if (text == "unknown") {
    credits = std::nullopt;
  } else if (percent && *percent <= kPercent) {
    credits = *percent / kPercent;
  } else {
    return false;
  }
  return true;
}

void set_once(const VolumeWish& wish, std::optional<double>& place, double value, const char* what) {
  if (place) {
    throw wish.refusal(std::string(what) + " is said twice").hint(kForms);
  }
  place = value;
}

void read_part(VolumeWish& wish, const std::string& part) {
  if (const auto iops = with_unit(part, {"iops"})) {
    set_once(wish, wish.iops, *iops, "IOPS");
  } else if (const auto mib = with_unit(part, {"mbps", "mibps", "mib/s"})) {
    set_once(wish, wish.mib, *mib, "throughput");
  } else if (!wish.says_credits && read_credits(part, wish.credits)) {
    wish.says_credits = true;
  } else if (part == "ebs" && !wish.is_ebs && wish.type != StorageType::custom) {
    wish.is_ebs = true;
  } else {
    throw wish.refusal("\"" + part + "\" has no meaning there").hint(kForms);
  }
}

}  // namespace

CreditShare parse_credits(std::string_view text) {
  CreditShare credits;
  if (!read_credits(lower(text), credits)) {
    throw pg::Failure(pg::FailureKind::refused, "\"" + std::string(text) + "\" does not say how many credits are there")
        .hint("Write full, empty, unknown, or a share such as 40%.");
  }
  return credits;
}

pg::Failure VolumeWish::refusal(const std::string& why) const {
  return pg::Failure(pg::FailureKind::refused, "\"" + text + "\" is no storage: " + why);
}

VolumeWish parse_wish(std::string_view text) {
  VolumeWish wish;
  wish.text = text;
  std::vector<std::string> parts(1);
  for (const char c : lower(text)) {
    if (c == ':') {
      parts.emplace_back();
    } else {
      parts.back().push_back(c);
    }
  }
  bool is_known = false;
  for (const StorageType type :
       {StorageType::gp2, StorageType::gp3, StorageType::io1, StorageType::io2, StorageType::custom}) {
    if (parts.front() == name_of(type)) {
      wish.type = type;
      is_known = true;
    }
  }
  if (!is_known) {
    throw wish.refusal("it must begin with gp2, gp3, io1, io2 or custom").hint(kForms);
  }
  std::size_t next = 1;
  if (wish.type != StorageType::custom) {
    if (parts.size() < 2) {
      throw wish.refusal("the size is missing").hint(kForms);
    }
    const std::optional<double> gib = with_unit(parts[1], {"", "gib", "gb"});
    const std::optional<double> tib = with_unit(parts[1], {"tib", "tb"});
    if (!gib && !tib) {
      throw wish.refusal("\"" + parts[1] + "\" is no size in whole GiB").hint(kForms);
    }
    wish.size_gib = gib ? *gib : *tib * kGibPerTib;
    next = 2;
  }
  for (; next < parts.size(); ++next) {
    read_part(wish, parts[next]);
  }
  return wish;
}

}  // namespace pgsluice::capacity
