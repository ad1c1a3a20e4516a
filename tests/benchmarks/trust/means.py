"""Means near 0 and 1: values of known mean, clustered as real ones are, of tests/benchmarks/means.py."""

from __future__ import annotations

import functools
import itertools

import numpy as np

from bench.statistics import intervals
from bench.statistics.clusters import NOISE
from tests.benchmarks.intervals import AT_ONCE, SIMULATIONS, Flags, Floats
from tests.benchmarks.means import SHAPES, Regime, Shape, draw
from tests.benchmarks.trust.lines import Count, Part, Planned, covers

TRUTHS = (0.5, 0.8, 0.95, 0.99, 0.995, 0.999)


def few(sums: Floats, sizes: Floats) -> Flags:
    """Samples in which few clusters fail, or succeed: `intervals.of_mean` assumes their correlation."""
    telling = np.minimum((sizes - sums > NOISE).sum(axis=1), (sums > NOISE).sum(axis=1))
    return (telling < intervals.FEW_FAILING) & (telling <= len(sizes) / 2)


def measure(shape: Shape, seed: int, *, graded: bool, n: int = SIMULATIONS) -> list[Count]:
    """A count for each mean."""
    step, counts = max(1, AT_ONCE // shape.n_clusters), []
    for number, truth in enumerate(TRUTHS):
        held, bare = [], []
        for start in range(0, n, step):
            rng = np.random.default_rng((seed, number, start))
            sums, sizes = draw(rng, min(step, n - start), Regime(shape, graded, truth))
            low, high = intervals.of_mean(sums, sizes)
            held.append((low <= truth) & (truth <= high))
            bare.append(few(sums, sizes))
        counts.append(covers(f"mean {truth:g}", np.concatenate(held), np.concatenate(bare)))
    return counts


def planned() -> list[Planned]:
    return [
        Planned(
            {
                "clusters × queries": f"{shape.n_clusters:,} × {shape.size}",
                "uneven": f"{shape.uneven:g}",
                "alike": f"{shape.alike:g}",
                "values": "graded" if graded else "0/1",
            },
            functools.partial(measure, shape, graded=graded),
        )
        for shape, graded in itertools.product(SHAPES, (False, True))
    ]


PARTS = {
    "means": Part(
        "Means near 1",
        """\
How often the 95 % interval holds a true mean from .5 to .999 of values from 0 to 1 (0 and 1, or as nDCG@10 grades one
relevant passage); 1 less a mean has the same. *Uneven*: the standard deviation of the clusters' sizes over their mean;
*alike*: the correlation of two queries of one cluster. 93 to 97, or more where in more than 10 % of the samples so few
clusters fall short that their correlation is assumed, which is exact or wider.""",
        planned,
        measure,
    )
}
