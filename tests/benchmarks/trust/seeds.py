"""Models of several seeds: values that vary over articles, over seeds, and over both at once."""

from __future__ import annotations

import functools
import itertools

import numpy as np

from bench.statistics import intervals, over_seeds
from tests.benchmarks.intervals import AT_ONCE, SIMULATIONS, Flags, Floats, Shape, sizes_of
from tests.benchmarks.trust.lines import Count, Part, Planned, compared, covers, errs

SHAPES = (Shape(16, 195, 0.43, 0), Shape(48, 25, 0.35, 0))
SEEDS = (2, 3, 5)
ARTICLES = (0.0, 1.0)  # the standard deviation of articles
SHARES = (0.0, 1.0, 3.0)  # the error of the mean that seeds by themselves make, over that of all the rest
BOTH = 0.5  # the standard deviation of an article with a seed
SINGLE = 3.0  # and of a query with a seed
MEAN, SCALE = 0.65, 0.08  # of hits, and of their share what 1 above is


def means(rng: np.random.Generator, n: int, sizes: Floats, n_seeds: int, articles: float, share: float) -> Floats:
    """What is true of each article and seed, around 0: (n, n_seeds, n_clusters)."""
    of_clusters = float((sizes**2).sum()) / sizes.sum() ** 2
    rest = np.sqrt((articles**2 + BOTH**2 / n_seeds) * of_clusters + SINGLE**2 / n_seeds / sizes.sum())
    n_clusters = len(sizes)
    return (
        articles * rng.normal(size=(n, 1, n_clusters))
        + share * rest * np.sqrt(n_seeds) * rng.normal(size=(n, n_seeds, 1))
        + BOTH * rng.normal(size=(n, n_seeds, n_clusters))
    )


def measure(
    shape: Shape, n_seeds: int, articles: float, share: float, seed: int, *, hits: bool = False, n: int = SIMULATIONS
) -> list[Count]:
    """
    How often the interval holds the mean of all articles and seeds, and how often that of these seeds alone does.

    hits: values are 0 and 1, and the interval is that of a mean; otherwise differences.
    """
    sizes = sizes_of(shape, equal=False)
    truth, of_clusters = (MEAN, intervals.of_mean) if hits else (0.0, intervals.of_difference)
    step = max(1, AT_ONCE // (shape.n_clusters * n_seeds))
    held, below, alone = list[Flags](), list[Flags](), list[Flags]()
    for start in range(0, n, step):
        rng = np.random.default_rng((seed, start))
        drawn = means(rng, min(step, n - start), sizes, n_seeds, articles, share)
        if hits:
            sums = rng.binomial(sizes.astype(int), np.clip(MEAN + SCALE * drawn, 0, 1)).astype(np.float64)
        else:
            sums = sizes * drawn + SINGLE * np.sqrt(sizes) * rng.normal(size=drawn.shape)
        low, high = over_seeds.interval(sums, sizes, of_clusters=of_clusters)
        held.append((low <= truth) & (truth <= high))
        below.append(high < truth)
        low, high = of_clusters(sums.mean(axis=1), sizes)
        alone.append((low <= truth) & (truth <= high))
    return [
        covers("covers", np.concatenate(held)),
        errs("wholly below", np.concatenate(below)),
        compared("without seeds", np.concatenate(alone)),
    ]


def planned() -> list[Planned]:
    kinds = {"differences": (SEEDS, ARTICLES), "hits": ((3,), (1.0,))}
    return [
        Planned(
            {
                "clusters × queries": f"{shape.n_clusters} × {shape.size}",
                "values": kind,
                "articles": f"{articles:g}",
                "seeds": f"{n_seeds}",
                "share": f"{share:g}",
            },
            functools.partial(measure, shape, n_seeds, articles, share, hits=kind == "hits"),
        )
        for kind, (of_seeds, of_articles) in kinds.items()
        for shape, articles, n_seeds, share in itertools.product(SHAPES, of_articles, of_seeds, SHARES)
    ]


PARTS = {
    "seeds": Part(
        "Models of several seeds",
        f"""\
Values of models that were trained from several seeds, over articles: each varies by its *article* (the standard
deviation), its seed, both together ({BOTH:g}) and by itself ({SINGLE:g}); or hits, with a mean of {MEAN:g}, of which
{SCALE:g} is what 1 is there. *Share*: the error that seeds by themselves make in the mean, over that of all the rest.
What is to be held is the mean over all articles and all seeds; *wholly below*: a verdict "equivalent" at the margin,
which is wrong. *Without seeds*: how often the interval of the mean of these very models holds it. Of two or three
seeds little is known, and an interval that is safe where seeds make much of the error holds the truth in more than
97 % where they make little.""",
        planned,
        measure,
    )
}
