#include "planner/checkpoint.hpp"

#include <zstd.h>

#include <algorithm>
#include <boost/crc.hpp>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "pg/failure.hpp"
#include "planner/durable_file.hpp"

namespace pgsluice::planner {

namespace {

using nlohmann::json;
using pg::Failure;
using pg::FailureKind;

constexpr std::string_view kMagic = "PGSLUICE";
constexpr std::uint32_t kFormatVersion = 1;
constexpr std::size_t kUuidBytes = 16;
constexpr std::size_t kHeaderFixedBytes = 8 + 4 + 4 + 8 + kUuidBytes;
constexpr std::size_t kCrcBytes = 4;
constexpr std::size_t kRecordHeadBytes = 4 + 1 + kCrcBytes;
constexpr std::uint32_t kPayloadBytesMax = 1024 * 1024;
constexpr std::uint64_t kPlanBytesMax = 1024ULL * 1024 * 1024;
constexpr std::size_t kErrorsKept = 100;
constexpr int kCompressionLevel = 9;

enum class RecordKind : std::uint8_t { range = 1, verification = 2, phase = 3, setting = 4, error = 5 };

// CRC32C (Castagnoli).
std::uint32_t crc32c(std::string_view bytes) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

template <typename Integer>
void put(std::string& bytes, Integer value) {
  for (std::size_t i = 0; i < sizeof value; ++i) {
    bytes.push_back(static_cast<char>(value >> (8 * i) & 0xFFU));
  }
}

template <typename Integer>
Integer get(std::string_view bytes, std::size_t at) {
  Integer value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i) {
    value = static_cast<Integer>(
        value | static_cast<Integer>(static_cast<Integer>(static_cast<unsigned char>(bytes[at + i])) << (8 * i)));
  }
  return value;
}

std::string uuid_bytes(const std::string& uuid) {
  std::string digits;
  std::copy_if(uuid.begin(), uuid.end(), std::back_inserter(digits), [](char c) { return c != '-'; });
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  bytes.resize(kUuidBytes);
  return bytes;
}

std::string record_bytes(RecordKind kind, const json& payload) {
  const std::string text = payload.dump(-1, ' ', false, json::error_handler_t::replace);
  std::string bytes;
  put(bytes, static_cast<std::uint32_t>(text.size()));
  bytes.push_back(static_cast<char>(kind));
  put(bytes, crc32c(bytes));
  bytes += text;
  put(bytes, crc32c(text));
  return bytes;
}

std::string header_bytes(const Plan& plan) {
  const std::string text = json(plan).dump();
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  const std::size_t packed_size =
      ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), kCompressionLevel);
  if (ZSTD_isError(packed_size) != 0U) {
    throw Failure(FailureKind::local, std::string("cannot compress the plan: ") + ZSTD_getErrorName(packed_size));
  }
  packed.resize(packed_size);
  std::string bytes(kMagic);
  put(bytes, kFormatVersion);
  put(bytes, static_cast<std::uint32_t>(packed.size()));
  put(bytes, static_cast<std::uint64_t>(text.size()));
  bytes += uuid_bytes(plan.migration_id);
  bytes += packed;
  put(bytes, crc32c(bytes));
  return bytes;
}

json to_json_of(std::uint32_t range, const RangeState& state) {
  json record = {{"i", range}, {"s", name_of(state.status)}, {"r", state.rows}, {"b", state.bytes}};
  if (state.up_to) {
    record["u"] = *state.up_to;
  }
  if (state.verification != Verification::unknown) {
    record["v"] = name_of(state.verification);
  }
  return record;
}

RangeStatus status_named(std::string_view name) {
  for (const RangeStatus status :
       {RangeStatus::pending, RangeStatus::partial, RangeStatus::done, RangeStatus::failed}) {
    if (name_of(status) == name) {
      return status;
    }
  }
  throw json::other_error::create(501, "unknown range status", nullptr);
}

Verification verification_named(std::string_view name) {
  for (const Verification verification : {Verification::unknown, Verification::equal, Verification::differs}) {
    if (name_of(verification) == name) {
      return verification;
    }
  }
  throw json::other_error::create(501, "unknown verification", nullptr);
}

}  // namespace

std::string_view name_of(RangeStatus status) {
  switch (status) {
    case RangeStatus::pending:
      return "pending";
    case RangeStatus::partial:
      return "partial";
    case RangeStatus::done:
      return "done";
    case RangeStatus::failed:
      return "failed";
  }
  return "";
}

std::string_view name_of(Verification verification) {
  switch (verification) {
    case Verification::unknown:
      return "unknown";
    case Verification::equal:
      return "equal";
    case Verification::differs:
      return "differs";
  }
  return "";
}

// The content in memory and, when opened for writing, the file.
struct Checkpoint::File {
  std::filesystem::path path;
  mutable std::mutex mutex;  // Guards what is below, but the plan, which never changes.
  std::optional<DurableFile> file;
  bool held_by_a_mover = false;
  Plan plan;
  std::size_t header_size = 0;
  Phase phase = Phase::planned;
  std::vector<RangeState> states;
  std::map<std::string, std::string> settings;
  std::vector<RecordedError> errors;

  Failure damaged(std::size_t offset, const std::string& why) const {
    return Failure(FailureKind::corrupt,
                   "checkpoint " + path.string() + " is damaged at byte " + std::to_string(offset) + ": " + why)
        .hint("Restore the file from a backup. What is done is in the ledger (schema pgsluice) of the target database.")
        .status("the file is unchanged; no row was touched");
  }

  void read_header(std::string_view bytes) {
    if (bytes.size() < kMagic.size() || bytes.substr(0, kMagic.size()) != kMagic) {
      throw Failure(FailureKind::refused, path.string() + " is not a pgsluice checkpoint")
          .status("the file is unchanged");
    }
    if (bytes.size() < kHeaderFixedBytes) {
      throw damaged(bytes.size(), "it ends inside the header");
    }
    const auto version = get<std::uint32_t>(bytes, kMagic.size());
    const std::size_t packed_size = get<std::uint32_t>(bytes, 12);
    const auto plan_size = get<std::uint64_t>(bytes, 16);
    if (version != kFormatVersion) {
      throw Failure(FailureKind::refused, "checkpoint " + path.string() + " has format version " +
                                              std::to_string(version) + "; this pgsluice reads version " +
                                              std::to_string(kFormatVersion))
          .hint("Use the pgsluice that made it.");
    }
    header_size = kHeaderFixedBytes + packed_size + kCrcBytes;
    if (bytes.size() < header_size || plan_size > kPlanBytesMax) {
      throw damaged(bytes.size(), "it ends inside the plan");
    }
    if (crc32c(bytes.substr(0, header_size - kCrcBytes)) != get<std::uint32_t>(bytes, header_size - kCrcBytes)) {
      throw damaged(0, "the header's checksum is wrong");
    }
    std::string text(plan_size, '\0');
    const std::size_t size = ZSTD_decompress(text.data(), text.size(), bytes.data() + kHeaderFixedBytes, packed_size);
    if (ZSTD_isError(size) != 0U || size != plan_size) {
      throw damaged(kHeaderFixedBytes, "the plan cannot be decompressed");
    }
    try {
      plan = json::parse(text).get<Plan>();
    } catch (const json::exception& error) {
      throw damaged(kHeaderFixedBytes, std::string("the plan cannot be read: ") + error.what());
    }
    states.assign(plan.ranges.size(), {});
  }

  void apply(RecordKind kind, const json& record) {
    switch (kind) {
      case RecordKind::range: {
        RangeState& state = states.at(record.at("i").get<std::size_t>());
        state.status = status_named(record.at("s").get<std::string>());
        state.rows = record.at("r");
        state.bytes = record.at("b");
        state.up_to = record.contains("u") ? std::optional<Key>(record["u"].get<Key>()) : std::nullopt;
        state.verification =
            record.contains("v") ? verification_named(record["v"].get<std::string>()) : Verification::unknown;
        return;
      }
      case RecordKind::verification:
        states.at(record.at("i").get<std::size_t>()).verification =
            verification_named(record.at("v").get<std::string>());
        return;
      case RecordKind::phase: {
        const std::optional<Phase> named = phase_named(record.get<std::string>());
        if (!named) {
          throw json::other_error::create(501, "unknown phase", nullptr);
        }
        phase = *named;
        return;
      }
      case RecordKind::setting: {
        const std::string value = record.at("v");
        if (value.empty()) {
          settings.erase(record.at("n").get<std::string>());
        } else {
          settings[record.at("n").get<std::string>()] = value;
        }
        return;
      }
      case RecordKind::error: {
        RecordedError error;
        if (record.contains("i")) {
          error.range = record["i"].get<std::uint32_t>();
        }
        error.at = record.at("at");
        error.text = record.at("text");
        if (errors.size() == kErrorsKept) {
          errors.erase(errors.begin());
        }
        errors.push_back(std::move(error));
        return;
      }
    }
    throw json::other_error::create(501, "unknown kind of record", nullptr);
  }

  // Reads the records and returns where the good ones end (P1).
  std::size_t read_records(std::string_view bytes) {
    std::size_t at = header_size;
    while (at < bytes.size()) {
      const std::string_view rest = bytes.substr(at);
      if (rest.size() < kRecordHeadBytes || rest.find_first_not_of('\0') == std::string_view::npos) {
        return at;
      }
      const std::size_t size = get<std::uint32_t>(rest, 0);
      if (crc32c(rest.substr(0, kRecordHeadBytes - kCrcBytes)) !=
              get<std::uint32_t>(rest, kRecordHeadBytes - kCrcBytes) ||
          size == 0 || size > kPayloadBytesMax) {
        throw damaged(at, "a record's head is wrong");
      }
      const std::size_t end = kRecordHeadBytes + size + kCrcBytes;
      if (rest.size() < end) {
        return at;
      }
      const std::string_view payload = rest.substr(kRecordHeadBytes, size);
      if (crc32c(payload) != get<std::uint32_t>(rest, kRecordHeadBytes + size)) {
        if (rest.size() == end) {
          return at;
        }
        throw damaged(at, "a record's checksum is wrong");
      }
      try {
        apply(static_cast<RecordKind>(rest[4]), json::parse(payload));
      } catch (const std::exception& error) {
        throw damaged(at, std::string("a record cannot be read: ") + error.what());
      }
      at += end;
    }
    return at;
  }

  // All that is known now, as records without history.
  std::string record_everything() const {
    std::string bytes;
    for (const RecordedError& error : errors) {
      bytes += record_bytes(RecordKind::error, to_json_of(error));
    }
    for (const auto& [name, value] : settings) {
      bytes += record_bytes(RecordKind::setting, {{"n", name}, {"v", value}});
    }
    for (std::size_t i = 0; i < states.size(); ++i) {
      if (states[i] != RangeState{}) {
        bytes += record_bytes(RecordKind::range, to_json_of(static_cast<std::uint32_t>(i), states[i]));
      }
    }
    return bytes + record_bytes(RecordKind::phase, std::string(name_of(phase)));
  }

  static json to_json_of(const RecordedError& error) {
    json record = {{"at", error.at}, {"text", error.text}};
    if (error.range) {
      record["i"] = *error.range;
    }
    return record;
  }
  static json to_json_of(std::uint32_t range, const RangeState& state) { return planner::to_json_of(range, state); }

  void compact() {
    const std::string header = file->content().substr(0, header_size);
    file->replace(header + record_everything());
    size_after_compaction = file->size();
  }

  // Writes first and believes afterwards.
  void record(RecordKind kind, const json& payload) {
    const std::lock_guard lock(mutex);
    if (!file) {
      throw Failure(FailureKind::local, "checkpoint " + path.string() + " is open for reading only");
    }
    file->append(record_bytes(kind, payload));
    apply(kind, payload);
    constexpr std::uint64_t kWorthCompacting = 4ULL * 1024 * 1024;
    if (file->size() > std::max(2 * size_after_compaction, kWorthCompacting)) {
      compact();
    }
  }

  std::uint64_t size_after_compaction = 0;
};

Checkpoint::Checkpoint(std::unique_ptr<File> file) : file_(std::move(file)) {}
Checkpoint::Checkpoint(Checkpoint&&) noexcept = default;
Checkpoint& Checkpoint::operator=(Checkpoint&&) noexcept = default;
Checkpoint::~Checkpoint() = default;

Checkpoint Checkpoint::create(const std::filesystem::path& path, const Plan& plan) {
  auto file = std::make_unique<File>();
  file->path = path;
  const std::string header = header_bytes(plan);
  file->file = DurableFile::create(path, header);
  file->read_header(header);
  file->size_after_compaction = header.size();
  return Checkpoint(std::move(file));
}

Checkpoint Checkpoint::open(const std::filesystem::path& path) {
  auto file = std::make_unique<File>();
  file->path = path;
  file->file = DurableFile::open(path);
  const std::string bytes = file->file->content();
  file->read_header(bytes);
  const std::size_t good_size = file->read_records(bytes);
  if (good_size < bytes.size()) {
    file->file->truncate(good_size);
  }
  file->size_after_compaction = good_size;
  return Checkpoint(std::move(file));
}

Checkpoint Checkpoint::read(const std::filesystem::path& path) {
  auto file = std::make_unique<File>();
  file->path = path;
  const std::string bytes = DurableFile::read(path);
  file->held_by_a_mover = DurableFile::is_locked(path);
  file->read_header(bytes);
  file->read_records(bytes);
  return Checkpoint(std::move(file));
}

const std::filesystem::path& Checkpoint::path() const {
  return file_->path;
}
const Plan& Checkpoint::plan() const {
  return file_->plan;
}
Phase Checkpoint::phase() const {
  const std::lock_guard lock(file_->mutex);
  return file_->phase;
}
const RangeState& Checkpoint::state(std::uint32_t range) const {
  return file_->states.at(range);
}
const std::vector<RangeState>& Checkpoint::states() const {
  return file_->states;
}
std::optional<std::string> Checkpoint::setting(const std::string& name) const {
  const std::lock_guard lock(file_->mutex);
  const auto found = file_->settings.find(name);
  return found == file_->settings.end() ? std::nullopt : std::optional(found->second);
}
const std::vector<RecordedError>& Checkpoint::errors() const {
  return file_->errors;
}
bool Checkpoint::is_held_by_a_mover() const {
  return file_->held_by_a_mover;
}

void Checkpoint::record_range(std::uint32_t range, const RangeState& state) {
  file_->record(RecordKind::range, to_json_of(range, state));
}

void Checkpoint::record_verification(std::uint32_t range, Verification verification) {
  file_->record(RecordKind::verification, {{"i", range}, {"v", name_of(verification)}});
}

void Checkpoint::record_phase(Phase phase) {
  file_->record(RecordKind::phase, std::string(name_of(phase)));
}

void Checkpoint::record_setting(const std::string& name, const std::string& value) {
  file_->record(RecordKind::setting, {{"n", name}, {"v", value}});
}

void Checkpoint::record_error(const RecordedError& error) {
  file_->record(RecordKind::error, File::to_json_of(error));
}

void Checkpoint::compact() {
  const std::lock_guard lock(file_->mutex);
  file_->compact();
}

}  // namespace pgsluice::planner
