"""Hits against hits: the search that is slow and obvious, and how another differs from it."""

from __future__ import annotations

from itertools import zip_longest
from math import isclose

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from retrievers.contract import Hits, Vectors, no_hits


def brute_force(passages: Vectors, queries: Vectors, k: int, *, positive: bool) -> Hits:
    """
    The top k by the obvious way: every product, in float64, sorted by score, then position.

    positive: only scores above 0 are hits (the sparse rule).
    """
    hits = no_hits(queries.shape[0], k)
    for query, row in enumerate(all_scores(passages, queries).tolist()):
        found = sorted((-score, place) for place, score in enumerate(row) if score > 0 or not positive)[:k]
        for rank, (score, place) in enumerate(found):
            hits.rows[query, rank], hits.scores[query, rank] = place, -score
    return hits


def all_scores(passages: Vectors, queries: Vectors) -> NDArray[np.float64]:
    """The score of every passage for every query, (n_queries, n)."""
    return dense(queries).astype(np.float64) @ dense(passages).astype(np.float64).T


def dense(vectors: Vectors) -> NDArray[np.float32]:
    """The vectors as an ndarray, (n, dims), in the dtype that they have."""
    return np.asarray(vectors.toarray() if isinstance(vectors, csr_array) else vectors)


def same_hits(expected: Hits, found: Hits, rtol: float = 1e-5) -> list[str]:
    """
    How an exact search differs from brute force: one line each (query from 0, rank from 1), none where they agree.

    Each rank holds the same passage with the same score. Sums in another order round otherwise: scores are the same
    when they differ by no more than rtol, relative to the query's best score (the error of a sum is relative to the
    size of its terms; where they cancel, as in a cosine near 0, the sum itself has no such digits), and passages of
    the same score may swap, also across the cut at k. Where padding shows that nothing was cut, no other may come in.
    """
    if expected.rows.shape != found.rows.shape:
        return [f"expected hits of shape {expected.rows.shape}, found {found.rows.shape}"]
    return [
        f"query {query}, rank {rank}: {what}"
        for query in range(len(expected.rows))
        for rank, what in _differences(_found(expected, query), _found(found, query), expected.rows.shape[1], rtol)
    ]


def _found(hits: Hits, query: int) -> list[tuple[int, float]]:
    """The row and score of each hit of one query; padding left out, wherever it stands."""
    rows, scores = hits.rows[query].tolist(), hits.scores[query].tolist()
    return [(row, score) for row, score in zip(rows, scores, strict=True) if row >= 0]


def _differences(
    expected: list[tuple[int, float]], found: list[tuple[int, float]], k: int, rtol: float
) -> list[tuple[int, str]]:
    """Rank and description of what differs for one query."""
    scores = dict(expected)
    cut = expected[-1][1] if len(expected) == k and k else None  # None: every passage that can be a hit is expected
    close = rtol * max((abs(score) for _, score in expected), default=0.0)
    met: set[int] = set()
    differences = []
    for rank, (wanted, got) in enumerate(zip_longest(expected, found), start=1):
        if wanted is None or got is None:
            differences.append((rank, f"expected {_spelled(wanted)}, found {_spelled(got)}"))
            continue
        row, score = got
        # The score this passage has by brute force; one beyond the cut has at most the last score that is known.
        known = scores.get(row, cut)
        if row in met:
            differences.append((rank, f"passage {row} was found before"))
        elif known is None or not all(isclose(known, s, rel_tol=rtol, abs_tol=close) for s in (wanted[1], score)):
            differences.append((rank, f"expected {_spelled(wanted)}, found {_spelled(got)}"))
        met.add(row)
    return differences


def _spelled(hit: tuple[int, float] | None) -> str:
    return "nothing" if hit is None else f"passage {hit[0]} (score {hit[1]:.9g})"
