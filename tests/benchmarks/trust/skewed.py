"""Skewed graded differences: most queries move little or not at all, and few of them by much, to one side."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

import numpy as np

from tests.benchmarks.intervals import AT_ONCE, SIMULATIONS, Floats, Outcome, Shape, ask, joined, sizes_of, summed
from tests.benchmarks.trust.differences import counts
from tests.benchmarks.trust.lines import Count, Part, Planned

UNITY = 0.1  # mean of the skewed part
CHANGED, LOST = 0.35, 0.8  # of queries, and of those that change: as AP@100 of BM25 and of other options on SciFact
BETA = (0.3, 3.0)  # how much a query changes: mostly little, at most 1
BETA_MEAN = BETA[0] / sum(BETA)
SHAPES = (Shape(50, 1, 0, 0), Shape(100, 1, 0, 0), Shape(300, 1, 0, 0), Shape(48, 5, 0.43, 0), Shape(48, 25, 0.35, 0))
EFFECTS = (0.0, 0.02)


def log_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Of logarithms with a standard deviation of 1: skewness 6.2."""
    return rng.lognormal(-0.5, 1.0, shape) * UNITY - UNITY


def exponential(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Skewness 2."""
    return rng.exponential(UNITY, shape) - UNITY


def average_precision(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Two in three queries keep their value; of the others most lose, few win, by a beta distribution."""
    sides = rng.random(shape)
    sizes = rng.beta(*BETA, shape)
    lost, won = sides < CHANGED * LOST, sides > 1 - CHANGED * (1 - LOST)
    return np.where(lost, -sizes, np.where(won, sizes, 0.0))


MEANS = {average_precision: -CHANGED * (2 * LOST - 1) * BETA_MEAN}  # of the others it is 0
KINDS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Floats]] = {
    "log-normal": log_normal,
    "exponential": exponential,
    "as AP@100": average_precision,
}


def simulate(kind: str, shape: Shape, effect: float, seed: int, n: int = SIMULATIONS) -> Outcome:
    """One regime; where values are often equal, only those that differ are moved, and equal ones stay."""
    draw, sizes = KINDS[kind], sizes_of(shape, equal=False)
    n_queries = int(sizes.sum())
    step = max(1, AT_ONCE // n_queries)
    return joined(_ask(draw, sizes, effect, min(step, n - start), (seed, start)) for start in range(0, n, step))


def _ask(
    draw: Callable[[np.random.Generator, tuple[int, ...]], Floats],
    sizes: Floats,
    effect: float,
    n: int,
    seed: tuple[int, int],
) -> Outcome:
    differences = draw(np.random.default_rng(seed), (n, int(sizes.sum())))
    mean = MEANS.get(draw, 0.0)
    moved = (effect - mean) / (CHANGED if draw is average_precision else 1.0)
    return ask(summed(np.where(differences != 0, differences + moved, 0.0), sizes), effect)


def measure(kind: str, shape: Shape, effect: float, seed: int) -> list[Count]:
    return counts(simulate(kind, shape, effect, seed), effect, others=True)


def planned() -> list[Planned]:
    return [
        Planned(
            {
                "clusters × queries": f"{shape.n_clusters} × {shape.size}",
                "differences": kind,
                "true": f"{effect:g}",
            },
            functools.partial(measure, kind, shape, effect),
        )
        for kind, shape, effect in itertools.product(KINDS, SHAPES, EFFECTS)
    ]


PARTS = {
    "skewed": Part(
        "Skewed differences",
        f"""\
Graded differences with a long tail to one side, those of a cluster independent: log-normal (skewness 6.2), exponential
(2), and as AP@100 on SciFact has them, where {100 * CHANGED:g} % of the queries change, {100 * LOST:g} % of them for
the worse, by a beta distribution of {BETA[0]:g} and {BETA[1]:g}. All are moved so that the true mean is known; queries
that do not change stay so. Sign flips by themselves ask whether old and new are alike, and skewed differences of mean 0
are not: more often than 5 % they find what is no difference of means. A verdict asks for an interval that excludes 0
too, which knows of skewness, and keeps its 5 %.""",
        planned,
        measure,
    )
}
