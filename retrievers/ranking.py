"""Hits and their one order, for adapters that score everything, and for those that get hits from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Hits(NamedTuple):
    """The top k of each query: best first, ties by position."""

    rows: NDArray[np.int64]  # (n_queries, k) positions in the indexed passages, best first, padded with -1
    scores: NDArray[np.float32]  # (n_queries, k) higher is better, padded with -inf


def no_hits(n_queries: int, k: int) -> Hits:
    """Nothing found: (n_queries, k) of padding."""
    return Hits(np.full((n_queries, k), -1, np.int64), np.full((n_queries, k), -np.inf, np.float32))


def top_k(scores: NDArray[np.float32], k: int, *, positive: bool) -> Hits:
    """
    The k best of a block of scores, ties by position, also where the k are cut.

    scores: (n_queries, n) float32. positive: only scores > 0 are hits (the sparse rule). k may exceed n.
    """
    n_queries, n = scores.shape
    hits = no_hits(n_queries, k)
    cut = min(k, n)
    if cut == 0:
        return hits
    for query, row in enumerate(scores):
        candidates: NDArray[np.int64] | None = None  # None: every passage
        values = row
        if positive:  # sparse scores are mostly zero: a partition of the few that are hits is many times quicker
            candidates = np.flatnonzero(row > 0)
            values = row[candidates]
        if len(values) > cut:
            # Everything that ties with the kth stays: a partition alone would keep an arbitrary one of them.
            keep = np.flatnonzero(values >= np.partition(values, len(values) - cut)[len(values) - cut])
            candidates, values = keep if candidates is None else candidates[keep], values[keep]
        best = np.argsort(-values, kind="stable")[:cut]
        hits.rows[query, : len(best)] = best if candidates is None else candidates[best]
        hits.scores[query, : len(best)] = values[best]
    return hits


def ordered(hits: Hits) -> Hits:
    """The same hits in the one order (score descending, then position ascending), padding (row -1) last."""
    found = hits.rows >= 0
    scores = np.where(found, hits.scores, -np.inf).astype(np.float32)
    order = np.lexsort((hits.rows, -scores, ~found), axis=1)
    return Hits(
        np.take_along_axis(np.where(found, hits.rows, -1), order, axis=1).astype(np.int64),
        np.take_along_axis(scores, order, axis=1),
    )


def search_blocks(search: Callable[[slice], Hits], n_queries: int, block: int, k: int) -> Hits:
    """The hits of n_queries found `block` queries at a time, so that a block of scores has a bounded size."""
    block = max(block, 1)
    blocks = [search(slice(start, start + block)) for start in range(0, n_queries, block)]
    if not blocks:
        return no_hits(0, k)
    return Hits(np.concatenate([b.rows for b in blocks]), np.concatenate([b.scores for b in blocks]))
