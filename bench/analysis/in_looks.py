"""
Two cells of which one was asked its queries in looks: bounds that hold at all looks, over the queries that both had.

Whether it was stopped hung on what was found, so that an interval of a fixed number of queries, and its p, would err
more often than they say.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.analysis.difference import Difference, arrays_of, clusters_of_either, values
from bench.errors import InputError
from bench.records.run_folder import ASKED, CLUSTERS, Run
from bench.records.schema import Measurement
from bench.statistics import sequential_quality
from bench.statistics.clusters import NOISE, totals, without_noise
from bench.statistics.paired import ALPHA, Margins
from bench.statistics.sequential_quality import Look

Side = tuple[Run, Measurement]


class AskedValues(NamedTuple):
    """What a cell has of each judged query, in the set's order."""

    values: dict[str, NDArray[np.float64]]  # (n_judged,) each, NaN of a query that was not asked
    asked: NDArray[np.bool_]  # (n_judged,)
    clusters: Sequence[Hashable] | None  # of every judged query; None: of a cell that was asked all, whose run says


def differences(old: Side, new: Side, n_retrievers: int, margins: Margins) -> Iterator[Difference]:
    """
    The measures that both have: the primary one, then the others.

    n_retrievers: compared on the set; they share what may err.
    """
    first = str(new[0].record.suite.get("primary"))
    try:
        before, after = _asked_values(*old), _asked_values(*new)
        clusters = after.clusters or before.clusters or clusters_of_either(new, old) or range(len(after.asked))
    except InputError as error:
        said = f"no values of each query: {error}"
        yield Difference(name=first, kind="quality", old=None, new=None, primary=True, verdict="not compared", why=said)
        return
    names = [name for name in after.values if name in before.values]
    part = _Part.of((old, before), (new, after), clusters, ALPHA / n_retrievers)
    for name in sorted(names, key=lambda name: name != first):
        known = Difference(
            name=name, kind="quality", old=None, new=None, primary=name == first, verdict="not compared", why=part.why
        )
        yield known if part.why else part.told(known, before.values[name], after.values[name], margins)


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


class _Part(NamedTuple):
    """The queries that both were asked, as a look at them."""

    queries: NDArray[np.bool_]
    clusters: Sequence[Hashable]
    look: Look
    is_last: bool
    why: str = ""  # they are no look

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
            return cls(new[1].asked, (), Look(0, 0.0), False, "the values of each query are not of the same queries")
        (_, m), _ = min((old, new), key=lambda side: (int(side[1].asked.sum()), not side[0][1].decision))
        places = {label: place for place, label in enumerate(dict.fromkeys(clusters))}
        order = sequential_quality.order(len(places), m.seed)
        both = old[1].asked & new[1].asked
        n_clusters = len({label for label, asked in zip(clusters, both.tolist(), strict=True) if asked})
        look = next((one for one in sequential_quality.looks(len(places), alpha) if one.n_clusters == n_clusters), None)
        first = set(order[:n_clusters].tolist())
        as_planned = [places[label] in first for label in clusters]
        if look is None or as_planned != both.tolist():
            return cls(both, (), Look(0, 0.0), False, "their queries were asked in other orders: the seeds differ")
        return cls(both, clusters, look, n_clusters == len(places))

    def told(
        self, known: Difference, before: NDArray[np.float64], after: NDArray[np.float64], margins: Margins
    ) -> Difference:
        """A difference with what its queries say."""
        old, new = before[self.queries], after[self.queries]
        own = [label for label, asked in zip(self.clusters, self.queries.tolist(), strict=True) if asked]
        sums, sizes = totals(without_noise(new - old), own)
        low, high = sequential_quality.bounds_at(self.look, sums, sizes, is_last=self.is_last)
        around = float(low), float(high)
        alike = self.is_last and not np.any(np.abs(new - old) > NOISE)
        return Difference(
            name=known.name,
            kind=known.kind,
            primary=known.primary,
            old=float(old.mean()),
            new=float(new.mean()),
            interval=around,
            verdict="identical" if alike else sequential_quality.verdict(around, margins),
            why=f"over {int(self.queries.sum()):,} of {len(self.queries):,} judged queries, by bounds of all looks",
        )
