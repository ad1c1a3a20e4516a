"""The answers of timed passes: what is kept of them, and what they are held to."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from bench.instruments.answers import JudgedHits, KeptHits, KeptVectors, differing_hits, differing_vectors, distances
from retrievers.contract import Hits

DEEP = Hits(
    np.array([[3, 1, 2, 0], [2, 0, -1, -1]], np.int64),
    np.array([[4.0, 3.0, 3.0, 1.0], [5.0, 1.0, -np.inf, -np.inf]], np.float32),
)
TOP = Hits(DEEP.rows[:, :2], DEEP.scores[:, :2])


class Lazy(np.ndarray):
    """An array that might be computed when it is read."""


class LazyHits(Hits):
    """Hits that only look so."""


def kept(rows, scores=None) -> KeptHits:
    found = KeptHits(2, 2)
    scores = TOP.scores if scores is None else np.array(scores, np.float32)
    found.every(0, Hits(np.array(rows, np.int64), scores))
    return found


def differing(found: KeptHits, tolerance: float = 1e-5) -> list[int]:
    return [query for query, _ in differing_hits(found, JudgedHits(TOP, DEEP), tolerance)]


class TestHits:
    @pytest.mark.parametrize(
        ("rows", "scores", "expected"),
        [
            ([[3, 1], [2, 0]], None, []),
            ([[3, 2], [2, 0]], None, []),  # a tie at the cut
            ([[1, 3], [2, 0]], None, [0]),  # no tie: another order
            ([[3, 0], [2, 0]], None, [0]),  # another passage
            ([[3, 1], [2, -1]], [[4.0, 3.0], [5.0, -np.inf]], [1]),  # one less
            ([[3, 1], [2, 0]], [[4.0, 3.00001], [5.0, 1.0]], []),
            ([[3, 1], [2, 0]], [[4.0, 3.1], [5.0, 1.0]], [0]),
            ([[3, 1], [2, 0]], [[4.0, np.nan], [5.0, 1.0]], [0]),
        ],
    )
    def test_what_differs(self, rows, scores, expected):
        """
        Passages of equal scores may swap, also at the cut; another passage, order or score is another answer.
        """
        assert expected == differing(kept(rows, scores))

    def test_nothing_found_twice_is_the_same(self):
        """
        A query without hits has padding both times.
        """
        nothing = Hits(np.full((1, 2), -1, np.int64), np.full((1, 2), -np.inf, np.float32))
        found = KeptHits(1, 2)
        found.one(0, nothing)

        assert [] == list(differing_hits(found, JudgedHits(nothing, nothing)))

    @pytest.mark.parametrize(
        "answer",
        [
            None,
            (TOP.rows[:1], TOP.scores[:1]),
            LazyHits(TOP.rows[:1], TOP.scores[:1]),
            Hits(TOP.rows[:1].view(Lazy), TOP.scores[:1]),
            Hits(TOP.rows[:1].astype(np.int32), TOP.scores[:1]),
            Hits(TOP.rows[:1, :1], TOP.scores[:1, :1]),
        ],
    )
    def test_only_hits_are_hits(self, answer):
        """
        What is no Hits of two plain arrays of the right shape is no answer, whatever it would be when it is read.
        """
        found = kept(TOP.rows)
        found.one(1, answer)

        assert [1] == differing(found)

    def test_what_is_filled_in_later_is_no_answer(self):
        """
        An answer is copied when it is given.
        """
        late = Hits(np.full((1, 2), -1, np.int64), np.full((1, 2), -np.inf, np.float32))
        found = kept(TOP.rows)
        found.one(0, late)
        late.rows[:], late.scores[:] = TOP.rows[0], TOP.scores[0]

        assert [0] == differing(found)

    @pytest.mark.parametrize("number", range(3))
    def test_every_pass_counts(self, number):
        """
        Of several passes no one may have other answers, neither the first nor one between nor the last.
        """
        found = KeptHits(2, 2)
        for this in range(3):
            for query in range(2):
                rows = TOP.rows[query : query + 1] if this != number else np.array([[0, 1]], np.int64)
                found.one(query, Hits(rows, TOP.scores[query : query + 1]))

        assert [0, 1] == differing(found)

    def test_what_was_not_asked_does_not_differ(self):
        """
        A loop that ends before it has asked all queries is held to what it has asked.
        """
        found = KeptHits(2, 2)
        found.one(1, Hits(TOP.rows[1:], TOP.scores[1:]))

        assert [] == differing(found)
        assert [False, True] == found.asked.tolist()

    def test_batches_that_differ(self):
        """
        The second batch is held too.
        """
        found = kept(TOP.rows)
        found.every(0, Hits(np.array([[3, 1], [2, 1]], np.int64), TOP.scores))

        assert [1] == differing(found)


DENSE = np.array([[3.0, 4.0], [0.0, 0.0], [1.0, 0.0]], np.float32)


class TestVectors:
    @pytest.mark.parametrize("kind", [np.asarray, csr_array])
    def test_what_differs(self, kind):
        """
        A vector may lie a hair from the matrix's, and not further; null vectors are equal to null vectors alone.
        """
        judged = kind(DENSE)
        moved = DENSE + np.array([[0, 4e-4], [0, 0], [0, 2e-3]], np.float32)
        found = KeptVectors(3, judged[:1])
        for query in range(3):
            found.one(query, kind(moved[query : query + 1]))

        assert [2] == [query for query, _ in differing_vectors(found, judged)]

    def test_zeros_are_no_vectors(self):
        """
        A null vector in place of another differs, and so does any vector in place of a null one.
        """
        assert [1.0, np.inf, 1.0] == distances(np.array([[0, 0], [1, 0], [0, 0]], np.float32), DENSE).tolist()

    @pytest.mark.parametrize("answer", [None, DENSE[0], DENSE[:1].astype(np.float64), csr_array(DENSE[:1])])
    def test_only_vectors_are_vectors(self, answer):
        """
        Another type, shape or dtype is no answer.
        """
        found = KeptVectors(3, DENSE[:1])
        found.every(0, DENSE)
        found.one(1, answer)

        assert [1] == [query for query, _ in differing_vectors(found, DENSE)]

    def test_sparse_ones_all_at_once(self):
        """
        A batch of sparse vectors is kept as one matrix.
        """
        judged = csr_array(DENSE)
        found = KeptVectors(3, judged[:1])
        found.every(0, judged)

        assert [] == list(differing_vectors(found, judged))

    @pytest.mark.parametrize("kind", [np.asarray, csr_array])
    def test_every_pass_counts(self, kind):
        """
        A later answer that is not the first is held too, one text at a time and all at once; taking it is counted.
        """
        judged, other = kind(DENSE), kind(DENSE[::-1].copy())
        found, batch = KeptVectors(3, judged[:1]), KeptVectors(3, judged[:1])
        for vectors in (judged, judged, other):
            batch.every(0, vectors)
            for query in range(3):
                found.one(query, vectors[query : query + 1])

        assert [0, 2] == [query for query, _ in differing_vectors(found, judged)]
        assert [0, 2] == [query for query, _ in differing_vectors(batch, judged)]
        assert found.taken_bytes > 0
