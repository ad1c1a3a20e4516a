"""The share of a mean difference that is missing in a part of the queries."""

from __future__ import annotations

import numpy as np
import pytest

from bench.statistics import paired
from bench.statistics.gap_share import interval, missing_share


def drawn(n_clusters: int = 60, size: int = 5, seed: int = 1) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Differences of -1, 0 and 1 that are fewer in the first third of the queries, and their clusters."""
    rng = np.random.default_rng(seed)
    part = np.arange(n_clusters * size) % 3 == 0
    won = rng.random(len(part)) < np.where(part, 0.2, 0.45)
    lost = rng.random(len(part)) < 0.08
    return np.where(lost, -1.0, np.where(won, 1.0, 0.0)), part, np.repeat(np.arange(n_clusters), size).tolist()


def test_a_share_by_hand():
    """
    A mean of .5 of which a half has .2 misses three fifths there; none is missing of equal halves, and more than all
    where the part's mean has the other sign.
    """
    part = np.array([True, True, False, False])

    assert pytest.approx(0.6) == missing_share(np.array([0.0, 0.4, 0.6, 1.0]), part)
    assert pytest.approx(0.0) == missing_share(np.array([0.1, 0.3, 0.2, 0.2]), part)
    assert pytest.approx(2.0) == missing_share(np.array([-0.2, -0.2, 0.6, 0.6]), part)


def test_ends_are_where_nothing_may_be_left():
    """
    At an end of the interval 0 is just inside the clustered interval of mean of the part - (1 - share) mean of all, and
    a little beyond it is outside: summed up here query by query.
    """
    differences, part, clusters = drawn()

    found = interval(differences, part, clusters)

    inside = sum(d for d, is_in in zip(differences, part, strict=True) if is_in) / sum(part)
    for end, sign in zip(found, (-1, 1), strict=True):
        for step, expected in ((-1e-6, True), (1e-6, False)):
            kept = 1 - (end + sign * step)
            left = [
                ((d - inside) * len(part) / sum(part) if is_in else 0.0) + inside - kept * d
                for d, is_in in zip(differences, part, strict=True)
            ]
            low, high = paired.interval(left, clusters)
            assert expected == (low <= 0 <= high)


def test_the_interval_is_near_that_of_draws():
    """
    Where the gap is sure it is about as wide as that of drawing whole clusters anew, and holds the share.
    """
    differences, part, clusters = drawn(400)
    rng = np.random.default_rng(2)

    low, high = interval(differences, part, clusters)

    shares = []
    for _ in range(500):
        chosen = rng.integers(400, size=400)
        rows = (chosen[:, None] * 5 + np.arange(5)).ravel()
        shares.append(1 - differences[rows][part[rows]].mean() / differences[rows].mean())
    assert low < missing_share(differences, part) < high
    assert pytest.approx(np.quantile(shares, [0.025, 0.975]), abs=0.04) == (low, high)


def test_without_clusters_each_query_is_its_own():
    """
    No labels are as one label per query.
    """
    differences, part, _ = drawn()

    assert interval(differences, part) == interval(differences, part, list(range(len(part))))


def test_a_gap_that_may_be_none_has_no_interval():
    """
    Where the mean of all may be 0 any share fits; one cluster tells nothing.
    """
    part = np.arange(40) % 2 == 0
    differences = np.tile([1.0, -1.0, 0.5, -0.4], 10)

    assert interval(differences, part) is None
    assert interval(np.ones(40), part, [0] * 40) is None
