"""A figure that an instrument reports beside what is known of it, and whether the instrument holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

Verdict: TypeAlias = Literal["holds", "off", "not decided", "not measured"]
Value: TypeAlias = float | str


class KnownFigure(msgspec.Struct, frozen=True, kw_only=True):
    """
    One figure: what is known, what was reported, how far apart they may lie.

    contention: the share of the time of measuring in which the process had no core, or other work had the machine; None
    where other work cannot move the figure, or nothing is known of it. contention_limit: above it a missed bound is the
    machine's, not the instrument's.
    """

    name: str
    unit: str
    known: Value
    reported: Value | None
    bound: float = 0.0
    contention: float | None = None
    contention_limit: float | None = None
    repeated: bool = False  # measured a second time, since the machine was busy during the first
    reason: str = ""  # why nothing was reported
    measurable: bool = True  # False: this system does not give it

    @property
    def difference(self) -> float | None:
        """Reported less known; None where either is no number."""
        if isinstance(self.reported, str) or isinstance(self.known, str) or self.reported is None:
            return None
        return self.reported - self.known

    @property
    def verdict(self) -> Verdict:
        if not self.measurable:
            return "not measured"
        difference = self.difference
        within = self.reported == self.known if difference is None else abs(difference) <= self.bound
        if within:
            return "holds"
        return "not decided" if self.busy else "off"

    @property
    def busy(self) -> bool:
        """Whether other work on the machine may explain a missed bound."""
        if self.contention is None or self.contention_limit is None:
            return False
        return self.contention > self.contention_limit


class FigureCheck(msgspec.Struct, frozen=True):
    """One measurement that gives some figures. measure: takes a folder of its own, which is empty."""

    name: str
    measure: Callable[[Path], Sequence[KnownFigure]]


def decided(
    check: FigureCheck, folder: Path, says: Callable[[str], None], is_time: Callable[[], bool] = lambda: True
) -> list[KnownFigure]:
    """
    The figures of a check; those that the machine was too busy for are measured once more.

    is_time: whether there is time left for that, asked when it is needed.
    """
    found = _measured(check, folder / "first")
    open_ = [figure.name for figure in found if figure.verdict == "not decided"]
    if not open_ or not is_time():
        return found
    says(f"{check.name}: the machine was busy ({', '.join(open_)}): once more")
    again = {figure.name: figure for figure in _measured(check, folder / "second")}
    return [
        msgspec.structs.replace(again[figure.name], repeated=True) if figure.name in open_ else figure
        for figure in found
    ]


def _measured(check: FigureCheck, folder: Path) -> list[KnownFigure]:
    folder.mkdir(parents=True)
    return list(check.measure(folder))
