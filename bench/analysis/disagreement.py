"""
Where retrievers disagree: all that can be said of their hits where nobody has judged them.

Cells that are one encoder in several storages are one ranker: an index beside its exact twin agrees with it whatever
the encoder is worth, and would only make all look alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from bench.instruments import quality
from bench.records.run_folder import Run, ranking
from bench.records.schema import Measurement
from retrievers.contract import Hits

K = quality.OVERLAP_K


@dataclass(frozen=True)
class Ranker:
    """An encoder or an engine, whatever its storages, and those that find just the same."""

    cells: tuple[Measurement, ...]  # the first is exact, if any is
    hits: tuple[Hits, ...]  # each cell's, to the depth; the first's speak for all

    def overlaps(self, k: int) -> list[float]:
        """How far each cell agrees with the first: mean overlap@k."""
        return [
            float(quality.overlap(self.hits[0], found, k).mean()) if len(found.rows) else 1.0 for found in self.hits
        ]


def ended_well(run: Run, passage_set: str) -> list[Measurement]:
    """The cells of a set whose hits are of every query: those that ended well, and were not stopped before."""
    return [m for m in run.measurements if m.passage_set == passage_set and m.status == "ok" and not m.is_stopped]


def rankers(run: Run, passage_set: str, k: int = K) -> list[Ranker]:
    """
    The distinct rankers of a set, in the order of their first cells.

    Two that put the same k passages first for every query, in the same order, are one. InputError where hits are gone.
    """
    by_source: dict[str, list[tuple[Measurement, Hits]]] = {}
    for m in ended_well(run, passage_set):
        hits = ranking(run.folder, m)
        by_source.setdefault(m.encoder or m.resolved, []).append((m, hits))
    found: list[list[tuple[Measurement, Hits]]] = []
    for cells in by_source.values():
        cells.sort(key=lambda cell: cell[0].exact is not True)  # stable: else in the order of the run
        rows = cells[0][1].rows[:, :k]
        alike = next((known for known in found if np.array_equal(known[0][1].rows[:, :k], rows)), None)
        if alike is None:
            found.append(cells)
        else:
            alike += cells
    return [Ranker(*map(tuple, zip(*cells, strict=True))) for cells in found]


def agreement(hits: Sequence[Hits], k: int = K) -> NDArray[np.float64]:
    """
    How far some rankings agree on each query: (n_queries,), 1 where there is one ranking alone.

    The mean over all pairs of the share of the shorter top k that stands in the other's: a retriever that finds two
    passages, both of them in the other's k, does not disagree with it. 0 where only one of two finds anything.
    """
    if len(hits) < 2:
        return np.ones(len(hits[0].rows)) if hits else np.ones(0)
    return np.asarray(np.mean([_shared(one, other, k) for one, other in combinations(hits, 2)], axis=0))


def _shared(one: Hits, other: Hits, k: int) -> NDArray[np.float64]:
    """The share of each query's shorter top k that is in the longer: (n_queries,)."""
    lengths = np.stack([(found.rows[:, :k] >= 0).sum(axis=1) for found in (one, other)])
    shorter, longer = lengths.min(axis=0), lengths.max(axis=0)
    # The overlap is divided by the longer list.
    common = quality.overlap(one, other, k) * np.maximum(longer, 1)
    return np.where(longer == 0, 1.0, np.where(shorter == 0, 0.0, common / np.maximum(shorter, 1)))


def least_agreed(agreements: NDArray[np.float64], most: int) -> list[int]:
    """The queries that are agreed on least, at most so many, least first; full agreement is left out."""
    order = np.argsort(agreements, kind="stable")[:most]
    return [int(query) for query in order if agreements[query] < 1]


def not_shared(hits: Sequence[Hits], query: int, k: int = K) -> list[tuple[int, dict[int, int]]]:
    """
    What speaks for a disagreement: of each ranking the first passage that not all have among their first k.

    (row, {position of the ranking: its rank there, from 1}), best rank first; a ranking that lacks it is not named.
    """
    tops = [[row for row in found.rows[query, :k].tolist() if row >= 0] for found in hits]
    ranks: dict[int, dict[int, int]] = {}
    for position, top in enumerate(tops):
        for rank, row in enumerate(top, start=1):
            ranks.setdefault(row, {})[position] = rank
    firsts = (next((row for row in top if len(ranks[row]) < len(hits)), None) for top in tops)
    rows = dict.fromkeys(row for row in firsts if row is not None)
    return sorted(((row, ranks[row]) for row in rows), key=lambda found: (min(found[1].values()), min(found[1])))
