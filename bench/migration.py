"""One live migration by the command line: plan, run, cutover, rollback. It knows nothing of what is measured."""
import json
import os
import signal
import subprocess
import tempfile


class CommandFailed(Exception):
    """A command ended with an exit code that was not expected."""


class Migration:
    def __init__(self, program, server, database, table):
        self._program = program
        self._conninfo = server.conninfo(database)
        self._table = table
        self._folder = tempfile.TemporaryDirectory(prefix="pgsluice-bench-migration-")

    def _command(self, name, *arguments):
        return [self._program, name, "--source", self._conninfo, "--checkpoint", self._folder.name + "/checkpoint", *arguments]

    def start(self, name, *arguments):
        """Its standard error goes to a file, so that it never waits for a reader."""
        with open(self._folder.name + "/errors", "ab") as errors:
            return subprocess.Popen(self._command(name, *arguments), stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True)

    def do(self, name, *arguments):
        """Returns what it wrote to standard output. Fails: CommandFailed."""
        done = subprocess.run(self._command(name, *arguments), capture_output=True, text=True, start_new_session=True)
        if done.returncode != 0:
            raise CommandFailed(f"{name}: exit {done.returncode}\n{done.stderr.strip()[-2000:]}")
        return done.stdout

    def document(self, name, *arguments):
        return json.loads(self.do(name, "--json", *arguments))

    def plan(self, *arguments):
        if os.path.exists(self._folder.name + "/checkpoint"):
            os.remove(self._folder.name + "/checkpoint")
        return self.do("plan", "--table", "public." + self._table, "--strategy", "capture", *arguments)

    def run(self, *arguments):
        return self.do("run", "--yes", "--progress", "none", *arguments)

    def end(self, process):
        """Ends a command that start() began, as Ctrl-C does; returns whether it still ran."""
        still_ran = process.poll() is None
        if still_ran:
            process.send_signal(signal.SIGINT)
        code = process.wait(timeout=120)
        if code not in (0, 4):
            with open(self._folder.name + "/errors", encoding="utf-8", errors="replace") as file:
                raise CommandFailed(f"exit {code}\n{file.read()[-2000:]}")
        return still_ran

    def close(self):
        self._folder.cleanup()
