"""A volume of its own for the server under test, as a cloud disk is: a file behind a loop device with direct I/O and a file system, counted by
the kernel (/proc/diskstats), limited by it (blkio.throttle), and with little of it in the kernel's cache. Needs root."""
import ctypes
import glob
import os
import subprocess
import tempfile
import threading
import time

GROUPS = "/sys/fs/cgroup/blkio"
MINIMUM = 10  # Operations a second that a limit leaves to each direction.


class VolumeFailed(Exception):
    """This machine cannot make such a volume; the message says what is missing."""


class Volume:
    """Made by the constructor, removed by close(). `folder` is where it is mounted."""

    def __init__(self, gigabytes):
        if os.geteuid() != 0:
            raise VolumeFailed("making a volume (losetup, mount, blkio.throttle) needs root")
        self._place = tempfile.mkdtemp(prefix="pgsluice-volume-", dir="/tmp")
        self.folder = self._place + "/mounted"
        self._file = self._place + "/blocks"
        self._device = ""
        self._group = ""
        os.chmod(self._place, 0o755)
        os.mkdir(self.folder)
        try:
            subprocess.run(["truncate", "-s", f"{gigabytes}G", self._file], check=True)
            self._device = _output("losetup", "--find", "--show", "--direct-io=on", self._file)
            self.name = os.path.basename(self._device)
            _output("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", self._device)
            _output("mount", "-o", "noatime", self._device, self.folder)
            os.chmod(self.folder, 0o755)
            # As Linux and cloud volumes come: 128 KiB read ahead, 256 KiB an operation at most.
            for setting, kilobytes in (("read_ahead_kb", 128), ("max_sectors_kb", 256)):
                with open(f"/sys/block/{self.name}/queue/{setting}", "w", encoding="ascii") as file:
                    file.write(str(kilobytes))
            with open(f"/sys/block/{self.name}/dev", encoding="ascii") as file:
                self._number = file.read().strip()
            self._group = f"{GROUPS}/pgsluice-bench-{self.name}"
            os.makedirs(self._group, exist_ok=True)
        except BaseException:
            self.close()
            raise

    def launcher(self):
        """What starts processes whose I/O limit() limits."""
        return ["/bin/sh", "-c", f'echo $$ > {self._group}/cgroup.procs; exec "$@"', "sh"]

    def counters(self):
        """Reads, writes and sectors of both since the volume was made. Source: Documentation/admin-guide/iostats.rst."""
        with open(f"/sys/block/{self.name}/stat", encoding="ascii") as file:
            fields = [int(field) for field in file.read().split()]
        return {"reads": fields[0], "writes": fields[4], "sectors": fields[2] + fields[6]}

    def operations(self):
        now = self.counters()
        return now["reads"] + now["writes"]

    def limit(self, reads, writes=None):
        """Operations a second of each direction, from now on; 0 is no limit. Limited is what processes wait for: pages that the kernel
        writes on its own, long after, are not."""
        for direction, rate in (("read", reads), ("write", reads if writes is None else writes)):
            with open(f"{self._group}/blkio.throttle.{direction}_iops_device", "w", encoding="ascii") as file:
                file.write(f"{self._number} {int(rate)}")

    def close(self):
        if self._device:
            for _ in range(20):
                if not os.path.ismount(self.folder) or subprocess.run(["umount", self.folder], check=False).returncode == 0:
                    break
                time.sleep(0.5)
            subprocess.run(["losetup", "-d", self._device], check=False)
            self._device = ""
        for path, remove in ((self._group, os.rmdir), (self._file, os.remove), (self.folder, os.rmdir), (self._place, os.rmdir)):
            if path and os.path.exists(path):
                remove(path)


def _output(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise VolumeFailed(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


class Credits(threading.Thread):
    """Plays a volume with burst credits: `burst` operations a second of reads and writes together while credits last, `base` afterwards.
    A credit is an operation above the base rate; credits come back at the base rate while less is used."""

    PERIOD_SECONDS = 0.25

    def __init__(self, volume, base, burst, credits):
        super().__init__(daemon=True)
        self._volume = volume
        self._base = base
        self._burst = burst
        self._full = credits
        self.left = credits
        self.history = []  # (time, operations a second, credits left)
        self.spent_at = None
        self._ended = threading.Event()

    def run(self):
        last = self._volume.counters()
        then = time.monotonic()
        write_rate = 0.0
        times, last_limit = 1.0, 0
        while not self._ended.wait(self.PERIOD_SECONDS):
            now = time.monotonic()
            seen = self._volume.counters()
            seconds = now - then
            reads, writes = seen["reads"] - last["reads"], seen["writes"] - last["writes"]
            last, then = seen, now
            self.left = min(self._full, max(0.0, self.left - (reads + writes) + self._base * seconds))
            if self.left == 0 and self.spent_at is None:
                self.spent_at = time.time()
            limit = self._burst if self.left > 0 else self._base
            # The kernel limits each direction by itself, so reads get what writes leave; and it lets some more through than it is told.
            write_rate += 0.3 * (writes / seconds - write_rate)
            used = (reads + writes) / seconds / limit
            if limit != last_limit:
                times, last_limit = 1.0, limit
            elif used > 0.8:
                times = min(1.1, max(0.7, times - 0.05 * (used - 1)))
            self._volume.limit(max(MINIMUM, times * limit - write_rate), max(MINIMUM, times * limit))
            self.history.append((time.time(), (reads + writes) / seconds, self.left))

    def stop(self):
        self._ended.set()
        self.join()
        self._volume.limit(0)


class SmallCache(threading.Thread):
    """Keeps the server's files out of the kernel's cache, which on a small server beside a large table would hold none of it to speak of:
    forgets clean pages of `often` every second, and of all files of the data directory every five, which also has what is dirty written
    soon, as a kernel does that has no room for it."""

    OFTEN_SECONDS = 1.0
    ALL_SECONDS = 5.0

    def __init__(self, data, often):
        super().__init__(daemon=True)
        self._data = data
        self._often = often
        self._ended = threading.Event()
        self.cached_bytes_max = 0  # Of `often`, just before they were forgotten.

    def run(self):
        turn = 0
        while not self._ended.wait(self.OFTEN_SECONDS):
            turn += 1
            paths = [path for stem in self._often for path in glob.glob(f"{self._data}/{stem}*")]
            if turn % 10 == 0:
                self.cached_bytes_max = max(self.cached_bytes_max, sum(cached_bytes(path) for path in paths))
            if turn % int(self.ALL_SECONDS / self.OFTEN_SECONDS) == 0:
                paths += glob.glob(f"{self._data}/base/*/*")
            for path in paths:
                forget(path)

    def stop(self):
        self._ended.set()
        self.join()


def forget(path):
    """The kernel drops the clean pages of this file from its cache."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(file)


def cached_bytes(path):
    """How much of this file the kernel has in its cache. Source: mincore(2)."""
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    library.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    library.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    library.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
    page = os.sysconf("SC_PAGE_SIZE")
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return 0
    try:
        size = os.fstat(file).st_size
        if size == 0:
            return 0
        address = library.mmap(None, size, 1, 1, file, 0)  # PROT_READ, MAP_SHARED
        if address in (None, ctypes.c_void_p(-1).value):
            return 0
        pages = ctypes.create_string_buffer((size + page - 1) // page)
        library.mincore(address, size, pages)
        library.munmap(address, size)
        return page * sum(byte & 1 for byte in pages.raw)
    finally:
        os.close(file)
