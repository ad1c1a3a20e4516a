"""The ladder: passage sets grown by synthetic passages, for bytes and time only."""

from __future__ import annotations

import os
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, vstack

from bench.passages import loader, synthetic
from bench.passages.synthetic import Source, grown, texts
from bench.stage import matrices
from retrievers.analysers import Words
from retrievers.similarity import l2_augmented
from retrievers.storages.faiss import Faiss

SET = "0" * 64
CATS = ["the cat sat on the mat", "a dog sat, a dog barks", "the birds sing in the cold morning"]


def made(count: int, passages=CATS, *, language: str = "en", passage_set: str = SET, seed: int = 7) -> list[str]:
    return texts(passages, count, language=language, passage_set=passage_set, seed=seed)


class TestDealtAnew:
    @pytest.mark.parametrize("texts", [["a red fox", "two dogs sleep here"], ["가나다라", "마바사아자"]])
    def test_the_same_words_in_other_texts(self, texts):
        """
        Texts of the same words and lengths, none of them a known one, others at each call; no more than asked for.
        """
        one, other = (synthetic.dealt_anew(texts * 20, 10) for _ in range(2))

        assert 10 == len(one) == len(other)
        assert set() == set(one) & set(texts)
        assert set(one) != set(other)
        assert {len(text.split()) for text in texts} >= {len(text.split()) for text in one}
        assert set("".join(texts)) >= set("".join(one))

    def test_nothing_to_deal(self):
        """
        Of no text, and of one word, nothing new is made.
        """
        assert [[], []] == [synthetic.dealt_anew(texts, 10) for texts in ([], ["a"])]


class TestTexts:
    def test_a_synthetic_passage_is_the_same_however_many_are_asked_for(self):
        """
        The passages of a smaller rung are the first of a larger one, also where a block is cut.
        """
        largest = made(2_500)

        assert 2_500 == len(largest)
        assert [largest[:size] for size in (0, 1, 1_000, 1_001)] == [made(size) for size in (0, 1, 1_000, 1_001)]

    def test_seed_and_set_decide_the_text(self):
        """
        Another seed, a negative one too, or another passage set draws other passages.
        """
        drawn = [made(20), made(20, seed=8), made(20, seed=-1), made(20, passage_set="1" * 64)]

        assert 4 == len({tuple(one) for one in drawn})

    def test_lengths_are_those_of_real_passages(self):
        """
        Every synthetic passage has as many words as some real one; an empty passage is a length too.
        """
        lengths = {len(passage.split()) for passage in made(300, ["one", "one two three", ""])}

        assert {0, 1, 3} == lengths

    def test_words_come_as_often_as_they_do_in_real_passages(self):
        """
        Without words of one passage alone none is new, and each comes with its share of the tokens.
        """
        words = " ".join(made(2_000, ["to be or not to be", "not to be or to be"])).split()

        assert {"to", "be", "or", "not"} == set(words)
        assert [pytest.approx(share, abs=0.03) for share in (1 / 3, 1 / 3, 1 / 6, 1 / 6)] == [
            words.count(word) / len(words) for word in ("to", "be", "or", "not")
        ]

    def test_new_words_are_parts_of_real_ones(self):
        """
        A new word is the head of one real word and the tail of another; neighbouring ranks give different ones.
        """
        source = Source(["abcd", "wxyz"], "en")

        assert ["ab", "wx"] == source.heads
        assert ["cd", "yz"] == source.tails
        assert {"abcd", "abyz", "wxcd", "wxyz"} == {source.word(rank) for rank in range(4)}
        assert source.word(0) == source.word(4)

    def test_ranks_of_new_words_follow_the_law_they_are_drawn_by(self):
        """
        P(rank >= r) = (1 + r / V)^(1 - 1/b): counted on many draws.
        """
        source = Source(["a b c d e f", "a b c g h"], "en")
        ranks = np.array(source.ranks(np.random.default_rng(1), 50_000))

        assert (8, 5 / 8) == (source.vocabulary, source.b)
        for rank in (1, 8, 100):
            assert pytest.approx((1 + rank / 8) ** (1 - 8 / 5), abs=0.01) == (ranks >= rank).mean()

    def test_passages_hold_as_many_different_words_as_real_ones(self):
        """
        Where real passages repeat their words, synthetic ones do; the share that is drawn anew says how much.
        """
        chance = random.Random(3)
        passages = [
            " ".join(chance.choices([f"w{chance.randrange(400)}" for _ in range(12)], k=60)) for _ in range(400)
        ]

        drawn = made(1_000, passages)

        real, ours = (np.mean([len(set(text.split())) for text in found]) for found in (passages, drawn))
        assert pytest.approx(real, rel=0.05) == ours
        assert real < 0.3 * 60

    def test_languages_without_spaces_get_none(self):
        """
        Runs of characters are joined as they stand, and no character is new.
        """
        passages = ["春眠不覺曉,處處聞啼鳥。夜來風雨聲,花落知多少。", "床前明月光,疑是地上霜。舉頭望明月,低頭思故鄉。"]

        drawn = made(50, passages, language="zh")

        assert not any(" " in text for text in drawn)
        assert set("".join(passages)) >= set("".join(drawn))

    def test_of_nothing_nothing_is_made(self):
        """
        A set without passages cannot be grown; one of empty passages grows by empty ones.
        """
        with pytest.raises(ValueError, match="expected at least one, found none"):
            made(1, [])

        assert ["", ""] == made(2, ["", ""])

    @pytest.mark.slow
    @settings(deadline=None, max_examples=30)
    @given(st.lists(st.text(max_size=30), min_size=1, max_size=5), st.sampled_from(["en", "ko", "ja"]))
    def test_any_text_can_be_grown(self, passages, language):
        """
        Whatever the passages hold, so many texts are made, and the same ones again.
        """
        drawn = made(3, passages, language=language)

        assert 3 == len(drawn)
        assert drawn == made(3, passages, language=language)

    @pytest.mark.slow
    def test_a_real_set_grows_as_its_own_passages_do(self):
        """
        A quarter of SciFact, grown to its size, holds as many different words a passage as all of it within 6 %, and a
        vocabulary that is not smaller, nor larger by more than half.
        """
        if "SPARRING_DATA" not in os.environ:
            pytest.skip("SPARRING_DATA names no folder with SciFact")
        passages = list(loader.load("scifact").passages)
        random.Random(0).shuffle(passages)
        quarter, terms = passages[: len(passages) // 4], Words("en")
        drawn = quarter + made(len(passages) - len(quarter), quarter)

        real, ours = ([set(terms(text)) for text in found] for found in (passages, drawn))

        assert pytest.approx(np.mean([len(own) for own in real]), rel=0.06) == np.mean([len(own) for own in ours])
        assert 1 <= len(set().union(*ours)) / len(set().union(*real)) <= 1.5


def moved(vectors, count: int, seed: int = 7):
    blocks = list(grown(vectors, count, passage_set=SET, seed=seed))
    return np.concatenate(blocks) if isinstance(vectors, np.ndarray) else csr_array(vstack(blocks))


class TestVectors:
    def test_dense_vectors_keep_their_length_and_most_of_their_direction(self):
        """
        The real vectors come first as they are; a synthetic one has the length of the one it was, its cosine near 0.89.
        """
        real = np.random.default_rng(1).standard_normal((7, 256)).astype(np.float32)

        found = moved(real, 2_001)

        origin = real[np.arange(2_001) % 7]
        cosines = (found[7:] * origin).sum(axis=1) / np.linalg.norm(origin, axis=1) ** 2
        assert (np.float32, (2_008, 256)) == (found.dtype, found.shape)
        np.testing.assert_array_equal(real, found[:7])
        np.testing.assert_allclose(np.linalg.norm(origin, axis=1), np.linalg.norm(found[7:], axis=1), rtol=1e-5)
        assert pytest.approx(0.894, abs=0.01) == cosines.mean()
        assert 2_008 == len(np.unique(found, axis=0))

    def test_a_zero_vector_stays_zero(self):
        """
        What has no direction is given none.
        """
        assert not moved(np.zeros((2, 4), np.float32), 5).any()

    def test_vectors_that_stand_for_l2_go_on_doing_so(self):
        """
        Of [x, -|x|²/2] it is x that is moved, and the last number follows: Faiss compares them by distance as before.
        """
        points = np.random.default_rng(1).standard_normal((40, 8)).astype(np.float32)
        real, storage = l2_augmented(points, "passage"), Faiss("SQ8")

        found = moved(real, 1_100)

        storage.build(found)
        assert "l2" == storage.describe()["metric"]
        np.testing.assert_array_equal(real, found[:40])
        np.testing.assert_allclose(-np.square(found[:, :-1]).sum(axis=1) / 2, found[:, -1], rtol=1e-5)
        np.testing.assert_array_equal(moved(points, 1_100), found[:, :-1])

    def test_sparse_vectors_keep_their_columns_and_signs(self):
        """
        Each number is multiplied by one from 0.5 to 1.5, so that a synthetic vector has the non-zeros of a real one.
        """
        real = csr_array(np.array([[1, 0, -2], [0, 0, 0], [0, 3, 0]], np.float32))

        found = moved(real, 1_100)

        origin = real[np.arange(1_100) % 3]
        synthetic = found[3:]
        np.testing.assert_array_equal(origin.indices, synthetic.indices)
        np.testing.assert_array_equal(origin.indptr, synthetic.indptr)
        factors = synthetic.data / origin.data
        assert 0.5 <= factors.min() < 0.8
        assert 1.2 < factors.max() <= 1.5
        assert np.float32 == synthetic.dtype

    def test_a_synthetic_vector_is_the_same_however_many_are_asked_for(self):
        """
        The vectors of a smaller rung are the first of a larger one; another seed moves them elsewhere.
        """
        real = np.eye(3, dtype=np.float32)

        np.testing.assert_array_equal(moved(real, 10), moved(real, 1_005)[:13])
        assert (moved(real, 10)[3:] != moved(real, 10, seed=8)[3:]).any()

    @settings(deadline=None, max_examples=30)
    @given(n=st.integers(1, 4), dims=st.integers(0, 5), count=st.integers(0, 9), sparse=st.booleans())
    def test_a_matrix_in_blocks_is_the_matrix_that_was_saved_whole(self, tmp_path_factory, n, dims, count, sparse):
        """
        save_blocks writes the same file contents for `load` as save does of all blocks together.
        """
        folder = tmp_path_factory.mktemp("matrix")
        dense = np.random.default_rng(n).integers(0, 3, (n, dims)).astype(np.float32)
        real = csr_array(dense) if sparse else dense
        whole = moved(real, count)

        blocks = [whole[start : start + 3] for start in range(0, n + count, 3)]
        matrices.save_blocks(folder, "some", iter(blocks), whole.shape, whole.nnz if sparse else None)
        found = matrices.load(folder, "some")

        assert (whole.shape, whole.dtype) == (found.shape, found.dtype)
        np.testing.assert_array_equal(whole.toarray() if sparse else whole, found.toarray() if sparse else found)

    def test_of_nothing_nothing_is_made(self):
        """
        An empty matrix cannot be grown.
        """
        with pytest.raises(ValueError, match="expected at least one, found none"):
            moved(np.zeros((0, 4), np.float32), 1)


def test_blocks_are_made_whole(monkeypatch):
    """
    The size of the last block changes nothing in those before it: with small blocks too.
    """
    monkeypatch.setattr(synthetic, "BLOCK", 4)

    assert made(9)[:6] == made(6)
