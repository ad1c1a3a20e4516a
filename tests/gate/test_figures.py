"""What a round of the gate tells of speed: call by call, where both sides answered at nearly one moment."""

from __future__ import annotations

import numpy as np
import pytest

from bench.gate.figures import matched


@pytest.mark.parametrize("share", [0.2, 0.49, 0.5, 0.51, 0.8])
def test_a_core_with_two_states(share):
    """
    However large a share of the calls meets the slower state, the same work is the same, and a tenth more a tenth more.
    """
    rng = np.random.default_rng(3)
    state = np.where(rng.random(400) < share, 1.7, 1.0)
    old, new = (work * state * rng.normal(1.0, 0.01, 400) for work in (1e6, 1.1e6))

    assert pytest.approx(1.1, abs=0.002) == matched(old, new)
    assert pytest.approx(1.0, abs=0.002) == matched(old, old * rng.normal(1.0, 0.01, 400))


def test_the_longer_side_ends_alone():
    """
    What one side answered more often is held to nothing.
    """
    assert pytest.approx(2.0) == matched((10, 20, 40, 1, 1, 1, 1), (20, 40, 80))
    assert pytest.approx(2.0) == matched((10, 20, 40), (20, 40, 80, 1, 1, 1, 1))


def test_where_nothing_is_matched():
    """
    Without calls there is no ratio; one that a clock saw no time pass in is a nanosecond long.
    """
    assert matched((), (1, 2)) is None
    assert matched((1, 2), ()) is None
    assert pytest.approx(5.0) == matched((0, 0, 0), (5, 5, 5))
