"""
The latency instrument: the clock, the loops, and the percentiles.

`single` is a closed loop, one query after the other: its figures are service times, not latencies under load. Those
are `bench.instruments.load`'s.
"""

from __future__ import annotations

import statistics
import sys
import time
from array import array  # samples take 8 bytes each: the peak over serving counts them
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.records.schema import Latency
from bench.statistics import bootstrap

Result = TypeVar("Result")
Keep: TypeAlias = Callable[[int, object], None]

ROUNDS = 3  # a latency of fewer is flagged
STEADY_BLOCK, STEADY = 20, 1.05  # a warm-up ends when three blocks of so many queries are so near to each other
STEADY_BLOCKS = 3
LONGEST_WARM_UP = 5.0  # seconds that it is given for that
SECONDS_A_ROUND = 1.0  # a round repeats its queries until it has taken at least this long
QUERIES_PER_TAIL = 10  # a percentile p needs 10 / (1 - p) distinct queries
PERCENTILES = (0.50, 0.95, 0.99)
DRAWS = 1_000
THOUSANDTHS = 1e3  # a figure that intervals are taken of is well above 1


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


def timed(call: Callable[[], Result]) -> tuple[float, Result]:
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
    keep: Keep | None = None,
) -> NDArray[np.int64]:
    """
    Time the stages of every query one after the other, in whole passes, until `seconds` have gone by.

    stages: the first is handed the position of the query, each other one what the one before it gave. keep: is handed
    the position and the answer of the last stage, between two stamps.
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
            if keep is not None:
                keep(query, given)
        passes += 1
    return np.array(samples, np.int64).reshape(passes, n_queries, len(stages))


def single(
    ask: Callable[[int], object], n_queries: int, seconds: float = SECONDS_A_ROUND, keep: Keep | None = None
) -> NDArray[np.int64]:
    """
    Time every query on its own, in whole passes, until `seconds` have gone by.

    ask: answers the query of that position. keep: see `staged`. Returns (n_passes, n_queries) int64, nanoseconds.
    """
    return staged((ask,), n_queries, seconds, keep)[:, :, 0]


def batch(ask: Callable[[], object], seconds: float = SECONDS_A_ROUND, keep: Keep | None = None) -> NDArray[np.int64]:
    """Time one batch as it was asked, again and again until `seconds` have gone by: (n_repeats,) int64, nanoseconds."""
    return single(lambda _: ask(), 1, seconds, keep)[:, 0]


def warm_up(ask: Callable[[int], object], n_queries: int, most_seconds: float = LONGEST_WARM_UP) -> int:
    """
    Answer queries one after the other, again and again, until their times are steady; how many were answered.

    Steady: the medians of three blocks of 20 in a row lie within 5 % of each other. At most `most_seconds`, and a block
    at least where those suffice for it.
    """
    clock = time.perf_counter
    begin, done, medians = clock(), 0, list[float]()
    while n_queries and clock() - begin < most_seconds:
        taken = []
        for _ in range(STEADY_BLOCK):
            start = clock()
            ask(done % n_queries)
            taken.append(clock() - start)
            done += 1
            if clock() - begin >= most_seconds:
                return done
        medians.append(statistics.median(taken))
        last = medians[-STEADY_BLOCKS:]
        if len(last) == STEADY_BLOCKS and max(last) <= STEADY * min(last):
            break
    return done


def over_repeated(
    new: Sequence[NDArray[np.int64]], repeated: Sequence[NDArray[np.int64]]
) -> tuple[float, float] | None:
    """
    By what factor queries take longer when the process has not seen them: 95 % interval, over rounds, queries, passes.

    new: each round's first pass over the sample, (1, n_queries) nanoseconds. repeated: its other passes, (n_passes,
    n_queries). A round's figure is that of its median query. The first pass is one pass, and on a busy machine passes
    differ: each draw holds it to another pass of its round, beside their median. None where nothing can be compared.
    """
    pairs = [(first[0], again, np.median(again, axis=0)) for first, again in zip(new, repeated, strict=False)]
    if not pairs or any(first.size == 0 or not middle.all() for first, _, middle in pairs):
        return None
    ratios = [first / middle for first, _, middle in pairs]  # each (n_queries,)
    rng = np.random.default_rng(DRAWS)
    queries = rng.integers(0, min(map(len, ratios)), (DRAWS, min(map(len, ratios))))
    drawn = np.stack([np.median(ratio[queries], axis=1) for ratio in ratios])  # (n_rounds, DRAWS)
    drawn /= np.stack([rng.choice(np.median(again / middle, axis=1), DRAWS) for _, again, middle in pairs])
    found = np.array([np.median(ratio) for ratio in ratios])
    low, high = bootstrap.interval(bootstrap.DrawnFigure(found * THOUSANDTHS, drawn * THOUSANDTHS))
    return low / THOUSANDTHS, high / THOUSANDTHS


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
    return bootstrap.percentile(rounds, p) / 1e6


def summary(
    rounds: Sequence[NDArray[np.int64]],
    cold_ms: Sequence[float | None] = (),
    *,
    n_queries: int | None = None,
    crossed: bool = True,
) -> Latency | None:
    """The percentiles of some rounds of (n_passes, n_queries) nanoseconds with their intervals, in milliseconds."""
    if not rounds:
        return None
    cold = [ms for ms in cold_ms if ms is not None]
    values = [percentile(rounds, p, n_queries) for p in PERCENTILES]
    known = [p for p, value in zip(PERCENTILES, values, strict=True) if value is not None]
    bounds = bootstrap.intervals(rounds, known, crossed=crossed) if known else []
    found = {p: (low / 1e6, high / 1e6) for p, (low, high) in zip(known, bounds, strict=True)}
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


def end_to_end(encode: NDArray[np.int64], search: NDArray[np.int64]) -> NDArray[np.int64]:
    """Encode + search, query by query and pass by pass, of two rounds timed apart: (n_passes, n_queries)."""
    passes = min(len(encode), len(search))
    return encode[:passes] + search[:passes]


def throughput(rounds: Sequence[NDArray[np.int64]], n_queries: int) -> float | None:
    """Queries a second in batch: the median over rounds of n_queries / the round's median batch time."""
    if not rounds or n_queries == 0:
        return None
    return float(np.median([n_queries / (np.median(samples) / 1e9) for samples in rounds]))
