"""The one order of hits, when two searches agree, blocks of queries, and the spelling of adapters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrievers.conformance import same_hits
from retrievers.contract import (
    Hits,
    Spelled,
    VectorRetriever,
    no_hits,
    options_of,
    ordered,
    search_blocks,
    spell,
    top_k,
)
from retrievers.storages.csr import CSR
from retrievers.storages.flat import Flat

INF = float("inf")


def scores(*rows):
    return np.array(rows, np.float32)


@dataclass(repr=False)
class Toy(Spelled):
    """An encoder with an option of each kind."""

    name: str
    weight: float = 0.5
    part: object = None

    def fit(self, passages): ...

    def encode(self, texts, role):
        return np.array([[len(text), role == "query"] for text in texts], np.float32)


class TestTopK:
    def test_order(self):
        """
        Higher scores come first; passages that tie come by position.
        """
        hits = top_k(scores([1, 3, 3, 2]), 4, positive=False)

        assert [[1, 2, 3, 0]] == hits.rows.tolist()
        assert [[3, 3, 2, 1]] == hits.scores.tolist()

    def test_ties_at_the_cut(self):
        """
        Of passages that tie where the k are cut, the first ones stay.
        """
        hits = top_k(scores([1, 2, 1, 1, 1]), 3, positive=False)

        assert [[1, 0, 2]] == hits.rows.tolist()

    def test_sparse_rule(self):
        """
        Sparse hits need a score above 0; the places left are padded with row -1 and score -inf.
        """
        hits = top_k(scores([0, -1, 2], [0, 0, 0]), 2, positive=True)

        assert [[2, -1], [-1, -1]] == hits.rows.tolist()
        assert [[2, -INF], [-INF, -INF]] == hits.scores.tolist()

    def test_dense_rule(self):
        """
        Dense hits may have any score.
        """
        hits = top_k(scores([0, -1, 2]), 3, positive=False)

        assert [[2, 0, 1]] == hits.rows.tolist()

    @pytest.mark.parametrize(("n", "k"), [(0, 0), (0, 3), (3, 0)])
    def test_nothing_to_find(self, n, k):
        """
        Without passages, or with k = 0, there is padding, or nothing at all.
        """
        hits = top_k(np.ones((2, n), np.float32), k, positive=False)

        assert [[-1] * k] * 2 == hits.rows.tolist()

    @given(
        st.integers(0, 8).flatmap(lambda n: st.lists(st.lists(st.integers(-2, 2), min_size=n, max_size=n), max_size=3)),
        st.integers(0, 10),
        st.booleans(),
    )
    @settings(deadline=None)
    def test_full_sort(self, rows, k, positive):
        """
        The top k is what a full sort by score descending, then position ascending begins with.
        """
        array = np.array(rows, np.float32).reshape(len(rows), len(rows[0]) if rows else 0)

        hits = top_k(array, k, positive=positive)

        for row, found in zip(rows, hits.rows.tolist(), strict=True):
            best = sorted((i for i in range(len(row)) if row[i] > 0 or not positive), key=lambda i: (-row[i], i))[:k]
            assert best + [-1] * (k - len(best)) == found
        assert (np.int64, np.float32) == (hits.rows.dtype, hits.scores.dtype)


class TestOrdered:
    def test_ties_and_padding(self):
        """
        Hits from elsewhere are put in the one order: by score, then position, padding last whatever its score.
        """
        foreign = Hits(np.array([[-1, 7, 2, 5]]), scores([9, 1, 1, 3]))

        hits = ordered(foreign)

        assert [[5, 2, 7, -1]] == hits.rows.tolist()
        assert [[3, 1, 1, -INF]] == hits.scores.tolist()

    def test_types(self):
        """
        Whatever the types that came in, rows leave as int64 and scores as float32.
        """
        hits = ordered(Hits(np.array([[1, 0]], np.int32), np.array([[0.5, 1.0]], np.float64)))

        assert (np.int64, np.float32) == (hits.rows.dtype, hits.scores.dtype)


class TestSearchBlocks:
    @pytest.mark.parametrize("block", [1, 2, 3, 9])
    def test_blocks_join(self, block):
        """
        The hits of queries found block by block are those found at once, whatever the block.
        """
        table = scores([1, 2], [4, 3], [5, 6])

        hits = search_blocks(lambda rows: top_k(table[rows], 1, positive=False), 3, block, 1)

        assert [[1], [0], [1]] == hits.rows.tolist()

    def test_no_queries(self):
        """
        No query has no hits: arrays of no row and k columns.
        """
        hits = search_blocks(lambda rows: no_hits(1, 4), 0, 8, 4)

        assert (0, 4) == hits.rows.shape == hits.scores.shape


class TestSpelling:
    @pytest.mark.parametrize(
        ("spelling", "adapter"),
        [
            ("CSR()", CSR()),
            ('Toy("a")', Toy("a")),
            ('Toy("a")', Toy("a", 0.5)),
            ('Toy("a", weight=2.0)', Toy("a", 2.0)),
            ('Toy("a \\"b\\" é", part=Toy("c"))', Toy('a "b" é', part=Toy("c"))),
            ('Toy("a", part=[1, "x"])', Toy("a", part=(1, "x"))),
            ('Toy("a", part=True)', Toy("a", part=True)),
        ],
    )
    def test_options(self, spelling, adapter):
        """
        An adapter prints as the call that makes it: needed options unnamed, others only where they differ, in order.
        """
        assert spelling == repr(adapter) == spell(adapter)

    def test_pair(self):
        """
        `encoder @ storage` is a retriever and prints so.
        """
        pair = Toy("a") @ CSR()

        assert 'Toy("a") @ CSR()' == repr(pair)

    def test_every_option(self):
        """
        The record keeps every option, those at their defaults too; what was learned is none.
        """
        storage = Flat()
        storage.build(scores([1, 2]))

        assert {"name": "a", "weight": 0.5, "part": None} == options_of(Toy("a"))
        assert {"mmap": False} == options_of(storage)

    @pytest.mark.parametrize("pairing", [lambda: CSR() @ CSR(), lambda: Toy("a") @ Toy("b")])
    def test_wrong_side(self, pairing):
        """
        What is no encoder on the left, or no storage on the right, is refused by name.
        """
        with pytest.raises(TypeError, match=r"(left|right) of @: expected .*, found (CSR\(\)|Toy\(\"b\"\))"):
            pairing()


def test_pair_retrieves():
    """
    A pair encodes passages and queries in their roles and hands them to its storage.
    """
    retriever = VectorRetriever(Toy("a"), Flat())
    retriever.index(["cc", "a", "bbb"])

    hits = retriever.search(["xy"], k=2)

    assert [[2, 0]] == hits.rows.tolist()
    assert [[6, 4]] == hits.scores.tolist()


class TestSameHits:
    expected = Hits(np.array([[4, 1, 2]]), scores([3, 2, 1]))

    def hits(self, *found):
        return Hits(np.array([[row for row, _ in found]]), scores([score for _, score in found]))

    def test_same(self):
        """
        Hits are the same as themselves, padding and all.
        """
        padded = Hits(np.array([[4, -1], [-1, -1]]), scores([3, -INF], [-INF, -INF]))

        assert [] == same_hits(self.expected, self.expected)
        assert [] == same_hits(padded, padded)
        assert [] == same_hits(no_hits(2, 0), no_hits(2, 0))

    @pytest.mark.parametrize(
        "found",
        [
            [(4, 3.00001), (1, 2), (2, 1)],  # rounded otherwise
            [(4, 3), (1, 2), (9, 1.000001)],  # swapped across the cut
        ],
    )
    def test_within_rounding(self, found):
        """
        Scores may differ by a hundred-thousandth, and the last may be another passage that scores the same.
        """
        assert [] == same_hits(self.expected, self.hits(*found))

    def test_near_ties_swap(self):
        """
        Passages whose scores differ by less than a hundred-thousandth may swap; by more they may not.
        """
        near = self.hits((0, 1.000005), (1, 1.0), (2, 0.5))
        apart = self.hits((0, 1.0001), (1, 1.0), (2, 0.5))

        assert [] == same_hits(near, self.hits((1, 1.0), (0, 1.000005), (2, 0.5)))
        assert [
            "query 0, rank 1: expected passage 0 (score 1.00010002), found passage 1 (score 1)",
            "query 0, rank 2: expected passage 1 (score 1), found passage 0 (score 1.00010002)",
        ] == same_hits(apart, self.hits((1, 1.0), (0, 1.0001), (2, 0.5)))

    @pytest.mark.parametrize(
        ("found", "rank"),
        [
            ([(1, 3), (4, 2), (2, 1)], 1),  # the order of others
            ([(4, 3), (9, 2), (1, 1)], 2),  # a passage from nowhere above the cut
            ([(4, 3), (1, 2), (9, 0.9)], 3),  # a worse one at the cut
            ([(4, 3), (1, 2), (2, 1.001)], 3),  # the right passage with a wrong score
            ([(1, 3), (1, 2), (2, 1)], 1),  # the same one twice
            ([(4, 3), (4, 3), (2, 1)], 2),  # the same
            ([(4, 3), (1, 2), (-1, -INF)], 3),  # too few
            ([(4, 3), (1, 2), (2, float("nan"))], 3),
        ],
    )
    def test_refused(self, found, rank):
        """
        Another passage, another order, another score, a repeat or a gap is a difference, told by query and rank.
        """
        differences = same_hits(self.expected, self.hits(*found))

        assert differences[0].startswith(f"query 0, rank {rank}: ")

    def test_nothing_was_cut(self):
        """
        Where brute force has fewer than k hits there is no cut, and no other passage may come in.
        """
        expected = self.hits((4, 3), (1, 2), (-1, -INF))

        assert ["query 0, rank 2: expected passage 1 (score 2), found passage 7 (score 2)"] == same_hits(
            expected, self.hits((4, 3), (7, 2), (-1, -INF))
        )
        assert ["query 0, rank 3: expected nothing, found passage 7 (score 1)"] == same_hits(
            expected, self.hits((4, 3), (1, 2), (7, 1))
        )

    def test_other_shape(self):
        """
        Hits of another shape are not compared further.
        """
        assert ["expected hits of shape (1, 3), found (2, 3)"] == same_hits(self.expected, no_hits(2, 3))

    def test_tolerance(self):
        """
        The tolerance is the caller's to narrow.
        """
        assert [] != same_hits(self.expected, self.hits((4, 3.00001), (1, 2), (2, 1)), rtol=1e-7)
