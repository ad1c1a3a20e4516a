"""When a side of an A/B is slower."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.gate.speed import decided
from bench.run.suite import Gate
from bench.statistics.sequential_speed import FEWEST_ROUNDS, NOISY, STEADY, decision_of, rounds_needed


def test_too_few_rounds():
    """
    Before five pairs of rounds nothing is decided, unless each of three or of four lies beyond any noise.
    """
    assert ("undecided", None) == decision_of(np.log([9.0, 9.0]), 0.05)
    assert ("undecided", None) == decision_of(np.log([1.99, 9.0, 9.0]), 0.05)
    assert ("undecided", None) == decision_of(np.log([1.49, 9.0, 9.0, 9.0]), 0.05)
    assert ("slower", pytest.approx(np.log([2.0, 9.0]))) == decision_of(np.log([2.5, 2.0, 9.0]), 0.05)
    assert ("slower", pytest.approx(np.log([1.5, 9.0]))) == decision_of(np.log([1.6, 2.0, 1.5, 9.0]), 0.05)


def test_a_wider_limit_than_noise():
    """
    Where the policy lets more pass than noise makes, few pairs have to lie beyond that.
    """
    assert "undecided" == decision_of(np.log([1.9] * 4), 1.0)[0]
    assert "slower" == decision_of(np.log([2.1] * 4), 1.0)[0]


def test_noisy_figures_are_held_to_a_stricter_level():
    """
    What is slower by its median may not be by its tail, nor what three or four pairs tell.
    """
    for found in ([1.08, 1.10, 1.11, 1.10, 1.12], [2.5, 2.0, 2.5], [1.6, 1.6, 1.9, 1.9]):
        assert ["slower", "undecided"] == [decision_of(np.log(found), 0.05, level)[0] for level in (STEADY, NOISY)]
    assert "slower" == decision_of(np.log([3.1, 3.0, 4.0]), 0.05, NOISY)[0]


def test_few_pairs_that_are_alike_by_chance():
    """
    What is left of six pairs, but for one at either end, may lie together by chance: so it did in a run of two alike.
    """
    ratios = np.log([1.065, 1.061, 2.503, 0.362, 1.061, 1.055])

    assert ["undecided", "undecided"] == [decision_of(ratios, 0.05, level)[0] for level in (STEADY, NOISY)]


@pytest.mark.parametrize(("middle", "limit"), [(0.0, 0.05), (np.log(1.1), 0.05)])
def test_rounds_needed(middle, limit):
    """
    Of sides that took as many pairs as are told about half are decided.
    """
    first = np.random.default_rng(5).normal(middle, 0.06, 400)
    needed = rounds_needed(first, limit)

    decided = [decision_of(rng.normal(middle, 0.06, needed), limit)[0] for rng in spawned(200)]

    assert 0.3 < np.mean([decision != "undecided" for decision in decided]) < 0.8


def test_rounds_that_nobody_waits_for():
    """
    A median at the limit takes forever.
    """
    assert rounds_needed(np.log([1.04, 1.0499, 1.06]), 0.05) is None


@pytest.mark.parametrize(
    ("ratios", "said"),
    [
        (
            [1.0, 0.3, 1.9, 1.04, 0.27, 3.1, 1.06, 1.05, 0.6],
            "; noise, far above the limit: `sparring calibrate` says whether this machine is quiet",
        ),
        ([1.03, 1.0499, 1.07, 1.049, 1.06], "; too near the limit to tell"),
        ([1.05, 1.0, 1.04, 0.99, 0.99], "; about 6 would tell"),  # by their median 5 would
    ],
)
def test_why_it_is_undecided(ratios, said):
    """
    Noise is told from a figure near the limit, and pairs that would tell are more than there are.
    """
    found = decided([1.0] * len(ratios), ratios, Gate())

    assert "undecided" == found.decision
    assert found.why.endswith(said)


def test_pairs_that_a_tail_needs():
    """
    A figure that varies more is held to a stricter level, which takes more pairs.
    """
    ratios = np.log([1.1, 1.2, 1.3, 1.15, 1.25])

    assert rounds_needed(ratios, 0.05) < rounds_needed(ratios, 0.05, NOISY)


def spawned(n: int) -> list[np.random.Generator]:
    return np.random.default_rng(6).spawn(n)


def test_slower():
    """
    A clear slowdown of a fifth is slower, by its trimmed mean and its bounds.
    """
    ratios = np.log([1.18, 1.19, 1.20, 1.21, 1.22])

    decision, (low, high) = decision_of(ratios, 0.05)

    assert "slower" == decision
    assert 0 < low < 0.182 < high  # ln 1.2


def test_bounds():
    """
    Of 0, 1, 2, 3, 4 the plain mean is surer: 2, with a spread of sqrt(10 / 4) and four degrees of freedom.
    """
    decision, (low, high) = decision_of([0.0, 1.0, 2.0, 3.0, 4.0], 0.05)

    assert "undecided" == decision
    error = np.sqrt(2.5 / 5)
    assert pytest.approx(2 - 10.91549531 * error) == low  # t(0.9998, 4)
    assert pytest.approx(2 + 3.746947388 * error) == high  # t(0.99, 4)


def test_trimmed_bounds():
    """
    With a burst the trimmed mean is surer: of -90, 0, 0, 1, 2, 3, 4, 4, 94, 94 the middle six have the mean 14/6.

    Winsorised to 0 and 4, two at either end, they spread by sqrt(sum of squares about 2.2 / 9), over 0.6.
    """
    ratios = [-90.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 4.0, 94.0, 94.0]

    _, (low, high) = decision_of(ratios, 0.05)

    winsorised = [0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 4.0, 4.0, 4.0]
    error = np.sqrt(sum((x - 2.2) ** 2 for x in winsorised) / 9 / 10) / 0.6
    assert pytest.approx(14 / 6 - 8.363417985 * error) == low  # t(0.9998, 5)
    assert pytest.approx(14 / 6 + 3.364929997 * error) == high  # t(0.99, 5)


def test_as_fast_as_before():
    """
    What is surely not slower by the smallest difference passes.
    """
    decision, _ = decision_of([0.001, -0.002, 0.003, 0.0, -0.001], 0.05)

    assert "pass" == decision


def test_surely_slower_by_too_little():
    """
    A growth that is sure, and below the smallest difference, passes.
    """
    decision, (low, _) = decision_of(np.log([1.020, 1.021, 1.019, 1.020, 1.020]), 0.05)

    assert low > 0
    assert "pass" == decision


def test_a_burst_decides_nothing():
    """
    One pair that a neighbour disturbed, either way, changes no verdict of the others.
    """
    calm = [0.001, -0.002, 0.003, 0.0, -0.001, 0.002, -0.003]

    assert "pass" == decision_of([*calm, 2.0], 0.05)[0]
    assert "slower" == decision_of([*(0.3 + x for x in calm), -2.0], 0.05)[0]


def test_fewer_milliseconds_than_matter():
    """
    A growth below the policy's milliseconds passes, whatever its share.
    """
    old, new = [0.010] * 5, [0.020] * 5

    assert "slower" == decided(old, new, Gate()).decision
    assert "pass" == decided(old, new, Gate(milliseconds=0.5)).decision


def test_what_is_not_decided_stays_so():
    """
    The policy's milliseconds let a slower side pass; they decide nothing of one that is undecided.
    """
    wild = [0.010, 0.013, 0.008, 0.014, 0.009]

    assert "undecided" == decided([0.010] * 5, wild, Gate(milliseconds=0.5)).decision


def test_a_median_beyond_the_limit_does_not_pass():
    """
    However sure the mean is, half of the pairs above the limit are no pass.
    """
    ratios = np.log([1.052, 1.051, 1.053, 1.0, 1.0])

    decision, (_, high) = decision_of([*ratios] * 4, 0.05)

    assert high < np.log(1.05) < np.median(ratios)
    assert "slower" == decision


def test_what_is_told():
    """
    The ratio is the median over pairs of rounds, the times are the medians of each side.
    """
    speed = decided([1.0, 2.0, 4.0, 1.0, 2.0], [2.0, 4.0, 8.0, 2.0, 4.0], Gate())

    assert (5, 2.0, 4.0, 2.0) == (speed.rounds, speed.old, speed.new, pytest.approx(speed.ratio))
    assert pytest.approx((2.0, 2.0)) == speed.bounds


@given(st.lists(st.floats(-1, 1), min_size=FEWEST_ROUNDS, max_size=20))
@settings(deadline=None)
def test_swapping_the_sides(ratios):
    """
    Both sides are never slower than one another, and the order of the rounds does not matter.
    """
    decision, bounds = decision_of(ratios, 0.05)

    assert (decision, pytest.approx(bounds)) == decision_of(ratios[::-1], 0.05)
    assert "slower" != decision or "slower" != decision_of([-x for x in ratios], 0.05)[0]


@pytest.mark.slow
def test_alike_sides_are_let_be():
    """
    Of 2,000 seeded A/A pairs of sides, with bursts, looked at after every round, hardly one is called slower.
    """
    random = np.random.default_rng(3)
    noise = random.normal(0, 0.03, (2000, 16))
    noise += (random.random(noise.shape) < 0.1) * random.normal(0, 0.5, noise.shape)

    slower = [any(decision_of(one[:n], 0.05)[0] == "slower" for n in range(5, 17, 2)) for one in noise]

    assert sum(slower) <= 5


def test_a_tenth_slower_is_caught():
    """
    Of 500 seeded sides slower by a tenth, nine in ten and more are caught within 16 rounds.
    """
    noise = np.random.default_rng(4).normal(np.log(1.1), 0.03, (500, 16))

    slower = [any(decision_of(one[:n], 0.05)[0] == "slower" for n in range(5, 17, 2)) for one in noise]

    assert sum(slower) >= 475
