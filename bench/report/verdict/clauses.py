"""A clause of a verdict, and each figure in it with the cell and the key that it was read from."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from bench.analysis.standing import Rival
from bench.records.schema import Measurement
from bench.report import doubts
from bench.report.costs import BY_KEY
from bench.report.numbers import four, share, without_zero
from bench.report.rows import Row, row
from bench.statistics.clusters import NOISE
from bench.statistics.paired import ALPHA, Interval

Kind: TypeAlias = Literal[
    "best",
    "sets",
    "cost",
    "others",
    "undecided",
    "labels",
    "unjudged",
    "agreement",
    "next",
    "left out",
]
TIME, INDEX, INDEXING, DEPLOYMENT = "single_p50_ms", "ledger_bytes", "index_seconds", "deployment_bytes"
COSTS = (TIME, INDEX, INDEXING, DEPLOYMENT)
NOT_TOLD = "how sure that is cannot be told: the values of each query are not on disk"
NEAR = 0.005  # of .05: p is written with four digits
LEAST = 0.001  # of a p that is written as it is
PART = 0.1  # a ratio below it is written as a part
ALIKE = 1.05  # a ratio up to it, or down to its inverse, is "as much"


class ClauseFigure(msgspec.Struct, frozen=True):
    """A number in a clause."""

    cell: str  # key of the cell; of a pair the cell that is compared with the best
    key: str  # of `sparring table --json`, or what was computed of a pair: lead, lead_low, lead_high, p, n_more, ratio
    value: float
    written: str  # as the text has it


class Clause(msgspec.Struct, frozen=True):
    """A sentence or two of one subject."""

    kind: Kind
    text: str
    figures: tuple[ClauseFigure, ...] = ()


class Wording:
    """Writes figures of the cells of one passage set, and keeps what it wrote."""

    def __init__(self, measure: str | None, names: dict[str, str]) -> None:
        """measure: the primary one. names: what each cell is called, by its key."""
        self.measure = measure
        self._names = names
        self._figures: list[ClauseFigure] = []

    def clause(self, kind: Kind, text: str) -> Clause:
        """A clause with the figures that were written since the last."""
        figures, self._figures = tuple(self._figures), []
        return Clause(kind, text, figures)

    def name(self, m: Measurement) -> str:
        """What a cell is called."""
        return self._names[m.cell]

    def figure(self, cell: str, key: str, value: float, written: str) -> str:
        """Any figure."""
        self._figures.append(ClauseFigure(cell, key, float(value), written))
        return written

    # Quality

    def mean(self, m: Measurement, interval: Interval | None) -> str:
        """`nDCG@10 .679 [.631, .726]`."""
        measure = self.measure or ""
        value = (m.quality or {})[measure] or 0.0  # whoever stands has one
        said = f"{measure} {self.figure(m.cell, measure, value, share(value))}"
        if interval is None:
            return said
        ends = zip((f"{measure}_low", f"{measure}_high"), interval, strict=True)
        low, high = (self.figure(m.cell, key, end, share(end)) for key, end in ends)
        return f"{said} [{low}, {high}]"

    def less(self, rival: Rival) -> str:
        """By how much less than the best a cell finds: `.034 less [-.003, .070]`."""
        lead = rival.paired.difference
        said = f"{self.figure(rival.cell.cell, 'lead', lead, share(lead if abs(lead) > NOISE else 0.0))} less"
        return said if rival.paired.interval is None else f"{said} {self.interval(rival)}"

    def interval(self, rival: Rival) -> str:
        """That of a lead: `[-.003, .070]`."""
        if rival.paired.interval is None:
            return "of unknown interval"
        ends = zip(("lead_low", "lead_high"), rival.paired.interval, strict=True)
        low, high = (self.figure(rival.cell.cell, key, end, share(end)) for key, end in ends)
        return f"[{low}, {high}]"

    def p(self, rival: Rival) -> str:
        """`p = .012`, or `p < .001`; with what it is of, where that is not all pairs."""
        if rival.p is None:
            return "not tested"
        as_planned = ", as planned beside the baseline" if rival.is_planned else ""
        if rival.p < LEAST:
            return f"p {self.figure(rival.cell.cell, 'p', rival.p, '< .001')}{as_planned}"
        text = four(rival.p) if abs(rival.p - ALPHA) < NEAR else share(rival.p)
        return f"p = {self.figure(rival.cell.cell, 'p', rival.p, text)}{as_planned}"

    # Cost

    def costs(self, m: Measurement, beside: Measurement | None = None) -> str:
        """What a cell costs: `p50 33.1 ms (x165), index 7.7 MB (x2.4)`; beside: what the ratios are to."""
        mine, other = row(m), None if beside is None else row(beside)
        parts = []
        for key in COSTS:
            value = number(mine, key)
            if value is None:
                continue
            said = phrase(key, self.figure(m.cell, shown(m, key), value, written(key, value)), m)
            parts.append(said + ("" if other is None or beside is None else self._ratio(m, mine, beside, other, key)))
        return ", ".join(parts)

    def _ratio(self, m: Measurement, mine: Row, beside: Measurement, other: Row, key: str) -> str:
        """` (x165)`; of times that their intervals do not tell apart, or that something speaks against, hedged."""
        value, least = number(mine, key), number(other, key)
        if value is None or not least:
            return ""
        ratio = value / least
        intervals = [interval_of_p50(one) for one in (m, beside)] if key == TIME else []
        if all(intervals) and intervals and not apart(m, beside):
            return " (not told apart)"
        if 1 / ALIKE < ratio < ALIKE:
            return " (as much)"
        is_once = key == INDEXING or None in intervals  # measured once, or without an interval
        is_doubted = doubts.is_doubtful(mine, shown(m, key)) or doubts.is_doubtful(other, shown(beside, key))
        hedge = "about " if is_doubted or is_once else ""
        return f" ({hedge}{self.figure(m.cell, f'ratio:{key}', ratio, rough(ratio))})"


# Figures of cells


def shown(m: Measurement, key: str) -> str:
    """The key whose value stands for another: of a cell that remembers the time of new queries."""
    return doubts.key_shown(m.flags, key)


def number(one: Row, key: str) -> float | None:
    """A figure of a row as it is shown; None where it was not measured."""
    value = doubts.value(one, key)
    return float(value) if isinstance(value, int | float) else None


def p50(m: Measurement) -> float | None:
    """Milliseconds of a query, as they are shown; None where none was timed."""
    return number(row(m), TIME)


def number_of(m: Measurement, key: str) -> float | None:
    """A figure of a cell as it is shown; None where it was not measured."""
    return number(row(m), key)


def weight(m: Measurement) -> float | None:
    """Bytes of the index."""
    return number(row(m), INDEX)


def apart(one: Measurement, other: Measurement) -> bool:
    """
    Whether the 95 % intervals of two p50 have no time in common, so that the difference is no matter of rounds.

    Where one has no interval (fewer than two rounds, records of before), nothing is told.
    """
    bounds = [interval_of_p50(m) for m in (one, other)]
    if bounds[0] is None or bounds[1] is None:
        return False
    return bounds[0][1] < bounds[1][0] or bounds[1][1] < bounds[0][0]


def interval_of_p50(m: Measurement) -> Interval | None:
    """The 95 % interval of the p50 that is shown."""
    latency = m.new if shown(m, TIME) != TIME else m.single
    return None if latency is None else latency.p50_interval


def phrase(key: str, figure: str, m: Measurement) -> str:
    """A cost with what it is of."""
    return BY_KEY[key].told(figure, is_new=shown(m, key) != key)


def written(key: str, value: float) -> str:
    """A cost with its unit."""
    return BY_KEY[key].written(value)


def rough(ratio: float) -> str:
    """A ratio in two significant digits, whole from 10 on: x1.3, x1,500; below a tenth as a part: 1/130."""
    if ratio < PART:
        return f"1/{float(f'{1 / ratio:.2g}'):,.0f}"
    value = float(f"{ratio:.2g}")
    return f"x{value:,.0f}" if value >= 10 else without_zero(f"x{value:.2g}").replace("x0.", "x.")


def about(count: int) -> str:
    """A count in two significant digits."""
    return f"{float(f'{count:.2g}'):,.0f}"
