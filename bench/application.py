"""An application as pgbench plays it: single-row updates of one table, by its name, from several clients, and how long each took. It knows
nothing of migrations."""
import dataclasses
import glob
import math
import os
import statistics
import subprocess
import tempfile

SCRIPT = """\\set id random(1, {rows})
UPDATE {table} SET n = n + 1 WHERE id = :id;
"""


class ApplicationFailed(Exception):
    """A statement of the application was rejected."""


@dataclasses.dataclass
class Latencies:
    """Of the transactions in one stretch of time."""
    tps: float
    p50_ms: float
    p99_ms: float
    longest_ms: float


class Application:
    """Starts when made. With a rate, transactions are due at moments of their own."""

    def __init__(self, server, database, table, rows, seconds, clients=4, rate=None):
        self._folder = tempfile.TemporaryDirectory(prefix="pgsluice-bench-application-")
        self._seconds = seconds
        script = self._folder.name + "/script.sql"
        with open(script, "w", encoding="ascii") as file:
            file.write(SCRIPT.format(rows=rows, table=table))
        command = [server.programs + "/pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(seconds), "-f", script, "-l",
                   "--log-prefix", self._folder.name + "/log", *(["--rate", str(rate)] if rate else []), server.conninfo(database)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def is_running(self):
        return self._process.poll() is None

    def wait(self):
        """Returns its latencies. Fails: ApplicationFailed, when a client gave up."""
        said, _ = self._process.communicate()
        if self._process.returncode != 0 or "aborted" in said:
            raise ApplicationFailed(said.strip()[-2000:])
        return latencies(self.transactions(), self._seconds)

    def transactions(self):
        """(the moment of its end in seconds since 1970, its duration in ms), of those that have ended and are written. What one had to wait
        until a client was free for it is left out: on a busy machine that is the machine's, and no statement waited."""
        found = []
        for path in glob.glob(self._folder.name + "/log.*"):
            with open(path, encoding="ascii") as file:
                for line in file:
                    fields = line.split()  # client, number, µs, script, seconds, µs [, lag]
                    if len(fields) >= 6 and fields[2].isdigit():
                        lag_us = int(fields[6]) if len(fields) > 6 else 0
                        found.append((int(fields[4]) + int(fields[5]) / 1e6, (int(fields[2]) - lag_us) / 1e3))
        return found

    def stop(self):
        """Ends it where it still runs, and removes its files."""
        if self.is_running():
            self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        self._folder.cleanup()


def latencies(transactions, seconds):
    durations = sorted(duration for _, duration in transactions)
    if not durations:
        raise ApplicationFailed("no transaction ended")
    return Latencies(len(durations) / seconds, statistics.median(durations), durations[math.ceil(0.99 * len(durations)) - 1], durations[-1])


def make_table(server, database, table, rows):
    """A narrow table with a key, which it is partitioned by, and a column that no index covers."""
    server.sql(f"""CREATE TABLE {table} (id bigint PRIMARY KEY, account bigint NOT NULL, n integer NOT NULL, note text) WITH (fillfactor = 80);
INSERT INTO {table} SELECT g, g % 10007, 0, repeat('note ', 10) FROM generate_series(1, {rows}) g;
VACUUM (ANALYZE) {table};
CHECKPOINT;""", database)


def machine_line(program, server):
    """What the figures were taken with."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    return (f"{version} on PostgreSQL {server.sql('SHOW server_version')}; {os.cpu_count()} cores "
            f"({models[0] if models else os.uname().machine}), {round(memory / 1e9)} GB, Linux {os.uname().release}; load at the end "
            f"{os.getloadavg()[1]:.1f}; {server.sql('SELECT current_date')}.")
