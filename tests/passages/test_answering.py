"""Which hits count: passages that are left out, and of a document its best part alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bench.passages.answering import PARTS, Answering
from retrievers.contract import Hits

N = 12  # passages


@st.composite
def found(draw):
    """Hits of some queries, padded as they come, beside what is left out of each, and the document of each passage."""
    width = draw(st.integers(1, N))
    n_queries = draw(st.integers(0, 4))
    rows = np.full((n_queries, width), -1, np.int64)
    scores = np.full((n_queries, width), -np.inf, np.float32)
    for query in range(n_queries):
        own = draw(st.permutations(range(N)))[: draw(st.integers(0, width))]
        rows[query, : len(own)] = own
        scores[query, : len(own)] = sorted(draw(st.lists(st.integers(0, 9), min_size=len(own), max_size=len(own))))[
            ::-1
        ]
    of_query = st.lists(st.integers(0, N - 1), max_size=4).map(tuple)
    excluded = draw(st.none() | st.tuples(*[of_query] * n_queries))
    heads = draw(st.none() | st.tuples(*[st.integers(0, row) for row in range(N - 2)]))  # the last two are synthetic
    documents = None if heads is None else tuple(heads[head] for head in heads)
    return Hits(rows, scores), excluded, documents, draw(st.integers(1, width))


@given(found())
def test_what_counts_is_what_a_reader_would_cross_out(drawn):
    """
    Hits that are left out are crossed out, then all but the first of each document, and the first k of the rest count.
    """
    hits, excluded, documents, k = drawn
    rules = Answering(k=k, depth=k, excluded=excluded, documents=documents)
    if not rules.leaves_some:
        return

    counted = rules.counted(hits, k)

    for query, (rows, scores) in enumerate(zip(hits.rows.tolist(), hits.scores.tolist(), strict=True)):
        left, seen = [], set()
        for row, score in zip(rows, scores, strict=True):
            document = row if documents is None or row >= len(documents) else documents[row]
            if row >= 0 and row not in (excluded or [()] * 9)[query] and document not in seen:
                seen.add(document)
                left.append((row, score))
        padded = (left + [(-1, -np.inf)] * k)[:k]
        assert padded == list(zip(counted.rows[query].tolist(), counted.scores[query].tolist(), strict=True))
    assert (np.int64, np.float32) == (counted.rows.dtype, counted.scores.dtype)


def test_some_of_the_queries():
    """
    Hits of a sample are held to the rules of its queries, wherever these stand in the set.
    """
    rules = Answering(k=1, depth=1, excluded=((), (0,), (3,)))
    hits = Hits(np.array([[3, 1], [0, 1]]), np.array([[2, 1], [2, 1]], np.float32))

    assert [[1], [1]] == rules.counted(hits, 1, (2, 1, 0)).rows.tolist()


def test_how_many_are_asked_for():
    """
    As many more as a query leaves out at most; and k times the parts of the document with most, ten at most.
    """
    out = Answering(k=10, depth=100, excluded=((), (1, 2)))
    parts = Answering(k=10, depth=100, documents=(0, 0, 0, 3))
    many = Answering(k=10, depth=100, excluded=((7,),), documents=(0,) * 40)

    assert (12, 102) == (out.asks, out.asks_deep)
    assert (30, 300) == (parts.asks, parts.asks_deep)
    assert (10 * PARTS + 1, 100 * PARTS + 1) == (many.asks, many.asks_deep)
