"""Sequential verdicts of quality: regimes of tests/benchmarks/sequential.py, asked in looks until one decides."""

from __future__ import annotations

import functools
import itertools

import numpy as np

from bench.statistics.paired import MARGINS, Margins
from tests.benchmarks import sequential
from tests.benchmarks.intervals import SIMULATIONS, Shape
from tests.benchmarks.sequential import EFFECTS, KINDS, NON_INFERIOR, REGIMES, Skewed, is_possible, named
from tests.benchmarks.trust.lines import Count, Part, Planned, errs

Kind = float | Skewed | None


def measure(shape: Shape, kind: Kind, seed: int, *, n: int = SIMULATIONS) -> list[Count]:
    """A count for each true difference."""
    return [
        errs(f"true {effect:g}", _wrong(shape, kind, effect, seed, n))
        for effect in EFFECTS
        if is_possible(kind, effect)
    ]


def _wrong(shape: Shape, kind: Kind, effect: float, seed: int, n: int) -> np.ndarray:
    margins = Margins(non_inferior=NON_INFERIOR) if effect == -NON_INFERIOR else MARGINS
    drawn = sequential.samples(shape, kind, effect, n, seed)
    verdicts = [sequential.sequential(sums, sizes, margins)[0] for sums, sizes in drawn]
    return sequential.untrue(np.concatenate(verdicts), effect)


def planned() -> list[Planned]:
    return [
        Planned(
            {"clusters × queries": f"{shape.n_clusters:,} × {shape.size}", "differences": named(kind)},
            functools.partial(measure, shape, kind),
        )
        for shape, kind in itertools.product(REGIMES, KINDS)
    ]


PARTS = {
    "sequential": Part(
        "Sequential verdicts",
        f"""\
Verdicts of queries that are asked in random order until a look decides, which are not true: better, worse, equivalent
within {MARGINS.equivalent:g} and, where the true difference is {-NON_INFERIOR:g}, non-inferior by {NON_INFERIOR:g}. A
rate for each true difference; the first three lie on a boundary. Differences are graded, 0/1 of which so many change,
or skewed: some lose much, and all others gain a little.""",
        planned,
        measure,
    )
}
