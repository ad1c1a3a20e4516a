"""Quality: measures, ties, agreement, labels."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import InputError
from bench.instruments import quality
from retrievers.contract import Hits, no_hits
from tests.helpers.ranked import cases, spellings


def hits_of(rows: Sequence[Sequence[int]], scores: Sequence[Sequence[float]] | None = None) -> Hits:
    """Hits from lists; where no scores are given they fall by one a rank."""
    rows_array = np.array(rows, np.int64)
    if scores is None:
        falling = np.arange(rows_array.shape[1], 0, -1, dtype=np.float32)
        return Hits(rows_array, np.where(rows_array >= 0, falling, np.float32(-np.inf)))
    return Hits(rows_array, np.array(scores, np.float32))


# One query, five passages, ranked a b c d; b (grade 1), d (grade 2) and e (grade 1, not found) are relevant, a was
# judged and is not, c was not judged.
PASSAGES = ("a", "b", "c", "d", "e")
RANKED = hits_of([[0, 1, 2, 3]])
JUDGED = {"q": {"a": 0, "b": 1, "d": 2, "e": 1}}
DISCOUNTED = 1 / math.log2(3) + 2 / math.log2(5)
IDEAL = 2 / math.log2(2) + 1 / math.log2(3) + 1 / math.log2(4)


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        ("R@1", 0.0),
        ("R@4", 2 / 3),
        ("CappedR@2", 1 / 2),
        ("CappedR@4", 2 / 3),
        ("Success@1", 0.0),
        ("Success@2", 1.0),
        ("P@4", 2 / 4),
        ("RR@1", 0.0),
        ("RR@2", 1 / 2),
        ("RR", 1 / 2),
        ("AP@2", (1 / 2) / 3),
        ("AP@4", (1 / 2 + 2 / 4) / 3),
        ("AP", (1 / 2 + 2 / 4) / 3),
        ("nDCG@4", DISCOUNTED / IDEAL),
        ("nDCG@2", (1 / math.log2(3)) / (2 / math.log2(2) + 1 / math.log2(3))),
        ("nDCG", DISCOUNTED / IDEAL),
    ],
)
def test_each_measure_by_hand(spelling, expected):
    """
    Each measure has the value that its definition gives by hand.
    """
    values = quality.measure(RANKED, PASSAGES, ["q"], JUDGED, [spelling])

    assert {spelling: [pytest.approx(expected, abs=1e-12)]} == {name: list(value) for name, value in values.items()}


def test_recall_capped_recall_and_hit_rate_are_three():
    """
    With more relevant passages than k, recall cannot reach 1, capped recall can, and success asks for one of them.
    """
    qrels = {"q": {"a": 1, "b": 1, "c": 1, "d": 1}}

    values = quality.measure(RANKED, PASSAGES, ["q"], qrels, ["R@2", "CappedR@2", "Success@2"])

    assert {"R@2": [0.5], "CappedR@2": [1.0], "Success@2": [1.0]} == {name: list(v) for name, v in values.items()}


def test_values_follow_the_queries_that_are_judged():
    """
    A query without judgments has no value; the others keep the order of the queries, and `judged` says which they are.
    A query of which is known that nothing is relevant scores 0, with or without passages that are said not to be.
    """
    hits = hits_of([[0], [1], [-1], [0], [0], [0]])
    qrels = {"q4": {"a": 1}, "q1": {"b": 1}, "q3": {"a": 1}, "elsewhere": {"a": 1}, "q5": {}, "q6": {"a": 0}}
    queries = ["q1", "q2", "q3", "q4", "q5", "q6"]

    values = quality.measure(hits, PASSAGES, queries, qrels, ["RR@1", "CappedR@1", "R@1"])

    assert [True, False, True, True, True, True] == quality.judged(queries, qrels).tolist()
    assert [[0, 0, 1, 0, 0]] * 3 == [value.tolist() for value in values.values()]


def test_a_query_without_an_answer_scores_zero_and_is_counted():
    """
    A judged query that a retriever did not answer scores 0 in every measure, and is counted; an unjudged one is not.
    """
    hits = hits_of([[1, -1], [-1, -1], [-1, -1]])
    qrels = {"q1": {"b": 1}, "q2": {"b": 1}}
    queries = ["q1", "q2", "q3"]
    measures = ["R@1", "CappedR@1", "Success@1", "P@1", "nDCG@1", "RR@1", "AP@1"]

    values = quality.measure(hits, PASSAGES, queries, qrels, measures)

    assert [[1, 0]] * 7 == [value.tolist() for value in values.values()]
    assert quality.n_unanswered(hits, queries, qrels) == 1


def test_no_relevant_passage_scores_zero():
    """
    A query whose judgments are all below 1 scores 0; a grade below 0 gains nothing and costs nothing.
    """
    qrels = {"q1": {"a": 0, "b": -1}, "q2": {"a": -2, "b": 1}}
    hits = hits_of([[0, 1], [0, 1]])

    values = quality.measure(hits, PASSAGES, ["q1", "q2"], qrels, ["R@2", "CappedR@2", "RR@2", "nDCG@2"])

    assert {
        "R@2": [0, 1],
        "CappedR@2": [0, 1],
        "RR@2": [0, 1 / 2],
        "nDCG@2": [0, pytest.approx(1 / math.log2(3))],
    } == {name: value.tolist() for name, value in values.items()}


def test_grades_below_zero_crash_nothing():
    """
    Judgments with grades far below 0 are measured like grades of 0, again and again, and do not bring the process down.
    """
    hits = hits_of([[0, 1, 2]] * 50)
    queries = [f"q{i}" for i in range(50)]
    low = {query: {"a": -(10**6), "b": -1, "c": 1} for query in queries}
    zero = {query: {"a": 0, "b": 0, "c": 1} for query in queries}
    measures = ["nDCG@3", "nDCG", "AP", "RR", "RR@3", "R@3", "P@3", "Success@3", "CappedR@3"]

    of_low, of_zero = (quality.measure(hits, PASSAGES, queries, qrels, measures) for qrels in (low, zero))

    assert {m: v.tolist() for m, v in of_zero.items()} == {m: v.tolist() for m, v in of_low.items()}


def test_a_huge_grade_is_refused():
    """
    A grade above the highest that can be counted is an input error that names the judgment, not a figure of 0.
    """
    qrels = {"q": {"a": 1, "b": 10_001}}

    with pytest.raises(InputError, match=r"at most 10000, found 10001 for query 'q', passage 'b'"):
        quality.measure(RANKED, PASSAGES, ["q"], qrels, ["nDCG@1"])


def test_a_tie_is_read_in_the_order_of_the_rows():
    """
    Passages with equal scores count in the order of the hits, whatever their ids are.
    """
    tied = hits_of([[0, 1], [0, 1]], [[1, 1], [1, 1]])
    qrels = {"q1": {"x": 1}, "q2": {"y": 1}}

    values = [quality.measure(tied, ids, ["q1", "q2"], qrels, ["R@1", "RR@2"]) for ids in (("x", "y"), ("y", "x"))]

    assert [[1, 0], [0, 1]] == [value["R@1"].tolist() for value in values]
    assert [[1, 1 / 2], [1 / 2, 1]] == [value["RR@2"].tolist() for value in values]


def test_measures_keep_the_order_they_were_asked_in():
    """
    The values come back in the order of the measures, whoever computes them.
    """
    measures = ["CappedR@1", "RR@2", "R@1", "nDCG", "CappedR@2"]

    values = quality.measure(RANKED, PASSAGES, ["q"], JUDGED, measures)

    assert measures == list(values)


def test_nothing_judged_has_no_mean():
    """
    Without a judged query there is no value and no mean: missing is not 0.
    """
    values = quality.measure(RANKED, PASSAGES, ["q"], {}, ["R@1", "CappedR@1", "RR@1"])

    assert [None, None, None] == [quality.mean(value) for value in values.values()]
    assert quality.mean(np.array([0.0, 0.5, 1.0])) == 0.5


@pytest.mark.parametrize(
    ("spelling", "near"),
    [
        ("ndcg@10", "nDCG@10"),
        ("Recall@5", "R@5"),
        ("recall_100", "R@100"),
        ("MRR@10", "RR@10"),
        ("MAP", "AP@10"),
        ("cappedr@3", "CappedR@3"),
        ("R", "R@10"),
        ("P@0", "P@10"),
        ("hit-rate@10", "Success@10"),
        ("Success@-1", "Success@1"),
        ("R@1.5", "R@1"),
        ("bogus@10", None),
        ("", None),
    ],
)
def test_an_unknown_measure_is_refused(spelling, near):
    """
    An unknown measure is an input error with examples, and with the nearest spelling where there is one.
    """
    hint = f" Did you mean {near}?" if near else ""

    with pytest.raises(InputError, match=re.escape(f"unknown measure {spelling!r}") + r".*R@10.*" + re.escape(hint)):
        quality.parse(spelling)


@pytest.mark.parametrize("spelling", ["nDCG(rel=2)@10", "Judged(rel=2)@10", "Answer(rel=2)@10"])
def test_a_level_of_what_has_none(spelling):
    """
    What takes the grade itself, or none, has no level from which a passage is relevant.
    """
    with pytest.raises(InputError, match=r"expected rel of R, P, Success, CappedR, RR, AP, found it of"):
        quality.parse(spelling)


@pytest.mark.parametrize("spelling", ["R(rel=0)@10", "R(rel=)@10", "R(rel=2)", "R(2)@10", "R(rel=2@10"])
def test_no_level(spelling):
    """
    A level is a grade from 1, written as ir-measures writes it.
    """
    with pytest.raises(InputError, match="unknown measure"):
        quality.parse(spelling)


@given(case=cases(), level=st.integers(1, 4))
def test_a_level_is_the_grade_from_which_a_passage_is_relevant(case, level):
    """
    With rel=n the values are those of judgments in which a grade of n and more is 1, and any other 0.
    """
    depth = case.hits.rows.shape[1]
    names = [f"{name}@{depth}" for name in ("R", "P", "Success", "CappedR", "RR", "AP")]
    by_level = {q: {p: int(grade >= level) for p, grade in grades.items()} for q, grades in case.qrels.items()}

    found = quality.measure(*case, [name.replace("@", f"(rel={level})@") for name in names])
    expected = quality.measure(*case[:3], by_level, names)

    assert [values.tolist() for values in expected.values()] == [values.tolist() for values in found.values()]


def test_judged_at_k():
    """
    The share of the first k that somebody judged, of what grade it may be; of fewer hits, of these (ir-measures').
    """
    hits = hits_of([[0, 1, 2], [2, -1, -1]])
    qrels = {"q": {"a": 0, "b": 2}, "r": {"a": 1}}

    values = quality.measure(hits, PASSAGES, ["q", "r"], qrels, ["Judged@1", "Judged@2", "Judged@3"])

    assert {"Judged@1": [1, 0], "Judged@2": [1, 0], "Judged@3": [pytest.approx(2 / 3), 0]} == {
        name: value.tolist() for name, value in values.items()
    }


def test_a_measure_deeper_than_the_hits_is_refused():
    """
    R@10 of hits kept to depth 2 would be R@2 under another name: refused, unless there are no more passages.
    """
    hits = hits_of([[0, 1]])

    with pytest.raises(InputError, match=r"R@10 was asked of hits kept to depth 2: ask the retriever for k=10"):
        quality.measure(hits, PASSAGES, ["q"], JUDGED, ["R@1", "R@10"])

    assert [1.0] == quality.measure(hits, ["b", "d"], ["q"], {"q": {"b": 1, "d": 1}}, ["R@10"])["R@10"].tolist()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0], [1]], r"expected shape \(1, k\)"),
        ([[0, 5]], "rows within the passages; query 'q' breaks it at rank 2"),
        ([[0, -2]], "rows within the passages; query 'q' breaks it at rank 2"),
        ([[0, 1, 0]], "each passage once; query 'q' breaks it at rank 3"),
        ([[-1, 0]], "padding .* last; query 'q' breaks it at rank 1"),
    ],
)
def test_hits_that_are_no_ranking_are_refused(rows, message):
    """
    Hits of other queries, of unknown positions, with a repeat or a hole are refused, not measured.
    """
    hits = hits_of(rows)

    with pytest.raises(InputError, match=message):
        quality.measure(hits, PASSAGES, ["q"], JUDGED, ["R@1"])


# The slow and obvious way: each measure written out for one query.


def slow(spelling: str, ranked: Sequence[str], grades: Mapping[str, int]) -> float:
    """One measure of one query, from its ranked passage ids and its judgments."""
    name, _, cutoff = spelling.partition("@")
    top = ranked[: int(cutoff)] if cutoff else ranked
    k = int(cutoff) if cutoff else len(ranked)
    relevant = [passage for passage in grades if grades[passage] > 0]
    if not relevant:
        return 0.0
    hit_ranks = [rank for rank, passage in enumerate(top, start=1) if passage in relevant]
    if name == "R":
        return len(hit_ranks) / len(relevant)
    if name == "CappedR":
        return len(hit_ranks) / min(k, len(relevant))
    if name == "P":
        return len(hit_ranks) / k
    if name == "Success":
        return float(len(hit_ranks) > 0)
    if name == "RR":
        return 1 / hit_ranks[0] if hit_ranks else 0.0
    if name == "AP":
        return sum((i + 1) / rank for i, rank in enumerate(hit_ranks)) / len(relevant)
    gain = sum(grades[top[rank - 1]] / math.log2(rank + 1) for rank in hit_ranks)
    ideal = sorted((grades[passage] for passage in relevant), reverse=True)[: k if cutoff else None]
    return gain / sum(grade / math.log2(rank + 1) for rank, grade in enumerate(ideal, start=1))


@pytest.mark.slow
@settings(deadline=None)
@given(cases())
def test_every_measure_equals_its_definition(case):
    """
    On any hits, every measure at every cut-off equals its definition written out, query by query.
    """
    judged = [query for query in case.query_ids if query in case.qrels]
    measures = spellings(case.hits.rows.shape[1])
    ranked = {
        query: [case.passage_ids[row] for row in rows if row >= 0]
        for query, rows in zip(case.query_ids, case.hits.rows.tolist(), strict=True)
    }
    expected = {name: [slow(name, ranked[query], case.qrels[query]) for query in judged] for name in measures}

    values = quality.measure(*case, measures)

    assert expected == {name: pytest.approx(value.tolist(), abs=1e-9) for name, value in values.items()}


# Ties, agreement, labels.


def test_tie_rate_counts_ties_within_k_and_across_the_cut():
    """
    A query counts as tied where two of its top k have equal scores, or the kth has the score of the one cut off.
    """
    hits = hits_of(
        [[0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3], [0, 1, -1, -1]],
        [[4, 4, 2, 1], [4, 3, 3, 1], [4, 3, 2, 2], [4, 3, -np.inf, -np.inf]],
    )

    rates = [quality.tie_rate(hits, k) for k in (1, 2, 3, 4, 10)]

    assert [1 / 4, 2 / 4, 3 / 4, 3 / 4, 3 / 4] == rates
    assert quality.tie_rate(no_hits(2, 3), 2) == 0.0
    assert quality.tie_rate(no_hits(0, 3), 2) is None


def test_overlap_is_the_share_of_the_larger_top_k():
    """
    Overlap is what both top ks hold over the size of the larger one, 1 where both are empty; order does not matter.
    """
    a = hits_of([[0, 1, 2], [0, 1, -1], [-1, -1, -1], [-1, -1, -1], [3, 4, 0]])
    b = hits_of([[2, 1, 0], [0, 3, 4], [-1, -1, -1], [0, -1, -1], [0, 1, 2]])

    at_three, at_one = quality.overlap(a, b, 3), quality.overlap(a, b, 1)

    assert [1, 1 / 3, 1, 0, 1 / 3] == at_three.tolist()
    assert [0, 1, 1, 0, 0] == at_one.tolist()
    with pytest.raises(InputError, match="found 5 and 1"):
        quality.overlap(a, RANKED, 1)


@pytest.mark.slow
@settings(deadline=None)
@given(cases(), cases(), st.integers(1, 14))
def test_overlap_equals_sets(a, b, k):
    """
    Overlap equals the intersection of Python's sets, query by query, also between hits of different depths.
    """
    n = min(len(a.query_ids), len(b.query_ids))
    tops = [[{r for r in rows[:k] if r >= 0} for rows in case.hits.rows[:n].tolist()] for case in (a, b)]
    expected = [len(x & y) / max(len(x), len(y)) if x or y else 1.0 for x, y in zip(*tops, strict=True)]
    cut_a, cut_b = (Hits(case.hits.rows[:n], case.hits.scores[:n]) for case in (a, b))

    assert expected == quality.overlap(cut_a, cut_b, k).tolist()


def test_by_label_counts_and_averages():
    """
    Each label has its count and its mean, sorted by label; one label a value.
    """
    values = np.array([1.0, 0.0, 0.5, 1.0])

    by_label = quality.by_label(values, ["synonym", "exact", "exact", "synonym"])

    assert [("exact", (2, 0.25)), ("synonym", (2, 1.0))] == list(by_label.items())
    with pytest.raises(InputError, match="found 1 labels and 4 values"):
        quality.by_label(values, ["exact"])
