"""How the cells of one passage set stand beside the best of them: told apart, alike, or undecided, and how surely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from bench.analysis.evidence import BesideBest, Evidence, beside_best
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.statistics import paired, power
from bench.statistics.clusters import totals
from bench.statistics.paired import MARGINS, Interval, Paired

Standing: TypeAlias = Literal["identical", "equivalent", "behind", "undecided"]


class Rival(msgspec.Struct, frozen=True, kw_only=True):
    """A cell beside the best of its set."""

    cell: Measurement
    paired: Paired  # old: this cell, new: the best, so that a difference is the lead of the best
    p: float  # of the lead, adjusted for all pairs of cells
    standing: Standing
    n_more: int | None  # judged queries that would tell the lead with 80 % power; None where that is no question


class Standings(NamedTuple):
    """The cells of one passage set that have the measure, by its mean."""

    measure: str
    best: Measurement
    interval: Interval | None  # 95 %, of the mean of the best; None where its values are not on disk
    n_clusters: int | None
    rivals: tuple[Rival, ...]  # the highest mean first
    unknown: tuple[Measurement, ...]  # that have a mean, and no values to test it by: not on disk, or asked in looks


def standings(
    evidence: Evidence, cells: Sequence[tuple[Run, Measurement]], measure: str, margin: float = MARGINS.equivalent
) -> Standings | None:
    """
    How the cells of one passage set stand in one measure; None where none has it.

    Identical: the same value of every query. Equivalent: the 95 % interval of the lead lies inside the margin. Behind:
    p of all pairs (max-T over clusters, `signs.all_pairs`) is below .05 and the interval excludes 0. A cell that was
    stopped before its last query has no mean over all of them, and no standing.
    """
    having = [(run, m) for run, m in cells if m.status == "ok" and (m.quality or {}).get(measure) is not None]
    if not having:
        return None
    found = beside_best(evidence, having, measure)
    best = (
        having[found.best]
        if found is not None
        else max(having, key=lambda cell: (cell[1].quality or {})[measure] or 0.0)
    )
    values = evidence.values(*best, measure)
    rivals = () if found is None else tuple(_rivals(having, found, margin))
    tested = {id(best[1]), *(id(rival.cell) for rival in rivals)}
    clusters = None if values is None else evidence.clusters(*best)
    return Standings(
        measure,
        best[1],
        None if values is None else paired.interval_of_mean(values, clusters),
        None if values is None else len(totals(values, clusters)[0]),
        rivals,
        tuple(m for _, m in having if id(m) not in tested),
    )


def _rivals(cells: Sequence[tuple[Run, Measurement]], found: BesideBest, margin: float) -> list[Rival]:
    """The others whose values are known, the highest mean first."""
    top, n = found.values[found.best], len(found.values)
    alpha = power.ALPHA / max(n * (n - 1) / 2, 1)
    rivals = []
    for place, own in found.values.items():
        if place == found.best:
            continue
        said = paired.paired(own, top, found.clusters)
        standing = _standing(said, found.p[place], margin)
        n_more = None
        if standing == "undecided":
            spread = power.spread_of(top - own, found.clusters)
            wanted = max(abs(said.difference), margin)
            sizes = totals(top, found.clusters)[1]
            needed = None if spread is None else power.queries_for(wanted, sizes, spread, alpha)
            n_more = None if needed is None or needed <= said.n_queries else needed - said.n_queries
        rivals.append(Rival(cell=cells[place][1], paired=said, p=found.p[place], standing=standing, n_more=n_more))
    return sorted(rivals, key=lambda rival: rival.paired.difference)


def _standing(said: Paired, p: float, margin: float) -> Standing:
    if said.verdict == "identical":
        return "identical"
    if said.interval is None:
        return "undecided"
    low, high = said.interval
    if -margin < low and high < margin:
        return "equivalent"
    return "behind" if p < paired.ALPHA and low > 0 else "undecided"
