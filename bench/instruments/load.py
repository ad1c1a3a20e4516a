"""
Latency under load: an open loop, in which queries arrive when they arrive.

A closed loop that stalls for a second asks nothing in that second, and has one slow query to show where hundreds
would have waited. Here a latency runs from the intended arrival, so that every one of them is seen.
"""

from __future__ import annotations

import re
import sys
import time
from array import array
from collections.abc import Callable, Sequence
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.instruments.latency import Keep, device_barrier, percentile, single, summary
from bench.records.schema import Rate

ENOUGH_ARRIVALS = 1_000
LONGEST_ROUND = 30.0  # seconds that a low rate is given to come to that many
MOST_ARRIVALS = 200_000  # of a round, whatever the rate: 24 bytes each are kept
GIVE_UP = 2.0  # times the arrivals' own span: the rest is left unserved, as the backlog outgrows all bounds
SPIN_NS = 1_000_000  # slept to this near an arrival, the rest is spun away: a sleep wakes late by 0.1 ms and more
IDLE_NS = 50_000  # an answer is kept where no query is due for so long: what waits would wait for the keeping too
TRIES = 6  # rates of a round in search of the highest one held: halving, they tell it to 1/64 of the capacity
P99 = 0.99
BLOCKS = 20  # of a round's arrivals: neighbours wait for one another, so a bootstrap draws blocks, not arrivals


class Offer(NamedTuple):
    """What is offered in a round."""

    rate: str  # as `offered_qps` takes it
    seconds: float
    seed: tuple[int, ...]  # of arrivals and queries: another one in every round
    p99: str | None = None  # as `longest_ns` takes it: the highest rate that keeps it is searched for


def offered_qps(rate: str, capacity_qps: float) -> float:
    """Queries a second of "70%" of a capacity, or of "200/s". InputError for any other text."""
    match = re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*(%|/s)\s*", rate)
    if match is None or float(match[1]) == 0:
        raise InputError(
            f'rate: expected a share of the cell\'s own capacity, "70%", or queries a second, "200/s", found {rate!r}'
        )
    return float(match[1]) * (capacity_qps / 100 if match[2] == "%" else 1.0)


def longest_ns(p99: str) -> float:
    """Nanoseconds of "10ms" or "0.5s". InputError for any other text."""
    match = re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*(ms|s)\s*", p99)
    if match is None or float(match[1]) == 0:
        raise InputError(f'p99: expected a time such as "10ms" or "0.5s", found {p99!r}')
    return float(match[1]) * (1e6 if match[2] == "ms" else 1e9)


def capacity_qps(closed: NDArray[np.int64]) -> float:
    """Queries a second of one after the other: one over the mean service time of (n_passes, n_queries) nanoseconds."""
    return 1e9 / max(float(closed.mean()), 1.0)


def sampled(
    ask: Callable[[int], object], n_queries: int, offer: Offer, closed_seconds: float, keep: Keep | None = None
) -> dict[str, NDArray[np.int64]]:
    """
    A round under load: a closed loop (`closed`) of so many seconds tells the capacity, then the open loop (`rate`).

    ask: answers the query of that position. keep: is handed it and the answer. Samples as `latency.single` and
    `open_loop` give them; `rate_queries`: the position of the query of each arrival that was answered; `held`: as
    `bisect_rate` gives it, where the offer has a p99.
    """
    closed = single(ask, n_queries, closed_seconds, keep)
    offered = offered_qps(offer.rate, capacity_qps(closed))
    intended, queries = arrivals(offered, offer.seconds, n_queries, offer.seed)
    served = open_loop(ask, intended, queries, keep=keep)
    found = {"closed": closed, "rate": served, "rate_queries": queries[: len(served)]}
    if offer.p99 is not None:
        found["held"] = bisect_rate(ask, n_queries, offer, offer.p99, closed, keep)
    return found


def bisect_rate(
    ask: Callable[[int], object],
    n_queries: int,
    offer: Offer,
    p99: str,
    closed: NDArray[np.int64],
    keep: Keep | None = None,
) -> NDArray[np.int64]:
    """
    Search for the highest rate at which p99 is no longer than this, by halving what lies below the capacity.

    A rate is held where the p99 of its latencies is within that and the server is busy for less than all of the time:
    where a backlog grows, a short look would miss it. closed: of the same process just before; where its p99 is longer
    already nothing is tried, since no wait makes it less.
    Returns (n_tries, 3) int64: nanoseconds between two arrivals on average, those of p99, and 1 where it was held.
    """
    longest, rates = longest_ns(p99), []
    low, high = 0.0, capacity_qps(closed)
    for attempt in range(TRIES if np.quantile(closed, P99) <= longest else 0):
        offered = (low + high) / 2
        served = open_loop(ask, *arrivals(offered, offer.seconds, n_queries, (*offer.seed, attempt + 1)), keep=keep)
        found = float(np.quantile(served[:, 1] - served[:, 0] + served[:, 2], P99))
        held = found <= longest and utilisation(served, offered) < 1
        low, high = (offered, high) if held else (low, offered)
        rates.append((round(1e9 / offered), round(found), int(held)))
    return np.array(rates, np.int64).reshape(-1, 3)


def tries_seconds(capacity: float, seconds: float) -> float:
    """How long `bisect_rate` takes, on average: the rates lie around half of the capacity."""
    return TRIES * span(capacity / 2, seconds)


def highest_held(rates: NDArray[np.int64]) -> float:
    """Queries a second of the highest rate held of some, as `bisect_rate` gives them; 0 where none was."""
    held = rates[rates[:, 2] == 1, 0]
    return 1e9 / float(held.min()) if held.size else 0.0


def arrivals(
    offered: float, seconds: float, n_queries: int, seed: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """
    When queries are to arrive, nanoseconds from the start, and which (positions), both (n,): a seeded Poisson process.

    Queries come in whole shuffled passes: every one as often as any other.
    """
    rng = np.random.default_rng(seed)
    n = max(1, ceil(round(span(offered, seconds) * offered, 6)))  # 1,000 / offered * offered may be a hair more
    intended = np.cumsum(rng.exponential(1e9 / offered, n)).astype(np.int64)
    passes = np.tile(np.arange(n_queries, dtype=np.int64), (ceil(n / n_queries), 1))
    return intended, rng.permuted(passes, axis=1).ravel()[:n]


def span(offered: float, seconds: float) -> float:
    """
    How long queries arrive, on average: `seconds`, or longer for 1,000 of them, yet no longer than 30 s for their sake.

    At the fastest rates it is cut to 200,000 of them.
    """
    return min(max(seconds, min(ENOUGH_ARRIVALS / offered, LONGEST_ROUND)), MOST_ARRIVALS / offered)


def open_loop(
    ask: Callable[[int], object],
    intended: NDArray[np.int64],
    queries: NDArray[np.int64],
    *,
    keep: Keep | None = None,
    clock: Callable[[], int] = time.perf_counter_ns,
    sleep: Callable[[float], None] = time.sleep,
    spin_ns: int = SPIN_NS,
) -> NDArray[np.int64]:
    """
    Answer each query when it arrives, or as soon after as those before it are answered: one server, first come first.

    intended, queries: as `arrivals` gives them. None is skipped and none is put off for another's sake; only where
    twice the arrivals' span has gone by, those still waiting are left. One that waited starts when the one before it
    ends, at the same stamp: the loop's own turn of about 0.5 µs is in its service time.
    Returns (n_answered, 3) int64 nanoseconds: intended arrival and start, both from the first moment, and service time.
    """
    barrier = device_barrier()
    stamps = array("q")
    longest = GIVE_UP * float(intended[-1])
    begin, ended = clock(), 0
    following = [*intended[1:].tolist(), sys.maxsize]
    for due, query, then in zip(intended.tolist(), queries.tolist(), following, strict=True):
        now = ended
        while now < due:
            if due - now > spin_ns:
                sleep((due - now - spin_ns) / 1e9)
            now = clock() - begin
        answer = ask(query)
        if barrier is not None:
            barrier()
        ended = clock() - begin
        stamps.extend((due, now, ended - now))
        if keep is not None and then - ended > IDLE_NS:
            keep(query, answer)
        if ended > longest:
            break
    return np.array(stamps, np.int64).reshape(-1, 3)


def utilisation(served: NDArray[np.int64], offered: float) -> float:
    """
    Share of the time that the server is busy at an offered rate: the rate times the mean time that a query holds it.

    served: as `open_loop` gives it. A query holds the server from when it could have begun (it had arrived, and the one
    before it was answered) to its end. At 1 and above the backlog grows without end, so this is the test of saturation:
    it knows the rate and has to estimate a mean alone, so it errs by the spread of the service times over the root of
    their number. Where they are spread as widely as exponential ones, 1,000 arrivals tell 110 % from 100 % in 99.8 %
    of rounds and take 80 % for it in fewer than one of a million; where they are all alike it never errs.
    """
    intended, start, service = served.T
    ended = start + service
    ready = np.maximum(intended, np.concatenate([[0], ended[:-1]]))
    return float((ended - ready).mean()) * offered / 1e9


def under_load(
    rounds: Sequence[NDArray[np.int64]],
    closed: Sequence[NDArray[np.int64]],
    rate: str,
    n_queries: int,
    held: Sequence[NDArray[np.int64]] = (),
) -> Rate | None:
    """
    What some rounds of an open loop came to.

    rounds: each as `open_loop` gives it. closed: the closed loop before each, (n_passes, n_queries) nanoseconds. Rounds
    count alike in the utilisation; where it is 1 or more the percentiles are withheld. held: of each round, as
    `bisect_rate` gives it.
    """
    if not rounds or any(len(served) == 0 for served in rounds):
        return None
    capacities = [capacity_qps(samples) for samples in closed]
    offered = [offered_qps(rate, capacity) for capacity in capacities]
    busy = float(np.mean([utilisation(served, qps) for served, qps in zip(rounds, offered, strict=True)]))
    latencies = [_blocks(served[:, 1] - served[:, 0] + served[:, 2]) for served in rounds]
    return Rate(
        offered=rate,
        offered_qps=float(np.median(offered)),
        capacity_qps=float(np.median(capacities)),
        utilisation=busy,
        n_arrivals=sum(map(len, rounds)),
        latency=summary(latencies, n_queries=n_queries, crossed=False) if busy < 1 else None,
        service_p50=percentile([served[:, 2:] for served in rounds], 0.5, n_queries),
        saturated=busy >= 1,
        held_qps=float(np.median([highest_held(rates) for rates in held])) if held else None,
    )


def _blocks(latencies: NDArray[np.int64]) -> NDArray[np.int64]:
    """Consecutive arrivals as the columns of (n, BLOCKS); the last few that fill no row are left out."""
    size = len(latencies) // BLOCKS
    return latencies[: size * BLOCKS].reshape(BLOCKS, size).T if size else latencies[:, None]
