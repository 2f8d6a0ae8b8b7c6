"""Runs the programs that do a contender's work, several at once, and says what they cost: processor seconds and peak memory, children
included. It knows nothing of databases."""
import dataclasses
import os
import signal
import subprocess
import tempfile
import threading


class ProgramFailed(Exception):
    """A program ended with an error; the message holds the end of what it said."""


@dataclasses.dataclass
class Usage:
    """What programs that ran at once have cost together, and what the first of them wrote to standard output."""
    cpu_seconds: float = 0.0
    memory_bytes: int = 0  # The peak of each program, added up; of a program with children, the peak of its whole family.
    output: str = ""


@dataclasses.dataclass
class Program:
    command: list
    script: str = ""           # Its standard input.
    has_children: bool = False
    environment: dict = dataclasses.field(default_factory=dict)


def run_together(programs, time_limit_seconds=None):
    """Starts all, waits for all. Raises ProgramFailed when one fails; whatever happens, none is left running."""
    with tempfile.TemporaryDirectory(prefix="pgsluice-bench-job-") as folder:
        running = []
        usage = Usage()
        memory = None
        timer = None
        expired = threading.Event()
        try:
            for index, program in enumerate(programs):
                running.append(_start(program, f"{folder}/{index}"))
            if time_limit_seconds:
                timer = threading.Timer(time_limit_seconds, lambda: (expired.set(), _kill(running)))
                timer.start()
            memory = Memory([(process.pid, program.has_children) for process, program in zip(running, programs)])
            memory.start()
            for index, process in enumerate(running):
                _, status, spent = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
                usage.cpu_seconds += spent.ru_utime + spent.ru_stime
                if process.returncode != 0:
                    _kill(running[index + 1:])
                    said = _tail(f"{folder}/{index}.err") or _tail(f"{folder}/{index}.out")
                    limit = f" (stopped after {time_limit_seconds} s)" if expired.is_set() else ""
                    raise ProgramFailed(f"{' '.join(programs[index].command)[:200]}: exit {process.returncode}{limit}\n{said}")
        finally:
            if timer:
                timer.cancel()
            if memory:
                usage.memory_bytes = memory.stop()
            _kill(running)
        with open(f"{folder}/0.out", encoding="utf-8", errors="replace") as file:
            usage.output = file.read()
        return usage


def _start(program, stem):
    with open(stem + ".in", "w+", encoding="utf-8") as script, open(stem + ".out", "wb") as out, open(stem + ".err", "wb") as err:
        script.write(program.script)
        script.seek(0)
        return subprocess.Popen(program.command, stdin=script, stdout=out, stderr=err, start_new_session=True,
                                env={**os.environ, **program.environment})


def _kill(processes):
    """Ends those that still run, with the groups that they lead."""
    for process in processes:
        if process.returncode is None:
            try:
                os.killpg(process.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
    for process in processes:
        if process.returncode is None and threading.current_thread() is threading.main_thread():
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _tail(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return "\n".join(file.read().strip().splitlines()[-12:])


class Memory(threading.Thread):
    """Watches the peak memory of programs. The kernel's ru_maxrss will not do: it begins with the memory of the process that forked."""

    PERIOD_SECONDS = 0.02
    FAMILY_PERIOD_SECONDS = 0.25  # Looking at many processes takes time from those who are measured.

    def __init__(self, programs):
        super().__init__(daemon=True)
        self._programs = programs  # (process id, whether it has children)
        self._done = threading.Event()
        self._peaks = {pid: 0 for pid, _ in programs}
        self._period_seconds = self.FAMILY_PERIOD_SECONDS if any(has_children for _, has_children in programs) else self.PERIOD_SECONDS

    def run(self):
        while True:
            for pid, has_children in self._programs:
                self._peaks[pid] = max(self._peaks[pid], _family_bytes(pid) if has_children else _peak_bytes(pid))
            if self._done.wait(self._period_seconds):
                return

    def stop(self):
        self._done.set()
        self.join()
        return sum(self._peaks.values())


def _family_bytes(pid):
    """What it and its descendants hold now; pages that they share count once (proportional set size)."""
    return sum(_kilobytes(f"/proc/{member}/smaps_rollup", "Pss:") for member in _family([pid])) * 1024


def _peak_bytes(pid):
    """The most that it has held so far."""
    return _kilobytes(f"/proc/{pid}/status", "VmHWM:") * 1024


def _family(pids):
    known = list(pids)
    for pid in known:  # Grows while it is walked.
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                    known.extend(int(child) for child in file.read().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return known


def _kilobytes(path, label):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return next((int(line.split()[1]) for line in file if line.startswith(label)), 0)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0
