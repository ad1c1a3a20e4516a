"""One round of a stage that answers queries, from outside: load, warm-up, weight, new queries, the modes' loops."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import numpy as np

from bench.instruments import cpu, latency
from bench.instruments.latency import LONGEST_WARM_UP, SECONDS_A_ROUND, timed
from bench.instruments.memory import Phase
from bench.instruments.modes import Mode, Target, chosen
from bench.instruments.stability import UNDER_LOAD, Disturbance
from bench.records.schema import Fact, Loop, Stage, StageResult

if TYPE_CHECKING:
    from bench.instruments.answers import Answers
    from bench.instruments.modes import Samples

NEW = "new"  # the samples of the pass over queries that the process has not seen: (1, n_queries)
AGAIN = "again"  # of its first queries, asked once more a little later within that pass: (1, n_again)
FRESH = "fresh"  # two passes over synthetic queries, which no process has seen before the first: (2, n_fresh)
REPEATED = 50  # queries of the new pass that are asked once more
LATER = 10  # queries after which one is: the next ones have passed through the processor's caches
Kept = TypeVar("Kept", bound="Answers")


class TimedRound(NamedTuple, Generic[Kept]):
    """What a round came to."""

    result: StageResult
    samples: Samples
    kept: dict[str, Kept]  # mode, or NEW -> its answers


def measured(
    stage: Stage, modes: Iterable[str], load: Callable[[], float], target: Target, answers: Callable[[], Kept]
) -> TimedRound[Kept]:
    """
    What the round came to.

    modes: those asked for, of which the target's scope decides which are timed here. load: imports, makes and loads
    what is timed, all of which is its weight; the seconds that loading alone took. answers: makes what keeps the
    answers of a pass, before its loop begins. The peak is taken over the new pass and the closed loops.
    """
    wanted = chosen(modes)
    here = [mode for mode in wanted if target.scope in mode.scopes and target.n_queries]
    phase = Phase()
    load_seconds = load()
    cold, warm_up = 0.0, 0.0
    if target.n_warm:
        cold, _ = timed(lambda: target.warm_one(0))
        most = LONGEST_WARM_UP * min(1.0, target.seconds / SECONDS_A_ROUND) if here else 0.0
        warm_up, _ = timed(lambda: latency.warm_up(target.warm_one, target.n_warm, most))
        if any(mode.whole_sample for mode in wanted):
            first, _ = timed(target.warm_every)
            warm_up += first
    load_memory = phase.end()

    kept = {name: answers() for name in (*([NEW] if here else []), *(mode.name for mode in here))}
    samples: Samples = {}
    loops: dict[str, Loop] = {}
    looping, disturbance = Phase(), Disturbance()
    if here:
        samples = _first_passes(target, kept[NEW])
    for mode in here:
        if mode.closed:
            found, loops[mode.name] = _looped(mode, target, kept[mode.name])
            samples |= found
    facts: dict[str, Fact] = disturbance.shares() if samples else {}
    kept_bytes = sum(answers.taken_bytes for answers in kept.values())
    timed_memory = looping.end(own=kept_bytes + sum(times.nbytes for times in samples.values()))

    spent = sum(float(times.sum()) for times in samples.values()) / 1e9
    for mode in here:
        if not mode.closed:
            disturbance = Disturbance()
            seconds, (found, loops[mode.name]) = timed(partial(_looped, mode, target, kept[mode.name]))
            samples |= found
            facts |= {f"{UNDER_LOAD}{name}": share for name, share in disturbance.shares().items()}
            spent += seconds
    result = StageResult(
        stage=stage,
        status="ok",
        measured_seconds=load_seconds + cold + warm_up + spent,
        load_seconds=load_seconds,
        cold_ms=cold * 1e3 if target.n_warm else None,
        warm_up_seconds=warm_up,
        load_memory=load_memory,
        timed_memory=timed_memory,
        loops=loops,
        facts=facts,
    )
    return TimedRound(result, samples, kept)


def _first_passes(target: Target, kept: Answers) -> Samples:
    """
    The pass over queries that the process has not seen, of which some are asked again, and two over fresh ones.

    Whatever slows the machine for a moment slows both: that pass is short, and what comes long after it tells little.
    """
    order = _with_repeats(target.n_queries)
    again = np.array([asked for _, asked in order])

    def keep(place: int, found: object) -> None:
        if not again[place]:
            kept.one(order[place][0], found)
        target.between(NEW)

    times = latency.single(lambda place: target.one(order[place][0]), len(order), 0.0, keep)
    found = {NEW: times[:, ~again], AGAIN: times[:, again]}
    if target.fresh_one is not None and target.n_fresh:
        passes = [
            latency.single(target.fresh_one, target.n_fresh, 0.0, lambda *_: target.between(FRESH)) for _ in range(2)
        ]
        found[FRESH] = np.concatenate(passes)
    return found


def _with_repeats(n_queries: int) -> list[tuple[int, bool]]:
    """Every query in order, and between them the first ones again: its position, and whether it was asked before."""
    order = []
    for place in range(n_queries + LATER):
        order += [(place, False)] if place < n_queries else []
        order += [(place - LATER, True)] if LATER <= place < LATER + min(REPEATED, n_queries) else []
    return order


def _looped(mode: Mode, target: Target, kept: Answers) -> tuple[Samples, Loop]:
    """The loop of a mode: its samples, and what it took."""
    keeps = kept.every if mode.whole_sample else kept.one

    def keep(place: int, found: object) -> None:
        keeps(place, found)
        target.between(mode.name)

    work = cpu.Spent()
    samples = mode.loop(target._replace(keep=keep))
    wall, at_work, ready = work.so_far()
    answered = len(samples[mode.name]) * (target.n_queries if mode.closed else 1)
    return samples, Loop(wall_seconds=wall, cpu_seconds=at_work, ready_seconds=ready, queries=answered)
