"""Pairs to train on, and hard negatives."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from bench.errors import InputError
from bench.training.pairs import HardNegatives, Pair, mine, pairs
from bench.training.recipe import Negatives
from retrievers.contract import Hits
from tests.helpers.tiny import tiny_set


class Scripted:
    """Answers every query with the same passages and scores."""

    def __init__(self, rows, scores):
        self.rows, self.scores = rows, scores

    def index(self, passages):
        self.indexed = passages

    def search(self, queries, k):
        rows = np.array(self.rows[:k] + [-1] * (k - len(self.rows)), np.int64)
        scores = np.array(self.scores[:k] + [-np.inf] * (k - len(self.scores)), np.float32)
        return Hits(np.tile(rows, (len(queries), 1)), np.tile(scores, (len(queries), 1)))


def asked(n_queries=1, **changes):
    return msgspec.structs.replace(tiny_set(n_passages=6, n_queries=n_queries), **changes)


class TestPairs:
    def test_every_question_with_every_relevant_passage(self):
        """
        A question with two relevant passages is in two pairs; a grade of 0 is no pair.
        """
        found = pairs(asked(2, qrels={"q0": {"p3": 1, "p1": 2}, "q1": {"p0": 0, "p2": 1}}))

        assert [(0, "3"), (0, "1"), (1, "2")] == [(pair.row, pair.passage[17]) for pair in found]
        text = "passage with word2 in it"
        assert Pair(1, "where is word1", text, known=(text,)) == found[2]
        assert [found[0].passage, found[1].passage] == list(found[0].known)

    def test_a_sample(self):
        """
        Of more pairs than asked for a sample is taken, in their order, the same the next time.
        """
        whole = asked(6)

        found = pairs(whole, 3)

        assert 3 == len(found)
        assert found == pairs(whole, 3)
        assert [pair for pair in pairs(whole) if pair in found] == found

    def test_nothing_to_train_on(self):
        """
        A set in which nothing is relevant is refused.
        """
        with pytest.raises(InputError, match=r"'tiny': expected questions with a relevant passage .* found none"):
            pairs(asked(qrels={"q0": {"p0": 0}}))

    @pytest.mark.parametrize(
        ("changes", "what"),
        [({"queries": ("  ",)}, "question 'q0'"), ({"passages": ("", "b", "c", "d", "e", "f")}, "passage 'p0'")],
    )
    def test_an_empty_text(self, changes, what):
        """
        An empty side of a pair is refused, by its id.
        """
        with pytest.raises(InputError, match=f"a text on both sides of a pair, found none of {what}"):
            pairs(asked(**changes))


class TestMine:
    def mined(self, whole, rows, scores, n_pairs=1, **options):
        return mine(pairs(whole)[:n_pairs], whole, Negatives(**options), Scripted(rows, scores))

    def test_the_best_that_is_not_relevant(self):
        """
        The first hit that is not relevant is the hard negative; relevant ones are counted, and passed over.
        """
        whole = asked(4)

        found, counts = self.mined(whole, [0, 3, 1], [9.0, 5.0, 4.0])

        assert [(whole.passages[3],)] == [pair.negatives for pair in found]
        retriever = "Scripted([0, 3, 1], [9.0, 5.0, 4.0])"
        assert HardNegatives(retriever=retriever, found=1, drawn=0, relevant=1, answering=0, near=0) == counts

    def test_nearly_as_good_as_the_relevant_one(self):
        """
        What scores more than `below` of the relevant passage is taken for relevant, too.
        """
        whole = asked(4)

        found, counts = self.mined(whole, [0, 3, 1], [9.0, 8.9, 4.0], below=0.95)

        assert whole.passages[1] == found[0].negatives[0]
        assert 1 == counts.near

    def test_negative_scores(self):
        """
        Of a retriever whose scores are negative, as distances are, the same share of the size lies between.
        """
        whole = asked(4)

        found, counts = self.mined(whole, [0, 3, 1], [-10.0, -10.4, -10.6], below=0.95)

        assert whole.passages[1] == found[0].negatives[0]
        assert 1 == counts.near

    def test_it_holds_an_answer(self):
        """
        A passage that holds an answer of the question is no negative of it.
        """
        whole = asked(4, answers=(("WORD3",), (), (), ()))

        found, counts = self.mined(whole, [0, 3, 1], [9.0, 5.0, 4.0])

        assert whole.passages[1] == found[0].negatives[0]
        assert 1 == counts.answering

    def test_others_are_drawn(self):
        """
        Where too few are found others are drawn: of the passages that questions are about, none relevant, none twice.
        """
        whole = asked(4)

        found, counts = self.mined(whole, [0], [9.0], n_pairs=4, each=3)

        about = set(whole.passages[:4])
        assert all(set(pair.negatives) == about - {pair.passage} for pair in found)
        assert (3, 9) == (counts.found, counts.drawn)

    def test_none_that_answers_is_drawn(self):
        """
        What is drawn does not hold an answer either, as long as there are others.
        """
        whole = asked(4, answers=(("word3",), ("word0",), ("word0",), ("word0",)))

        (pair,), counts = self.mined(whole, [0], [9.0], each=2)

        assert set(whole.passages[1:3]) == set(pair.negatives)
        assert 2 == counts.drawn

    def test_only_passages_that_questions_are_about(self):
        """
        The retriever searches the train set's relevant passages alone: others may be a test question's.
        """
        whole, retriever = asked(4), Scripted([0, 1], [2.0, 1.0])

        mine(pairs(whole), whole, Negatives(), retriever)

        assert list(whole.passages[:4]) == retriever.indexed

    def test_too_few_passages(self):
        """
        More hard negatives than there are passages are refused.
        """
        with pytest.raises(InputError, match=r"at least 4 relevant passages to mine 3 hard negatives .* found 2"):
            self.mined(asked(2), [0], [1.0], each=3)
