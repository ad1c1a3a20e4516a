"""The leak audit: what a test set shares with a training set."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.training import leaks
from tests.helpers.tiny import tiny_set

TEXT = "The baker weighs flour, water and salt, and lets the dough rest for an hour before it is shaped into loaves."


def asked(name, *pairs):
    """A set whose queries are asked of one passage each, from (question, passage)."""
    n = len(pairs)
    return msgspec.structs.replace(
        tiny_set(n_passages=n, n_queries=n, name=name),
        queries=tuple(question for question, _ in pairs),
        passages=tuple(passage for _, passage in pairs),
        query_ids=tuple(f"{name}-q{i}" for i in range(n)),
        passage_ids=tuple(f"{name}-p{i}" for i in range(n)),
        qrels={f"{name}-q{i}": {f"{name}-p{i}": 1} for i in range(n)},
    )


class TestAudit:
    def test_nothing_is_shared(self):
        """
        Other questions on other passages are no leak.
        """
        found = leaks.audit(asked("train", ("who bakes?", TEXT)), asked("test", ("who swims?", TEXT[::-1])))

        assert leaks.Leaks(passages=1, same_passages=0, near_passages=0, queries=1, same_queries=0) == found

    def test_passages(self):
        """
        A passage that is word for word the same is told apart from one of which most is; both are named, with the pair.
        """
        near = TEXT.replace("an hour", "two hours")
        train = asked("train", ("who bakes?", TEXT), ("who sings?", "A choir of twelve voices sings in the old hall."))

        found = leaks.audit(train, asked("test", ("a?", near), ("b?", TEXT), ("c?", TEXT[::-1])))

        assert (3, 1, 1) == (found.passages, found.same_passages, found.near_passages)
        assert (("test-p1", "train-p0"), ("test-p0", "train-p0")) == found.examples

    def test_questions(self):
        """
        A question counts as the same whatever its case, width, space and punctuation.
        """
        train = asked("train", ("Who bakes the bread?", TEXT))

        found = leaks.audit(train, asked("test", ("who  bakes the Ｂread", TEXT[::-1]), ("who bakes?", "none of it")))

        assert 1 == found.same_queries
        assert (("test-q0", "train-q0"),) == found.examples

    def test_what_is_not_relevant_does_not_count(self):
        """
        Passages that answer no question are not compared: they are in the corpus of both.
        """
        train, test = asked("train", ("who bakes?", TEXT)), asked("test", ("who swims?", TEXT))

        found = leaks.audit(train, msgspec.structs.replace(test, qrels={"test-q0": {"test-p0": 0}}))

        assert (0, 0) == (found.passages, found.same_passages)

    def test_it_is_said_in_a_sentence(self):
        """
        The audit reads as a sentence.
        """
        said = leaks.Leaks(passages=1_200, same_passages=0, near_passages=2, queries=3_000, same_queries=5).told("dev")

        assert said.startswith("of 1,200 relevant test passages 0 are relevant in dev too and 2 have a near-dupl")
        assert said.endswith("of 3,000 test questions 5 are asked there")


class TestNearest:
    @pytest.mark.slow
    @given(st.lists(st.text("abc d", max_size=40), max_size=8), st.lists(st.text("abc d", max_size=40), max_size=8))
    def test_it_is_resemblance(self, texts, others):
        """
        The slow, obvious way: sets of shingles, their common ones over all of them.
        """
        found, at = leaks.nearest(texts, others)

        expected = [[resemblance(text, other) for other in others] or [0.0] for text in texts]
        assert [max(row) for row in expected] == pytest.approx(found.tolist(), abs=1e-6)
        assert [row[i] for row, i in zip(expected, at, strict=True)] == pytest.approx(found.tolist(), abs=1e-6)

    def test_blocks(self, monkeypatch):
        """
        Texts are compared block by block, and come out in their order.
        """
        monkeypatch.setattr(leaks, "BLOCK", 2)
        texts = [f"{i} {TEXT[i:]}" for i in range(5)]

        near, at = leaks.nearest(texts, texts[::-1])

        assert np.ones(5) == pytest.approx(near)
        assert [4, 3, 2, 1, 0] == at.tolist()


def resemblance(text: str, other: str) -> float:
    one, two = (
        {plain[i : i + leaks.SHINGLE] for i in range(len(plain) - leaks.SHINGLE + 1)}
        for plain in (leaks.plain(text), leaks.plain(other))
    )
    return len(one & two) / len(one | two) if one | two else 0.0
