"""What of a processor decides times beside its name, as a Linux kernel tells it; unknown elsewhere."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
STAT = Path("/proc/stat")
CPUS = Path("/sys/devices/system/cpu")

# What makes a processor's generation, x86's and ARM's, as /proc/cpuinfo calls it -> in words.
STEPPING = {
    "cpu family": "family",
    "model": "model",
    "stepping": "stepping",
    "CPU implementer": "implementer",
    "CPU architecture": "architecture",
    "CPU variant": "variant",
    "CPU part": "part",
    "CPU revision": "revision",
}
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
KINDS = {"Data": "d", "Instruction": "i", "Unified": ""}


def affinity() -> tuple[int, ...]:
    """The CPUs that this process may use; none where the system does not tell."""
    return tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()


def cores() -> int:
    """Cores that this process may use."""
    return len(affinity()) or os.cpu_count() or 1


class Cores:
    """The cores that this process may use, and how busy they are: of one that is shared the host's steal counts too."""

    def __init__(self, stat: Path = STAT) -> None:
        self._stat = stat
        self._busy = self._seconds()

    def quietest(self) -> int | None:
        """The one that was least at work since this was last asked for; None where the system does not tell."""
        before, self._busy = self._busy, self._seconds()
        taken = {core: now - before[core] for core, now in self._busy.items() if core in before}
        return min(taken, key=lambda core: (taken[core], core), default=None)

    def _seconds(self) -> dict[int, int]:
        """Of each core the ticks so far in which it did anything."""
        found = {}
        for line in (kernel_text(self._stat) or "").splitlines():
            name, *ticks = line.split()
            if re.fullmatch(r"cpu\d+", name) and int(name[3:]) in affinity():
                user, nice, system, _, _, irq, softirq, steal = map(int, ticks[:8])
                found[int(name[3:])] = user + nice + system + irq + softirq + steal
        return found


def stepping(cpuinfo: Path = CPUINFO) -> str | None:
    """Family, model and stepping of the first CPU that this process may use."""
    told = _told(cpuinfo)
    return ", ".join(f"{word} {told[name]}" for name, word in STEPPING.items() if told.get(name)) or None


def caches(cpus: Path = CPUS) -> dict[str, int]:
    """The caches of the first CPU that this process may use, L1d, L1i, L2 ... -> bytes of one."""
    found = {}
    for cache in (_first(cpus) / "cache").glob("index[0-9]*"):
        level, kind, size = (kernel_text(cache / name) for name in ("level", "type", "size"))
        told = re.fullmatch(r"(\d+)([KMG]?)", size or "")
        if level and kind in KINDS and told:
            found[f"L{level}{KINDS[kind]}"] = int(told[1]) * UNITS[told[2]]
    return dict(sorted(found.items()))


def governor(cpus: Path = CPUS) -> str | None:
    """What chooses the clock's frequency: of all CPUs that this process may use, each once."""
    found = {kernel_text(cpus / f"cpu{number}" / "cpufreq" / "scaling_governor") for number in affinity()}
    return ", ".join(sorted(filter(None, found))) or None


def mhz(cpus: Path = CPUS, cpuinfo: Path = CPUINFO) -> float | None:
    """The frequency of the first CPU that this process may use, now."""
    with contextlib.suppress(ValueError):
        return int(kernel_text(_first(cpus) / "cpufreq" / "scaling_cur_freq") or "") / 1000  # which is told in kHz
    with contextlib.suppress(ValueError):
        return float(_told(cpuinfo).get("cpu MHz", ""))
    return None


def _first(cpus: Path) -> Path:
    return cpus / f"cpu{min(affinity(), default=0)}"


def _told(cpuinfo: Path) -> dict[str, str]:
    """What /proc/cpuinfo has of the first CPU that this process may use, by name."""
    first = str(min(affinity(), default=0))
    for part in (kernel_text(cpuinfo) or "").split("\n\n"):
        pairs = (line.partition(":") for line in part.splitlines())
        told = {name.strip(): value.strip() for name, _, value in pairs}
        if told.get("processor") == first:
            return told
    return {}


def kernel_text(path: Path) -> str | None:
    """What the kernel tells in a file; None where there is none to read, or it is empty."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8").strip() or None
    return None
