"""pgsluice itself: `plan` and `run` are the job; `verify` is measured beside it."""
import datetime
import json
import time

from contenders.contender import OTHER_DATABASE, Clock, Contender, CpuHistory, Section
from processes import Program

METHODS = {"auto": "measures on the table which method is the quickest", "insert": "INSERT … SELECT", "stream": "binary COPY",
           "move": "INSERT … SELECT, then DELETE", "stream-move": "COPY (DELETE … RETURNING)"}
MOVING_METHODS = ("move", "stream-move")


class Pgsluice(Contender):
    is_ours = True

    def __init__(self, method, section, plan_options=(), shown=None):
        self.name = f"pgsluice {shown or method}" + (", across" if section is Section.ACROSS else "")
        self.note = f"--method {shown or method}: {METHODS[method]}"
        self.section = section
        self.empties_source = method in MOVING_METHODS
        self._method = method
        self._plan_options = plan_options

    def applies_to(self, table):
        return super().applies_to(table) or self.section is not Section.ACROSS

    def work(self, place, clock):
        where = ["--source", place.server.conninfo(), "--checkpoint", place.folder + "/checkpoint"]
        if self.section is Section.ACROSS:
            where += ["--target", place.server.conninfo(OTHER_DATABASE)]
        log = place.folder + "/run.log"
        with clock.phase("plan"):
            clock.run(Program([place.program, "plan", *where, "--table", f"public.{place.table.name}", "--into", f"public.{self.target}",
                               "--strategy", "offline", "--method", self._method, "--json", *place.table.layout_options, *self._plan_options]))
        with CpuHistory(place.server) as history, clock.phase("run"):
            output = clock.run(Program([place.program, "run", *where, "--yes", "--json", "--progress", "none", "--workers", place.workers,
                                        "--log-file", log, "--log-format", "json"]))
        ended = time.time()
        result = json.loads(output)
        split_run(clock, phases_of(log), result["seconds_moving"], ended, history)
        clock.notes["method"] = self._method
        clock.notes["retries"] = result["retries"]
        if "calibration" in result:
            clock.notes["calibration"] = result["calibration"]

    def after(self, place, clock):
        beside = Clock(place.server)
        workers = place.workers if place.workers.isdigit() else str(place.sessions)  # Only `run` can find its own number.
        with beside.phase("verify"):
            beside.run(Program([place.program, "verify", "--source", place.server.conninfo(), "--checkpoint", place.folder + "/checkpoint",
                                "--json", "--progress", "none", "--workers", workers] +
                               (["--target", place.server.conninfo(OTHER_DATABASE)] if self.section is Section.ACROSS else [])))
        clock.notes["verify_seconds"] = beside.phases["verify"]
        clock.memory = max(clock.memory, beside.memory)

    def clean_up(self, place):
        # Not by `rollback`, which would move rows back first, and which cannot be asked after a job that failed before its checkpoint.
        super().clean_up(place)
        for database in ("postgres", OTHER_DATABASE):
            place.server.sql("DROP SCHEMA IF EXISTS pgsluice CASCADE", database)


def phases_of(log):
    """(moment, what began) of every line of the log."""
    with open(log, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    return [(datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00")).timestamp(), line["message"]) for line in lines]


def split_run(clock, events, seconds_moving, ended, history):
    """Divides the phase `run` into create, fill, index and analyze, by the log's times; the rest stays under `run`."""
    begun = next((moment for moment, message in events if message == "moving rows"), None)
    if begun is None:
        return
    filled = begun + seconds_moving
    analyzing = next((moment for moment, message in events if message.startswith("analyz")), None)
    cuts = {"fill": (begun, filled)}
    if analyzing is not None:
        cuts["index"] = (filled, analyzing)
        cuts["analyze"] = (analyzing, ended)
    for name, (since, until) in cuts.items():
        seconds, cpu = until - since, history.at(until) - history.at(since)
        clock.phases[name], clock.phases_cpu[name] = seconds, cpu
        clock.phases["run"] -= seconds
        clock.phases_cpu["run"] -= cpu


def contenders():
    here = [Pgsluice(method, Section.MOVE if method in MOVING_METHODS else Section.COPY) for method in METHODS]
    return here + [Pgsluice(method, Section.ACROSS) for method in ("auto", "stream")]
