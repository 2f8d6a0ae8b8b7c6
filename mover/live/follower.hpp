// Brings changes over in the background while something else goes on: a comparison, or the wait for a cutover.
#pragma once

#include <thread>

#include "mover/live/applier.hpp"

namespace pgsluice::mover {

// Applies every second or so until the thread is asked to stop, which its destructor does. A failure is noted and tried
// again: whoever comes behind finds what is left. Everything referred to must outlive it.
std::jthread follow_in_background(const ChangeFeed& feed, const Sessions& sessions, const RetryContext& context,
                                  const ApplierOptions& options);

}  // namespace pgsluice::mover
