"""What a contender is: one way from the plain source table to the filled, fully indexed and analyzed target, its cost phase by phase, and
the check that the rows really arrived. How a contender does it is in the modules beside this one."""
import contextlib
import dataclasses
import enum
import threading
import time

from processes import Program, run_together

OTHER_DATABASE = "other"


class Section(enum.Enum):
    """What is comparable with what."""
    COPY = "the source keeps its rows"
    MOVE = "the rows leave the source"
    ACROSS = "into another database"
    LIMIT = "limits: no partitioned target, no indexes"


@dataclasses.dataclass
class Place:
    """Where and with what a job is done."""
    server: object
    table: object
    rows: int
    workers: str       # pgsluice's --workers.
    sessions: int      # Of everybody else.
    program: str       # The pgsluice under test.
    folder: str        # For files; the server may write there.
    fingerprint: str   # Of the source's rows.


class SkippedHere(Exception):
    """The contender cannot be measured on this machine; the message says why."""


class WrongResult(Exception):
    """The job ended, but the target is not what it must be."""


class Clock:
    """Measures one job, phase by phase: wall time, the server's processor time, WAL, and what the job's own programs cost."""

    def __init__(self, server):
        self._server = server
        self.phases = {}       # Name to wall seconds.
        self.phases_cpu = {}   # Name to the server's processor seconds.
        self.mover_cpu = 0.0
        self.memory = 0
        self.notes = {}
        server.sql("CHECKPOINT")
        self._wal = server.wal_position()

    @contextlib.contextmanager
    def phase(self, name):
        cpu = self._server.cpu_seconds()
        begun = time.monotonic()
        yield
        self.phases[name] = self.phases.get(name, 0.0) + time.monotonic() - begun
        self.phases_cpu[name] = self.phases_cpu.get(name, 0.0) + self._server.cpu_seconds() - cpu

    def run(self, *programs, time_limit_seconds=None):
        """Runs programs of the job at once; their cost is the contender's. Returns what the first one printed."""
        usage = run_together(programs, time_limit_seconds)
        self.mover_cpu += usage.cpu_seconds
        self.memory = max(self.memory, usage.memory_bytes)
        return usage.output

    def run_scripts(self, scripts, database="postgres"):
        """One psql session for each script, all at once."""
        return self.run(*[Program(self._server.psql(database), "SET client_min_messages = warning;\n" + script)
                          for script in scripts if script])

    def figures(self, rows):
        """What is kept of the job, as plain values. Ask before anything else writes WAL."""
        return {"rows": rows, "seconds": sum(self.phases.values()), "phases": self.phases, "phases_server_cpu": self.phases_cpu,
                "wal": self._server.wal_position() - self._wal, "server_cpu": sum(self.phases_cpu.values()), "mover_cpu": self.mover_cpu,
                "memory": self.memory, **self.notes}


class CpuHistory(threading.Thread):
    """Remembers the server's processor seconds over time, so that a phase that only a program knows can be looked up afterwards."""

    PERIOD_SECONDS = 0.04

    def __init__(self, server):
        super().__init__(daemon=True)
        self._server = server
        self._done = threading.Event()
        self._samples = []  # (wall clock, processor seconds)

    def __enter__(self):
        self._sample()
        self.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self.join()
        self._sample()

    def run(self):
        while not self._done.wait(self.PERIOD_SECONDS):
            self._sample()

    def _sample(self):
        self._samples.append((time.time(), self._server.cpu_seconds()))

    def at(self, moment):
        """Between two samples, in proportion."""
        for (earlier, low), (later, high) in zip(self._samples, self._samples[1:]):
            if earlier <= moment <= later:
                return low + (high - low) * (moment - earlier) / max(later - earlier, 1e-9)
        return self._samples[0][1] if moment < self._samples[0][0] else self._samples[-1][1]


class Contender:
    """One way of doing the job. A subclass says what it is and does it; prepare() and clean_up() are outside the clock."""
    name = ""
    section = Section.COPY
    is_ours = False
    empties_source = False
    note = ""
    target = "hand"
    is_indexed = True  # Its target must have every constraint when the job has ended.

    def applies_to(self, table):
        return table.wal_sync_method == "fdatasync"

    def rows_of(self, table_rows):
        """How many of the table's rows it is measured with."""
        return table_rows

    def source_fingerprint(self, place):
        return place.fingerprint

    def database(self):
        return OTHER_DATABASE if self.section is Section.ACROSS else "postgres"

    def require(self, place):
        """Raises SkippedHere when something that it needs is not installed."""

    def prepare(self, place):
        """Whatever is not part of the job."""

    def work(self, place, clock):
        """The job itself, in phases of the clock: create, fill, index, analyze, or what else it is made of."""
        raise NotImplementedError

    def after(self, place, clock):
        """Measured beside the job, not in it; may add notes to the clock."""

    def clean_up(self, place):
        """Undoes prepare() and the job, also one that failed half-way. The source is restored elsewhere."""
        drop(place.server, self.target, self.database())

    def check(self, place):
        """Raises WrongResult unless the target holds exactly the source's rows, and has every constraint in every leaf."""
        if not self.target:
            return
        found = place.server.sql(place.table.fingerprint_sql(self.target), self.database())
        expected = self.source_fingerprint(place)
        if found != expected:
            raise WrongResult(f"the target holds {found}, the source {expected}")
        if self.is_indexed:
            check_constraints(place, self.target, self.database())


def drop(server, table, database):
    server.sql(f"DROP TABLE IF EXISTS {table} CASCADE", database)


def check_constraints(place, target, database):
    """Every unique constraint is there by its columns, valid, and has an index in every leaf."""
    found = place.server.sql(f"""
        SELECT string_agg(a.attname, ', ' ORDER BY k.position)
               || CASE WHEN bool_and(i.indisvalid) THEN '' ELSE ' (not valid)' END
               || CASE WHEN (SELECT count(*) FROM pg_inherits h JOIN pg_index li ON li.indexrelid = h.inhrelid AND li.indisvalid
                             WHERE h.inhparent = i.indexrelid)
                            = (SELECT count(*) FROM pg_inherits h WHERE h.inhparent = i.indrelid) THEN '' ELSE ' (not in every leaf)' END
        FROM pg_index i, unnest(i.indkey::int[]) WITH ORDINALITY k (number, position), pg_attribute a
        WHERE i.indrelid = '{target}'::regclass AND i.indisunique AND a.attrelid = i.indrelid AND a.attnum = k.number
        GROUP BY i.indexrelid, i.indrelid ORDER BY 1""", database).splitlines()
    expected = sorted(constraint.target_columns for constraint in place.table.constraints)
    if sorted(found) != expected:
        raise WrongResult(f"the target's unique indexes are {found}, not {expected}")


def leaves_of(server, target, database):
    return server.sql(f"SELECT relid FROM pg_partition_tree('{target}') WHERE isleaf ORDER BY relid::oid", database).splitlines()


def index_leaves(place, clock, target, database):
    """The quickest way by hand: every leaf's constraints in as many sessions as there are, then the root's, attached. The sessions keep the
    cores busy; parallel workers beside them were found to cost a tenth to a fifth."""
    with clock.phase("index"):
        leaves = leaves_of(place.server, target, database)
        clock.run_scripts([";\n".join(["SET max_parallel_maintenance_workers = 0"] + [
            sql for leaf in leaves[session::place.sessions] for sql in place.table.leaf_constraints_sql(leaf)])
                           for session in range(place.sessions)], database)
        clock.run_scripts([";\n".join(["BEGIN"] + place.table.root_constraints_sql(target, "ONLY") +
                                      place.table.attach_sql(target, leaves) + ["COMMIT"])], database)


def index_root(place, clock, target, database):
    """What most people write: the constraint on the root, in one session."""
    with clock.phase("index"):
        clock.run_scripts([";\n".join(place.table.root_constraints_sql(target))], database)


def analyze(place, clock, target, database):
    with clock.phase("analyze"):
        clock.run_scripts([f"ANALYZE {target}"], database)
