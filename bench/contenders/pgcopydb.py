"""pgcopydb: copies a table's rows into another database, in several COPY jobs, the table split by ranges of its id."""
import shutil

from contenders.contender import Contender, Section, SkippedHere, analyze, index_leaves
from processes import Program

TIME_LIMIT_SECONDS = 900


class Pgcopydb(Contender):
    section = Section.ACROSS

    def __init__(self, indexes_first):
        self.name = "pgcopydb, indexes " + ("first" if indexes_first else "last")
        self.note = "copy table-data with as many jobs as sessions, the table split into as many parts; the partitioned target made before" + \
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

    def work(self, place, clock):
        with clock.phase("create"):
            clock.run_scripts([place.table.target_sql(self.target, with_constraints=self._indexes_first)], self.database())
        with clock.phase("fill"):
            size = int(place.server.sql(f"SELECT pg_table_size('{place.table.name}')"))
            clock.run(Program(["pgcopydb", "copy", "table-data", "--source", place.server.uri("postgres"), "--target",
                               place.server.uri(self.database()), "--dir", place.folder + "/pgcopydb", "--table-jobs", str(place.sessions),
                               "--filters", place.folder + "/filter.ini", "--not-consistent"], has_children=True,
                              environment={"PGCOPYDB_SPLIT_TABLES_LARGER_THAN": str(size // place.sessions)}),
                      time_limit_seconds=TIME_LIMIT_SECONDS)
        if not self._indexes_first:
            index_leaves(place, clock, self.target, self.database())
        analyze(place, clock, self.target, self.database())


def contenders():
    return [Pgcopydb(indexes_first=True), Pgcopydb(indexes_first=False)]
