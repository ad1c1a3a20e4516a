"""Agreement: what can be said of rankings that nobody has judged."""

from __future__ import annotations

import numpy as np

from bench.report.agreement import least_agreed
from retrievers.contract import Hits


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
