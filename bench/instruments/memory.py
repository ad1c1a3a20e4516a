"""
The memory instrument: what this very process holds, from the kernel's own accounts.

Never `ru_maxrss`: on Linux a child inherits its parent's high-water mark, through exec too. Never a difference after
other work: phases are bracketed in a process that has done nothing else.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.instruments import cpu
from bench.records.schema import Memory

_PROC = Path("/proc/self")
_RESET_PEAK = "5"  # proc(5): clear_refs, value 5 resets VmHWM to the current resident set size
RESOLUTION = 2**20  # growth below this is not told from page noise


class Snapshot(NamedTuple):
    """Resident bytes at one moment."""

    private: int
    private_file: int
    shared: int
    source: str
    children: int = 0

    @property
    def resident(self) -> int:
        """Of this process: without its children."""
        return self.private + self.shared


def snapshot() -> Snapshot:
    """Resident bytes of this process now: private (USS), of it file-backed, and shared; and those of its children."""
    try:
        accounts = _kilobytes(_PROC / "smaps_rollup")
    except OSError:
        return _psutil_snapshot()
    private = accounts["Private_Clean"] + accounts["Private_Dirty"]
    return Snapshot(
        private=private,
        private_file=max(private - accounts["Anonymous"], 0),
        shared=accounts["Rss"] - private,
        source="smaps_rollup",
        children=_of_children(accounts),
    )


def _of_children(accounts: dict[str, int]) -> int:
    """
    Bytes of the processes that this one started: theirs alone, and their share of what is shared (PSS).

    accounts: of this process. What a forked child has not written to is this process's memory too, and counted there:
    no other process can share that.
    """
    found = 0
    for process in cpu.descendants():
        with contextlib.suppress(OSError):  # it has ended
            found += _kilobytes(Path(f"/proc/{process}/smaps_rollup")).get("Pss", 0)
    anonymous = accounts["Anonymous"]
    return max(found - (anonymous - accounts.get("Pss_Anon", anonymous)), 0)


def _kilobytes(path: Path) -> dict[str, int]:
    """The `Name:   123 kB` lines of a file of /proc, in bytes."""
    accounts = {}
    for line in path.read_text().splitlines():
        name, _, rest = line.partition(":")
        number, _, unit = rest.strip().partition(" ")
        if unit == "kB":
            accounts[name] = int(number) * 1024
    return accounts


def _psutil_snapshot() -> Snapshot:
    import psutil

    own = psutil.Process()
    accounts, children = own.memory_full_info(), 0
    for child in own.children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has ended
            children += child.memory_full_info().uss
    return Snapshot(accounts.uss, 0, max(accounts.rss - accounts.uss, 0), "psutil", children)


def peak() -> int | None:
    """The process's high-water mark (VmHWM), in bytes; None where the system does not tell it."""
    with contextlib.suppress(OSError):
        return _kilobytes(_PROC / "status").get("VmHWM")
    return None


def deployment() -> int | None:
    """What this process has taken at most, libraries and all, and its children now; None where that is not told."""
    high = peak()
    return None if high is None else high + snapshot().children


def mapped(folder: Path) -> MappedFiles | None:
    """What this process has mapped of the files in a folder; None where the system does not tell."""
    inside = f"{folder.resolve()}/"
    found = MappedFiles(0, 0)
    try:
        for path, size, resident in _mappings(_PROC / "smaps"):
            if path.startswith(inside):
                found = MappedFiles(found.mapped + size, found.resident + resident)
    except OSError:
        return None
    return found


class MappedFiles(NamedTuple):
    """Bytes of files that are mapped."""

    mapped: int
    resident: int  # of them in memory now


def _mappings(path: Path) -> Iterator[tuple[str, int, int]]:
    """The mappings of files: path, bytes, and how many of them are resident."""
    file, size = "", 0
    with path.open(encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            first, _, rest = line.rstrip("\n").partition(" ")
            if not first.endswith(":"):  # begins a mapping: addresses, rights, offset, device, inode, path
                start, _, end = first.partition("-")
                file, size = "".join(rest.split(maxsplit=4)[4:]), int(end, 16) - int(start, 16)
            elif first == "Rss:" and file:
                yield file, size, int(rest.split()[0]) * 1024


def reset_peak() -> bool:
    """Have the high-water mark begin anew, at what is resident now; False where the system does not let us."""
    with contextlib.suppress(OSError):
        (_PROC / "clear_refs").write_text(_RESET_PEAK)
        return True
    return False


def release_and_freeze() -> None:
    """
    Give freed memory back, so that the next phase cannot hide in what an earlier one left.

    What is alive now is garbage to no later phase: left out of collections, they cost a phase only what it made itself.
    """
    collect_and_trim()
    gc.freeze()


def collect_and_trim() -> None:
    """Give the system back what is held and not used: garbage, and the pages of the heap that freed memory left."""
    gc.collect()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library than glibc
            ctypes.CDLL(None).malloc_trim(0)


class Phase:
    """
    One measured phase: growth and peak between its start and its end.

    >>> phase = Phase()
    >>> weights = bytearray(50_000_000)
    >>> phase.end().private >= 50_000_000
    True
    """

    def __init__(self) -> None:
        release_and_freeze()
        self._reset = reset_peak()
        self._peak_at_start = peak()
        self._start = snapshot()

    def end(self, own: int = 0) -> Memory:
        """
        The growth since the start; call it while what was loaded is still held.

        own: bytes that the harness took meanwhile and holds, such as samples: no part of growth and peak.
        """
        high = peak()
        above = self._above(high, own)
        collect_and_trim()  # what the phase took and freed is no weight of what it made
        now = snapshot()
        children = now.children - self._start.children
        return Memory(
            private=now.private - self._start.private - own,
            private_file=now.private_file - self._start.private_file,
            shared=now.shared - self._start.shared,
            children=children,
            peak=high,
            peak_above_start=None if above is None else above + max(children, 0),
            source=now.source if self._reset else f"{now.source}, peak not reset",
        )

    def above_start(self) -> int | None:
        """Bytes of the high-water mark so far above what was resident at the start, of this process alone."""
        return self._above(peak(), 0)

    def _above(self, high: int | None, own: int) -> int | None:
        if high is None or self._peak_at_start is None:
            return None
        # Without a reset the mark may stem from before the phase; it tells something only if it moved.
        moved = high > self._peak_at_start
        return max(high - self._start.resident - own, 0) if self._reset or moved else None
