"""
The vectors of queries: as they are encoded one at a time, which is how they are timed and judged, and synthetic ones.

Most encoders give a text the vector that it has in a batch, but for the order in which numbers are added up. Some do
not: with 16-bit floats, or weights of 8 bits that are scaled batch by batch, another batch gives other vectors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array, vstack

from bench.instruments.answers import SAME_VECTOR, distances
from bench.passages import synthetic
from bench.stage.job import Job, read_texts
from bench.stage.validate import check_vectors
from retrievers.contract import Adapter, Vectors

TRIED = 20  # queries that are encoded one at a time, to see whether that gives what a batch gives


def alone(encoder: Adapter, queries: Sequence[str], batch: Vectors, *, is_given: bool) -> Vectors | None:
    """
    The vector of every query encoded one at a time; None where these are the batch's, as 20 of them show.

    batch: of all queries at once. is_given: vectors were made elsewhere, and are looked up.

    ValueError for an encoder that gives a text other vectors each time.
    """
    if is_given or not len(queries):
        return None
    tried = list(dict.fromkeys(np.linspace(0, len(queries) - 1, min(TRIED, len(queries))).astype(int).tolist()))
    if (distances(_singly(encoder, queries, tried), batch[np.array(tried)]) <= SAME_VECTOR).all():
        return None
    found = _singly(encoder, queries, range(len(queries)))
    again = (
        ("a query alone", tried, _singly(encoder, queries, tried), found[np.array(tried)]),
        ("all queries at once", range(len(queries)), encoder.encode(queries, "query"), batch),
    )
    for what, places, vectors, first in again:
        apart = distances(vectors, first)
        if not (apart <= SAME_VECTOR).all():
            place = int(np.argmin(apart <= SAME_VECTOR))
            raise ValueError(
                f"encoding queries: expected {what} to have the same vectors again, within {SAME_VECTOR:g} of their "
                f"length, found that of query {places[place]} to be {apart[place]:.2g} of it away"
            )
    return found


def _singly(encoder: Adapter, queries: Sequence[str], places: Sequence[int]) -> Vectors:
    """The vectors of some queries, each encoded by itself: (n, dims)."""
    rows = [encoder.encode([queries[place]], "query").copy() for place in places]  # it may hand out one array again
    for row in rows:
        check_vectors(row, 1, "a query")
    return np.concatenate(rows) if isinstance(rows[0], np.ndarray) else csr_array(vstack(rows))


def furthest(alone: Vectors, batch: Vectors) -> float:
    """How far a query's vector alone lies from that of the batch at most, as a share of its length."""
    return float(distances(alone, batch).max(initial=0.0))


def warm(job: Job, encoder: Adapter, queries: Vectors) -> Vectors:
    """The vectors of the synthetic queries; of vectors made elsewhere real ones, moved: (n_warm, dims)."""
    texts = read_texts(job.warm)
    if not texts:
        return queries[:0]
    if job.alignment is None:
        vectors: Vectors = encoder.encode(texts, "query")
        check_vectors(vectors, len(texts), "synthetic queries")
        return vectors
    blocks = list(synthetic.grown(queries, len(texts), passage_set=job.passage_set, seed=0))[1:]
    return np.concatenate(blocks) if isinstance(queries, np.ndarray) else csr_array(vstack(blocks))
