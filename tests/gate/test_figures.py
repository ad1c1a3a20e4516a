"""What a round of the gate tells of speed: call by call, where both sides answered at nearly one moment."""

from __future__ import annotations

import numpy as np
import pytest

from bench.gate.figures import P50, P95, QPS, RESIDENT, matched


def of_queries(old, new, name=P50):
    return matched(name, {"single": old}, {"single": new})


@pytest.mark.parametrize(("name", "within"), [(P50, 0.002), (P95, 0.01)])  # of 400 calls, and of 40
@pytest.mark.parametrize("share", [0.2, 0.49, 0.5, 0.51, 0.8])
def test_a_core_with_two_states(share, name, within):
    """
    However large a share of the calls meets the slower state, the same work is the same, and a tenth more a tenth more.
    """
    rng = np.random.default_rng(3)
    state = np.where(rng.random(400) < share, 1.7, 1.0)
    old, new = (work * state * rng.normal(1.0, 0.01, 400) for work in (1e6, 1.1e6))

    assert pytest.approx(1.1, abs=within) == of_queries(old, new, name)
    assert pytest.approx(1.0, abs=within) == of_queries(old, old * rng.normal(1.0, 0.01, 400), name)


def test_a_tail_that_is_longer():
    """
    What a twelfth of the calls takes longer is the tail's, and not the median's, whichever side it is on.
    """
    rng = np.random.default_rng(5)
    even = 1e6 * rng.normal(1.0, 0.05, 360)
    spiked = np.where(np.arange(360) % 12 == 0, 3 * even, even)

    assert (1.0, 1.0) == (of_queries(even, spiked), of_queries(spiked, even))
    assert pytest.approx((3.0, 1 / 3)) == (of_queries(even, spiked, P95), of_queries(spiked, even, P95))


def test_a_tail_of_noise_leans_to_no_side():
    """
    The slowest of both sides together are slow on either as often: noise alone makes no tail longer.
    """
    rng = np.random.default_rng(7)

    logs = [np.log(of_queries(*rng.lognormal(0, 0.5, (2, 200)), P95)) for _ in range(400)]

    assert abs(np.mean(logs)) < 3 * np.std(logs) / 20


def test_the_longer_side_ends_alone():
    """
    What one side answered more often is held to nothing.
    """
    assert pytest.approx(2.0) == of_queries((10, 20, 40, 1, 1, 1, 1), (20, 40, 80))
    assert pytest.approx(2.0) == of_queries((10, 20, 40), (20, 40, 80, 1, 1, 1, 1))


def test_where_nothing_is_matched():
    """
    Without calls there is no ratio, nor of what is no time; what a clock saw no time pass in is a nanosecond long.
    """
    assert [None] * 3 == [of_queries((), (1, 2)), of_queries((1, 2), ()), of_queries((1, 2), (1, 2), QPS)]
    assert of_queries((1, 2), (1, 2), RESIDENT) is None
    assert pytest.approx(5.0) == of_queries((0, 0, 0), (5, 5, 5))
