"""pg_partman's partition_data_proc: moves the rows of a table into a partition set that is native to PostgreSQL, one interval at a time."""
from contenders.contender import Contender, Section, SkippedHere, analyze, index_leaves


class Partman(Contender):
    section = Section.MOVE
    empties_source = True

    def __init__(self, indexes_first):
        self.name = "pg_partman, indexes " + ("first" if indexes_first else "last")
        self.note = "partition_data_proc with p_source_table, a month and a COMMIT at a time, without its pause of 1 s" + \
            ("" if indexes_first else "; indexes per leaf as in the best recipe by hand")
        self._indexes_first = indexes_first

    def applies_to(self, table):
        return super().applies_to(table) and table.partition_key == "RANGE (ts)"

    def require(self, place):
        if place.server.sql("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_partman'") == "0":
            raise SkippedHere("pg_partman is not installed; see bench/setup")

    def prepare(self, place):
        place.server.sql("CREATE SCHEMA partman; CREATE EXTENSION pg_partman SCHEMA partman")

    def work(self, place, clock):
        root = place.table.definition_sql(self.target, partitioning=f"PARTITION BY {place.table.partition_key}")
        constraints = place.table.root_constraints_sql(self.target) if self._indexes_first else []
        with clock.phase("create"):
            clock.run_scripts([";\n".join([root] + constraints + [
                f"SELECT partman.create_parent('public.{self.target}', 'ts', 'native', 'monthly', p_premake := 1)"])])
        with clock.phase("fill"):
            clock.run_scripts([f"CALL partman.partition_data_proc('public.{self.target}', p_wait := 0, p_source_table := 'public.{place.table.name}')"])
        if not self._indexes_first:
            index_leaves(place, clock, self.target, self.database())
        analyze(place, clock, self.target, self.database())

    def clean_up(self, place):
        super().clean_up(place)
        place.server.sql("DROP EXTENSION IF EXISTS pg_partman CASCADE; DROP SCHEMA IF EXISTS partman CASCADE")


def contenders():
    return [Partman(indexes_first=True), Partman(indexes_first=False)]
