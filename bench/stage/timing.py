"""One round of a stage that answers queries, from outside: load, first query, warm-up, weight, the timed loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.instruments.latency import SECONDS_A_ROUND, WARM_UP_QUERIES, batch, single, staged, timed
from bench.instruments.load import Offer, sampled
from bench.instruments.memory import Phase
from bench.instruments.stability import Disturbance
from bench.records.schema import Fact, Stage, StageResult


def measured(
    stage: Stage,
    modes: Sequence[str],
    n_queries: int,
    *,
    load: Callable[[], None],
    one: Callable[[int], object],
    every: Callable[[], object],
    stages: Sequence[Callable[[Any], object]] = (),  # Any: what one stage gives is handed to the next
    seconds: float | None = None,
    offer: Offer | None = None,
) -> tuple[StageResult, dict[str, NDArray[np.int64]]]:
    """
    What the round came to, and its samples by mode: int64 nanoseconds, shaped as `bench.instruments.latency` says.

    one, every: answer the query of a position in the sample, and the whole sample of n_queries. stages: what `one` is
    made of, to be stamped apart instead. seconds: how long each loop goes on, None: SECONDS_A_ROUND. offer: what is
    asked under load, after all else, None: nothing. The peak is taken over the closed loops.
    """
    phase = Phase()
    load_seconds, _ = timed(load)
    cold, warm_up = 0.0, 0.0
    if n_queries:
        cold, _ = timed(lambda: one(0))
        warm_up, _ = timed(lambda: [one(query) for query in range(min(WARM_UP_QUERIES, n_queries))])
        if "batch" in modes:
            first, _ = timed(every)
            warm_up += first
    load_memory = phase.end()

    long = SECONDS_A_ROUND if seconds is None else seconds
    loops: dict[str, Callable[[], NDArray[np.int64]]] = {
        "single": lambda: single(one, n_queries, long),
        "batch": lambda: batch(every, long),
    }
    if stages:
        loops = {"joint": lambda: staged(stages, n_queries, long)}
    looping, disturbance = Phase(), Disturbance()
    samples = {mode: loop() for mode, loop in loops.items() if mode in modes and n_queries}
    facts: dict[str, Fact] = disturbance.shares() if samples else {}
    timed_memory = looping.end()

    spent = sum(float(times.sum()) for times in samples.values()) / 1e9
    if offer is not None and n_queries:
        under_load, _ = timed(lambda: samples.update(sampled(one, n_queries, offer, long)))
        spent += under_load
    result = StageResult(
        stage=stage,
        status="ok",
        measured_seconds=load_seconds + cold + warm_up + spent,
        load_seconds=load_seconds,
        cold_ms=cold * 1e3 if n_queries else None,
        warm_up_seconds=warm_up,
        load_memory=load_memory,
        timed_memory=timed_memory,
        facts=facts,
    )
    return result, samples
