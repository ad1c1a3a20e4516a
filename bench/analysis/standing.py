"""How the cells of one passage set stand beside the best of them: told apart, alike, or undecided, and how surely."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from bench.analysis.evidence import BesideBest, Evidence, beside_best
from bench.analysis.family import Family
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.statistics import paired, power
from bench.statistics.clusters import totals
from bench.statistics.paired import MARGINS, Interval, Paired

Standing: TypeAlias = Literal["identical", "behind", "equivalent", "undecided"]

TELLING = 4  # queries that differ: the spread of fewer says nothing of how many more would tell


class Rival(msgspec.Struct, frozen=True, kw_only=True):
    """A cell beside the best of its set."""

    cell: Measurement
    paired: Paired  # old: this cell, new: the best, so that a difference is the lead of the best
    p: float | None  # of the lead, adjusted; None where it cannot be tested
    is_planned: bool  # p is that of the comparison with the baseline, which the suite named before the run
    standing: Standing
    n_more: int | None  # judged queries that would tell the lead with 80 % power; None where that is not known


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

    Identical: the same value of every query. Behind: told apart, p below .05, either among all pairs (`beside_best`) or
    by the comparison with the baseline that the suite named (`Family`). Equivalent: not that, and the interval of the
    lead, at a level that allows for all that are compared with the best, lies inside the margin. A cell that was
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
    top = found.values[found.best]
    saids = {
        place: paired.paired(own, top, found.clusters) for place, own in found.values.items() if place != found.best
    }
    n_differ = max(1, sum(said.verdict != "identical" for said in saids.values()))
    planned = _planned(cells, found)
    rivals = []
    for place, said in saids.items():
        p, before = found.p[place], planned.get(place)
        is_planned = before is not None and before < p
        level = 1 - paired.ALPHA / n_differ
        within = paired.interval(top - found.values[place], found.clusters, level)
        standing = _standing(said, min(p, 1.0 if before is None else before), within, margin)
        rivals.append(
            Rival(
                cell=cells[place][1],
                paired=said,
                p=None if said.p is None else before if is_planned else p,
                is_planned=is_planned,
                standing=standing,
                n_more=_n_more(found, place, said, margin) if standing == "undecided" else None,
            )
        )
    return sorted(rivals, key=lambda rival: rival.paired.difference)


def _planned(cells: Sequence[tuple[Run, Measurement]], found: BesideBest) -> dict[int, float]:
    """The p of each cell beside the best where one of the two is the baseline of their run, as a comparison has it."""
    run, best = cells[found.best]
    name = run.record.suite.get("baseline")
    places = [place for place in found.values if cells[place][1].retriever == name and cells[place][0] is run]
    if not places or any(cells[place][0] is not run for place in found.values):
        return {}
    base = places[0]
    said: dict[str, Paired] = {}  # by retriever: under several numbers of threads it is still one
    for place, own in found.values.items():
        retriever = cells[place][1].retriever
        if retriever != name and retriever not in said:
            said[retriever] = paired.paired(found.values[base], own, found.clusters)
    family = Family(said.items(), "retrievers")
    planned = {}
    for place in found.values:
        other = cells[place][1].retriever if best.retriever == name else best.retriever
        if place != found.best and name in (best.retriever, cells[place][1].retriever):
            conclusion = family.conclusion(other, said.get(other))
            if conclusion is not None:
                planned[place] = conclusion.p
    return planned


def _standing(said: Paired, p: float, within: Interval | None, margin: float) -> Standing:
    if said.verdict == "identical":
        return "identical"
    if p < paired.ALPHA and said.interval is not None and said.interval[0] > 0:
        return "behind"
    if within is not None and -margin < within[0] and within[1] < margin:
        return "equivalent"
    return "undecided"


def _n_more(found: BesideBest, place: int, said: Paired, margin: float) -> int | None:
    """
    How many more judged queries tell the lead that was seen, or the margin where that is more, with 80 % power.

    At the level that the adjustment comes to: as if so many independent tests were made as turn the p of this pair
    alone into the adjusted one (Z. Šidák 1967, "Rectangular confidence regions for the means of multivariate normal
    distributions", JASA 62), at most all pairs of cells that differ.
    """
    top, own = found.values[found.best], found.values[place]
    spread = power.spread_of(top - own, found.clusters)
    if spread is None or said.differing < TELLING or said.p is None:
        return None
    distinct = len({one.tobytes() for one in found.values.values()})
    most = max(1.0, distinct * (distinct - 1) / 2)
    alone, adjusted = min(said.p, 1 - 1e-9), min(found.p[place], 1 - 1e-9)
    n_tests = min(max(math.log1p(-adjusted) / math.log1p(-alone), 1.0), most) if alone > 0 else most
    alpha = 1 - (1 - power.ALPHA) ** (1 / n_tests)
    needed = power.queries_for(max(abs(said.difference), margin), totals(top, found.clusters)[1], spread, alpha)
    return None if needed is None or needed <= said.n_queries else needed - said.n_queries
