// The stages of a migration as scripts, each composed by itself; emission.cpp puts them in order. Their steps are not
// numbered yet.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mover/emit/emission.hpp"

namespace pgsluice::mover {

// What every stage is made from.
struct Writing {
  const planner::Plan& plan;
  const EmitFacts& facts;
};

// The names of scripts in the list of steps: `copy.up`.
std::string up_of(std::string_view stage);
std::string down_of(std::string_view stage);

inline constexpr std::string_view kTarget = "target";
inline constexpr std::string_view kCapture = "capture";
inline constexpr std::string_view kGuard = "guard";
inline constexpr std::string_view kCopy = "copy";
inline constexpr std::string_view kKeyIndex = "key-index";
inline constexpr std::string_view kApply = "apply";
inline constexpr std::string_view kIndexes = "indexes";
inline constexpr std::string_view kCutover = "cutover";
inline constexpr std::string_view kSettle = "settle";
inline constexpr std::string_view kFinish = "finish";

// prepare_stages.cpp
Stage target_stage(const Writing& writing);
Stage capture_stage(const Writing& writing);
Stage guard_stage(const Writing& writing);
Stage copy_stage(const Writing& writing);

// index_stages.cpp
Stage key_index_stage(const Writing& writing);
Stage indexes_stage(const Writing& writing);

// live_stages.cpp, of the strategy `capture`.
Stage apply_stage(const Writing& writing);
Stage cutover_stage(const Writing& writing);
Stage settle_stage(const Writing& writing);
Stage finish_stage(const Writing& writing);

// offline_stages.cpp, of the strategy `offline`.
Stage cutover_by_hand_stage(const Writing& writing);
Stage finish_by_hand_stage(const Writing& writing);

}  // namespace pgsluice::mover
