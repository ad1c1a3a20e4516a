"""Hits, their one order and what they must be, for adapters that score all and those that get hits from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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


def left_of(hits: Hits, kept: NDArray[np.bool_], k: int) -> Hits:
    """
    The first k of those hits that are kept, in their order, padded where fewer are left.

    hits: (n_queries, n), n >= k. kept: (n_queries, n), False wherever there is padding.
    """
    order = np.argsort(~kept, axis=1, kind="stable")[:, :k]
    return Hits(
        np.take_along_axis(np.where(kept, hits.rows, -1), order, axis=1),
        np.take_along_axis(np.where(kept, hits.scores, np.float32(-np.inf)), order, axis=1),
    )


def search_blocks(search: Callable[[slice], Hits], n_queries: int, block: int, k: int) -> Hits:
    """The hits of n_queries found `block` queries at a time, so that a block of scores has a bounded size."""
    block = max(block, 1)
    blocks = [search(slice(start, start + block)) for start in range(0, n_queries, block)]
    if not blocks:
        return no_hits(0, k)
    return Hits(np.concatenate([b.rows for b in blocks]), np.concatenate([b.scores for b in blocks]))


def check_hits(
    hits: object,
    n_queries: int,
    k: int | None,
    n_passages: int,
    *,
    names: Sequence[str] | None = None,
    ties: bool = True,
) -> None:
    """
    TypeError or ValueError where hits break the contract, with the rule, the query and the rank.

    Args:
        hits: what an adapter gave back, or a file holds.
        n_queries: how many were searched.
        k: how many hits each was asked for; None takes any number.
        n_passages: how many there are to be found.
        names: what a message calls the queries; None is their positions.
        ties: whether equal scores must stand by position; runs made elsewhere have an order of their own.
    """
    rows, scores = getattr(hits, "rows", None), getattr(hits, "scores", None)
    if not isinstance(rows, np.ndarray) or not isinstance(scores, np.ndarray):
        raise TypeError(f"hits: expected Hits(rows, scores) of two ndarrays, found {type(hits).__name__}")
    if rows.shape != (n_queries, *(rows.shape[-1:] if k is None else (k,))) or scores.shape != rows.shape:
        shape = f"({n_queries}, {'k' if k is None else k})"
        raise ValueError(f"hits: expected shape {shape}, found rows {rows.shape}, scores {scores.shape}")
    if rows.dtype != np.int64 or scores.dtype != np.float32:
        raise ValueError(f"hits: expected rows int64 and scores float32, found {rows.dtype} and {scores.dtype}")
    for expected, broken in _rules(rows, scores, n_passages, ties=ties):
        if broken.any():
            query, rank = (int(place) for place in np.argwhere(broken)[0])
            name = query if names is None else repr(names[query])
            raise ValueError(f"hits: expected {expected}; query {name} breaks it at rank {rank + 1}")


def _rules(
    rows: NDArray[np.int64], scores: NDArray[np.float32], n_passages: int, *, ties: bool
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Each rule, and where it is broken."""
    found = rows >= 0
    yield "rows within the passages", (rows < -1) | (rows >= n_passages)
    yield "padding (row -1, score -inf) last", ~found[:, :-1] & found[:, 1:]
    yield "finite scores, and -inf on padding", np.where(found, ~np.isfinite(scores), scores != -np.inf)
    yield "scores descending", found[:, 1:] & (scores[:, :-1] < scores[:, 1:])
    if ties:
        equal = scores[:, :-1] == scores[:, 1:]
        yield "ties by position", found[:, 1:] & equal & (rows[:, :-1] > rows[:, 1:])
    yield "each passage once", _repeated(rows)


def _repeated(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Where a row stands that stood before, nearer the top: (n_queries, k)."""
    order = np.argsort(rows, axis=1, kind="stable")
    in_order = np.take_along_axis(rows, order, axis=1)
    repeated = np.zeros(rows.shape, bool)
    again = (in_order[:, 1:] == in_order[:, :-1]) & (in_order[:, 1:] >= 0)
    np.put_along_axis(repeated, order[:, 1:], again, axis=1)
    return repeated
