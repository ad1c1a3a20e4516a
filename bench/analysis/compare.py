"""
Two runs side by side, or two retrievers of one: what differs in quality, time and bytes, and how sure that is.

It decides nothing: that is the gate's. What cannot be compared says why, and the rest is compared.
"""

from __future__ import annotations

import contextlib
import functools
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.analysis import costs, in_looks
from bench.analysis.conditions import differing
from bench.analysis.difference import (
    ComparedRun,
    Difference,
    Kind,
    OverSets,
    Stopping,
    Stratum,
    agreement,
    clusters_anew,
    clusters_of_either,
    judged_ids,
    measures_of,
    unlike,
    values,
)
from bench.analysis.family import Family
from bench.analysis.matching import matched
from bench.analysis.overlap import OverlapShare
from bench.errors import InputError
from bench.records.lookup import cells_of
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.statistics import paired
from bench.statistics.clusters import NOISE
from bench.statistics.paired import MARGINS, Margins

__all__ = ["CellPair", "Comparison", "Difference", "Kind", "compare", "differing", "of_retrievers"]


class CellPair(msgspec.Struct, frozen=True, kw_only=True):
    """A cell, old and new."""

    passage_set: str
    old: Measurement
    new: Measurement
    differences: tuple[Difference, ...] = ()
    problem: str = ""  # why nothing of it is compared
    same_top: float | None = None  # share of all queries whose top k holds the same passages in the same order
    overlap: float | None = None  # overlap@10, mean over all queries
    strata: tuple[Stratum, ...] = ()  # where they are asked for: `bench.analysis.strata`
    strata_said: str = ""  # why there are none
    overlap_share: OverlapShare | None = None  # of the gap, where strata are by overlap
    stopping: Stopping | None = None  # where it is asked for: `bench.analysis.stopping`


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """All that two runs have to say of each other."""

    environment: tuple[tuple[str, object, object], ...]  # field, old, new: of each that differs
    pairs: tuple[CellPair, ...]
    only_old: tuple[Measurement, ...] = ()
    only_new: tuple[Measurement, ...] = ()
    notes: tuple[str, ...] = ()
    over_sets: tuple[OverSets, ...] = ()  # where they are asked for: `bench.analysis.several_sets`


def compare(old: Run, new: Run, *, margins: Margins = MARGINS) -> Comparison:
    """
    Two runs: cells match by passage set, and by name or else by spelling (and threads, where they vary).

    margins: of a measure, what is too little to matter.
    """
    both = matched(old.measurements, new.measurements)
    taken = {id(m) for pair in both for m in pair}
    return Comparison(
        environment=tuple(differing(old, new)),
        pairs=_pairs(old, new, both, margins),
        only_old=tuple(m for m in old.measurements if id(m) not in taken),
        only_new=tuple(m for m in new.measurements if id(m) not in taken),
        notes=_notes(old, new, both),
    )


def of_retrievers(old: Run, new: Run, was: str, now: str, *, margins: Margins = MARGINS) -> Comparison:
    """
    One retriever of the old run against one of the new run, on every passage set that both ran on.

    was, now: as the suite spells or names them. Raises InputError for one that a run has not, and where they share no
    passage set.
    """
    olds, news = cells_of(old, was), cells_of(new, now)
    pairs = [(a, b) for a in olds for b in news if a.passage_set == b.passage_set and a.threads == b.threads]
    if not pairs:
        sets = [", ".join(dict.fromkeys(m.passage_set for m in found)) for found in (olds, news)]
        raise InputError(
            f"expected a passage set that both {was!r} and {now!r} ran on, with as many threads, found {sets[0]} of "
            f"the first and {sets[1]} of the second"
        )
    return Comparison(
        environment=tuple(differing(old, new)),
        pairs=_pairs(old, new, pairs, margins),
        notes=_notes(old, new, pairs),
    )


def _notes(old: Run, new: Run, matched: Sequence[tuple[Measurement, Measurement]]) -> tuple[str, ...]:
    """What holds of all pairs on a passage set: what their clusters are, where a run had kept others."""
    found = {
        now.passage_set: f"{now.passage_set}: clusters are the articles of the set; a run made before had paragraphs"
        for was, now in matched
        if clusters_anew(old, was) or clusters_anew(new, now)
    }
    return tuple(found.values())


# One pair of cells


def _pairs(
    old: Run, new: Run, matched: Sequence[tuple[Measurement, Measurement]], margins: Margins
) -> tuple[CellPair, ...]:
    sides = ComparedRun("old", old), ComparedRun("new", new)
    questions = {(now.passage_set, in_looks.is_so(was, now), was.retriever, now.retriever) for was, now in matched}
    families = Counter(name for name, *_ in questions)
    whole = Counter(name for name, is_in_looks, *_ in questions if not is_in_looks)
    pairs = [_pair(*sides, *pair, margins, families[pair[1].passage_set]) for pair in matched]
    for name, size in families.items():
        pairs = _adjusted(pairs, name, margins, whole[name] / size)
    return tuple(_with_costs(*sides, pair) for pair in pairs)


def _pair(
    old: ComparedRun, new: ComparedRun, was: Measurement, now: Measurement, margins: Margins, n_retrievers: int
) -> CellPair:
    """A pair with its quality; n_retrievers: compared on its set."""
    pair = CellPair(passage_set=now.passage_set, old=was, new=now)
    problem = _problem(was, now)
    if problem:
        return msgspec.structs.replace(pair, problem=problem)
    same_top, overlap = agreement(old, new, was, now)
    if in_looks.is_so(was, now):
        found = tuple(in_looks.differences((old.run, was), (new.run, now), n_retrievers, margins))
    else:
        found = tuple(_quality(old, new, was, now, margins))
    return msgspec.structs.replace(pair, differences=found, same_top=same_top, overlap=overlap)


def _with_costs(old: ComparedRun, new: ComparedRun, pair: CellPair) -> CellPair:
    """A pair with time, memory and bytes beside its quality, which is what speeds are read at."""
    if pair.problem:
        return pair
    was, now = pair.old, pair.new
    primary = next((d for d in pair.differences if d.primary and d.verdict in ("better", "worse")), None)
    unmatched = f"{primary.name} is {primary.verdict}" if primary else ""
    found = [*costs.speeds(old, new, was, now, unmatched), *costs.memory(old, new, was, now), *costs.exact(was, now)]
    return msgspec.structs.replace(pair, differences=(*pair.differences, *found))


def _problem(was: Measurement, now: Measurement) -> str:
    """Why nothing of two cells can be compared; empty where something can."""
    for name, m in (("old", was), ("new", now)):
        if m.status != "ok":
            return f"{name}: {m.status}" + (f": {m.reason}" if m.reason else "")
    if was.passage_set_sha256 != now.passage_set_sha256:
        return "other passages, queries or judgments under the same name"
    if was.n_distractors != now.n_distractors:
        return f"synthetic passages differ: {was.n_distractors:,} / {now.n_distractors:,}"
    return ""


def _adjusted(pairs: Sequence[CellPair], name: str, margins: Margins, share: float) -> list[CellPair]:
    """
    The pairs with Holm's p of each measure, and the verdict that it allows: a family are the retrievers on one set.

    One retriever under several numbers of threads is one question, asked once: its largest p stands for it. Retrievers
    whose values are identical are no question. share: of ALPHA that those have which were not asked in looks: the
    bounds of the others spend the rest, each an equal part.
    """
    asked: dict[str, list[tuple[Hashable, paired.Paired | None]]] = defaultdict(list)
    for pair in pairs:
        for d in pair.differences if pair.passage_set == name else ():
            asked[d.name].append((retrievers(pair), d.paired))
    families = {measure: Family(found, "retrievers", margins, share=share) for measure, found in asked.items()}
    return [
        msgspec.structs.replace(
            pair, differences=tuple(families[d.name].concluded(retrievers(pair), d) for d in pair.differences)
        )
        if pair.passage_set == name
        else pair
        for pair in pairs
    ]


def retrievers(pair: CellPair) -> tuple[str, str]:
    """What is compared with what, whatever the passage set and the number of threads."""
    return pair.old.retriever, pair.new.retriever


# Quality


def _quality(
    old: ComparedRun, new: ComparedRun, was: Measurement, now: Measurement, margins: Margins
) -> Iterator[Difference]:
    """The measures that either has: the primary one, then the others."""
    first = new.run.record.suite.get("primary")
    named = measures_of(was, now, first)
    if not named:
        return
    try:
        before, after = values(old.run, was), values(new.run, now)
        known, problem = clusters_of_either((new.run, now), (old.run, was)), ""
    except InputError as error:
        before, after, known, problem = {}, {}, None, f"no values of each query: {error}"
    ids = functools.cache(functools.partial(_ids, (new.run, now), (old.run, was)))
    for name in named:
        told = Difference(
            name=name,
            kind="quality",
            old=(was.quality or {}).get(name),
            new=(now.quality or {}).get(name),
            primary=name == first,
            verdict="not compared",
            why=unlike(name, was, now) or problem,
        )
        one, other = before.get(name), after.get(name)
        if not told.why and (one is None or other is None or len(one) != len(other)):
            told = msgspec.structs.replace(told, why=in_looks.OTHER_QUERIES)
        if told.why or one is None or other is None:
            yield told
            continue
        said = paired.paired(one, other, known, margins=margins)
        yield msgspec.structs.replace(
            told,
            interval=said.interval,
            p=said.p,
            paired=said,
            verdict=said.verdict,
            first_worse=_first_worse(one, other, ids),
            why=f"saturated: both above {paired.SATURATED:g}" if said.saturated else "",
        )


def _first_worse(one: NDArray[np.float64], other: NDArray[np.float64], ids: Callable[[], Sequence[str]]) -> str:
    """The id of the first query that lost; empty where none did, or no side has kept the ids."""
    worse: list[int] = np.flatnonzero(other - one < -NOISE).tolist()
    return ids()[worse[0]] if worse and worse[0] < len(ids()) else ""


def _ids(*sides: tuple[Run, Measurement]) -> Sequence[str]:
    """The ids of the judged queries as either side kept them; none where neither did."""
    for side in sides:
        with contextlib.suppress(InputError):
            return judged_ids(*side)
    return ()
