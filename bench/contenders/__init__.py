"""Everything that is measured, in the order in which it is shown: each module is one way of doing the job."""
from contenders import by_hand, limits, ours, partman, pgcopydb, pgloader, plpgsql_loop


def all_contenders():
    """Fresh ones; which tables each applies to it says itself."""
    return (ours.contenders() + by_hand.contenders() + plpgsql_loop.contenders() + partman.contenders() + pgcopydb.contenders() +
            pgloader.contenders() + limits.contenders())
