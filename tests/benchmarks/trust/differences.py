"""Synthetic differences, clustered as real ones are: symmetric, of 0 and 1, and few."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from tests.benchmarks.intervals import SHAPES, Outcome, Shape, simulate
from tests.benchmarks.trust.lines import Count, Part, Planned, compared, covers, errs

_, ARTICLES, _, SEVERAL = SHAPES
UNEVEN = (Shape(15, 43, 0.35, 0.03), *SHAPES)
ALONE = Shape(300, 1, 0.0, 0.0)
# Shape, whether its clusters are equal, the share of queries whose 0/1 outcome changes (None: differences are
# continuous), the true difference.
REGIMES: tuple[tuple[Shape, bool, float | None, float], ...] = (
    *(
        (shape, equal, discordant, effect)
        for shape, equal in (
            *((shape, False) for shape in UNEVEN),
            *((shape, True) for shape in (ARTICLES, SEVERAL, ALONE)),
        )
        for discordant in (None, 0.02, 0.10)
        if not (shape is SEVERAL and equal and discordant == 0.10)
        for effect in (0.0, 0.01 if discordant == 0.02 else 0.02)
    ),
)
FEW: tuple[tuple[Shape, bool, float | None, float], ...] = tuple(
    (shape, False, discordant, effect)
    for shape, discordant, effects in (
        (Shape(15, 43, 0.35, 0.03), 0.01, (0.0, 0.005, 0.01)),
        (Shape(48, 5, 0.43, 0.10), 0.01, (0.0, 0.005)),
        (ARTICLES, 0.01, (0.0, 0.005, 0.01)),
        (SEVERAL, 0.01, (0.0, 0.01)),
        (ALONE, 0.01, (0.0, 0.01)),
        (Shape(1000, 1, 0.0, 0.0), 0.01, (0.0, 0.01)),
        (Shape(1000, 1, 0.0, 0.0), 0.003, (0.0, 0.003)),
        (Shape(10_000, 1, 0.0, 0.0), 0.001, (0.0, 0.001)),
    )
    for effect in effects
)


def counts(found: Outcome, effect: float, *, others: bool = False) -> list[Count]:
    """What is held to a rule in a regime; where there is no difference what finds one errs."""
    made = [compared("few", found.few), covers("covers", found.covers, found.few)]
    made += [errs("wrong verdicts", found.wrong)]
    if effect:
        made += [errs("non-inferior", max(found.above, found.below, key=lambda flags: flags.sum()))]
    else:
        made += [errs("sign-flip", found.rejects)]
    if others:
        made += [compared("Student's t", found.student), compared("t over queries", found.naive)]
    return made


def measure(shape: Shape, discordant: float | None, effect: float, seed: int, *, equal: bool) -> list[Count]:
    return counts(simulate(shape, discordant, effect, equal=equal, seed=seed), effect, others=True)


def planned(regimes: Sequence[tuple[Shape, bool, float | None, float]]) -> list[Planned]:
    return [
        Planned(
            {
                "clusters × queries": f"{shape.n_clusters:,} × {shape.size}",
                "sizes": "equal" if equal or shape.size == 1 else "uneven",
                "differences": "continuous" if discordant is None else f"0/1, {100 * discordant:g} %",
                "true": f"{effect:g}",
            },
            functools.partial(measure, shape, discordant, effect, equal=equal),
        )
        for shape, equal, discordant, effect in regimes
    ]


PARTS = {
    "differences": Part(
        "Differences of two retrievers",
        """\
Synthetic differences, clustered as those of SQuAD, XQuAD and KorQuAD are. Differences of two queries of one cluster
correlate by .1 where a cluster has 5 queries, otherwise by .03; uneven sizes are log-normal, with a standard deviation
of .35 (15 and 48 clusters of 25 and more), .43 (of 5) and 1.23 (140 clusters) of the mean. "0/1, 2 %": 2 % of the
queries change their outcome.""",
        lambda: planned(REGIMES),
        measure,
    ),
    "few": Part(
        "Few differences",
        """\
The same, where so few queries change that hardly any sample has 30 clusters that differ: what an approximate index
does.""",
        lambda: planned(FEW),
        measure,
    ),
}
