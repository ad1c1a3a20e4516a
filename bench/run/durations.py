"""How long the children of a run will take, from the rehearsals of the parts that they hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from bench.instruments.latency import LONGEST_WARM_UP, STEADY_BLOCK, STEADY_BLOCKS
from bench.instruments.modes import Pace, Scope, chosen
from bench.records.schema import StageResult
from bench.run.cells import Cell
from bench.run.tasks import Work, in_one_process, is_deployed
from bench.stage.deploy import QUERIES
from bench.stage.rehearsal import extrapolated, smallest

Stages: TypeAlias = list[tuple[float, int]]  # seconds of a child, and how many such there are


def total(stages: Stages) -> tuple[float, float]:
    """Seconds of all, and of the longest one."""
    return sum(seconds * number for seconds, number in stages), max(seconds for seconds, _ in stages)


def encoder_stages(result: StageResult, cell: Cell, work: Work, *, encoded: bool) -> Stages:
    """Encoding, and encoding queries in each round, by the encoder's rehearsal; encoded: its matrix is in the cache."""
    n, n_queries = work.n_passages, len(work.passage_set.queries)
    start, facts = _startup(result), result.facts
    encode = start + extrapolated(facts, "make", encoded_passages(cell, work))
    encode += n_queries * extrapolated(facts, "every", n)
    query = 0.0 if cell.given else start + smallest(facts, "make") + _round([result], "part", work)
    return [(0.0 if encoded else encode, 1), (query, work.suite.rounds * len(work.suite.thread_counts))]


def searcher_stages(
    result: StageResult, encoder: StageResult | None, cell: Cell, work: Work, *, builds: bool
) -> Stages:
    """
    Building, searching in each round, and both parts in one process (joint, and deployed), by the rehearsals of both.

    builds: whether it is the first of the cells that share its build.
    """
    n, rounds = work.n_passages, work.suite.rounds
    start, make = _startup(result), extrapolated(result.facts, "make", n)
    search = start + (0.0 if cell.savable else make) + _round([result], "part" if cell.timed_apart else "engine", work)
    every = len(work.passage_set.queries) * extrapolated(result.facts, "every", n)  # in the first round
    stages = [(start + make, int(builds))] if cell.savable else []
    stages += [(search + every, 1), (search, rounds - 1)]
    if encoder is not None and cell.joinable and in_one_process(work.suite):
        loading = _startup(encoder) + smallest(encoder.facts, "make")
        stages.append((loading + _round([encoder, result], "pair", work), rounds))
    if is_deployed(cell, work.suite):
        both = [start, 0.0 if cell.savable else make, _answers(result, work)]
        if encoder is not None:
            both += [_startup(encoder), smallest(encoder.facts, "make"), _answers(encoder, work)]
        stages.append((sum(both), 1))
    return stages


def encoded_passages(cell: Cell, work: Work) -> int:
    """Passages that the encoder of a cell encodes: the vectors of synthetic ones need no encoding, their texts do."""
    return work.n_passages if cell.takes_synthetic_text else len(work.passage_set.passages)


def _answers(result: StageResult, work: Work) -> float:
    """Seconds of the few queries that a deployed process answers."""
    return min(QUERIES, len(work.common["sample"])) * extrapolated(result.facts, "one", work.n_passages)


def _startup(result: StageResult) -> float:
    """Seconds of a child besides what it rehearsed: its start, its imports, its end."""
    inside = result.facts.get("seconds")
    return max(0.0, (result.process_seconds or 0.0) - (inside if isinstance(inside, float) else 0.0))


def _round(parts: Sequence[StageResult], scope: Scope, work: Work) -> float:
    """Seconds of the warm-up and the loops of one round, in a process that holds what was rehearsed."""
    timed = len(work.common["sample"])
    one, every = (
        timed * sum(extrapolated(part.facts, what, work.n_passages) for part in parts) for what in ("one", "every")
    )
    pace = Pace(timed, one, every, work.suite.settings)
    modes = chosen(work.suite.modes)
    warm_up = min(STEADY_BLOCKS * STEADY_BLOCK * one / max(timed, 1), LONGEST_WARM_UP)
    warm_up += every if any(mode.whole_sample for mode in modes) else 0.0
    new = one if any(scope in mode.scopes for mode in modes) else 0.0
    return warm_up + new + sum(mode.seconds(pace) for mode in modes if scope in mode.scopes)
