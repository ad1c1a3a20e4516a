"""
The values of every query that some runs keep, and what they let one say beside the best of several cells.

The best was chosen by the same queries, so what is told apart from it is adjusted for all pairs (`signs.all_pairs`).
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.analysis.difference import clusters, values
from bench.errors import InputError
from bench.records.run_folder import Run, set_file
from bench.records.schema import Measurement
from bench.statistics import intervals, over_sets, paired, signs
from bench.statistics.clusters import totals, without_noise

Values: TypeAlias = NDArray[np.float64]


class Evidence:
    """The values of every judged query, as the folders of some runs keep them; each file is read once."""

    def __init__(self) -> None:
        self.is_missing = False  # a file that a record names was not there
        self._values: dict[Path, dict[str, Values]] = {}
        self._clusters: dict[Path, Sequence[Hashable] | None] = {}

    def values(self, run: Run, m: Measurement, measure: str) -> Values | None:
        """
        The measure of every judged query: (n_judged,) float64; None where it was not kept, or not with its clusters.

        None too of a cell that was asked in looks, to be stopped once decided: a test of so many queries as there are,
        made beside those of the looks, would err more often than it says. InputError for a file that is there and
        cannot be read.
        """
        if m.status != "ok" or m.decision is not None:
            return None
        if "quality" not in m.files or (m.quality or {}).get(measure) is None:
            return None
        path = run.folder / m.files["quality"]
        if path not in self._values and path.is_file():
            self._values[path] = values(run, m)
        found = self._values.get(path, {}).get(measure)
        if found is None:
            self.is_missing = True
            return None
        try:
            of = self.clusters(run, m)
        except InputError:
            if set_file(run.folder, m.passage_set).is_file():  # damaged
                raise
            self.is_missing = True
            return None
        return found if of is None or len(of) == len(found) else None

    def clusters(self, run: Run, m: Measurement) -> Sequence[Hashable] | None:
        """The cluster of every judged query; None where each is its own. InputError where they were not kept."""
        path = run.folder / m.files["quality"]
        if path not in self._clusters:
            self._clusters[path] = clusters(run, m)
        return self._clusters[path]


class BesideBest(NamedTuple):
    """The best of some cells of one passage set, and the others whose values of the same queries are known."""

    best: int  # its place among the cells
    values: Mapping[int, Values]  # by place, the best's among them: (n_judged,) each
    p: Mapping[int, float]  # of each beside the best: the greater of all pairs' and of its interval's, adjusted
    clusters: Sequence[Hashable] | None  # of the queries


def beside_best(evidence: Evidence, cells: Sequence[tuple[Run, Measurement]], measure: str) -> BesideBest | None:
    """
    What is known of the cells of one passage set beside the best of them, the one with the highest mean.

    None where fewer than two have a mean, and where the values of the best are not on disk.
    """
    means = {
        place: mean
        for place, (_, m) in enumerate(cells)
        if m.status == "ok" and (mean := (m.quality or {}).get(measure)) is not None
    }
    if len(means) < 2:
        return None
    best = max(means, key=means.__getitem__)
    top = evidence.values(*cells[best], measure)
    if top is None:
        return None
    clusters = evidence.clusters(*cells[best])
    known = {place: evidence.values(*cells[place], measure) for place in means}
    alike = {place: own for place, own in known.items() if own is not None and len(own) == len(top)}
    sums = np.array([totals(own, clusters)[0] for own in alike.values()])
    of_pairs = signs.all_pairs(sums)[list(alike).index(best)].tolist()
    of_intervals = _of_intervals({place: top - own for place, own in alike.items()}, clusters)
    p = {place: max(one, of_intervals.get(place, 1.0)) for place, one in zip(alike, of_pairs, strict=True)}
    return BesideBest(best, alike, p, clusters)


def _of_intervals(differences: Mapping[int, Values], clusters: Sequence[Hashable] | None) -> dict[int, float]:
    """The p of each difference's interval by Holm; none where nothing differs. Of skewed ones sign flips alone err."""
    found = {}
    for place, one in differences.items():
        sums, sizes = totals(without_noise(one), clusters)
        if sums.any() and len(sums) > 1:
            found[place] = float(intervals.p_value(functools.partial(intervals.of_difference, sums, sizes)))
    return dict(zip(found, paired.holm(list(found.values())), strict=True))


def ties(evidence: Evidence, cells: Sequence[tuple[Run, Measurement]], measure: str) -> list[bool]:
    """
    Which cells of one passage set cannot be told from the best of them, the best itself among them.

    Told apart is what differs where all pairs are compared, and has an interval that excludes 0 where all others of the
    best have theirs. False where the values of a cell, or of the best, are not on disk.
    """
    tied = [False] * len(cells)
    found = beside_best(evidence, cells, measure)
    for place, p in found.p.items() if found is not None else ():
        tied[place] = p >= paired.ALPHA
    return tied


def ties_over_sets(
    evidence: Evidence, cells: Sequence[Sequence[tuple[Run, Measurement]]], measure: str
) -> list[bool | None]:
    """
    Which retrievers cannot be told from the best in the mean over passage sets, as `ties` tells it on one set.

    None where the values of a retriever, or of the best, are not on disk. cells: of each retriever, on the same sets in
    the same order. Each set counts alike, and so do its clusters.
    """
    means = [float(np.mean([(m.quality or {})[measure] or 0.0 for _, m in found])) for found in cells]
    best = int(np.argmax(means))
    known: dict[int, list[Values]] = {}
    for place, found in enumerate(cells):
        own = [evidence.values(run, m, measure) for run, m in found]
        kept = [one for one in own if one is not None]
        if len(kept) == len(own):
            known[place] = kept
    tied: list[bool | None] = [None] * len(cells)
    if best not in known or len(known) < 2:
        return tied
    clusters = [evidence.clusters(run, m) for run, m in cells[best]]
    sizes = [len(one) for one in known[best]]
    alike = {place: own for place, own in known.items() if [len(one) for one in own] == sizes}
    sums = np.array(
        [
            np.concatenate([totals(one, of)[0] / len(one) for one, of in zip(own, clusters, strict=True)])
            for own in alike.values()
        ]
    )
    adjusted = signs.all_pairs(sums)[list(alike).index(best)]
    for place, p in zip(alike, adjusted.tolist(), strict=True):
        both = zip(alike[place], known[best], clusters, strict=True)
        sets = [over_sets.SetValues(one, top, of) for one, top, of in both]
        told = over_sets.over_sets(sets).interval
        tied[place] = p >= paired.ALPHA or told is None or told[0] <= 0 <= told[1]
    return tied
