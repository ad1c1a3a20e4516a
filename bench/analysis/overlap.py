"""
What word overlap has to do with a measure: its mean in each group of queries, and how much of a gap goes with it.

Overlap is a property of the queries (`bench.instruments.word_overlap`): those of one group are the same ones for every
retriever. None of this is a cause, and `NO_CAUSE` says so wherever a share is told.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.analysis.representation import Vectors
from bench.analysis.texts import texts_named
from bench.instruments.word_overlap import word_overlap
from bench.records.kept_overlap import read_overlap
from bench.records.run_folder import Run, read_set, set_file
from bench.statistics import gap_share, paired
from bench.statistics.clusters import Floats
from bench.statistics.intervals import FEW
from bench.statistics.paired import Interval, Paired
from bench.statistics.quantile_groups import quantile_groups

Third: TypeAlias = Literal["lowest", "highest"]

THIRDS, TENTHS = 3, 10
TELLING = ("better", "worse")  # verdicts on a gap of which a share is told
NO_CAUSE = (
    "a share that goes with word overlap is not a share that it causes: who writes a query from a passage uses its "
    "words, and overlap goes with length, topic and difficulty of the queries too"
)
LEAST_APART = f"fewer than {FEW} clusters differ"


class OverlapShare(msgspec.Struct, frozen=True, kw_only=True):
    """
    How much of the gap between two cells is missing in the third of the queries that does not favour its winner.

    Sparse vectors match the words that query and passage share. Where they win, that third has the lowest overlap;
    where dense vectors win, the highest. The share is 1 - gap there / gap over all: 0 where overlap makes no
    difference, 1 where there is no gap in that third, above 1 where the other cell wins there, below 0 where the gap
    is larger there. Over the queries of known overlap.
    """

    share: float | None = None  # None: `why` says why it is not told
    interval: Interval | None = None  # 95 %, clustered
    third: Third | None = None
    n_queries: int | None = None  # of that third
    gap: float | None = None  # of a measure's means, new - old
    gap_there: float | None = None
    why: str = ""
    note: str = NO_CAUSE


class GroupMean(NamedTuple):
    """The mean of something over the queries of one group, and its 95 % interval."""

    mean: float
    interval: Interval | None


# What is known of the queries


def overlap_of(runs: Sequence[Run], name: str, sha256: str) -> tuple[NDArray[np.float64] | None, str]:
    """
    The word overlap of every judged query of a passage set, in its order, NaN where unknown; or None, and why.

    As one of the runs has kept it, else from the texts where the collection of the first lies. runs: that ran on the
    set, one at least. name, sha256: the set's. InputError for a kept file that is damaged.
    """
    for run in runs:
        if set_file(run.folder, name).is_file():
            kept = read_set(run.folder, name)
            overlap = read_overlap(run.folder, kept) if kept.sha256 == sha256 else None
            if overlap is not None:
                return overlap, ""
    texts, said = texts_named(runs[0], name, sha256)
    if texts is None or texts.vectors is not None:
        return None, said or "it holds vectors and no text"
    return word_overlap(texts), ""


def group_means(
    values: Floats,
    groups: NDArray[np.int64],
    clusters: Sequence[Hashable] | None,
    interval: Callable[[Floats, Sequence[Hashable] | None], Interval | None] = paired.interval_of_mean,
) -> list[GroupMean]:
    """
    The mean of each group of queries with its clustered interval.

    values: (n_queries,); groups: (n_queries,) from 0, -1 of none. interval: that of a mean, or `paired.interval` where
    values are differences.
    """
    found = []
    for group in range(int(groups.max(initial=-1)) + 1):
        own = np.flatnonzero(groups == group)
        inside = None if clusters is None else [clusters[query] for query in own.tolist()]
        found.append(GroupMean(float(values[own].mean()), interval(values[own], inside)))
    return found


# The share of a gap


def share_of(
    old: tuple[Vectors, Floats],
    new: tuple[Vectors, Floats],
    overlap: NDArray[np.float64],
    clusters: Sequence[Hashable] | None = None,
) -> OverlapShare:
    """
    How much of the gap of two cells goes with word overlap, where they are sparse and dense vectors and one is better.

    Args:
        old, new: what the vectors are, and the measure of every judged query: (n_judged,).
        overlap: (n_judged,), NaN where unknown: those queries are left out.
        clusters: (n_judged,) labels; None: each query is its own.
    """
    kinds = old[0], new[0]
    if set(kinds) != {"sparse", "dense"}:
        return OverlapShare(why=f"expected sparse vectors beside dense ones, found {' and '.join(kinds)}")
    known = np.flatnonzero(~np.isnan(overlap))
    thirds = quantile_groups(overlap[known], THIRDS)
    if not len(known) or not thirds.any():
        return OverlapShare(why="all queries have the same overlap" if len(known) else "no overlap is known")
    inside = None if clusters is None else [clusters[query] for query in known.tolist()]
    whole = paired.paired(old[1][known], new[1][known], inside)
    why = _why_not(whole)
    if why:
        return OverlapShare(why=why)
    winner = new[0] if whole.difference > 0 else old[0]
    third: Third = "lowest" if winner == "sparse" else "highest"
    part = thirds == (0 if third == "lowest" else thirds.max())
    differences = new[1][known] - old[1][known]
    return OverlapShare(
        share=gap_share.missing_share(differences, part),
        interval=gap_share.interval(differences, part, inside),
        third=third,
        n_queries=int(part.sum()),
        gap=whole.difference,
        gap_there=float(differences[part].mean()),
    )


def _why_not(whole: Paired) -> str:
    """Why a gap is too uncertain for a share of it; empty where it is not."""
    if whole.verdict not in TELLING:
        return f"the gap over these queries is {whole.verdict}"
    return LEAST_APART if whole.discordant_clusters < FEW else ""
