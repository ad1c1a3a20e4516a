"""Agreement: what can be said of rankings that nobody has judged."""

from __future__ import annotations

import io

import msgspec
import numpy as np
import pytest
from rich.console import Console

from bench.report.console.agreement import disagreements, least_agreed
from retrievers.contract import Hits
from tests.helpers.records import measurement, run_of
from tests.helpers.tiny import tiny_set


def hits(*rankings: list[int]) -> Hits:
    """Rankings padded to ten, with falling scores."""
    rows = np.full((len(rankings), 10), -1, np.int64)
    for query, ranking in enumerate(rankings):
        rows[query, : len(ranking)] = ranking
    return Hits(rows, np.where(rows >= 0, -np.arange(10.0), -np.inf).astype(np.float32))


def test_a_short_list_within_a_long_one_is_no_disagreement():
    """
    Who finds two passages, both of them among the other's, agrees with it in full; full agreement is left out.
    """
    assert [] == least_agreed([hits([1, 2]), hits([3, 2, 1])])


def test_least_agreement_comes_first():
    """
    Queries stand by the share of the shorter list that both have, least first: 0, a half, and none that agree.
    """
    one = hits([1, 2], [1, 2], [1, 2])
    other = hits([1, 3, 4], [1, 2, 3], [7, 8])

    assert [(2, 0.0), (0, 0.5)] == least_agreed([one, other])


def test_an_answer_against_none_is_disagreement():
    """
    Where only one finds anything they do not agree at all; where none does, they do.
    """
    assert [(0, 0.0)] == least_agreed([hits([], []), hits([1], [])])


def test_agreement_is_the_mean_over_all_pairs():
    """
    Of three rankings, two alike and one apart, one pair of three agrees.
    """
    found = least_agreed([hits([1]), hits([1]), hits([2])])

    assert [(0, round(1 / 3, 6))] == [(query, round(share, 6)) for query, share in found]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ([2, 1], "tiny: all find the same passages in every top 10"),
        ([2, 1, 3], "tiny: no top 10 goes against another: where one is shorter, the other has all of it"),
    ],
)
def test_where_none_disagrees_what_is_said_is_true(monkeypatch, other, said):
    """
    Lists of the same passages are told from those of which one holds all of the other and more.
    """
    known = {"one": hits([1, 2]), "other": hits(other)}
    monkeypatch.setattr("bench.report.console.agreement.read_ranking", lambda _, cell, __, **___: known[cell])
    run = run_of(*(measurement(cell=cell, passage_set="tiny", quality=None) for cell in known))
    out = io.StringIO()

    disagreements(run, [msgspec.structs.replace(tiny_set(5, 1), qrels=None)], Console(file=out, width=120))

    assert [said] == out.getvalue().split("\n")[1:-1]
