"""
Two cells of which one was asked its queries in looks: bounds that hold at all looks, over the queries that both had.

Whether it was stopped hung on what was found, so that an interval of a fixed number of queries, and its p, would err
more often than they say.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.analysis.difference import (
    Difference,
    arrays_of,
    clusters_of_either,
    measures_of,
    together,
    unlike,
    values,
)
from bench.errors import InputError
from bench.records.run_folder import ASKED, CLUSTERS, Run
from bench.records.schema import Measurement
from bench.statistics import sequential_quality
from bench.statistics.clusters import totals, without_noise
from bench.statistics.paired import ALPHA, SATURATED, Margins, within
from bench.statistics.sequential_quality import Look

Side = tuple[Run, Measurement]
Values = dict[str, NDArray[np.float64]]

OTHER_QUERIES = "the values of each query are not of the same queries"


class AskedValues(NamedTuple):
    """What a cell has of each judged query, in the set's order."""

    values: Values  # (n_judged,) each, NaN of a query that was not asked
    asked: NDArray[np.bool_]  # (n_judged,)
    clusters: Sequence[Hashable] | None  # of every judged query; None: of a cell that was asked all, whose run says


def is_so(was: Measurement, now: Measurement) -> bool:
    """Whether either was asked in looks."""
    return was.decision is not None or now.decision is not None


def differences(old: Side, new: Side, n_retrievers: int, margins: Margins) -> Iterator[Difference]:
    """
    The measures that either has: the primary one, then the others.

    n_retrievers: compared on the set; they share what may err. A cell beside the baseline of its own run has shared it
    with the other cells of that run: the level is that of its decision.
    """
    first = new[0].record.suite.get("primary")
    before: Values = {}
    after: Values = {}
    try:
        part, before, after = _both(old, new, n_retrievers)
    except InputError as error:
        part = _Part.refused(f"no values of each query: {error}")
    for name in measures_of(old[1], new[1], first):
        known = Difference(
            name=name,
            kind="quality",
            old=(old[1].quality or {}).get(name),
            new=(new[1].quality or {}).get(name),
            primary=name == first,
            verdict="not compared",
            why=unlike(name, old[1], new[1]) or part.why,
        )
        one, other = before.get(name), after.get(name)
        if not known.why and (one is None or other is None):
            known = msgspec.structs.replace(known, why=OTHER_QUERIES)
        if known.why or one is None or other is None:
            yield known
        else:
            yield part.told(known, one, other, margins)


def _both(old: Side, new: Side, n_retrievers: int) -> tuple[_Part, Values, Values]:
    """The queries that both were asked, and what each has of every one. InputError where values are gone."""
    before, after = _asked_values(*old), _asked_values(*new)
    clusters = after.clusters or before.clusters or clusters_of_either(new, old) or range(len(after.asked))
    part = _Part.of((old, before), (new, after), clusters, ALPHA / n_retrievers)
    level = _recorded_level(old, new)
    if level is not None:
        part = part._replace(look=part.look._replace(level=level))
    return part, before.values, after.values


def _recorded_level(old: Side, new: Side) -> float | None:
    """The level at which a cell was decided beside the other one, the baseline of its run; None of any other pair."""
    if not together(old[0], new[0]):
        return None
    for (_, baseline), (_, m) in ((old, new), (new, old)):
        if m.decision is not None and (m.decision.baseline, m.threads) == (baseline.retriever, baseline.threads):
            return m.decision.level
    return None


def _asked_values(run: Run, m: Measurement) -> AskedValues:
    if not m.is_stopped:
        found = values(run, m)
        n_judged = len(next(iter(found.values()), ()))
        return AskedValues(found, np.ones(n_judged, np.bool_), None)
    arrays = arrays_of(run, m)
    asked = np.zeros(len(arrays[CLUSTERS]), np.bool_)
    asked[arrays[ASKED]] = True
    spread = {}
    for name, of_asked in arrays.items():
        if name not in (ASKED, CLUSTERS):
            spread[name] = np.full(len(asked), np.nan)
            spread[name][asked] = of_asked
    return AskedValues(spread, asked, arrays[CLUSTERS].tolist())


def level_text(level: float) -> str:
    """A level in per cent; with as many digits as tell one look of many from certainty."""
    return f"{100 * level:.6g} %"


class _Part(NamedTuple):
    """The queries that both were asked, as a look at them."""

    queries: NDArray[np.bool_]
    clusters: Sequence[Hashable]
    look: Look
    is_last: bool
    why: str = ""  # they are no look

    @classmethod
    def refused(cls, why: str) -> _Part:
        return cls(np.zeros(0, np.bool_), (), Look(0, 0.0), False, why)

    @classmethod
    def of(
        cls,
        old: tuple[Side, AskedValues],
        new: tuple[Side, AskedValues],
        clusters: Sequence[Hashable],
        alpha: float,
    ) -> _Part:
        """Of two cells that were stopped the one that was asked less; the order is that of its run's seed."""
        if len(old[1].asked) != len(new[1].asked):
            return cls.refused(OTHER_QUERIES)
        (_, m), _ = min((old, new), key=lambda side: (int(side[1].asked.sum()), not side[0][1].decision))
        places = {label: place for place, label in enumerate(dict.fromkeys(clusters))}
        order = sequential_quality.order(len(places), m.seed)
        both = old[1].asked & new[1].asked
        n_clusters = len({label for label, asked in zip(clusters, both.tolist(), strict=True) if asked})
        look = next((one for one in sequential_quality.looks(len(places), alpha) if one.n_clusters == n_clusters), None)
        first = set(order[:n_clusters].tolist())
        as_planned = [places[label] in first for label in clusters]
        if look is None or as_planned != both.tolist():
            return cls.refused("their queries were asked in other orders: the seeds differ")
        return cls(both, clusters, look, n_clusters == len(places))

    def told(
        self, known: Difference, before: NDArray[np.float64], after: NDArray[np.float64], margins: Margins
    ) -> Difference:
        """A difference with what its queries say."""
        old, new = before[self.queries], after[self.queries]
        own = [label for label, asked in zip(self.clusters, self.queries.tolist(), strict=True) if asked]
        differences = without_noise(new - old)
        sums, sizes = totals(differences, own)
        low, high = sequential_quality.bounds_at(self.look, sums, sizes, is_last=self.is_last)
        around = float(low), float(high)
        alike = self.is_last and not differences.any()
        asked = f"over {int(self.queries.sum()):,} of {len(self.queries):,} judged queries"
        said = [f"{asked}, by bounds of all looks: {level_text(self.look.level)}, not 95 %"]
        if min(old.mean(), new.mean()) > SATURATED:
            said.append(f"saturated: both above {SATURATED:g}")
        return msgspec.structs.replace(
            known,
            old=float(old.mean()),
            new=float(new.mean()),
            interval=within(around, old, new),
            level=self.look.level,
            verdict="identical" if alike else sequential_quality.verdict(around, margins),
            why="; ".join(said),
        )
