"""Joules of the processor's packages, from the kernel's counters (RAPL), where they may be read."""

from __future__ import annotations

from pathlib import Path

POWERCAP = Path("/sys/class/powercap")


class Energy:
    """
    What the machine's processors took since it was made; other work on them counts too.

    A counter starts anew every hour or so: `tick` it more often.
    """

    def __init__(self, folder: Path = POWERCAP) -> None:
        self._packages = sorted(folder.glob("intel-rapl:[0-9]"))  # deeper ones are parts of these
        self._last = self._read()
        self._microjoules = 0

    def tick(self) -> None:
        """Count what was taken since the last tick."""
        now = self._read()
        if now is None or self._last is None:
            self._last = None
            return
        for package, new, old in zip(self._packages, now, self._last, strict=True):
            span = int((package / "max_energy_range_uj").read_text())
            self._microjoules += new - old if new >= old else new - old + span
        self._last = now

    @property
    def joules(self) -> float | None:
        """Up to the last tick; None where it cannot be read."""
        return None if self._last is None else self._microjoules / 1e6

    def _read(self) -> list[int] | None:
        try:
            return [int((package / "energy_uj").read_text()) for package in self._packages] or None
        except (OSError, ValueError):
            return None
