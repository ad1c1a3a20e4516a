"""One round of serving, measured from outside: load, first query, warm-up, weight, and the timed loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.latency import WARM_UP_QUERIES, batch, single, staged, timed
from bench.memory import Phase
from bench.record import Stage, StageResult


def measured(
    stage: Stage,
    modes: Sequence[str],
    n_queries: int,
    *,
    load: Callable[[], None],
    one: Callable[[int], object],
    every: Callable[[], object],
    stages: Sequence[Callable[[Any], object]] = (),  # Any: what one stage gives is handed to the next
) -> tuple[StageResult, dict[str, NDArray[np.int64]]]:
    """
    What the round came to, and its samples by mode: int64 nanoseconds, shaped as `bench.latency` says.

    one, every: answer the query of a position in the sample, and the whole sample of n_queries. stages: what `one` is
    made of, to be stamped apart instead. The peak is taken over the timed loops.
    """
    phase = Phase()
    load_seconds, _ = timed(load)
    cold, warm_up = 0.0, 0.0
    if n_queries:
        cold, _ = timed(lambda: one(0))
        warm_up, _ = timed(lambda: [one(query) for query in range(min(WARM_UP_QUERIES, n_queries))])
        if "batch" in modes:
            seconds, _ = timed(every)
            warm_up += seconds
    load_memory = phase.end()

    loops: dict[str, Callable[[], NDArray[np.int64]]] = {
        "single": lambda: single(one, n_queries),
        "batch": lambda: batch(every),
    }
    if stages:
        loops = {"joint": lambda: staged(stages, n_queries)}
    serving = Phase()
    samples = {mode: loop() for mode, loop in loops.items() if mode in modes and n_queries}
    serve_memory = serving.end()

    sampled = sum(float(times.sum()) for times in samples.values()) / 1e9
    result = StageResult(
        stage=stage,
        status="ok",
        measured_seconds=load_seconds + cold + warm_up + sampled,
        load_seconds=load_seconds,
        cold_ms=cold * 1e3 if n_queries else None,
        warm_up_seconds=warm_up,
        load_memory=load_memory,
        serve_memory=serve_memory,
    )
    return result, samples
