// The checkpoint file: the plan and what is known of every range. It remembers; the ledger in the target database
// decides (mover/ledger.hpp). One file, append-only, owned by one mover at a time, readable only by its owner.
//
// Layout (little-endian):
//
//   header    8 bytes   magic "PGSLUICE"
//             4 bytes   format version, now 1
//             4 bytes   size of the compressed plan, P
//             8 bytes   size of the plan before compression
//            16 bytes   migration id (UUID, as its 16 bytes)
//             P bytes   the plan: JSON, compressed by zstd
//             4 bytes   CRC32C of everything before it
//   records   until the end of the file, each:
//             4 bytes   size of the payload, S (1 to 1 MiB)
//             1 byte    kind: 1 range, 2 verification, 3 phase, 4 setting, 5 error
//             4 bytes   CRC32C of size and kind
//             S bytes   payload: JSON (short texts; a range costs about 100 bytes)
//             4 bytes   CRC32C of the payload
//
// Example: the phase record `"moving"` is 08 00 00 00 | 03 | crc | 22 6d 6f 76 69 6e 67 22 | crc.
//
// Invariants:
//   P1  A record is either wholly there or not at all. A torn tail (the file ends inside a record, the last record's
//   payload fails
//       its CRC, or nothing but zeros follows a record) is cut off at the last good record when the file is opened for
//       writing.
//   P2  Any other damage is refused as corrupt, naming the offset, and the file is left as it was.
//   P3  A file that exists is never rewritten in place: compaction writes a temporary file, syncs it, renames it, syncs
//   the folder. P4  Two processes never write one checkpoint: it is locked from open() or create() to destruction.
//   read() takes no lock.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "planner/key.hpp"
#include "planner/phase.hpp"
#include "planner/plan.hpp"

namespace pgsluice::planner {

enum class RangeStatus : std::uint8_t { pending, partial, done, failed };
enum class Verification : std::uint8_t { unknown, equal, differs };

std::string_view name_of(RangeStatus status);
std::string_view name_of(Verification verification);

struct RangeState {
  RangeStatus status = RangeStatus::pending;
  std::optional<Key> up_to;  // Rows below this key are moved; absent before the first batch and when done.
  std::uint64_t rows = 0;    // Moved so far.
  std::uint64_t bytes = 0;
  Verification verification = Verification::unknown;
  bool operator==(const RangeState&) const = default;
};

struct RecordedError {
  std::optional<std::uint32_t> range;
  std::string at;    // UTC, ISO 8601.
  std::string text;  // As pg::to_text() gives it.
};

// Thread: every record_*, compact(), setting() and phase() may be called from any thread, also at once: whoever steers
// a run from outside records settings while ranges are recorded. What is returned by reference (state, states, errors)
// is for the thread that records ranges, verifications and errors, which is one at a time.
class Checkpoint {
 public:
  // Writes a new file, mode 0600, and locks it. Fails: refused, if the file exists; local, if it cannot be written.
  static Checkpoint create(const std::filesystem::path& path, const Plan& plan);

  // Opens for writing and locks; cuts off a torn tail. Fails: refused, if there is no such file, it is no checkpoint,
  // or another process holds it; corrupt, if it is damaged.
  static Checkpoint open(const std::filesystem::path& path);

  // Reads beside a running mover. The result cannot be written to. Fails: refused, corrupt.
  static Checkpoint read(const std::filesystem::path& path);

  Checkpoint(Checkpoint&&) noexcept;
  Checkpoint& operator=(Checkpoint&&) noexcept;
  ~Checkpoint();

  const std::filesystem::path& path() const;
  const Plan& plan() const;
  Phase phase() const;
  const RangeState& state(std::uint32_t range) const;
  const std::vector<RangeState>& states() const;
  // Free-form memory by name: operator's settings, checksums of verification units, choices; empty where there is none.
  // Small texts only.
  std::optional<std::string> setting(const std::string& name) const;
  const std::vector<RecordedError>& errors() const;  // The last hundred, oldest first.
  bool is_held_by_a_mover() const;                   // For read(): somebody holds the lock now.

  // Each returns after the record is on disk (fdatasync). Fails: local.
  void record_range(std::uint32_t range, const RangeState& state);  // Keeps the verification that `state` carries.
  void record_verification(std::uint32_t range, Verification verification);
  void record_phase(Phase phase);
  void record_setting(const std::string& name, const std::string& value);  // An empty value forgets the name.
  void record_error(const RecordedError& error);

  // Rewrites the file without superseded records (P3). Called by itself when more than half of a large file is
  // superseded.
  void compact();

 private:
  struct File;
  explicit Checkpoint(std::unique_ptr<File> file);
  std::unique_ptr<File> file_;
};

}  // namespace pgsluice::planner
