"""The engine RankBM25: rank-bm25 as it comes, with our hits."""

from __future__ import annotations

import numpy as np
import pytest
import rank_bm25
from hypothesis import given, settings
from hypothesis import strategies as st

from retrievers.analysers import CharNGrams, Whitespace, Words
from retrievers.contract import Accountable, Persistent, Retriever
from retrievers.engines.rank_bm25 import RankBM25

LIBRARY = {"okapi": rank_bm25.BM25Okapi, "l": rank_bm25.BM25L, "plus": rank_bm25.BM25Plus}
each_variant = pytest.mark.parametrize("variant", LIBRARY)
texts = st.lists(st.sampled_from("abcdef"), max_size=5).map(" ".join)


def indexed(passages, variant="okapi", analyser=None):
    engine = RankBM25(variant, analyser or Whitespace())
    engine.index(passages)
    return engine


@each_variant
@given(passages=st.lists(texts, min_size=1, max_size=8), query=texts, k=st.integers(0, 10))
@settings(deadline=None)
def test_the_library_itself(variant, passages, query, k):
    """
    Scores are the library's own; hits are the passages that hold a term of the query and score above 0, in our order.
    """
    engine = indexed(passages, variant)

    hits = engine.search([query], k)

    expected = []
    if any(passage.split() for passage in passages):
        scores = LIBRARY[variant]([p.split() for p in passages]).get_scores(query.split()).astype(np.float32).tolist()
        share = [set(passage.split()) & set(query.split()) for passage in passages]
        allowed = [i for i in range(len(passages)) if share[i] and scores[i] > 0]
        expected = [(i, scores[i]) for i in sorted(allowed, key=lambda i: (-scores[i], i))[:k]]
    found = [hit for hit in zip(hits.rows[0].tolist(), hits.scores[0].tolist(), strict=True) if hit[0] >= 0]
    assert expected == found
    assert (1, k) == hits.rows.shape


def test_by_hand():
    """
    Okapi is ln((n - df + 0.5) / (df + 0.5)) times tf * 2.5 / (tf + 1.5 * norm).
    """
    engine = indexed(["a a", "b c", "c d"])  # all as long as the mean: norm is 1

    hits = engine.search(["a"], k=2)

    assert [[0, -1]] == hits.rows.tolist()
    assert pytest.approx(np.log(2.5 / 1.5) * 2 * 2.5 / 3.5) == hits.scores[0, 0]


@each_variant
def test_hits_share_a_term(variant):
    """
    A passage without a term of the query is no hit, though BM25+ gives it a score.
    """
    engine = indexed(["a b", "c d", "e f"], variant)

    hits = engine.search(["a x", "e", "x", ""], k=3)

    assert [[0, -1, -1], [2, -1, -1], [-1, -1, -1], [-1, -1, -1]] == hits.rows.tolist()


def test_negative_idf():
    """
    Where most terms are in most passages, Okapi's floor is negative, and a passage that scores so is no hit.
    """
    engine = indexed(["a b", "a b", "a b"])

    hits = engine.search(["a"], k=3)

    assert engine.engine.get_scores(["a"]).max() < 0
    assert [[-1, -1, -1]] == hits.rows.tolist()


@each_variant
@pytest.mark.parametrize("passages", [[], [""], ["", " "]])
def test_nothing_to_find(variant, passages):
    """
    No passages, or not one token in them, have no hits; the library alone divides by zero there.
    """
    engine = indexed(passages, variant)

    hits = engine.search(["a", ""], k=2)

    assert [[-1, -1], [-1, -1]] == hits.rows.tolist()
    assert {"counts": 0, "idf": 0, "lengths": 0} == engine.ledger()
    assert 0 == engine.describe()["vocabulary"]


def test_no_queries():
    """
    No queries have no hits.
    """
    assert (0, 3) == indexed(["a"]).search([], k=3).rows.shape


def test_before_indexing():
    """
    A search before `index` says what to call first.
    """
    with pytest.raises(RuntimeError, match=r"call index\(passages\) first"):
        RankBM25().search(["a"], k=1)


def test_unknown_variant():
    """
    An unknown variant is refused, and the known ones are named.
    """
    with pytest.raises(ValueError, match="expected variant to be one of okapi, l, plus, found 'bm26'"):
        RankBM25("bm26")


def test_analyser():
    """
    Left alone the analyser is English: stop words go, and words match by their stem.
    """
    engine = RankBM25()
    engine.index(["the running dog", "a cat", "a bird"])

    hits = engine.search(["the runs"], k=2)

    assert [[0, -1]] == hits.rows.tolist()


def test_spelling():
    """
    It prints only what differs from the defaults.
    """
    assert "RankBM25()" == repr(RankBM25())
    assert 'RankBM25(variant="plus", analyser=CharNGrams(n=3))' == repr(RankBM25("plus", CharNGrams(3)))


def test_abilities():
    """
    It is a retriever that knows its bytes and cannot be saved: rank-bm25 has no index file.
    """
    assert isinstance(RankBM25(), Retriever)
    assert isinstance(RankBM25(), Accountable)
    assert not isinstance(RankBM25(), Persistent)


def test_ledger():
    """
    Every passage's own dictionary and terms are counted, and grow with the passages.
    """
    one, two = indexed(["alpha beta"]).ledger(), indexed(["alpha beta", "gamma delta"]).ledger()

    assert ["counts", "idf", "lengths"] == list(one)
    assert all(one[name] > 0 for name in one)
    assert one["counts"] + 2 * 50 < two["counts"]


def test_describe():
    """
    Its facts name the vocabulary, the analyser, and the library's version.
    """
    facts = RankBM25().describe()
    engine = indexed(["a b a"], analyser=Words())

    assert None is facts["vocabulary"]
    assert "Words()" == facts["analyser"]
    assert 1 == engine.describe()["vocabulary"]
    assert facts["rank_bm25"]
