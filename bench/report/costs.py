"""What a cell costs, as pictures and verdicts take it: by which key, how it is written, and what an axis of it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from bench.errors import InputError, did_you_mean
from bench.report import doubts
from bench.report.numbers import duration, significant, sized

ROUND = re.compile(r"\.0+ ")  # of bytes that are a round number: 5 MB
P50, WEIGHT = "p50", "ledger_bytes"
SOON = 90.0  # seconds; what takes longer is written in minutes


class Cost(NamedTuple):
    """One of the costs of a cell; less is better."""

    key: str  # of `sparring table --json`
    short: str  # as a table heads it
    name: str  # in a title: quality against it
    axis: str  # beside the axis
    written: Callable[[float], str]  # with its unit
    phrase: str  # with `{}` for a value as it is written
    is_time: bool = False  # and so of one machine

    def tick(self, value: float) -> str:
        """A round number beside the axis, with the unit where the axis does not name it."""
        return f"{value:,g}" if self.is_time else ROUND.sub(" ", sized(value))


def _milliseconds(value: float) -> str:
    return f"{significant(value)} ms"


def _seconds(value: float) -> str:
    return duration(value) if value >= SOON else f"{significant(value)} s"


def _of_query(percentile: str, name: str) -> Cost:
    axis = f"{percentile} of one query, text to ids, in ms"
    return Cost(f"single_{percentile}_ms", percentile, name, axis, _milliseconds, f"{percentile} {{}}", is_time=True)


COSTS: Mapping[str, Cost] = {
    P50: _of_query("p50", "the time of a query"),
    "p95": _of_query("p95", "the p95 of a query"),
    "bytes": Cost(WEIGHT, "index size", "the size of the index", "index size (exact)", sized, "index {}"),
    "index": Cost(
        "index_seconds",
        "index time",
        "the time to index",
        "time to encode and index all passages, in s",
        _seconds,
        "{} to index",
        is_time=True,
    ),
    "deployment": Cost(
        "deployment_bytes",
        "deployment",
        "the memory of a deployment",
        "memory of a deployment, libraries included",
        sized,
        "{} deployed",
    ),
}
BY_KEY: Mapping[str, Cost] = {cost.key: cost for cost in COSTS.values()}


def cost_of(name: str | None) -> Cost:
    """The cost of that name, p50 where none is asked for. InputError for one that is none, with the nearest."""
    if name is None:
        return COSTS[P50]
    if name not in COSTS:
        raise InputError(f"--cost: expected one of {', '.join(COSTS)}, found {name!r}.{did_you_mean(name, COSTS)}")
    return COSTS[name]


def told(cost: Cost, figure: str, *, is_new: bool) -> str:
    """A cost as a phrase: `p50 of new queries 1.30 ms`. is_new: of a cell that remembers, the time of new queries."""
    phrase = cost.phrase.replace(" {}", " of new queries {}") if is_new and cost.key in doubts.NEW else cost.phrase
    return phrase.format(figure)
