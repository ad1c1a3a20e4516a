"""primer-ko: the Korean set that ships is what its page says, and its labels mean what they say."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

import numpy as np
import pytest

from bench.instruments import quality
from bench.passages import cards, loader
from retrievers.analysers import CharNGrams, Whitespace, Words
from retrievers.contract import Hits
from retrievers.encoders.lexical import BM25
from retrievers.storages.csr import CSR

README = cards.shipped() / "primer-ko" / "README.md"
COUNTS = {
    "same words": 30,
    "other particles or endings": 30,
    "spacing": 30,
    "other words": 30,
    "question": 30,
    "rare name or number": 25,
    "typing error": 25,
}
TYPING_ERRORS = 2  # letters of one word that may be wrong, at most
# `Morphemes` is not here: its tokens change with the version of its model.
ANALYSERS = {"Whitespace()": Whitespace(), "Words()": Words("ko"), "CharNGrams(2)": CharNGrams(2)}
words, bigrams = Words("ko"), CharNGrams(2)


@pytest.fixture(scope="module")
def primer_ko():
    return loader.load("primer-ko")


@pytest.fixture(scope="module")
def labelled(primer_ko):
    """Label -> each of its queries with one of its relevant passages, as texts."""
    passages = dict(zip(primer_ko.passage_ids, primer_ko.passages, strict=True))
    pairs: dict[str, list[tuple[str, str]]] = {label: [] for label in COUNTS}
    for query_id, query, label in zip(primer_ko.query_ids, primer_ko.queries, primer_ko.labels, strict=True):
        pairs[label] += [(query, passages[passage_id]) for passage_id in primer_ko.qrels[query_id]]
    return pairs


def squashed(text: str) -> str:
    """The letters and digits of a text, without what is between them."""
    return "".join(re.findall(r"\w", text))


def jamo_errors(word: str, other: str) -> int:
    """The fewest letters (jamo) to put in, take out or change until `word` is how `other` begins. Levenshtein 1966."""
    typed, meant = (unicodedata.normalize("NFD", text) for text in (word, other))
    row = list(range(len(meant) + 1))
    for i, letter in enumerate(typed, start=1):
        above, row = row, [i]
        for j, right in enumerate(meant, start=1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (letter != right)))
    return min(row)


def rows_of(table: str) -> list[list[str]]:
    """The cells of the page's table whose head starts so, without its head."""
    _, after = README.read_text(encoding="utf-8").split(table, 1)
    lines = after.split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]


# The set


def test_counts_by_label(primer_ko):
    """
    The set has as many queries of each label as its page says.
    """
    assert Counter(COUNTS) == Counter(primer_ko.labels)
    assert COUNTS == {label: int(count) for label, count, *_ in rows_of("| label | queries |")}


def test_passages(primer_ko):
    """
    Twelve subjects have five passages each, no two passages are equal, and each is short.
    """
    subjects = Counter(passage_id.rsplit("-", 1)[0] for passage_id in primer_ko.passage_ids)

    assert [5] * 12 == list(subjects.values())
    assert {} == primer_ko.merged
    assert [] == [passage for passage in primer_ko.passages if not 80 <= len(passage) <= 200]


def test_queries(primer_ko):
    """
    No two queries are equal, each has the id of its passage's subject, and every passage is asked for.
    """
    subject_of = {query_id: query_id.rsplit("-", 1)[0] for query_id in primer_ko.query_ids}

    assert 200 == len({query.strip() for query in primer_ko.queries} - {""})
    assert [] == [
        q for q, subject in subject_of.items() if not any(p.startswith(f"{subject}-") for p in primer_ko.qrels[q])
    ]
    assert set(primer_ko.passage_ids) == {passage_id for grades in primer_ko.qrels.values() for passage_id in grades}


def test_judgments(primer_ko):
    """
    Every judgment is of grade 1; four queries have two relevant passages, the others one.
    """
    relevant = Counter(len(grades) for grades in primer_ko.qrels.values())

    assert {1} == {grade for grades in primer_ko.qrels.values() for grade in grades.values()}
    assert {1: 196, 2: 4} == dict(relevant)
    assert 0 == primer_ko.unknown_judgments


def test_text_is_composed(primer_ko):
    """
    Texts are composed (NFC), so that no analyser is tested on that unawares.
    """
    assert [] == [t for t in (*primer_ko.passages, *primer_ko.queries) if t != unicodedata.normalize("NFC", t)]


# The labels


def test_same_words(labelled):
    """
    Every word of a query of the same words is a word of its passage.
    """
    assert [] == [query for query, passage in labelled["same words"] if not set(words(query)) <= set(words(passage))]


def test_other_particles_or_endings(labelled):
    """
    No word of such a query is a word of its passage, but how each begins is found there.
    """
    pairs = labelled["other particles or endings"]

    assert [] == [query for query, passage in pairs if set(words(query)) & set(words(passage))]
    assert [] == [query for query, passage in pairs if not {w[:2] for w in words(query)} <= set(bigrams(passage))]


def test_spacing(labelled):
    """
    A query of other spacing is a span of its passage but for the spaces, and no word of it is a word there.
    """
    pairs = labelled["spacing"]

    assert [] == [query for query, passage in pairs if squashed(query) not in squashed(passage)]
    assert [] == [query for query, passage in pairs if set(words(query)) & set(words(passage))]


def test_other_words(labelled):
    """
    A query of other words shares no bigram of characters, and so no word, with a relevant passage.
    """
    pairs = labelled["other words"]

    assert [] == [
        (query, set(bigrams(query)) & set(bigrams(p))) for query, p in pairs if {*bigrams(query)} & {*bigrams(p)}
    ]


def test_questions(labelled):
    """
    A question ends as one, and what is no question does not.
    """
    marked = {label: {query.endswith("?") for query, _ in pairs} for label, pairs in labelled.items()}

    assert {label: {label == "question"} for label in COUNTS} == marked


def test_rare_names_and_numbers(primer_ko, labelled):
    """
    A rare name or number stands in the relevant passage and in no other.
    """
    found_in = {
        query: [{p for p in primer_ko.passages if word in p} for word in query.split()]
        for query, _ in labelled["rare name or number"]
    }

    assert [] == [query for query, passage in labelled["rare name or number"] if {passage} not in found_in[query]]


def test_typing_errors(labelled):
    """
    Each word of such a query is a word of its passage but for a few letters, and at least half of them are misspelt.
    """
    pairs = labelled["typing error"]
    errors = {query: [min(jamo_errors(w, other) for other in words(p)) for w in words(query)] for query, p in pairs}

    assert [] == [query for query, found in errors.items() if max(found) > TYPING_ERRORS]
    assert [] == [query for query, found in errors.items() if 2 * sum(n > 0 for n in found) < len(found)]


def test_letters_are_counted():
    """
    An error is one letter put in, left out or taken for another; what follows the word is none.
    """
    assert [0, 1, 1, 1, 2] == [
        jamo_errors("곰팡이", "곰팡이가"),
        jamo_errors("곰펑이", "곰팡이가"),
        jamo_errors("뒷뜰", "뒤뜰에"),
        jamo_errors("볍시", "볍씨를"),
        jamo_errors("더끄거나", "덖거나"),
    ]


# The page


@pytest.fixture(scope="module")
def measured(primer_ko):
    """Label -> nDCG@10 of BM25 by analyser, as the page prints it."""
    figures: dict[str, list[str]] = {label: [] for label in COUNTS}
    for analyser in ANALYSERS.values():
        retriever = BM25(analyser=analyser) @ CSR()
        retriever.index(primer_ko.passages)
        hits: Hits = retriever.search(primer_ko.queries, k=10)
        values = quality.measure(hits, primer_ko.passage_ids, primer_ko.query_ids, primer_ko.qrels, ["nDCG@10"])
        for label in COUNTS:
            mean = np.mean(values["nDCG@10"][np.array(primer_ko.labels) == label])
            figures[label].append(f"{mean:.3f}")
    return figures


def test_figures(measured):
    """
    The page's figures are what BM25 reaches today, with every analyser that needs no model.
    """
    expected = {label: figures[: len(ANALYSERS)] for label, *figures in rows_of("| label | `Whitespace()` |")}

    assert expected == measured


def test_labels_tell_analysers_apart(measured):
    """
    Words as they stand find nothing of other particles and other spacing, bigrams all; nobody finds other words.
    """
    assert ["1.000"] * 3 == measured["same words"]
    assert ["0.000", "0.000", "1.000"] == measured["other particles or endings"]
    assert ["0.000", "0.000", "1.000"] == measured["spacing"]
    assert ["0.000"] * 3 == measured["other words"]
