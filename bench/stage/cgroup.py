"""The control group that limits a child's memory, v1 or v2, where this user may make one."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Cgroup(NamedTuple):
    """A control group of this run: where a child joins, and where the kernel tells that it hit the limit."""

    folder: Path
    version: str

    @property
    def join(self) -> Path:
        return self.folder / "cgroup.procs"

    def out_of_memory(self) -> bool:
        with contextlib.suppress(OSError):
            name = "memory.oom_control" if self.version == "cgroup-v1" else "memory.events"
            for line in (self.folder / name).read_text().splitlines():
                key, _, count = line.partition(" ")
                if key == "oom_kill":
                    return int(count) > 0
        return False

    def end(self) -> None:
        """Kill whoever is in it, in whatever group and session of processes."""
        with contextlib.suppress(OSError):
            for process in self.join.read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(process), signal.SIGKILL)


@contextlib.contextmanager
def memory_cgroup(limit: int) -> Iterator[Cgroup | None]:
    """A fresh control group with that limit, where this user may make one (v1 or v2); else None."""
    group = make_cgroup(limit)
    try:
        yield group
    finally:
        if group is not None:
            for _ in range(100):  # the kernel lets go of an ended child a little later
                group.end()
                try:
                    group.folder.rmdir()
                    break
                except OSError:
                    time.sleep(0.01)


def make_cgroup(limit: int) -> Cgroup | None:
    """A new group with that limit, bytes; None where none can be made."""
    for parent, version, control in parents():
        _remove_abandoned(parent)
        folder = parent / f"sparring-{os.getpid()}-{time.monotonic_ns()}"
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            with (folder / control).open("r+") as file:  # the kernel makes it; where it is not there, this is no cgroup
                file.write(str(limit))
            if version == "cgroup-v2":
                with contextlib.suppress(OSError):  # there is no such file where the kernel does not account for swap
                    (folder / "memory.swap.max").write_text("0")
            return Cgroup(folder, version)
        except OSError:
            with contextlib.suppress(OSError):
                folder.rmdir()
    return None


def parents() -> Iterator[tuple[Path, str, str]]:
    """This process's own groups that may hold a memory limit: folder, version, file of the limit."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if "memory" in controllers.split(","):
                yield Path("/sys/fs/cgroup/memory" + path), "cgroup-v1", "memory.limit_in_bytes"
            elif not controllers:
                yield Path("/sys/fs/cgroup" + path), "cgroup-v2", "memory.max"


def _remove_abandoned(parent: Path) -> None:
    """Groups of runs that were killed: empty ones whose run is gone."""
    for folder in parent.glob("sparring-*-*"):
        owner = folder.name.split("-")[1]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            with contextlib.suppress(OSError):
                folder.rmdir()
