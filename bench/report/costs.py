"""
The costs of a cell that pictures and verdicts take, each by its name on the command line.

The commands read this module for their help: it imports nothing that takes long.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from bench.errors import InputError, did_you_mean
from bench.report.numbers import duration, significant, sized

if TYPE_CHECKING:
    from bench.analysis.prices import Prices

NEW = {"single_p50_ms": "new_p50_ms", "single_p95_ms": "new_p95_ms"}  # a time of repeated queries -> that of new ones
ROUND = re.compile(r"\.0+ ")  # of bytes that are a round number: 5 MB
SOON = 90.0  # seconds; what takes longer is written in minutes


class Cost(NamedTuple):
    """One figure of a cell of which less is better."""

    name: str  # as `--cost` spells it
    key: str  # of JSON; where a cell remembers, the time of new queries stands in its place (`bench.report.doubts`)
    heading: str  # of an axis
    unit: str  # "ms", "s" or a currency; empty: bytes, written in the unit that suits them
    title: str  # quality against it
    short: str  # what a cell without it lacks
    phrase: str  # with `{}` for a value with its unit
    is_exact: bool = False  # another run finds the same figure

    @property
    def is_time(self) -> bool:
        """Whether it is not compared across hardware."""
        return bool(self.unit)

    @property
    def label(self) -> str:
        """The heading with its unit."""
        return f"{self.heading}, in {self.unit}" if self.unit else self.heading

    def written(self, value: float) -> str:
        """A figure with its unit: 12.3 ms, 7 min, 404 MB."""
        if self.key == "index_seconds" and value >= SOON:
            return duration(value)
        return f"{significant(value)} {self.unit}" if self.unit else sized(value)

    def tick(self, value: float) -> str:
        """A round number beside an axis, with its unit where the axis names none."""
        return f"{value:,g}" if self.unit else ROUND.sub(" ", sized(value))

    def told(self, figure: str, *, is_new: bool) -> str:
        """A written figure as a phrase, `p50 of new queries 1.30 ms`; is_new: it is the time of new queries."""
        phrase = self.phrase.replace(" {}", " of new queries {}") if is_new and self.key in NEW else self.phrase
        return phrase.format(figure)


DEFAULT, PRICE = "p50", "price"
_ALL = (
    Cost(DEFAULT, "single_p50_ms", "p50 of one query, text to ids", "ms", "the time of a query", "p50", "p50 {}"),
    Cost("p95", "single_p95_ms", "p95 of one query, text to ids", "ms", "the p95 of a query", "p95", "p95 {}"),
    Cost("bytes", "ledger_bytes", "index size (exact)", "", "the size of the index", "index size", "index {}", True),
    Cost("index", "index_seconds", "time to encode and index", "s", "the time to index", "index time", "{} to index"),
    Cost("deployment", "deployment_bytes", "memory of a deployment", "", "a deployment", "deployment", "{} deployed"),
)
COSTS: Mapping[str, Cost] = {cost.name: cost for cost in _ALL}
NAMES = (*COSTS, PRICE)
BY_KEY: Mapping[str, Cost] = {cost.key: cost for cost in COSTS.values()}


def named(name: str | None, prices: Prices | None = None) -> Cost:
    """
    The cost of a name, or the one that is drawn where none is named: of prices that are given, else of time.

    InputError for a name that is none, and for a price without prices, or prices beside another cost.
    """
    wanted = name or (DEFAULT if prices is None else PRICE)
    if wanted not in NAMES:
        raise InputError(f"--cost: expected one of {', '.join(NAMES)}, found {wanted!r}.{did_you_mean(wanted, NAMES)}")
    if (wanted == PRICE) != (prices is not None):
        found = f"--cost {wanted}" + (" without it" if prices is None else " beside it")
        raise InputError(f"--prices: expected it with --cost {PRICE} alone, found {found}")
    return COSTS[wanted] if prices is None else _of_prices(prices)


def _of_prices(prices: Prices) -> Cost:
    """A month, at the volume that is asked."""
    heading = f"price of a month of {prices.queries_a_month:,.12g} queries"
    return Cost(PRICE, "price_a_month", heading, prices.currency, "the price of a month", PRICE, "{} a month")
