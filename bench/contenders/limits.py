"""What bounds everybody: reading all rows into a file, and loading a ready file into a plain table, with no routing, no index and no source
to read. The third limit, the server's processor seconds over its cores, is in every contender's own figures."""
from contenders.contender import Contender, Section

FILE = "/rows.binary"


class CopyOut(Contender):
    name = "COPY TO a binary file"
    note = "one session; reads only"
    section = Section.LIMIT
    target = ""

    def work(self, place, clock):
        with clock.phase("fill"):
            clock.run_scripts([f"COPY {place.table.name} TO '{place.folder}{FILE}' (FORMAT binary)"])

    def clean_up(self, place):
        """The file lies in the job's folder and goes with it."""


class CopyIn(Contender):
    name = "COPY FROM a binary file"
    note = "one session, a file that is ready, a plain table without indexes"
    section = Section.LIMIT
    target = "plain"
    is_indexed = False

    def prepare(self, place):
        place.server.sql(f"COPY {place.table.name} TO '{place.folder}{FILE}' (FORMAT binary)")
        place.server.sql(place.table.definition_sql(self.target))

    def work(self, place, clock):
        with clock.phase("fill"):
            clock.run_scripts([f"COPY {self.target} FROM '{place.folder}{FILE}' (FORMAT binary)"])


def contenders():
    return [CopyOut(), CopyIn()]
