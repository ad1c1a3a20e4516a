"""Whether the gate leans to a side: new over old where nothing changed, pooled over cells and runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from bench.gate.figures import FIGURES
from tests.benchmarks.trust.rates import SPEED_ALIKE
from tests.benchmarks.trust.trials import Trial

DRAWS = 2_000
MOST = 0.005  # that either end of the interval may lie off the ratio


class Pooled(NamedTuple):
    """The median of new / old over pairs of rounds, its 95 % interval, and how often new is the greater."""

    ratio: float
    low: float
    high: float
    greater: float  # share of the pairs that differ
    n: int  # pairs
    n_units: int  # runs
    untold: float = 0.0  # how far off 1 the figure's instrument tells nothing

    @property
    def is_level(self) -> bool:
        """Whether the interval holds 1, or what is not told from it, and is short."""
        holds = self.low <= 1 + self.untold and self.high >= 1 - self.untold
        return holds and max(self.high - self.ratio, self.ratio - self.low) <= MOST


def pooled(rng: np.random.Generator, trials: Sequence[Trial], figure: str) -> Pooled:
    """
    Of one figure, over all pairs of rounds of the cells whose search is alike, of gate runs and recordings.

    The interval is a percentile bootstrap over runs: what is so for all rounds of one is no noise of its pairs.
    """
    of_runs = [[t.times[cell][figure].ratios for cell in SPEED_ALIKE if figure in t.times[cell]] for t in trials]
    units = [np.concatenate(of_cells) for of_cells in of_runs if of_cells]
    if not units:
        return Pooled(1.0, 0.0, np.inf, 0.5, 0, 0)
    every = np.concatenate(units)
    places = rng.integers(len(units), size=(DRAWS, len(units)))
    drawn = [np.median(np.concatenate([units[place] for place in row])) for row in places]
    low, high = np.quantile(drawn, [0.025, 0.975])
    differ = every[every != 0]
    old = np.concatenate([t.times[cell][figure].old for t in trials for cell in SPEED_ALIKE if figure in t.times[cell]])
    return Pooled(
        float(np.exp(np.median(every))),
        float(np.exp(low)),
        float(np.exp(high)),
        float((differ > 0).mean()) if len(differ) else 0.5,
        len(every),
        len(units),
        FIGURES[figure].resolution / float(np.median(old)),
    )


def of_figures(rng: np.random.Generator, trials: Sequence[Trial]) -> dict[str, Pooled]:
    """Each figure that the trials have."""
    return {figure.name: found for name, figure in FIGURES.items() if (found := pooled(rng, trials, name)).n}


def rows(found: dict[str, Pooled]) -> Iterator[list[str]]:
    """A line for each figure, and whether it keeps the rule."""
    for name, one in found.items():
        told = f"×{one.ratio:.4f} [{one.low:.4f}, {one.high:.4f}]"
        met = "met" if one.is_level else "**not met**"
        if one.untold and one.is_level:
            met += f": within {one.untold:.0%} nothing is told"
        yield [name, told, f"{100 * one.greater:.1f} %", f"{one.n:,}", str(one.n_units), met]
