"""What a number of queries can show, held to simulation."""

from __future__ import annotations

import numpy as np
import pytest

from bench.statistics import intervals, paired, power
from bench.statistics.clusters import totals
from bench.statistics.power import Spread
from tests.helpers.clustered import clustered

SIMULATIONS = 20_000
UNEVEN = np.array([3.0, 40.0, 12.0, 25.0] * 12)


def found(sizes: np.ndarray, spread: Spread, effect: float, alpha: float) -> float:
    """How often Student's interval of so many clusters excludes 0, by the side that the effect is on or the other."""
    rng = np.random.default_rng(5)
    shared = rng.normal(effect, spread.deviation * spread.correlation**0.5, (SIMULATIONS, len(sizes)))
    own = rng.normal(0.0, spread.deviation * (1 - spread.correlation) ** 0.5, shared.shape)
    low, high = intervals.student(sizes * shared + sizes**0.5 * own, sizes, 1 - alpha)
    return float(((low > 0) | (high < 0)).mean())


@pytest.mark.parametrize(
    ("sizes", "alpha"),
    [(np.ones(300), 0.05), (UNEVEN, 0.05), (UNEVEN, 0.05 / 7), (np.full(15, 10.0), 0.05)],
    ids=["alone", "uneven", "family", "few"],
)
def test_what_is_detectable_is_found_in_four_of_five(sizes, alpha):
    """
    Were differences spread so, a mean one of that size would be found in 80 of 100 samples, at whatever level.
    """
    spread = Spread(0.3, 0.05, 1.0)

    effect = power.detectable_of(sizes, spread, alpha)

    assert pytest.approx(power.POWER, abs=0.01) == found(sizes, spread, effect, alpha)


@pytest.mark.parametrize("difference", [0.2, 0.05, 0.03])
def test_so_many_queries_find_a_difference(difference):
    """
    The number of queries that a difference needs finds it with 80 % power, clustered as those that were given.
    """
    spread = Spread(0.3, 0.05, 1.0)
    n = power.queries_for(difference, np.full(20, 6.0), spread)

    sizes = np.full(round(n / 6), 6.0)

    assert pytest.approx(power.POWER, abs=0.035) == found(sizes, spread, difference, power.ALPHA)


def test_as_many_queries_as_there_are():
    """
    What these queries detect needs these queries, and a difference half as large some four times as many.
    """
    spread, sizes = Spread(0.3, 0.05, 1.0), np.full(400, 5.0)
    effect = power.detectable_of(sizes, spread)

    assert power.queries_for(effect, sizes, spread) in (2_000, 2_001)
    assert pytest.approx(8_000, rel=0.01) == power.queries_for(effect / 2, sizes, spread)


def test_a_pilot_on_the_same_queries_detects_what_it_tells():
    """
    With the spread of measured differences, what is detectable is what the comparison of them says.
    """
    differences, labels = clustered([3, 9, 6, 2] * 12)
    sizes = totals(differences, labels)[1]
    told = paired.paired(np.zeros(len(differences)), differences, labels).detectable

    spread = power.spread_of(differences, labels)

    assert pytest.approx(told) == power.detectable_of(sizes, spread)
    assert 1.0 == spread.discordant


def test_queries_that_do_not_hang_together():
    """
    Where clusters differ no more than their queries do, the correlation is 0; there is none without clusters.
    """
    differences = np.tile([0.5, -0.5], 30)

    spread = power.spread_of(differences, np.repeat(np.arange(30), 2).tolist())

    assert (0.0, 1.0) == spread[1:]
    assert 0.0 == power.spread_of(differences).correlation


def test_nothing_is_known_of_what_does_not_vary():
    """
    Equal differences have no spread, and one cluster tells of none.
    """
    assert power.spread_of(np.zeros(9)) is None
    assert power.spread_of(np.array([0.1, 0.3]), ["a", "a"]) is None
    assert power.detectable_of(np.array([7.0]), Spread(0.3, 0.0, 1.0)) is None
    assert power.queries_for(0.01, np.array([7.0]), Spread(0.3, 0.0, 1.0)) is None
