"""What the simulation of shares of gaps is made with."""

from __future__ import annotations

import numpy as np
import pytest

from bench.statistics.quantile_groups import quantile_groups
from tests.benchmarks.gap_shares import GapRegime, drawn_interval, held, sample

REGIME = GapRegime(300, 5, 0.2, 0.2)


def test_samples_have_the_share_that_is_said():
    """
    Over many queries the third of lowest overlap lacks the share of the gap that the regime says.
    """
    found = sample(GapRegime(300_000, 5, 0.2, 0.2), np.random.default_rng(1))

    third = quantile_groups(found.overlap, 3) == 0
    missing = 1 - found.differences[third].mean() / found.differences.mean()
    assert pytest.approx(REGIME.share, abs=0.03) == missing


def test_a_bootstrap_is_around_the_share():
    """
    The percentile interval of drawn clusters holds what the sample itself has.
    """
    rng = np.random.default_rng(2)
    found = sample(GapRegime(3_000, 5, 0.2, 0.2), rng)
    third = quantile_groups(found.overlap, 3) == 0

    low, high = drawn_interval(found, third, rng)

    assert low < 1 - found.differences[third].mean() / found.differences.mean() < high


def test_the_same_seed_counts_alike():
    """
    A few simulations count the samples whose gap is sure, and both intervals among them.
    """
    found = held(REGIME, n=3)

    assert found == held(REGIME, n=3)
    assert 3 >= found.told >= max(found.fieller, found.bootstrap)
