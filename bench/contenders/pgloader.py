"""pgloader: reads the rows of one database and loads them into another. It is so much slower that it gets a part of the rows only; the
figure to look at is rows per second."""
import shutil

from contenders.contender import Contender, Section, SkippedHere, analyze
from processes import Program

ROWS_MAX = 200_000
TIME_LIMIT_SECONDS = 300
REDUCED_DATABASE = "reduced"


class Pgloader(Contender):
    section = Section.ACROSS
    name = "pgloader, indexes first"
    note = f"data only, into the partitioned target made before; measured on at most {ROWS_MAX:,} rows"

    def applies_to(self, table):
        return super().applies_to(table) and table.name in ("t1", "t2")

    def rows_of(self, table_rows):
        return min(ROWS_MAX, table_rows)

    def source_fingerprint(self, place):
        return place.server.sql(place.table.fingerprint_sql(place.table.name), REDUCED_DATABASE)

    def require(self, place):
        if not shutil.which("pgloader"):
            raise SkippedHere("pgloader is not installed; see bench/setup")

    def prepare(self, place):
        # Its source is a database that holds nothing but the first rows of the table, under the same name.
        self.target = name = place.table.name
        place.server.sql(f"CREATE DATABASE {REDUCED_DATABASE}")
        place.server.sql(place.table.definition_sql(name), REDUCED_DATABASE)
        file = place.folder + "/reduced"
        place.server.sql(f"COPY (SELECT * FROM {name} WHERE id <= {self.rows_of(place.rows)}) TO '{file}' (FORMAT binary)")
        place.server.sql(f"COPY {name} FROM '{file}' (FORMAT binary); {place.table.constraints_sql(name)}; VACUUM (ANALYZE) {name}",
                         REDUCED_DATABASE)
        # The socket's port has to be spelled out; the folder stands behind "unix:".
        def uri(database):
            return f"pgsql://postgres@unix:{place.server.folder}:5432/{database}"
        with open(place.folder + "/table.load", "w", encoding="utf-8") as command:
            command.write(f"LOAD DATABASE FROM {uri(REDUCED_DATABASE)} INTO {uri(self.database())}\n"
                          "WITH data only, create no tables, include no drop, no truncate, create no indexes, reset no sequences, no foreign keys\n"
                          f"INCLUDING ONLY TABLE NAMES MATCHING '{name}' IN SCHEMA 'public';\n")

    def work(self, place, clock):
        with clock.phase("create"):
            clock.run_scripts([place.table.target_sql(self.target, with_constraints=True)], self.database())
        with clock.phase("fill"):
            clock.run(Program(["pgloader", "--root-dir", place.folder + "/pgloader", place.folder + "/table.load"], has_children=True),
                      time_limit_seconds=TIME_LIMIT_SECONDS)
        analyze(place, clock, self.target, self.database())

    def clean_up(self, place):
        super().clean_up(place)
        place.server.sql(f"DROP DATABASE IF EXISTS {REDUCED_DATABASE} WITH (FORCE)")


def contenders():
    return [Pgloader()]
