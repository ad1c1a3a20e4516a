"""
The latency instrument: the clock, the loops, and the percentiles (design, section 7, rules 4 to 6).

`single` is a closed loop, one query after the other: its figures are service times, not latencies under load. Those
are `bench.rate`'s.
"""

from __future__ import annotations

import sys
import time
from array import array  # samples take 8 bytes each: the peak over serving counts them
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.record import Latency

WARM_UP_QUERIES = 50
SECONDS_A_ROUND = 1.0  # a round repeats its queries until it has taken at least this long
QUERIES_PER_TAIL = 10  # a percentile p needs 10 / (1 - p) distinct queries
PERCENTILES = (0.50, 0.95, 0.99)

# Intervals of percentiles
LEVEL = 0.95
DRAWS = 1_000
SEED = 7
GRID = 200  # values at which the distribution near a percentile is looked at
REACH = 6.0  # standard errors of the percentile's rank that they span

UNSTABLE = "unstable: "  # begins each flag that makes a cell's speed unfit to decide anything


def device_barrier() -> Callable[[], None] | None:
    """
    What waits for the accelerator to finish, where one is in use: a stamp before that times the launch only.

    One that is there and not in use is let be: waiting for it would set it up, and weigh that as the encoder's.
    """
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    barrier: Callable[[], None] = torch.cuda.synchronize
    return barrier


def timed(call: Callable[[], object]) -> tuple[float, object]:
    """Seconds that one call took, and what it gave."""
    start = time.perf_counter()
    result = call()
    barrier = device_barrier()  # asked for now: the call itself may be what first uses the accelerator
    if barrier is not None:
        barrier()
    return time.perf_counter() - start, result


def staged(
    stages: Sequence[Callable[[Any], object]],  # Any: what one stage gives is handed to the next
    n_queries: int,
    seconds: float = SECONDS_A_ROUND,
) -> NDArray[np.int64]:
    """
    Time the stages of every query one after the other, in whole passes, until `seconds` have gone by.

    stages: the first is handed the position of the query, each other one what the one before it gave.
    Returns (n_passes, n_queries, n_stages) int64, nanoseconds.
    """
    barrier = device_barrier()
    clock = time.perf_counter_ns
    samples, passes = array("q"), 0
    begin = clock()
    while passes == 0 or (n_queries and clock() - begin < seconds * 1e9):
        for query in range(n_queries):
            given: object = query
            for stage in stages:
                start = clock()
                given = stage(given)
                if barrier is not None:
                    barrier()
                samples.append(clock() - start)
        passes += 1
    return np.array(samples, np.int64).reshape(passes, n_queries, len(stages))


def single(ask: Callable[[int], object], n_queries: int, seconds: float = SECONDS_A_ROUND) -> NDArray[np.int64]:
    """
    Time every query on its own, in whole passes, until `seconds` have gone by.

    ask: answers the query of that position. Returns (n_passes, n_queries) int64, nanoseconds.
    """
    return staged((ask,), n_queries, seconds)[:, :, 0]


def batch(ask: Callable[[], object], seconds: float = SECONDS_A_ROUND) -> NDArray[np.int64]:
    """Time one batch as it was asked, again and again until `seconds` have gone by: (n_repeats,) int64, nanoseconds."""
    return single(lambda _: ask(), 1, seconds)[:, 0]


def percentile(rounds: Sequence[NDArray[np.int64]], p: float, n_queries: int | None = None) -> float | None:
    """
    The median over rounds of each round's percentile, in milliseconds.

    rounds: each (n_passes, n_queries) nanoseconds. None with fewer than 10 / (1 - p) distinct queries: n_queries, where
    the columns are something else.
    """
    if not rounds or any(samples.size == 0 for samples in rounds):
        return None
    if n_queries is None:
        n_queries = min(samples.shape[1] for samples in rounds)
    if n_queries * (1 - p) < QUERIES_PER_TAIL - 1e-9:
        return None
    return float(np.median([np.quantile(samples, p) for samples in rounds])) / 1e6


def summary(
    rounds: Sequence[NDArray[np.int64]],
    cold_ms: Sequence[float | None] = (),
    *,
    n_queries: int | None = None,
    crossed: bool = True,
) -> Latency | None:
    """The percentiles of some rounds of (n_passes, n_queries) nanoseconds, as in `percentile` and `intervals`."""
    if not rounds:
        return None
    cold = [ms for ms in cold_ms if ms is not None]
    values = [percentile(rounds, p, n_queries) for p in PERCENTILES]
    known = [p for p, value in zip(PERCENTILES, values, strict=True) if value is not None]
    found = dict(zip(known, intervals(rounds, known, crossed=crossed), strict=True)) if known else {}
    p50, p95, p99 = (found.get(p) for p in PERCENTILES)
    return Latency(
        p50=values[0],
        p95=values[1],
        p99=values[2],
        cold=float(np.median(cold)) if cold else None,
        p50_interval=p50,
        p95_interval=p95,
        p99_interval=p99,
    )


def intervals(
    rounds: Sequence[NDArray[np.int64]], ps: Sequence[float], *, crossed: bool = True, draws: int = DRAWS
) -> list[tuple[float, float]]:
    """
    The 95 % intervals of some percentiles, in milliseconds: a bootstrap over rounds and over queries.

    Rounds are drawn with replacement, and queries too, all passes of a query together; of each draw the percentile is
    taken as `percentile` takes it. crossed: every round asks the same queries, so a draw of queries holds for all its
    rounds (drawn anew for each, what is due to the choice of queries would average out); else the columns are other
    things in every round. One round tells of queries alone.

    Of 300 simulated cells each (200 queries of one log-normal population, 3 or 5 rounds that differ by 0, 1 or 5 %)
    94 % of the intervals of p50 hold the population's, and 91 to 92 % of p95's; of one round, where rounds differ by
    5 %, 76 and 83 %.

    A percentile of a draw is read off at GRID values near it, which is exact where a round has no more there, and
    otherwise within a twentieth of its standard error.
    """
    rng = np.random.default_rng(SEED)
    n_rounds, n_queries = len(rounds), rounds[0].shape[1]
    chosen = rng.integers(n_rounds, size=(draws, n_rounds))
    found = np.empty((len(ps), draws, n_rounds))
    near = [[_near(samples, p) for samples in rounds] for p in ps]
    for slot in range(n_rounds):
        if slot == 0 or not crossed:
            weights = _drawn(rng, draws, n_queries)
        for number, samples in enumerate(rounds):
            drawn = np.flatnonzero(chosen[:, slot] == number)
            for index, p in enumerate(ps):
                found[index, drawn, slot] = _quantile(weights[drawn], *near[index][number], p * (samples.size - 1))
    tails = (1 - LEVEL) / 2, (1 + LEVEL) / 2
    bounds = np.quantile(np.median(found, axis=2), tails, axis=1) / 1e6
    return [(float(low), float(high)) for low, high in bounds.T]


def _drawn(rng: np.random.Generator, draws: int, n: int) -> NDArray[np.float32]:
    """How often each of n things is in each of some draws of n with replacement: (draws, n)."""
    places = rng.integers(n, size=(draws, n)) + np.arange(draws)[:, None] * n
    return np.bincount(places.ravel(), minlength=draws * n).reshape(draws, n).astype(np.float32)


def _near(samples: NDArray[np.int64], p: float) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """
    Values about a percentile, ascending, and how many samples of each query are no greater: (n_queries, n_values).

    float32 counts to 2**24 exactly, which no round comes near.
    """
    n_queries, ordered = samples.shape[1], np.sort(samples, axis=None)
    reach = REACH * float(np.sqrt(p * (1 - p) / n_queries))
    ranks = np.linspace(max(0.0, p - reach), min(1.0, p + reach), GRID) * (samples.size - 1)
    values = np.unique(ordered[np.unique(np.rint(ranks).astype(np.int64))])
    places = np.searchsorted(values, samples) + np.arange(n_queries) * (len(values) + 1)
    counts = np.bincount(places.ravel(), minlength=n_queries * (len(values) + 1)).reshape(n_queries, -1)
    return values, counts[:, :-1].cumsum(axis=1).astype(np.float32)


def _quantile(
    weights: NDArray[np.float32], values: NDArray[np.int64], counts: NDArray[np.float32], rank: float
) -> NDArray[np.float64]:
    """The value of a rank from 0, between its two neighbours as numpy's "linear" has it, of each draw: (n_draws,)."""
    below, share = divmod(rank, 1.0)
    known = weights @ counts  # (n_draws, n_values): samples of the draw that are no greater than each value
    low, high = (values[np.minimum((known < place).sum(axis=1), len(values) - 1)] for place in (below + 1, below + 2))
    return np.asarray(low + share * (high - low) if share else low, np.float64)


def end_to_end(encode: NDArray[np.int64], search: NDArray[np.int64]) -> NDArray[np.int64]:
    """Encode + search, query by query and pass by pass, of two rounds timed apart: (n_passes, n_queries)."""
    passes = min(len(encode), len(search))
    return encode[:passes] + search[:passes]


def throughput(rounds: Sequence[NDArray[np.int64]], n_queries: int) -> float | None:
    """Queries a second in batch: the median over rounds of n_queries / the round's median batch time."""
    if not rounds or n_queries == 0:
        return None
    return float(np.median([n_queries / (np.median(samples) / 1e9) for samples in rounds]))
