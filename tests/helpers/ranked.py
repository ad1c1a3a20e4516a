"""Hits drawn at random, with all that is needed to measure them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from bench.instruments import quality
from retrievers.contract import Hits, ordered, top_k

Qrels = Mapping[str, Mapping[str, int]]


class Case(NamedTuple):
    """Hits with everything that is needed to measure them."""

    hits: Hits
    passage_ids: list[str]
    query_ids: list[str]
    qrels: Qrels


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Hits with ties, queries without hits or judgments, graded and negative judgments, unjudged passages."""
    n_passages = draw(st.integers(1, 12))
    n_queries = draw(st.integers(1, 5))
    depth = draw(st.integers(1, 14))
    passage_ids = draw(st.permutations([f"p{i}" for i in range(n_passages)]))
    query_ids = draw(st.permutations([f"q{i}" for i in range(n_queries)]))
    score = st.sampled_from([-np.inf, -np.inf, -3.0, 0.0, 1e-45, 0.1, 1.0, 1.0000001, 16777216.0, 3e38])
    scores = np.array(
        draw(
            st.lists(st.lists(score, min_size=n_passages, max_size=n_passages), min_size=n_queries, max_size=n_queries)
        ),
        np.float32,
    )
    best = top_k(scores, depth, positive=False)
    hits = ordered(Hits(np.where(np.isfinite(best.scores), best.rows, -1), best.scores))
    grades = st.dictionaries(st.sampled_from([*passage_ids, "not there"]), st.integers(-2, 3), max_size=n_passages)
    qrels = draw(st.dictionaries(st.sampled_from([*query_ids, "not asked"]), grades))
    return Case(hits, passage_ids, query_ids, qrels)


def spellings(depth: int) -> list[str]:
    """Every measure of what is relevant at every cut-off down to the depth."""
    names = (*(name for name in quality.NEEDS_CUTOFF if name != quality.JUDGED), *quality.MAY_HAVE_CUTOFF)
    return [f"{name}@{k}" for name in names for k in range(1, depth + 1)] + list(quality.MAY_HAVE_CUTOFF)
