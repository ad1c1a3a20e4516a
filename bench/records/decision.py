"""What the looks at a cell's queries came to, where a suite stops a cell once it is decided against the baseline."""

from __future__ import annotations

from typing import Literal

import msgspec


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the primary measure of a cell says of it beside the baseline, by bounds that hold at all looks together.

    It was stopped where fewer judged queries were asked than there are; it then has no means over all queries.
    """

    baseline: str
    measure: str
    verdict: Literal["identical", "equivalent", "better", "worse", "non-inferior", "undecided"]
    n_asked: int  # judged queries
    n_looks: int
    planned_looks: int
    difference: float  # mean over the judged queries that were asked, of the cell less the baseline
    interval: tuple[float, float]
    level: float  # of the interval, so that all looks at all cells together err in at most 5 %
    means: dict[str, float] = {}  # of a cell that was stopped: each measure, over the judged queries that were asked
