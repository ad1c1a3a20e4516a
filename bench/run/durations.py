"""How long the children of a run will take, from the rehearsals of the parts that they hold."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from bench.instruments.latency import LONGEST_WARM_UP, STEADY_BLOCK, STEADY_BLOCKS
from bench.instruments.modes import Pace, Scope, chosen
from bench.progress import Range
from bench.records.schema import Fact, Stage, StageResult
from bench.run.cells import Cell
from bench.run.extrapolation import NOTHING, measured, seconds_of, undisturbed, without_core
from bench.run.keys import in_one_process, is_deployed
from bench.run.tasks import Work
from bench.stage.deploy import QUERIES
from bench.stage.rehearsal import points, smallest

ASKED = ("one", "every")  # what a rehearsal has of a query: asked alone, and among all


class Alike(NamedTuple):
    """The children of one stage of one part, which take alike."""

    each: Range  # seconds
    number: int


Stages: TypeAlias = Mapping[Stage, Alike]


def total(stages: Stages) -> Range:
    """Seconds of all."""
    return Range.total(found.each.times(found.number) for found in stages.values() if found.number)


def longest(stages: Stages) -> Range:
    """Seconds of the longest one; of those that are not known the greatest of what they take at least."""
    return max(
        (found.each for found in stages.values() if found.number), key=lambda each: each.at_least, default=NOTHING
    )


def encoder_stages(result: StageResult, cell: Cell, work: Work, *, encode: Range | None) -> Stages:
    """
    Encoding, and encoding queries in each round, by the encoder's rehearsal.

    encode: seconds of encoding where they are known: nothing of a matrix in the cache; None: by the rehearsal.
    """
    n_queries = len(work.passage_set.queries)
    start, facts = Range.exactly(_startup(result)), result.facts
    if encode is None:
        made = seconds_of(facts, "make", encoded_passages(cell, work))
        encode = Range.total([start, made, of_queries(facts, "every").times(n_queries)])
    query = NOTHING
    if not cell.given:
        asked = [of_queries(facts, what) for what in ASKED]
        query = Range.total([start, Range.exactly(smallest(facts, "make")), _round(asked, "part", work)])
    return {"encode": Alike(encode, 1), "query": Alike(query, work.suite.rounds * len(work.suite.thread_counts))}


def searcher_stages(
    result: StageResult, encoder: StageResult | None, cell: Cell, work: Work, *, builds: bool
) -> Stages:
    """
    Building, searching in each round, and both parts in one process (joint, and deployed), by the rehearsals of both.

    builds: whether it is the first of the cells that share its build.
    """
    n, rounds = work.n_passages, work.suite.rounds
    start, make = Range.exactly(_startup(result)), seconds_of(result.facts, "make", n)
    rest = [] if cell.savable else [make]
    asked = [seconds_of(result.facts, what, n) for what in ASKED]
    round_ = _round(asked, "part" if cell.timed_apart else "engine", work)
    # All queries are asked in the first round: told of every round as a share of it.
    every = asked[1].times(len(work.passage_set.queries) / rounds)
    stages: dict[Stage, Alike] = {"search": Alike(Range.total([start, round_, every, *rest]), rounds)}
    if cell.savable:
        stages["build"] = Alike(Range.total([start, make]), int(builds))
    if encoder is not None and cell.joinable and in_one_process(work.suite):
        loading = Range.exactly(_startup(encoder) + smallest(encoder.facts, "make"))
        pair = [Range.total([of_queries(encoder.facts, what), own]) for what, own in zip(ASKED, asked, strict=True)]
        stages["joint"] = Alike(Range.total([loading, _round(pair, "pair", work)]), rounds)
    if is_deployed(cell, work.suite):
        n_answers = min(QUERIES, len(work.common["sample"]))
        both = [start, asked[0].times(n_answers), *rest]
        if encoder is not None:
            loading = Range.exactly(_startup(encoder) + smallest(encoder.facts, "make"))
            both += [loading, of_queries(encoder.facts, "one").times(n_answers)]
        stages["deploy"] = Alike(Range.total(both), 1)
    return stages


def encoded_passages(cell: Cell, work: Work) -> int:
    """Passages that the encoder of a cell encodes: the vectors of synthetic ones need no encoding, their texts do."""
    return work.n_passages if cell.takes_synthetic_text else len(work.passage_set.passages)


def _startup(result: StageResult) -> float:
    """Seconds of a child besides what it rehearsed: its start, its imports, its end."""
    inside = result.facts.get("seconds")
    return max(0.0, (result.process_seconds or 0.0) - (inside if isinstance(inside, float) else 0.0))


def of_queries(facts: Mapping[str, Fact], what: str) -> Range:
    """Seconds of encoding a query, "one" alone or "every" among others: the same whatever passages there are."""
    found = [seconds for _, seconds in points(facts, what)]
    return undisturbed(measured(statistics.median(found)), without_core(facts)) if found else NOTHING


def _round(asked: Sequence[Range], scope: Scope, work: Work) -> Range:
    """Seconds of the warm-up and the loops of one round. asked: of a query alone, and of one among all."""
    timed = len(work.common["sample"])
    one, every = (each.times(timed) for each in asked)
    low = _loops(scope, timed, one.low, every.low, work)
    if one.likely is None or one.high is None or every.likely is None or every.high is None:
        return Range(low, None, None)
    return Range(
        low, _loops(scope, timed, one.likely, every.likely, work), _loops(scope, timed, one.high, every.high, work)
    )


def _loops(scope: Scope, timed: int, one: float, every: float, work: Work) -> float:
    """Seconds of a round. one, every: seconds of its queries, one after the other and all at once."""
    pace = Pace(timed, one, every, work.suite.settings)
    modes = chosen(work.suite.modes)
    warm_up = min(STEADY_BLOCKS * STEADY_BLOCK * one / max(timed, 1), LONGEST_WARM_UP)
    warm_up += every if any(mode.whole_sample for mode in modes) else 0.0
    new = one if any(scope in mode.scopes for mode in modes) else 0.0
    return warm_up + new + sum(mode.seconds(pace) for mode in modes if scope in mode.scopes)
