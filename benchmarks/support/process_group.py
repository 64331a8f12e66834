"""All processes that a relay consists of, however short they live: a control group of its own (cgroup v2)."""
import contextlib
import os
import pathlib
import signal
import threading
import time


class ProcessGroup:
    """Context manager. What is started within `joined()` belongs to it, and all that comes of it."""

    def __init__(self, name):
        self._home = _own_folder()
        self._folder = self._home / f"postrider-benchmark-{os.getpid()}-{name}"

    def __enter__(self):
        self._folder.mkdir()
        return self

    def __exit__(self, *_):
        for _ in range(100):
            for pid in self._pids():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(OSError):
                self._folder.rmdir()
                return
            time.sleep(0.05)
        raise RuntimeError(f"processes stay in {self._folder}")

    @contextlib.contextmanager
    def joined(self):
        _move(self._folder)
        try:
            yield
        finally:
            _move(self._home)

    def cpu_seconds(self):
        """User and system time of all that ever ran in it."""
        for line in (self._folder / "cpu.stat").read_text().splitlines():
            if line.startswith("usage_usec "):
                return int(line.split()[1]) / 1e6
        raise RuntimeError("this control group counts no time")

    def memory(self):
        """Bytes in use now; what several processes share is counted once (Pss)."""
        kib = 0
        for pid in self._pids():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        kib += int(line.split()[1])
        return kib * 1024

    def _pids(self):
        return [int(pid) for pid in (self._folder / "cgroup.procs").read_text().split()]


class PeakMemory:
    """The most that a group used while this was entered, looked at five times a second. `bytes` holds it afterwards."""

    def __init__(self, group):
        self._group = group
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self.bytes = 0

    def __enter__(self):
        self._watcher.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._watcher.join()

    def _watch(self):
        over = False
        while not over:  # once at least
            over = self._over.wait(0.2)
            self.bytes = max(self.bytes, self._group.memory())


def _own_folder():
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, mount, kind, *_ = line.split()
        if kind == "cgroup2":
            (own,) = [path for number, _, path in (entry.split(":", 2) for entry in
                      pathlib.Path("/proc/self/cgroup").read_text().splitlines()) if number == "0"]
            return pathlib.Path(mount + own)
    raise RuntimeError("this system has no control groups (cgroup v2), so that nobody can say what CPU a relay uses")


def _move(folder):
    try:
        (folder / "cgroup.procs").write_text("0")
    except OSError as failure:
        raise RuntimeError(f"control groups need root: {failure}") from failure
