"""What the queries of a suite can show, before anything of it runs: by the spread of a pilot, or by an assumed one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.analysis.assumed_spreads import ASSUMED
from bench.analysis.difference import clusters, values
from bench.errors import InputError
from bench.instruments import quality
from bench.passages.passage_set import PassageSet
from bench.records.lookup import cells_of
from bench.records.run_folder import Run
from bench.run.suite import Suite
from bench.statistics import power
from bench.statistics.clusters import Floats, totals
from bench.statistics.intervals import FEW
from bench.statistics.paired import MARGINS
from bench.statistics.power import Spread


class PlannedPower(msgspec.Struct, frozen=True, kw_only=True):
    """What the queries of one set can show in one measure, were paired differences spread so. None: not known."""

    passage_set: str
    measure: str
    primary: bool
    n_queries: int  # that are judged
    n_clusters: int
    clustered_by: str | None
    n_compared: int  # differences in the family
    alpha: float  # of each of them, two-sided: 5 % / n_compared
    pair: str  # whose differences are spread so: two retrievers of the pilot, or an assumption
    assumed: bool
    deviation: float | None  # standard deviation of the paired differences
    correlation: float | None  # of those of two queries of one cluster
    discordant: float | None  # share of the queries that differ
    detectable: float | None  # smallest mean difference that is found with 80 % power
    few: bool  # fewer than FEW queries are expected to differ: what is detectable is approximate
    difference: float  # the smallest of interest
    n_queries_needed: int | None  # judged queries, clustered as these, to find that


class Pilot(NamedTuple):
    """Paired differences of an earlier run: by passage set and pair, the spread of each measure; None: identical."""

    pairs: Mapping[tuple[str, str], Mapping[str, Spread | None]]


def planned_power(suite: Suite, sets: Sequence[PassageSet], pilot: Run | None = None) -> list[PlannedPower]:
    """
    What each set can show in each measure of the suite, the primary one first, a row for each known spread.

    pilot: an earlier run, whose pairs with its baseline are taken, those on the same set where it has it; without one
    the spreads of ASSUMED are. Raises InputError for sets of which none has judged queries, for synthetic passages, and
    for a pilot without a pair.
    """
    if suite.distractors:
        raise InputError(
            f"power: expected a suite without synthetic passages, found distractors = {suite.distractors:,}: "
            "quality is not measured among them"
        )
    known = None if pilot is None else spreads_of(pilot)
    rows = [
        row
        for name, passage_set in zip(suite.passages, sets, strict=True)
        for row in _of_set(suite, passage_set, _family(suite, name), known)
    ]
    if not rows:
        raise InputError(
            f"power: expected judged queries, found none in {', '.join(one.name for one in sets)}: give --qrels"
        )
    return rows


def spreads_of(pilot: Run) -> Pilot:
    """Those of each of its retrievers against its baseline. InputError where it has no pair, or not its values."""
    baseline = pilot.record.suite.get("baseline")
    if not isinstance(baseline, str):
        raise InputError(
            f"pilot {pilot.folder}: expected a run with a baseline, found none: its suite names no baseline"
        )
    found: dict[tuple[str, str], dict[str, Spread | None]] = {}
    for base in cells_of(pilot, baseline):
        others = [m for m in pilot.measurements if m.passage_set == base.passage_set and m.retriever != base.retriever]
        for m in others:
            if base.status == m.status == "ok" and base.n_judged and not m.is_stopped:
                before, after, of = values(pilot, base), values(pilot, m), clusters(pilot, base)
                pair = f"{base.retriever} → {m.retriever}"
                found[m.passage_set, pair] = {
                    name: power.spread_of(after[name] - before[name], of) for name in before if name in after
                }
    if not found:
        raise InputError(
            f"pilot {pilot.folder}: expected another retriever beside its baseline {baseline!r}, both with quality, "
            "found none"
        )
    return Pilot(found)


def _family(suite: Suite, name: str) -> int:
    """How many differences are tested together on a set: with the baseline, or of all pairs where there is none."""
    spelled = dict.fromkeys("".join(spelling.split()) for on, spelling in suite.pairs() if on == name)
    if suite.baseline is None:
        return max(1, len(spelled) * (len(spelled) - 1) // 2)
    return max(1, len(spelled) - 1)


def _of_set(suite: Suite, passage_set: PassageSet, n_compared: int, pilot: Pilot | None) -> Iterator[PlannedPower]:
    sizes = cluster_sizes(passage_set)
    if not len(sizes):
        return
    alpha, n_queries = power.ALPHA / n_compared, int(sizes.sum())
    for pair, spreads in _pairs(passage_set.name, pilot):
        for measure in sorted(suite.measures, key=lambda name: name != suite.primary):
            spread = spreads.get(measure)
            yield PlannedPower(
                passage_set=passage_set.name,
                measure=measure,
                primary=measure == suite.primary,
                n_queries=n_queries,
                n_clusters=len(sizes),
                clustered_by=passage_set.clustered_by,
                n_compared=n_compared,
                alpha=alpha,
                pair=pair,
                assumed=pilot is None,
                deviation=spread and spread.deviation,
                correlation=spread and spread.correlation,
                discordant=spread and spread.discordant,
                detectable=spread and power.detectable_of(sizes, spread, alpha),
                few=spread is not None and spread.discordant * n_queries < FEW,
                difference=MARGINS.equivalent,
                n_queries_needed=spread and power.queries_for(MARGINS.equivalent, sizes, spread, alpha),
            )


def _pairs(name: str, pilot: Pilot | None) -> Iterator[tuple[str, Mapping[str, Spread | None]]]:
    """Each pair whose spread is known, and it: the pilot's on this set, on its others where it has not this one."""
    if pilot is None:
        yield from ASSUMED.items()
        return
    here = {pair: spreads for (on, pair), spreads in pilot.pairs.items() if on == name}
    if here:
        yield from here.items()
    else:
        yield from ((f"{on}: {pair}", spreads) for (on, pair), spreads in pilot.pairs.items())


def cluster_sizes(passage_set: PassageSet) -> Floats:
    """Judged queries of each cluster: (n_clusters,)."""
    judged: NDArray[np.bool_] = quality.judged(passage_set.query_ids, passage_set.qrels or {})
    labels = None
    if passage_set.clusters is not None:
        labels = [label for label, has in zip(passage_set.clusters, judged, strict=True) if has]
    return totals(np.zeros(int(judged.sum())), labels)[1]
