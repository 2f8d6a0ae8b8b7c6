"""A throw-away PostgreSQL cluster and what it says of itself: its SQL, its WAL, its processor seconds. Nothing here knows what is measured."""
import os
import shutil
import subprocess
import tempfile

SETTINGS = """listen_addresses = ''
unix_socket_directories = '{folder}'
timezone = 'UTC'
"""
# Everything in memory, and nothing that comes between: what jobs are compared with.
QUIET_SETTINGS = """shared_buffers = 4GB
max_wal_size = 16GB
checkpoint_timeout = 1h
autovacuum = off
"""


class SqlFailed(Exception):
    """A statement of the benchmark's own was rejected."""


class Server:
    """Starts when made; stop() ends it and removes its files. Started by root, it runs as user postgres. `parent` is where its folder is
    made, `settings` are lines for postgresql.conf, `launcher` is a command that starts the postmaster, put before it."""

    def __init__(self, settings=QUIET_SETTINGS, parent="/tmp", launcher=()):
        folders = subprocess.run(["bash", "-c", "ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1"], capture_output=True, text=True)
        self.programs = folders.stdout.strip()
        if not os.access(self.programs + "/initdb", os.X_OK):
            raise SqlFailed("no PostgreSQL server below /usr/lib/postgresql; run scripts/setup")
        self.folder = tempfile.mkdtemp(prefix="pgsluice-bench-", dir=parent)
        self.data = self.folder + "/data"
        self.as_server = []
        self.pid = 0
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
            self.as_server = ["runuser", "-u", "postgres", "--"]
        os.chmod(self.folder, 0o755)
        try:
            self._call("initdb", "--no-sync", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
            subprocess.run(self.as_server + ["tee", "-a", self.data + "/postgresql.conf"], input=SETTINGS.format(folder=self.folder) + settings,
                           text=True, stdout=subprocess.DEVNULL, check=True, cwd="/")
            self._call("pg_ctl", "-D", self.data, "-l", self.folder + "/log", "-w", "start", launcher=launcher)
            with open(self.data + "/postmaster.pid", encoding="ascii") as file:
                self.pid = int(file.readline())
        except BaseException:
            self.stop()
            raise

    def _call(self, program, *arguments, launcher=()):
        # A session of its own, so that Ctrl-C reaches the benchmark alone and the cluster is stopped in order.
        subprocess.run([*launcher, *self.as_server, f"{self.programs}/{program}", *arguments], check=True, stdout=subprocess.DEVNULL, cwd="/",
                       start_new_session=True)

    def conninfo(self, database="postgres"):
        return f"host={self.folder} user=postgres dbname={database}"

    def uri(self, database):
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def psql(self, database="postgres"):
        """The command of a psql session that reads its script from standard input and stops at the first error."""
        return ["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", self.conninfo(database)]

    def sql(self, text, database="postgres"):
        """Runs statements, each in a transaction of its own, and returns what they print."""
        done = subprocess.run(self.psql(database) + ["-f", "-"], input="SET client_min_messages = warning;\n" + text, capture_output=True,
                              text=True, start_new_session=True)
        if done.returncode != 0:
            raise SqlFailed(f"{done.stderr.strip()}\nin: {text.strip()[:300]}")
        return done.stdout.strip()

    def log_size(self):
        return os.path.getsize(self.folder + "/log")

    def log_text(self, begin):
        """What the server has logged since the log was so long."""
        with open(self.folder + "/log", "rb") as file:
            file.seek(begin)
            return file.read().decode("utf-8", errors="replace")

    def wal_position(self):
        """Bytes of WAL written since the cluster was made."""
        return int(self.sql("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"))

    def cpu_seconds(self):
        """User and system time of the postmaster, of its living children, and of those that it has waited for."""
        while True:
            before = self._ended_children_ticks()
            own = sum(_ticks(self.pid)[:2])
            living = sum(sum(_ticks(child)[:2]) for child in _children(self.pid))
            if self._ended_children_ticks() == before:  # Else a child ended meanwhile, and would be counted twice or not at all.
                return (own + before + living) / os.sysconf("SC_CLK_TCK")

    def _ended_children_ticks(self):
        return sum(_ticks(self.pid)[2:])

    def stop(self):
        if os.path.exists(self.data + "/postmaster.pid"):
            self._call("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)


def _stat(pid):
    """The fields of /proc/PID/stat behind the process's name, or None when it has gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _ticks(pid):
    """Its user and system time, and those of the children that it has waited for."""
    fields = _stat(pid)
    return [int(field) for field in fields[11:15]] if fields else [0, 0, 0, 0]


def _children(parent):
    """Process ids. Asked often while a job runs, so this does not walk through all of /proc."""
    with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as file:
        return file.read().split()
