"""The rounds: sources are built, contenders take turns on them, every result is checked, and what a job left or emptied is put right. What
one contender does wrong is recorded, and the others go on."""
import contextlib
import dataclasses
import os
import random
import shutil
import sys
import tempfile

from contenders.contender import OTHER_DATABASE, Clock, Contender, Place, SkippedHere

WAL_BYTES_MAX = 17 * 2**30  # The server's max_wal_size, and what it writes before a checkpoint has ended.
KEPT = "kept"  # The pristine rows, from which a source that was emptied is made again.


class DiskTooSmall(Exception):
    """The message says what is there and what is needed."""


@dataclasses.dataclass
class Entry:
    """A contender at one place, and what was found out about it."""
    label: str
    contender: Contender
    place: Place
    rounds: list = dataclasses.field(default_factory=list)  # Figures, without the warm-up.
    skipped: str = ""
    failed: str = ""

    def is_over(self):
        return bool(self.skipped or self.failed)

    def document(self):
        contender = self.contender
        return {"label": self.label, "section": contender.section.name, "is_ours": contender.is_ours, "note": contender.note,
                "skipped": self.skipped, "failed": self.failed, "rounds": self.rounds}


@contextlib.contextmanager
def source(server, table, rows):
    """Builds the table's source, yields the fingerprint of its rows, and drops it at the end. Fails: DiskTooSmall."""
    say(f"{table.label}: building {rows:,} rows")
    server.sql(f"ALTER SYSTEM SET wal_sync_method = '{table.wal_sync_method}'")
    server.sql("SELECT pg_reload_conf()")
    if server.sql(f"SELECT 1 FROM pg_database WHERE datname = '{OTHER_DATABASE}'") == "":
        server.sql(f"CREATE DATABASE {OTHER_DATABASE}")
    try:
        server.sql(table.definition_sql(KEPT, "UNLOGGED"))
        server.sql(f"INSERT INTO {KEPT} ({table.columns}) {table.select.format(rows=rows)}")
        require_disk(server)
        rebuild(server, table)
        yield server.sql(table.fingerprint_sql(table.name))
    finally:
        server.sql(f"DROP TABLE IF EXISTS {table.name}, {KEPT} CASCADE")


def require_disk(server):
    """Before the disk is filled: kept rows, source and target with their indexes, a file of the rows, and the WAL of the largest job."""
    kept = int(server.sql(f"SELECT pg_table_size('{KEPT}')"))
    needed = 5 * kept + min(5 * kept, WAL_BYTES_MAX)
    free = shutil.disk_usage(server.folder).free
    if free < needed:
        raise DiskTooSmall(f"{server.folder} has {free / 1e9:.1f} GB free; this table needs {needed / 1e9:.1f} GB more")


def rebuild(server, table):
    """The same rows in the same order, indexes and statistics fresh, every page seen by VACUUM."""
    server.sql(f"""
        SET synchronize_seqscans = off;
        DROP TABLE IF EXISTS {table.name} CASCADE;
        {table.definition_sql(table.name)};
        INSERT INTO {table.name} ({table.columns}) SELECT {table.columns} FROM {KEPT};
        {table.constraints_sql(table.name)};
        VACUUM (ANALYZE) {table.name}""")


def take_turns(entries, rounds, after_round=lambda: None):
    """One round to warm up, then those that count; within each, everybody once, in an order that changes from round to round."""
    for entry in entries:
        try:
            entry.contender.require(entry.place)
        except SkippedHere as reason:
            entry.skipped = str(reason)
            say(f"  {entry.label}: skipped, {reason}")
    for turn in range(rounds + 1):
        order = [entry for entry in entries if not entry.is_over()]
        random.Random(turn).shuffle(order)
        for entry in order:
            figures = measure(entry)
            if figures and turn > 0:
                entry.rounds.append(figures)
            say(f"  {'warm-up' if turn == 0 else f'round {turn} of {rounds}'}: {entry.label}: " +
                (progress_text(figures) if figures else f"FAILED: {entry.failed}"))
        if turn > 0:
            after_round()


def measure(entry):
    """One job with everything around it. Returns its figures, or None when it failed. When the whole run is being stopped, nothing is put
    right any more: the cluster goes as it is."""
    place, contender = entry.place, entry.contender
    folder = tempfile.mkdtemp(prefix="job-", dir=place.server.folder)
    os.chmod(folder, 0o777)  # The server writes there too, as another user.
    figures = None
    try:
        here = dataclasses.replace(place, folder=folder)
        contender.prepare(here)
        clock = Clock(place.server)
        contender.work(here, clock)
        measured = clock.figures(contender.rows_of(place.rows))
        contender.after(here, clock)
        contender.check(here)
        figures = {**measured, **clock.notes, "memory": clock.memory}
    except Exception as failure:  # Whatever it is, it is this contender's, and the others go on.
        entry.failed = f"{type(failure).__name__}: {failure}"
        end_sessions(place.server)
    contender.clean_up(place)
    if contender.empties_source or entry.failed:
        rebuild(place.server, place.table)
    shutil.rmtree(folder, ignore_errors=True)
    return figures


def end_sessions(server):
    """A program that was killed leaves sessions that go on with their statement. Returns when all have ended."""
    server.sql("""
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid();
        DO $$
        BEGIN
          WHILE EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()) LOOP
            PERFORM pg_sleep(0.05);
            PERFORM pg_stat_clear_snapshot();
          END LOOP;
        END
        $$""")


def progress_text(figures):
    phases = ", ".join(f"{name} {seconds:.2f}" for name, seconds in figures["phases"].items())
    return f"{figures['seconds']:.2f} s, {figures['rows'] / figures['seconds']:,.0f} rows/s ({phases})"


def say(line):
    print(line, file=sys.stderr, flush=True)
