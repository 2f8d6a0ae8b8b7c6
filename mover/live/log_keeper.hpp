// Keeps the log small while nobody applies it: when it has grown by half since the last time, repetitions are removed
// and their space is given back.
#pragma once

#include <thread>

#include "mover/live/change_feed.hpp"
#include "mover/observer.hpp"
#include "mover/sessions.hpp"

namespace pgsluice::mover {

// Runs until the thread is asked to stop, which its destructor does. A failure is noted and tried again later: a log
// that is larger than need be harms nobody. Everything referred to must outlive it.
std::jthread keep_log_small(const ChangeFeed& feed, const Sessions& sessions, Observer& observer);

}  // namespace pgsluice::mover
