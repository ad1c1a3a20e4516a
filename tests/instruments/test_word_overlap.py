"""Word overlap of queries and relevant passages: fast, and as it is defined."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.instruments.word_overlap import word_overlap
from bench.passages.passage_set import PassageSet
from retrievers.analysers import default_analyser
from tests.helpers.tiny import tiny_set


def collection(passages, queries, qrels, **changes) -> PassageSet:
    """A set of these texts; qrels: query number -> passage numbers and grades."""
    known = {
        "name": "made",
        "title": "made",
        "language": "en",
        "licence": "",
        "citation": "",
        "sha256": "00",
        "passage_ids": tuple(f"p{n}" for n in range(len(passages))),
        "passages": tuple(passages),
        "query_ids": tuple(f"q{n}" for n in range(len(queries))),
        "queries": tuple(queries),
        "qrels": {f"q{q}": {f"p{p}": grade for p, grade in grades.items()} for q, grades in qrels.items()},
    }
    return PassageSet(**known | changes)


def idf(df: int, n: int) -> float:
    return math.log(1 + (n - df + 0.5) / (df + 0.5))


def slow(passage_set: PassageSet) -> list[float]:
    """The definition, in plain loops over every term of every passage."""
    analyser, n = default_analyser(passage_set.language), len(passage_set.passages)
    found = []
    for place, query in enumerate(passage_set.query_ids):
        if query not in passage_set.qrels:
            continue
        terms = sorted(set(analyser(passage_set.queries[place])))
        weights = {}
        for term in terms:
            df = 0
            for passage in passage_set.passages:
                df += term in analyser(passage)
            weights[term] = idf(df, n)
        shares = []
        for row, passage in enumerate(passage_set.passages):
            is_out = passage_set.excluded is not None and row in passage_set.excluded[place]
            if passage_set.qrels[query].get(passage_set.passage_ids[row], 0) > 0 and not is_out:
                own = analyser(passage)
                shares.append(sum(weights[term] for term in terms if term in own) / (sum(weights.values()) or math.nan))
        found.append(max(shares) if terms and shares else math.nan)
    return found


def test_by_hand():
    """
    A rare word that is shared counts for more than a frequent one; a word that no passage has is missed by all.
    """
    made = collection(["red cat", "red dog", "red"], ["red cat", "cat zebra", "red"], {0: {1: 1}, 1: {0: 1}, 2: {2: 1}})

    red, cat, zebra = idf(3, 3), idf(1, 3), idf(0, 3)
    expected = [red / (red + cat), cat / (cat + zebra), 1.0]
    assert pytest.approx(expected, rel=1e-12) == word_overlap(made).tolist()
    assert zebra > cat > red > 0


def test_of_several_relevant_passages_the_nearest_counts():
    """
    The relevant passage with the largest share counts, graded 1 or more; one that is graded 0 is not relevant.
    """
    made = collection(["a cat", "a dog and cat", "cat dog bird"], ["cat dog bird"], {0: {0: 1, 1: 2, 2: 0}})

    cat, dog, bird = idf(3, 3), idf(2, 3), idf(1, 3)
    assert pytest.approx([(cat + dog) / (cat + dog + bird)], rel=1e-12) == word_overlap(made).tolist()


def test_what_is_unknown():
    """
    A query of stop words, one to which nothing is relevant, and one whose passage is not in the set, are unknown; a
    query without a judgment has no place.
    """
    made = collection(
        ["cat", "dog"], ["of the", "cat", "dog", "cat", "dog"], {0: {0: 1}, 1: {0: 0}, 2: {7: 1}, 4: {1: 1}}
    )

    assert ["nan", "nan", "nan", "1.0"] == [str(share) for share in word_overlap(made).tolist()]


def test_what_is_left_out_of_the_hits_does_not_count():
    """
    A passage that no search may return, as a query that stands among the passages, is none of the relevant ones.
    """
    made = collection(
        ["red cat", "red dog"], ["red cat", "red cat"], {0: {0: 1, 1: 1}, 1: {0: 1}}, excluded=((0,), (0,))
    )

    red, cat = idf(2, 2), idf(1, 2)
    share, nothing = word_overlap(made).tolist()
    assert (pytest.approx(red / (red + cat)), True) == (share, math.isnan(nothing))


def test_parts_of_a_document():
    """
    Of a document that is judged each part is a passage, and the nearest one counts.
    """
    made = collection(["red", "cat dog", "bird"], ["cat dog"], {0: {0: 1}}, passage_ids=("p0", "p0", "e"))

    assert [1.0] == word_overlap(made).tolist()


def test_terms_are_those_of_the_language():
    """
    English words are stemmed, Japanese text is taken by bigrams of characters.
    """
    english = collection(["the cats barked"], ["barking cat"], {0: {0: 1}})
    japanese = collection(["東京都庁", "京都"], ["東京都"], {0: {1: 1}}, language="ja")

    both, one = idf(2, 2), idf(1, 2)  # 京都, 東京
    assert [1.0] == word_overlap(english).tolist()
    assert pytest.approx([both / (both + one)], rel=1e-12) == word_overlap(japanese).tolist()


WORDS = st.lists(st.sampled_from(["red", "cat", "dog", "bird", "the", "of", "sing", "singing", "7"]), max_size=6)
TEXTS = WORDS.map(" ".join)


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_it_is_that_of_the_definition(data):
    """
    One pass over the passages finds what loops over every term of every passage find.
    """
    passages = data.draw(st.lists(TEXTS, min_size=1, max_size=7))
    queries = data.draw(st.lists(TEXTS, min_size=1, max_size=5))
    rows = st.integers(0, len(passages))  # one of them is not there
    grades = st.dictionaries(rows, st.integers(0, 2), max_size=4)
    qrels = data.draw(st.dictionaries(st.integers(0, len(queries) - 1), grades))
    left_out = st.lists(st.integers(0, len(passages) - 1), max_size=2).map(tuple)
    excluded = data.draw(st.none() | st.tuples(*[left_out] * len(queries)))
    made = collection(passages, queries, qrels, excluded=excluded)

    found = word_overlap(made)

    expected = slow(made)
    assert np.float64 == found.dtype
    assert pytest.approx(expected, rel=1e-12, nan_ok=True) == found.tolist()
    assert all(math.isnan(share) or 0 <= share <= 1 for share in found)


def test_a_set_without_texts():
    """
    Without texts there are no words: of vectors, and of a set as a run keeps it.
    """
    bare = collection([], [], {}, passage_ids=("p0",))

    with pytest.raises(ValueError, match="expected a set with texts"):
        word_overlap(bare)
    assert [] == word_overlap(tiny_set(judged=False)).tolist()
