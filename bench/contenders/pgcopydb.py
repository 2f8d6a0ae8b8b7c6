"""pgcopydb: copies a table's rows into another database, in several COPY jobs, the table split by ranges of its id."""
import re
import shutil

from contenders.contender import Contender, Section, SkippedHere, WrongResult, index_leaves
from processes import Program

TIME_LIMIT_SECONDS = 900


class Pgcopydb(Contender):
    section = Section.ACROSS

    def __init__(self, indexes_first):
        self.name = "pgcopydb, indexes " + ("first" if indexes_first else "last")
        self.note = "copy table-data with as many jobs as sessions, the table split into as many parts; the partitioned target made before; analyzed by pgcopydb itself" + \
            ("" if indexes_first else "; indexes per leaf as in the best recipe by hand")
        self._indexes_first = indexes_first

    def require(self, place):
        if not shutil.which("pgcopydb"):
            raise SkippedHere("pgcopydb is not installed; see bench/setup")

    def prepare(self, place):
        # It finds the target's table by the source's name, so the target is called like it, in the other database.
        self.target = place.table.name
        with open(place.folder + "/filter.ini", "w", encoding="utf-8") as file:
            file.write(f"[include-only-table]\npublic.{place.table.name}\n")
        place.server.sql(f"ALTER DATABASE {self.database()} SET log_min_duration_statement = 0")

    def work(self, place, clock):
        with clock.phase("create"):
            clock.run_scripts([place.table.target_sql(self.target, with_constraints=self._indexes_first)], self.database())
        with clock.phase("fill"):
            log_begin = place.server.log_size()
            size = int(place.server.sql(f"SELECT pg_table_size('{place.table.name}')"))
            clock.run(Program(["pgcopydb", "copy", "table-data", "--source", place.server.uri("postgres"), "--target",
                               place.server.uri(self.database()), "--dir", place.folder + "/pgcopydb", "--table-jobs", str(place.sessions),
                               "--filters", place.folder + "/filter.ini", "--not-consistent"], has_children=True,
                              environment={"PGCOPYDB_SPLIT_TABLES_LARGER_THAN": str(size // place.sessions)}),
                      time_limit_seconds=TIME_LIMIT_SECONDS)
        # It ends with VACUUM ANALYZE by itself, so nothing is analyzed a second time; how long that took only the server's log knows.
        seconds = sum(float(ms) / 1000 for ms in re.findall(r"duration: ([0-9.]+) ms  statement: VACUUM ANALYZE",
                                                            place.server.log_text(log_begin)))
        if not 0 < seconds < clock.phases["fill"]:
            raise WrongResult(f"its VACUUM ANALYZE took {seconds} s of {clock.phases['fill']} s")
        clock.phases["analyze"] = seconds
        clock.phases["fill"] -= seconds
        clock.phases_cpu["fill and analyze"] = clock.phases_cpu.pop("fill")  # How it divides is not known.
        if not self._indexes_first:
            index_leaves(place, clock, self.target, self.database())

    def clean_up(self, place):
        super().clean_up(place)
        place.server.sql(f"ALTER DATABASE {self.database()} RESET log_min_duration_statement")


def contenders():
    return [Pgcopydb(indexes_first=True), Pgcopydb(indexes_first=False)]
