"""Families of retrievers that are all alike: how often any is called better or worse, or told apart from the best."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator

import numpy as np

from bench.statistics import intervals, paired, signs
from tests.benchmarks.intervals import AT_ONCE, SIMULATIONS, SPREAD, Flags, Floats, Shape, flipped, sizes_of
from tests.benchmarks.trust.lines import Count, Part, Planned, errs
from tests.benchmarks.trust.skewed import log_normal

MEMBERS = (1, 3, 10, 30)  # retrievers that are compared with a baseline, which is alike too
RUNS = 2_000  # in which all pairs are compared
KINDS = ("continuous", "0/1", "skewed")
REGIMES = (
    ("0/1", Shape(300, 1, 0.0, 0.0)),
    ("continuous", Shape(48, 25, 0.35, 0.03)),
    ("skewed", Shape(100, 1, 0.0, 0.0)),
)
SHARED = 0.5  # of the variance of a query's values: what retrievers share, which leaves their differences
RECALL, SAME = 0.7, 0.9  # of values of 0 and 1: their mean, and how often a retriever has the value that most share


def values(rng: np.random.Generator, kind: str, sizes: Floats, n: int, n_retrievers: int) -> Floats:
    """
    The sums over clusters of values of retrievers that are all alike: (n, n_retrievers, n_clusters).

    Queries of a cluster rise and fall together for all retrievers, and for each by itself. Skewed ones differ from the
    first, which is the baseline, by independent log-normal values.
    """
    n_queries, places = int(sizes.sum()), np.repeat(np.arange(len(sizes)), sizes.astype(np.int64))
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    every = (n, n_retrievers, n_queries)
    if kind == "continuous":
        own = rng.normal(0.0, SPREAD, every) + rng.normal(0.0, SPREAD / 5, (n, n_retrievers, len(sizes)))[..., places]
        return np.add.reduceat(own + rng.normal(0.5, SPREAD, (n, 1, n_queries)), starts, axis=2)
    if kind == "skewed":
        differences = log_normal(rng, (n, n_retrievers - 1, n_queries))
        return np.add.reduceat(np.concatenate([np.zeros((n, 1, n_queries)), differences], axis=1), starts, axis=2)
    most = rng.random((n, 1, n_queries)) < RECALL
    same = rng.random((n, n_retrievers, len(sizes)))[..., places] ** (1 / SAME - 1)  # of mean SAME
    kept = rng.random(every) < same
    return np.add.reduceat(np.where(kept, most, rng.random(every) < RECALL).astype(np.float64), starts, axis=2)


def runs(kind: str, shape: Shape, n_retrievers: int, n: int, seed: int) -> Iterator[tuple[Floats, Floats]]:
    """The sums of so many runs, some at once, and the clusters' sizes."""
    sizes = sizes_of(shape, equal=False)
    step = max(1, int(AT_ONCE // (sizes.sum() * n_retrievers)))
    for start in range(0, n, step):
        yield values(np.random.default_rng((seed, start)), kind, sizes, min(step, n - start), n_retrievers), sizes


def called(sums: Floats, sizes: Floats) -> Flags:
    """In which runs a verdict on one of the family is better or worse, adjusted as `compare` has it: (n,)."""
    differences = sums[:, 1:] - sums[:, :1]
    low, high = intervals.of_difference(differences, sizes)
    found = ((low > 0) | (high < 0)).any(axis=1)  # in no other run can a verdict be either
    if found.any():
        chosen = differences[found]
        ps = flipped(chosen.reshape(-1, len(sizes))).reshape(chosen.shape[:2])
        ps = np.maximum(ps, intervals.p_value(functools.partial(intervals.of_difference, chosen, sizes)))
        differ = np.abs(chosen).sum(axis=2) > 0
        found[found] = [_any(*family) for family in zip(differ, low[found], high[found], ps, strict=True)]
    return found


def _any(differ: Flags, low: Floats, high: Floats, ps: Floats) -> bool:
    adjusted = paired.holm(ps[differ].tolist())
    verdicts = [
        paired.verdict(1, (at_least, at_most), p)
        for at_least, at_most, p in zip(low[differ], high[differ], adjusted, strict=True)
    ]
    return "better" in verdicts or "worse" in verdicts


def apart(sums: Floats) -> bool:
    """Whether a retriever of one run is told apart from the best of them, all pairs being compared."""
    return bool((signs.all_pairs(sums)[sums.sum(axis=1).argmax()] < paired.ALPHA).any())


def measure(kind: str, shape: Shape, n_members: int, seed: int) -> list[Count]:
    better_or_worse = np.concatenate(
        [called(sums, sizes) for sums, sizes in runs(kind, shape, n_members + 1, SIMULATIONS, seed)]
    )
    counts = [errs("any better or worse", better_or_worse)]
    if n_members > 1:
        many = (apart(run) for sums, _ in runs(kind, shape, n_members, RUNS, seed) for run in sums)
        counts.append(errs("any apart from the best", np.fromiter(many, bool)))
    return counts


def planned() -> list[Planned]:
    return [
        Planned(
            {
                "clusters × queries": f"{shape.n_clusters} × {shape.size}",
                "values": kind,
                "retrievers": str(n_members),
            },
            functools.partial(measure, kind, shape, n_members),
        )
        for (kind, shape), n_members in itertools.product(REGIMES, MEMBERS)
    ]


PARTS = {
    "families": Part(
        "Families",
        f"""\
Retrievers that are all alike. *Any better or worse*: runs in which the verdict on one of so many, compared with a
baseline that is alike too, is better or worse once the greater p, of sign flips and of the interval, is adjusted by
Holm. Skewed ones differ from the baseline by independent log-normal values (skewness 6.2) of mean 0. *Any apart from
the best*: {RUNS:,} runs in which one of them is no tie with that which came out best, all pairs being compared
(max-T). The small levels that a large family asks for lie beyond what 100 differences as skewed as these tell of their
tail: sign flips alone, adjusted, find one of 20 in a third of all runs.""",
        planned,
        measure,
    )
}
