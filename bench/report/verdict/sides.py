"""The two cells that a verdict is about, and how all others stand beside the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from bench.analysis.representation import Vectors, vectors_of
from bench.analysis.standing import Rival, Standings
from bench.records.schema import Measurement
from bench.report.verdict.cost import cheapest
from bench.statistics.paired import MARGINS


@dataclass(frozen=True)
class Sides:
    """
    The best, and what it is compared with.

    That is the cell which is cheapest of those that are not told from the best; where that is the best itself, of
    those of another encoder whose mean is within MARGINS of the next best's, the cheapest. Cheapest is what answers
    first; of those whose times are not told apart from it, the one with the smallest index.
    """

    top: Measurement  # the best, or the cheapest of what finds just the same
    contrast: Measurement | None
    beside: tuple[Rival, ...]  # all others that were tested beside the top, the highest mean first
    means: tuple[Measurement, ...]  # all that have a mean, the highest first

    @property
    def cells(self) -> tuple[Measurement, ...]:
        """One where nothing else was measured, or all find the same."""
        return (self.top,) if self.contrast is None else (self.top, self.contrast)

    @property
    def held(self) -> tuple[Rival, ...]:
        """Those that find something else."""
        return tuple(rival for rival in self.beside if rival.standing != "identical")

    @property
    def rival(self) -> Rival | None:
        """How the second cell stands; None where it was not tested."""
        return next((rival for rival in self.beside if rival.cell is self.contrast), None)

    def other_kinds(self) -> list[Rival]:
        """The best of the sparse, dense and fused cells that none of both sides is."""
        told = {vectors_of(m) for m in self.cells}
        firsts: dict[Vectors, Rival] = {}
        for rival in self.beside:
            kind = vectors_of(rival.cell)
            if kind not in told and kind != "engine":
                firsts.setdefault(kind, rival)
        return list(firsts.values())


def sides_of(found: Standings) -> Sides:
    """The sides of one passage set."""
    identical = [found.best, *(rival.cell for rival in found.rivals if rival.standing == "identical")]
    top = cheapest(identical)
    beside = [rival for rival in found.rivals if rival.cell is not top]
    if top is not found.best:  # the best is one of those that find the same
        own = next(rival for rival in found.rivals if rival.cell is top)
        beside.insert(0, msgspec.structs.replace(own, cell=found.best))
    cells = [found.best, *(rival.cell for rival in found.rivals), *found.unknown]
    means = sorted(cells, key=lambda m: -_mean(m, found.measure))
    held = [rival for rival in beside if rival.standing != "identical"]
    choice = cheapest([top, *(rival.cell for rival in held if rival.standing != "behind")])
    contrast = choice if choice is not top else _next([*(rival.cell for rival in held), *found.unknown], top, found)
    return Sides(top, contrast, tuple(beside), tuple(means))


def _next(others: Sequence[Measurement], top: Measurement, found: Standings) -> Measurement | None:
    """Of another encoder than the top, as good as the next best, what answers first."""
    apart = [m for m in others if m.encoder is None or m.encoder != top.encoder] or list(others)
    if not apart:
        return None
    most = max(_mean(m, found.measure) for m in apart)
    return cheapest([m for m in apart if _mean(m, found.measure) > most - MARGINS.equivalent])


def _mean(m: Measurement, measure: str) -> float:
    return (m.quality or {}).get(measure) or 0.0
