"""
Hold the intervals of percentiles to known truth: `make coverage`, a benchmark of minutes and not a test.

Rounds of queries whose population is known go through bench.statistics.bootstrap as measured ones do. Prints, as
Markdown, how often the 95 % interval holds the population's percentile, beside each of the two that it is the wider of.
Exits with 1 where a rate lies outside its rule.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from threadpoolctl import threadpool_limits

from bench.statistics import bootstrap
from tests.benchmarks.intervals import rate, table

SIMULATIONS = 1_000
SEED = 15
COVERS = (0.93, 0.98)  # what is asked of the rates
PERCENTILES = (0.50, 0.95)
COSTS = {"equal": 0.0, "log-normal": 0.5}  # standard deviation of the logarithm of what queries cost
NOISE = 0.1  # the same of what one answer takes, of one query in one round
PASSES = 2  # of a round over its queries
UNIT = 1e6  # nanoseconds that the median query costs

Flags = NDArray[np.bool_]


class Regime(NamedTuple):
    """How queries and rounds differ, and how many there are."""

    costs: str  # of COSTS
    differ: float  # standard deviation of the logarithm of a round's speed
    n_queries: int
    n_rounds: int


class Outcome(NamedTuple):
    """Whether the truth was held in each simulation, each (n_simulations, n_percentiles), and how wide it was."""

    covers: Flags
    bootstrap: Flags  # of rounds and queries, alone
    student: Flags  # over the rounds' percentiles, alone
    reach: NDArray[np.float64]  # half of the interval's width, as a share of the truth


REGIMES = tuple(itertools.starmap(Regime, itertools.product(COSTS, (0.0, 0.03, 0.10), (200, 500), (3, 5))))


def truth(regime: Regime) -> NDArray[np.float64]:
    """The percentiles of the population, queries and noise together, in a round of the median speed: nanoseconds."""
    return UNIT * np.exp(np.hypot(COSTS[regime.costs], NOISE) * ndtri(PERCENTILES))


def rounds(rng: np.random.Generator, regime: Regime) -> list[NDArray[np.int64]]:
    """The same queries in every round, each quicker or slower as a whole: (n_passes, n_queries) nanoseconds."""
    costs = rng.normal(0, COSTS[regime.costs], regime.n_queries)
    made = []
    for speed in rng.normal(0, regime.differ, regime.n_rounds):
        noise = rng.normal(0, NOISE, (PASSES, regime.n_queries))
        made.append(np.rint(UNIT * np.exp(costs + speed + noise)).astype(np.int64))
    return made


def ask(regime: Regime, n: int, seed: int) -> Outcome:
    """The intervals of so many simulations of a regime, each of new queries and new rounds."""
    rng, true = np.random.default_rng(seed), truth(regime)
    with threadpool_limits(1):
        asked = [_ask(rounds(rng, regime), true) for _ in range(n)]
    return Outcome(*(np.array(found) for found in zip(*asked, strict=True)))


def _ask(samples: list[NDArray[np.int64]], true: NDArray[np.float64]) -> tuple[list[bool], ...]:
    holds: tuple[list[bool], ...] = ([], [], [])
    reach = []
    for figure, value in zip(bootstrap.figures(samples, PERCENTILES), true, strict=True):
        logs = bootstrap.logs(figure)
        drawn = bootstrap.central(bootstrap.resampled(logs))
        student = bootstrap.student(logs.rounds)
        assert student is not None
        whole = bootstrap.interval(figure)
        for flags, (low, high) in zip(holds, (np.log(whole), drawn, student), strict=True):
            flags.append(bool(low <= np.log(value) <= high))
        reach.append((whole[1] - whole[0]) / 2 / value)
    return *holds, reach


def simulate(regimes: Sequence[Regime], n: int = SIMULATIONS) -> list[Outcome]:
    """Every regime from its own seed, on every core that there is."""
    seeds = range(SEED, SEED + len(regimes))
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return list(pool.map(ask, regimes, itertools.repeat(n), seeds))


def held(flags: Flags) -> bool:
    """Whether a rate lies within the rule."""
    return bool(COVERS[0] <= flags.mean() <= COVERS[1])


def lines(regimes: Sequence[Regime], outcomes: Sequence[Outcome]) -> list[list[str]]:
    """The table: one line per regime."""
    made = []
    for regime, found in zip(regimes, outcomes, strict=True):
        line = [regime.costs, f"{regime.differ:.0%}", str(regime.n_queries), str(regime.n_rounds)]
        for index in range(len(PERCENTILES)):
            covers = rate(found.covers[:, index])
            line += [covers if held(found.covers[:, index]) else f"**{covers}**"]
            line += [f"{100 * flags[:, index].mean():.1f}" for flags in (found.bootstrap, found.student)]
            line += [f"±{100 * np.median(found.reach[:, index]):.1f} %"]
        made.append(line)
    return made


def main() -> int:
    options = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.coverage", description=(__doc__ or "").strip().splitlines()[0]
    )
    options.add_argument("--simulations", type=int, default=SIMULATIONS, help="of each line (%(default)s)")
    n = options.parse_args().simulations
    outcomes = simulate(REGIMES, n)
    well = all(held(found.covers[:, index]) for found in outcomes for index in range(len(PERCENTILES)))
    low, high = (f"{100 * bound:.0f}" for bound in COVERS)
    print(
        f"""\
How often the 95 % interval of a percentile holds the population's, of {n:,} simulations per line, seed {SEED}; per
cent, with Clopper-Pearson's 95 % bounds. Queries cost all the same, or log-normal with a standard deviation of
{COSTS["log-normal"]:g}; an answer takes {NOISE:.0%} more or less, {PASSES} passes a round; rounds as a whole are
quicker or slower by the second column. Beside each rate what the bootstrap and Student's t hold alone, and half of
the interval's median width as a share of the truth. The rule: {low} to {high} %; **bold** is outside it.
"""
    )
    heads = ["costs", "rounds differ", "queries", "rounds"]
    heads += [name for p in ("p50", "p95") for name in (p, "bootstrap", "Student's t", "half-width")]
    print(table(heads, lines(REGIMES, outcomes)))
    print(f"\n{'Every rate lies within its rule.' if well else 'Not every rate lies within its rule.'}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
