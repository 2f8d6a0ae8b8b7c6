"""What the benchmarks of the gate share: a source larger than the server's cache, a look at the volume's counters every second, and at the
gate."""
import json
import subprocess
import threading
import time

from measuring import say

# A small server; the rest is as PostgreSQL comes.
SETTINGS = """shared_buffers = 64MB
effective_cache_size = 64MB
track_io_timing = on
"""


def build_source(server, order, rows):
    """Table t, about 960 bytes a row, with its rows at random ("scattered") or by the key ("in order"), owned by role mover."""
    say(f"building {rows:,} rows, {order}")
    keys = f"generate_series(1::bigint, {rows}) g"
    if order == "scattered":
        keys = f"(SELECT g FROM {keys} ORDER BY hashint8extended(g, 1)) AS mixed"
    server.sql(f"""
        DROP TABLE IF EXISTS t;
        CREATE TABLE t (id bigint NOT NULL, account bigint NOT NULL, body text NOT NULL);
        ALTER TABLE t ALTER body SET STORAGE PLAIN, OWNER TO mover;
        INSERT INTO t SELECT g, g * 7919 % 1000003, repeat(md5(g::text), 28) FROM {keys};
        ALTER TABLE t ADD PRIMARY KEY (id);
        VACUUM (ANALYZE, FREEZE) t;
        CHECKPOINT""")


def files_of(server, relation):
    return [server.sql(f"SELECT pg_relation_filepath('{relation}')"), server.sql(f"SELECT pg_relation_filepath('{relation}_pkey')")]


class Watch(threading.Thread):
    """Notes the device's counters once a second."""

    def __init__(self, volume):
        super().__init__(daemon=True)
        self._volume = volume
        self._ended = threading.Event()
        self.seconds = []

    def run(self):
        last, then = self._volume.counters(), time.monotonic()
        begun = then
        while not self._ended.wait(max(0.0, 1 - (time.monotonic() - then) % 1)):
            now, seen = time.monotonic(), self._volume.counters()
            self.seconds.append({"at": round(now - begun, 2), "took": round(now - then, 3),
                                 **{name: seen[name] - last[name] for name in seen}})
            last, then = seen, now

    def stop(self):
        self._ended.set()
        self.join()
        return self.seconds


def gate_of(program, checkpoint, at):
    """What the gate says of itself; None when the run is not listening, yet or any more."""
    done = subprocess.run([program, "control", checkpoint, "status", "--json"], capture_output=True, text=True, check=False)
    return {"at": round(at, 1), **json.loads(done.stdout)} if done.returncode == 0 else None
