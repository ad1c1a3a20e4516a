"""Models of several seeds: differences that vary over articles, over seeds, and over both at once."""

from __future__ import annotations

import functools
import itertools
from typing import NamedTuple

import numpy as np

from bench.statistics import intervals, over_seeds
from tests.benchmarks.intervals import AT_ONCE, SIMULATIONS, Flags, Floats, Shape, sizes_of
from tests.benchmarks.trust.lines import Count, Part, Planned, compared, covers

SHAPES = (Shape(16, 195, 0.43, 0), Shape(48, 25, 0.35, 0))
SEEDS = (2, 3, 5)
SHARES = (0.0, 0.5, 1.0, 2.0)  # the error of the mean that seeds make, over that which articles make
BOTH = 0.5  # of an article with a seed: the standard deviation, over that of articles
SINGLE = 3.0  # and of a single query


class Drawn(NamedTuple):
    """Samples of differences: (n, n_seeds, n_clusters) sums, and the clusters' sizes."""

    sums: Floats
    sizes: Floats


def draw(rng: np.random.Generator, n: int, shape: Shape, n_seeds: int, share: float) -> Drawn:
    """Differences of mean 0 whose articles have a standard deviation of 1."""
    sizes = sizes_of(shape, equal=False)
    weights = sizes / sizes.sum()
    of_seed = share * np.sqrt((weights**2).sum() * n_seeds)
    n_clusters = len(sizes)
    means = rng.normal(size=(n, 1, n_clusters)) + of_seed * rng.normal(size=(n, n_seeds, 1))
    means = means + BOTH * rng.normal(size=(n, n_seeds, n_clusters))
    return Drawn(sizes * means + SINGLE * np.sqrt(sizes) * rng.normal(size=(n, n_seeds, n_clusters)), sizes)


def measure(shape: Shape, n_seeds: int, share: float, seed: int, *, n: int = SIMULATIONS) -> list[Count]:
    """How often the interval holds the mean of all articles and seeds, and how often that of these seeds alone does."""
    step = max(1, AT_ONCE // (shape.n_clusters * n_seeds))
    held, alone = list[Flags](), list[Flags]()
    for start in range(0, n, step):
        sums, sizes = draw(np.random.default_rng((seed, start)), min(step, n - start), shape, n_seeds, share)
        for found, (low, high) in (
            (held, over_seeds.interval(sums, sizes)),
            (alone, intervals.of_difference(sums.mean(axis=1), sizes)),
        ):
            found.append((low <= 0) & (high >= 0))
    return [covers("covers", np.concatenate(held)), compared("without seeds", np.concatenate(alone))]


def planned() -> list[Planned]:
    return [
        Planned(
            {"clusters × queries": f"{shape.n_clusters} × {shape.size}", "seeds": f"{n_seeds}", "share": f"{share:g}"},
            functools.partial(measure, shape, n_seeds, share),
        )
        for shape, n_seeds, share in itertools.product(SHAPES, SEEDS, SHARES)
    ]


PARTS = {
    "seeds": Part(
        "Models of several seeds",
        f"""\
Differences of models that were trained from several seeds, over articles: each varies by its article (a standard
deviation of 1), its seed, both together ({BOTH:g}) and by itself ({SINGLE:g}). *Share*: the error that seeds make in
the mean, over that which articles make. What is to be held is the mean over all articles and all seeds; *without
seeds*: how often the interval of the mean of these very models holds it.""",
        planned,
        measure,
    )
}
