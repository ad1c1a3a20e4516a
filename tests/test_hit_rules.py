"""Which hits count: passages that are left out, and of a document its best part alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bench.hit_rules import MOST_PARTS, HitRules
from bench.stage.job import Job
from retrievers.contract import Hits

N = 12  # passages
FIELDS = {"stage": "search", "entries": (), "result": ""}


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
    rules = HitRules(excluded=excluded, documents=packed(documents))

    counted = rules.counted(hits, k)

    for query, (rows, scores) in enumerate(zip(hits.rows.tolist(), hits.scores.tolist(), strict=True)):
        left, seen = [], set()
        for row, score in zip(rows, scores, strict=True):
            document = row if documents is None or row >= len(documents) else documents[row]
            if row >= 0 and row not in (excluded or [()] * 9)[query] and document not in seen:
                seen.add(document)
                left.append((document, score))
        padded = (left + [(-1, -np.inf)] * k)[:k]
        assert padded == list(zip(counted.rows[query].tolist(), counted.scores[query].tolist(), strict=True))
    assert (np.int64, np.float32) == (counted.rows.dtype, counted.scores.dtype)


def test_some_of_the_queries():
    """
    Hits of a sample are held to the rules of its queries, wherever these stand in the set.
    """
    rules = HitRules(excluded=((), (0,), (3,)))
    hits = Hits(np.array([[3, 1], [0, 1]]), np.array([[2, 1], [2, 1]], np.float32))

    assert [[1], [1]] == rules.counted(hits, 1, (2, 1)).rows.tolist()


def test_how_many_are_asked_for():
    """
    As many more as a query leaves out at most; and k times the parts of the document with most, ten at most.
    """
    out = HitRules(excluded=((), (1, 2)))
    parts = HitRules(documents=packed((0, 0, 0, 3)))
    many = HitRules(excluded=((7,),), documents=packed((0,) * 40))

    asked = [Job(**FIELDS, n_parts=rules.n_parts, n_excluded=rules.n_excluded) for rules in (out, parts, many)]
    assert [12, 30, 10 * MOST_PARTS + 1] == [job.search_k for job in asked]
    assert [102, 300, 100 * MOST_PARTS + 1] == [job.search_depth for job in asked]


def packed(documents) -> bytes | None:
    return None if documents is None else np.array(documents, np.int64).tobytes()
