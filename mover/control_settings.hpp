// What an operator may change while a run moves rows: limits, the number of workers, the size of batches, and whether
// it pauses. Holds the values and tells whoever must act on them; it acts on nothing itself, and knows neither the
// socket through which they come (mover/control_server.hpp) nor the checkpoint that remembers them.
//
// Invariants:
//   O1  What this run's command line says beats what was set in an earlier run, which beats the default.
//   O2  Of several changes asked for at once, all are made or none.
//   O3  What is set is recorded before it is answered, so that a later run keeps it. A pause is not recorded: a new run
//       moves.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgsluice::mover {

// Its name in the checkpoint.
inline constexpr const char* kControlSetting = "control";

inline constexpr unsigned kControlWorkersMax = 64;

struct ControlState {
  std::optional<double> max_iops;           // Our own I/O operations a second; absent: no limit.
  std::optional<double> max_mbps;           // Our own MB a second; absent: no limit.
  std::optional<double> server_iops;        // Everybody's I/O operations a second; absent: no limit.
  std::optional<std::uint64_t> workers;     // Absent: as many as the run finds best.
  std::optional<std::uint64_t> batch_rows;  // Absent: sized by time.
  bool is_paused = false;
  bool operator==(const ControlState&) const = default;
};

// Where a value comes from.
enum class ControlOrigin { standard, command_line, operator_now, operator_before };
std::string_view name_of(ControlOrigin origin);  // "default", "command line", "control", "control, in an earlier run"

struct ControlValue {
  std::string name;   // "max-iops"
  std::string value;  // "8000", "none", "auto"
  ControlOrigin origin = ControlOrigin::standard;
};

struct ControlChange {
  std::string name;
  std::string from;
  std::string to;
  std::string effect;  // Since when: "from the next batch on".
};

// "max-iops", "max-mbps", …: in the order in which they are listed.
std::vector<std::string_view> control_setting_names();

// By setting; a value that is absent was asked for by its word, `none` or `auto`.
using GivenSettings = std::map<std::string, std::optional<double>, std::less<>>;

// Thread: any.
class ControlSettings {
 public:
  ControlSettings() = default;
  // `given`: what the command line says. `remembered`: as recorded by set(), from the checkpoint.
  // Fails: refused, when the memory holds a setting or value that this version does not know.
  ControlSettings(const GivenSettings& given, const std::optional<std::string>& remembered);
  ControlSettings(const ControlSettings&) = delete;
  ControlSettings& operator=(const ControlSettings&) = delete;

  ControlState state() const;
  // The settings of these names; all of them where there is no name. Fails: refused, listing the names that exist.
  std::vector<ControlValue> values(const std::vector<std::string>& names = {}) const;

  // Makes all of the changes, "name=value" each, or none. Listeners hear of them first, and one that throws undoes
  // them; then `record` gets the text for the checkpoint, and undoes them by throwing, too. Fails: refused, naming what
  // is wrong and what exists; as listeners and `record` do. Then nothing was changed.
  std::vector<ControlChange> set(const std::vector<std::string>& assignments,
                                 const std::function<void(const std::string& remembered)>& record);
  // Returns whether that was a change.
  bool pause(bool is_paused);

  // While it lives, its function is told every state, one after another.
  class Listening {
   public:
    Listening(Listening&& other) noexcept;
    Listening& operator=(Listening&&) = delete;
    ~Listening();  // When it is over, the function is not running and never called again.

   private:
    friend class ControlSettings;
    using Place = std::list<std::function<void(const ControlState&)>>::iterator;
    Listening(ControlSettings& settings, Place place) : settings_(&settings), place_(place) {}
    ControlSettings* settings_;
    Place place_;
  };
  // Calls `tell` now with the state that holds, and then with every new one; it may refuse by throwing pg::Failure.
  // `tell` runs in the thread that makes the change, must not be slow, and must not call set(), pause() or listen().
  [[nodiscard]] Listening listen(std::function<void(const ControlState&)> tell);

 private:
  void tell(const ControlState& state);
  void change(const ControlState& next, const std::function<void()>& commit);

  std::mutex changing_;       // One change at a time, from the first listener to the last. Taken before mutex_.
  mutable std::mutex mutex_;  // Guards what follows.
  ControlState state_;
  std::map<std::string, ControlOrigin, std::less<>> origins_;      // Of all that is not the default.
  std::map<std::string, std::string> remembered_;                  // What operators set, in this run and before.
  std::list<std::function<void(const ControlState&)>> listeners_;  // Guarded by changing_.
};

}  // namespace pgsluice::mover
