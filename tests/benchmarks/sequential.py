"""
Hold sequential verdicts of quality to known truth: `python -m tests.benchmarks.sequential`, a benchmark and not a test.

Synthetic differences of known mean, clustered as real ones are, are asked in chunks until bench.statistics decides.
Prints, as Markdown, how often the verdict is not true, how often there is one, and after which share of the queries;
beside it the same of a betting martingale, the method that was not taken.
Exits with 1 where a rate lies outside its rule.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.statistics import sequential_quality
from bench.statistics.clusters import Floats
from bench.statistics.paired import ALPHA, MARGINS, Margins
from tests.benchmarks.intervals import SHAPES, Shape, bounds, draw, sizes_of, table

SIMULATIONS, AT_ONCE = 20_000, 1_000  # each part has its own order of clusters
POWER = 2_000  # where no boundary is near, and of those that go through the martingale, whose errors theory bounds
SEED = 21
ALONE = (Shape(300, 1, 0.0, 0.01), Shape(1_000, 1, 0.0, 0.01))  # each query its own cluster
REGIMES = (*ALONE, *SHAPES[1:])
NON_INFERIOR = 0.005
BOUNDARIES = (0.0, MARGINS.equivalent, -NON_INFERIOR)  # true differences of which some verdict is just not true
EFFECTS = (*BOUNDARIES, 0.05, 0.1)


class Skewed(NamedTuple):
    """Rare losses, and small gains of all other queries, exponential, that make up for them."""

    losses: float  # share of the queries
    loss: float  # of each


KINDS = (
    None,
    0.02,
    0.10,
    0.30,
    Skewed(0.05, 0.5),
    Skewed(0.02, 1.0),
)  # a number: discordant share of 0/1; None: graded


class Line(NamedTuple):
    """One regime."""

    regime: str
    true: float
    n: int  # simulations
    errors: int  # of them: the verdict is not true
    rule: str
    within: bool
    decided: float  # share of the simulations
    share: float  # of the queries that were asked: the median
    betting_decided: float
    betting_share: float


def skewed(rng: np.random.Generator, n: int, sizes: Floats, alike: float, kind: Skewed, effect: float) -> Floats:
    """Sums of clusters, whose shares of losses have a beta distribution: two queries of one correlate by `alike`."""
    a = (1 - alike) / alike
    chances = rng.beta(a * kind.losses, a * (1 - kind.losses), (n, len(sizes)))
    losses = rng.binomial(sizes.astype(np.int64), chances)
    gain = (kind.losses * kind.loss + effect) / (1 - kind.losses)
    gains = rng.gamma(np.maximum(sizes - losses, 1e-9), gain)  # the sum of so many exponential ones
    return np.asarray(np.where(sizes > losses, gains, 0.0) - kind.loss * losses)


def samples(
    shape: Shape, kind: float | Skewed | None, effect: float, n: int, seed: int = SEED
) -> Iterator[tuple[Floats, Floats]]:
    """Sums and sizes, clusters as they are asked, in parts of AT_ONCE simulations with one order each."""
    for own in range(seed, seed + n, AT_ONCE):
        many = min(AT_ONCE, seed + n - own)
        rng, equal = np.random.default_rng(own), shape.uneven == 0
        if isinstance(kind, Skewed):
            sizes = sizes_of(shape, equal=equal)
            sums = skewed(rng, many, sizes, shape.alike, kind, effect)
        else:
            sums, sizes, _ = draw(shape, kind, effect, equal=equal, n=many, seed=own)
        order = sequential_quality.order(len(sizes), own)
        yield sums[:, order], sizes[order]


def sequential(sums: Floats, sizes: Floats, margins: Margins) -> tuple[NDArray[np.str_], Floats]:
    """The verdict of each simulation, and the share of the queries that it took."""
    verdicts = np.full(len(sums), "undecided", dtype="U12")
    shares = np.ones(len(sums))
    for look, low, high in sequential_quality.bounds(sums, sizes):
        going = np.flatnonzero(verdicts == "undecided")
        verdicts[going] = [sequential_quality.verdict((low[i], high[i]), margins) for i in going]
        stopped = going[verdicts[going] != "undecided"]
        shares[stopped] = sizes[: look.n_clusters].sum() / sizes.sum()
    return verdicts, shares


def betting(sums: Floats, sizes: Floats, margins: Margins) -> Floats:
    """
    The share of the queries after which a betting martingale decides; above 1 where it never does. (n_simulations,).

    I. Waudby-Smith, A. Ramdas 2024, "Estimating means of bounded random variables by betting", Journal of the Royal
    Statistical Society B 86: the capital of bets against each boundary (their approximate GRAPA, at most half of what
    can be lost), decided at 2 / alpha. A cluster is a sum less the mean times its size, over the greatest size, which
    is what bounds it.
    """

    def first(mean: float, sign: int) -> NDArray[np.int64]:
        """After which cluster a mean of at most (sign 1) or at least this is refused."""
        most = 1 + abs(mean)
        gains = np.clip(sign * (sums - mean * sizes) / sizes.max(), -most, most)
        seen = np.arange(1, len(sizes) + 1)
        means = np.cumsum(gains, axis=1) / (seen + 1)
        squares = (np.cumsum(gains**2, axis=1) + 0.25 * (sizes.mean() / sizes.max()) ** 2) / (seen + 1)
        bets = np.clip(means / squares, 0.0, 0.5 / most)
        bets = np.hstack([np.zeros((len(sums), 1)), bets[:, :-1]])  # known before the cluster is
        refused = np.cumsum(np.log1p(bets * gains), axis=1) >= np.log(2 / ALPHA)
        return np.where(refused.any(axis=1), refused.argmax(axis=1), len(sizes))

    margin, loss = margins.equivalent, margins.non_inferior
    decisions = [first(0.0, 1), first(0.0, -1), np.maximum(first(-margin, 1), first(margin, -1))]
    if loss is not None:
        decisions.append(first(-loss, 1))
    found: Floats = np.append(np.cumsum(sizes) / sizes.sum(), 2.0)[np.minimum.reduce(decisions)]
    return found


def untrue(verdicts: NDArray[np.str_], effect: float) -> NDArray[np.bool_]:
    """Which verdicts do not hold of the true difference."""
    wrong = {
        "better": effect <= 0,
        "worse": effect >= 0,
        "equivalent": abs(effect) >= MARGINS.equivalent,
        "non-inferior": effect <= -NON_INFERIOR,
    }
    return np.isin(verdicts, [name for name, is_wrong in wrong.items() if is_wrong])


def line(shape: Shape, kind: float | Skewed | None, effect: float, n: int = SIMULATIONS) -> Line:
    """One regime, so many simulations."""
    margins = Margins(non_inferior=NON_INFERIOR) if effect == -NON_INFERIOR else MARGINS
    errors, shares, decided, bets = 0, [], 0, []
    for sums, sizes in samples(shape, kind, effect, n):
        verdicts, taken = sequential(sums, sizes, margins)
        errors += int(untrue(verdicts, effect).sum())
        decided += int((verdicts != "undecided").sum())
        shares.append(taken)
        if len(bets) * AT_ONCE < POWER:
            bets.append(betting(sums, sizes, margins))
    bet = np.concatenate(bets)
    return Line(
        regime=f"{shape.n_clusters:,} × {shape.size}, {named(kind)}",
        true=effect,
        n=n,
        errors=errors,
        rule=f"at most {ALPHA:.0%}",
        within=bounds(errors, n)[0] <= ALPHA,
        decided=decided / n,
        share=float(np.median(np.concatenate(shares))),
        betting_decided=float((bet <= 1).mean()),
        betting_share=float(np.median(np.minimum(bet, 1.0))),
    )


def named(kind: float | Skewed | None) -> str:
    if isinstance(kind, Skewed):
        return f"{kind.losses:.0%} lose {kind.loss:g}"
    return "graded" if kind is None else f"0/1, {kind:.0%}"


def is_possible(kind: float | Skewed | None, effect: float) -> bool:
    """Whether so many queries can differ."""
    return not isinstance(kind, float) or abs(effect) <= kind


def lines(n: int = SIMULATIONS) -> list[Line]:
    """Every regime."""
    found = []
    for shape, kind, effect in itertools.product(REGIMES, KINDS, EFFECTS):
        if not is_possible(kind, effect):
            continue
        found.append(line(shape, kind, effect, n if effect in BOUNDARIES else min(n, POWER)))
        sys.stderr.write(f"{found[-1]}\n")
    return found


def main() -> int:
    found = lines()
    well = all(one.within for one in found)
    uneven = ", ".join(f"{shape.uneven:g} ({shape.n_clusters} × {shape.size})" for shape in SHAPES[1:])
    print(
        f"""\
{SIMULATIONS:,} simulations per line ({POWER:,} where the true difference is no boundary), seed {SEED}; per cent, with
Clopper-Pearson's 95 % bounds. Regimes are those of `tests.benchmarks.intervals`: clusters × queries on average, sizes
uneven by {uneven}; clusters of one query; graded (a normal and a Laplace
part), 0/1 of which so many change, and skewed: some lose much, all others gain a little. Each is asked in random order,
until a look decides: better, worse, equivalent (±{MARGINS.equivalent:g})
and, where the true difference is {-NON_INFERIOR:g}, non-inferior by {NON_INFERIOR:g}. Errors: verdicts that are not
true, at most {ALPHA:.0%}; **bold**: the bounds lie wholly above. Share: of the queries that were asked, the median.
Betting: the same of a betting martingale that looks after every cluster, {POWER:,} simulations.
"""
    )
    heads = ["clusters × queries", "true", "errors", "decided", "share", "betting: decided", "share"]
    print(table(heads, [_cells(one) for one in found]))
    print(f"\n{'Every rate lies within its rule.' if well else 'Not every rate lies within its rule.'}")
    return 0 if well else 1


def _cells(one: Line) -> list[str]:
    low, high = bounds(one.errors, one.n)
    errors = f"{100 * one.errors / one.n:.2f} ({100 * low:.2f}–{100 * high:.2f})"
    return [
        one.regime,
        f"{one.true:g}",
        errors if one.within else f"**{errors}**",
        f"{100 * one.decided:.0f}",
        f"{one.share:.2f}",
        f"{100 * one.betting_decided:.0f}",
        f"{one.betting_share:.2f}",
    ]


if __name__ == "__main__":
    sys.exit(main())
