"""One round of a stage that answers queries, from outside: load, first query, warm-up, weight, the modes' loops."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from bench.instruments.latency import WARM_UP_QUERIES, timed
from bench.instruments.memory import Phase
from bench.instruments.modes import Target, chosen
from bench.instruments.stability import UNDER_LOAD, Disturbance
from bench.records.schema import Fact, Stage, StageResult

if TYPE_CHECKING:
    from bench.instruments.modes import Samples


def measured(
    stage: Stage, modes: Iterable[str], load: Callable[[], None], target: Target
) -> tuple[StageResult, Samples]:
    """
    What the round came to, and its samples by name.

    modes: those asked for, of which the target's scope decides which are timed here. The peak is taken over the closed
    loops.
    """
    wanted = chosen(modes)
    phase = Phase()
    load_seconds, _ = timed(load)
    cold, warm_up = 0.0, 0.0
    if target.n_queries:
        cold, _ = timed(lambda: target.one(0))
        warm_up, _ = timed(lambda: [target.one(query) for query in range(min(WARM_UP_QUERIES, target.n_queries))])
        if any(mode.whole_sample for mode in wanted):
            first, _ = timed(target.every)
            warm_up += first
    load_memory = phase.end()

    here = [mode for mode in wanted if target.scope in mode.scopes and target.n_queries]
    samples: Samples = {}
    looping, disturbance = Phase(), Disturbance()
    for mode in here:
        if mode.closed:
            samples |= mode.loop(target)
    facts: dict[str, Fact] = disturbance.shares() if samples else {}
    timed_memory = looping.end()

    spent = sum(float(times.sum()) for times in samples.values()) / 1e9
    for mode in here:
        if not mode.closed:
            disturbance = Disturbance()
            seconds, found = timed(partial(mode.loop, target))
            samples |= found
            facts |= {f"{UNDER_LOAD}{name}": share for name, share in disturbance.shares().items()}
            spent += seconds
    result = StageResult(
        stage=stage,
        status="ok",
        measured_seconds=load_seconds + cold + warm_up + spent,
        load_seconds=load_seconds,
        cold_ms=cold * 1e3 if target.n_queries else None,
        warm_up_seconds=warm_up,
        load_memory=load_memory,
        timed_memory=timed_memory,
        facts=facts,
    )
    return result, samples
