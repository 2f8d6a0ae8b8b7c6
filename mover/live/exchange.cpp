#include "mover/live/exchange.hpp"

#include "mover/live/partition_swap.hpp"
#include "mover/live/swap.hpp"

namespace pgsluice::mover {

std::unique_ptr<Exchange> make_exchange(const planner::Plan& plan, planner::SwapDirection direction,
                                        planner::SwapOptions options) {
  if (plan.parent) {
    return std::make_unique<PartitionSwap>(plan, direction);
  }
  return std::make_unique<Swap>(plan, direction, options);
}

}  // namespace pgsluice::mover
