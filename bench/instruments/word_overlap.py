"""
Word overlap: how many of a query's words the passage that is relevant to it has too, each weighted by its idf.

It is a property of queries and judgments, and the same whatever retriever is asked.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.instruments import quality
from bench.passages.passage_set import PassageSet
from retrievers.analysers import default_analyser, tokens

Terms = frozenset[str]


def word_overlap(passage_set: PassageSet) -> NDArray[np.float64]:
    """
    The share of each judged query's different terms that a relevant passage has too: (n_judged,) float64, 0 to 1.

    Terms are those of the default analyser of the set's language. Each weighs its idf in the passages of the set,
    Lucene's ln(1 + (n - df + 0.5) / (df + 0.5)) as BM25 takes it, which is above 0. A term that no passage has (df = 0)
    weighs most; it is a part of the whole that no passage covers. Of several relevant passages (grade 1 and up; of a
    document every part) the one with the largest share counts; what is left out of a query's hits is none of them.

    NaN where a query has no term, or no passage of the set is relevant to it. In the order of the judged queries. All
    passages are analysed once. Raises ValueError for a set without texts.
    """
    if passage_set.vectors is not None or len(passage_set.passages) != len(passage_set.passage_ids):
        raise ValueError(f"word overlap of {passage_set.name}: expected a set with texts, found none: load its files")
    judged = np.flatnonzero(quality.judged(passage_set.query_ids, passage_set.qrels or {})).tolist()
    analyser = default_analyser(passage_set.language)
    queries = [frozenset(found) for found in tokens(analyser, [passage_set.queries[query] for query in judged])]
    relevant = [_relevant_rows(passage_set, query) for query in judged]
    asked = frozenset[str]().union(*queries)
    wanted = {row for rows in relevant for row in rows}
    df: Counter[str] = Counter()
    kept: dict[int, Terms] = {}
    for row, found in enumerate(tokens(analyser, passage_set.passages)):
        terms = asked.intersection(found)
        df.update(terms)
        if row in wanted:
            kept[row] = terms
    weights = _idf(sorted(asked), df, len(passage_set.passages))
    shares = (
        _share(terms, [kept[row] for row in rows], weights) for terms, rows in zip(queries, relevant, strict=True)
    )
    return np.fromiter(shares, np.float64, len(judged))


def _relevant_rows(passage_set: PassageSet, query: int) -> list[int]:
    """The rows of the passages that are relevant to a query and may be among its hits."""
    grades = (passage_set.qrels or {})[passage_set.query_ids[query]]
    left_out = set(passage_set.excluded[query]) if passage_set.excluded is not None else set()
    rows = (row for name, grade in grades.items() if grade > 0 for row in passage_set.rows_of.get(name, ()))
    return [row for row in rows if row not in left_out]


def _idf(terms: Sequence[str], df: Mapping[str, int], n: int) -> dict[str, float]:
    """What each term weighs."""
    from retrievers.encoders.lexical import idf_lucene  # imported late: scipy's sparse matrices

    weights: list[float] = idf_lucene(np.array([df[term] for term in terms], np.int64), n).tolist()
    return dict(zip(terms, weights, strict=True))


def _share(terms: Terms, relevant: Sequence[Terms], weights: Mapping[str, float]) -> float:
    """The largest share of a query's weight that one of its relevant passages has; NaN where there is none."""
    if not terms or not relevant:
        return math.nan
    # Sums that are rounded once: the order of a set differs from process to process.
    return max(math.fsum(weights[term] for term in terms & own) for own in relevant) / math.fsum(
        weights[term] for term in terms
    )
