"""Agreement: what can be said of rankings that nobody has judged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.disagreement import agreement, least_agreed, not_shared, rankers
from tests.helpers.pooled import hits, pooled_run

FLAT, HNSW = "MiniLM() @ Flat()", 'MiniLM() @ Faiss("HNSW32")'


def test_a_short_list_within_a_long_one_is_no_disagreement():
    """
    Who finds two passages, both of them among the other's, agrees with it in full; full agreement is left out.
    """
    found = agreement([hits([1, 2]), hits([3, 2, 1])])

    assert ([1.0], []) == (found.tolist(), least_agreed(found, 5))


def test_least_agreement_comes_first():
    """
    Queries stand by the share of the shorter list that both have, least first: 0, a half, and none that agree.
    """
    found = agreement([hits([1, 2], [1, 2], [1, 2]), hits([1, 3, 4], [1, 2, 3], [7, 8])])

    assert [0.5, 1.0, 0.0] == found.tolist()
    assert [2, 0] == least_agreed(found, 5)
    assert [2] == least_agreed(found, 1)


def test_an_answer_against_none_is_disagreement():
    """
    Where only one finds anything they do not agree at all; where none does, they do.
    """
    assert [0.0, 1.0] == agreement([hits([], []), hits([1], [])]).tolist()


def test_agreement_is_the_mean_over_all_pairs():
    """
    Of three rankings, two alike and one apart, one pair of three agrees; one ranking alone agrees with itself.
    """
    assert [pytest.approx(1 / 3)] == agreement([hits([1]), hits([1]), hits([2])]).tolist()
    assert [1.0] == agreement([hits([1])]).tolist()


def test_agreement_looks_no_deeper_than_k():
    """
    What stands below the first k counts for nothing.
    """
    one, other = hits([1, 2]), hits([1, 3])

    assert ([1.0], [0.5]) == (agreement([one, other], 1).tolist(), agreement([one, other], 2).tolist())


rankings = st.lists(st.permutations(range(8)).map(lambda rows: rows[:5]), min_size=1, max_size=4)


@given(rankings, st.integers(1, 6))
def test_agreement_by_the_book(found, k):
    """
    The fast way gives what the definition does, pair by pair.
    """
    tops = [set(rows[:k]) for rows in found]
    pairs = [(tops[i], tops[j]) for i in range(len(tops)) for j in range(i)]
    expected = np.mean([len(one & other) / min(len(one), len(other)) for one, other in pairs]) if pairs else 1.0

    assert [pytest.approx(expected)] == agreement([hits(rows) for rows in found], k).tolist()


def test_what_not_all_have():
    """
    Of each ranking stands its first passage that another lacks, with everyone's ranks, best rank first.
    """
    one, other, third = hits([5, 1, 2]), hits([5, 2, 3]), hits([5, 9])

    assert [(1, {0: 2}), (2, {0: 3, 1: 2}), (9, {2: 2})] == not_shared([one, other, third], 0)


def test_equal_first_hits_are_no_disagreement():
    """
    What all have is not shown, at whatever rank; where one finds nothing, all that the others have is.
    """
    assert [] == not_shared([hits([1, 2]), hits([2, 1])], 0)
    assert [(1, {0: 1})] == not_shared([hits([1, 2]), hits([])], 0)


class TestRankers:
    def test_an_encoder_is_one_ranker_whatever_its_storages(self, tmp_path):
        """
        An approximate index beside its exact twin is no second opinion, and the exact one's hits speak for both.
        """
        found = {HNSW: [[1, 2], [0], [3]], FLAT: [[1, 0], [0], [3]], "BM25() @ CSR()": [[3], [3], [0]]}

        dense, sparse = rankers(pooled_run(tmp_path, found, _0={"exact": False}), "zoo")

        assert [FLAT, HNSW] == [m.retriever for m in dense.cells]
        assert [1, 0] == dense.hits[0].rows[0, :2].tolist()
        assert [1.0, pytest.approx((0.5 + 1 + 1) / 3)] == dense.overlaps(10)
        assert ["BM25() @ CSR()"] == [m.retriever for m in sparse.cells]

    def test_what_finds_the_same_is_one_ranker(self, tmp_path):
        """
        An engine that puts the same first in the same order is named beside it; another order is another ranker.
        """
        found = {"BM25() @ CSR()": [[1, 2], [0], [3]], "Same()": [[1, 2], [0], [3]], "Other()": [[2, 1], [0], [3]]}

        first, second = rankers(pooled_run(tmp_path, found), "zoo")

        assert ["BM25() @ CSR()", "Same()"] == [m.retriever for m in first.cells]
        assert ["Other()"] == [m.retriever for m in second.cells]

    def test_what_failed_found_nothing(self, tmp_path):
        """
        A cell that did not end well is no ranker, and has no hits to be read.
        """
        run = pooled_run(tmp_path, {"A()": [[1], [0], [3]], "B()": [[], [], []]}, _1={"status": "failed"})
        (run.folder / "hits" / "c1.npz").unlink()

        assert [["A()"]] == [[m.retriever for m in ranker.cells] for ranker in rankers(run, "zoo")]
