"""How a Linux machine's processors and clock are set: what the kernel says under /sys; unknown elsewhere."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple

from bench.instruments.processor import kernel_text

SYSTEM = Path("/sys/devices/system")


class CpuSettings(NamedTuple):
    """What decides at which speed the cores run, and what the clock is; None and empty: not known."""

    governors: tuple[str, ...] = ()  # of all cores, each once
    turbo: bool | None = None
    mhz: tuple[float, float] | None = None  # between which the governor may choose
    clock_source: str | None = None


def settings(system: Path = SYSTEM) -> CpuSettings:
    """The settings of this machine. system: where the kernel keeps them."""
    cores = sorted((system / "cpu").glob("cpu[0-9]*/cpufreq"))
    governors = {kernel_text(core / "scaling_governor") for core in cores} - {None}
    lows = [mhz for core in cores if (mhz := _mhz(core / "scaling_min_freq")) is not None]
    highs = [mhz for core in cores if (mhz := _mhz(core / "scaling_max_freq")) is not None]
    return CpuSettings(
        governors=tuple(sorted(filter(None, governors))),
        turbo=_turbo(system / "cpu"),
        mhz=(min(lows), max(highs)) if lows and highs else None,
        clock_source=kernel_text(system / "clocksource" / "clocksource0" / "current_clocksource"),
    )


def _turbo(cpu: Path) -> bool | None:
    """Whether cores may run above their base frequency: Intel's driver says when they may not, others when they may."""
    forbidden = kernel_text(cpu / "intel_pstate" / "no_turbo")
    if forbidden in ("0", "1"):
        return forbidden == "0"
    allowed = kernel_text(cpu / "cpufreq" / "boost")
    return allowed == "1" if allowed in ("0", "1") else None


def _mhz(path: Path) -> float | None:
    """A frequency, which the kernel writes in kHz."""
    with contextlib.suppress(ValueError):
        return int(kernel_text(path) or "") / 1000
    return None
