"""One figure of a cell, old and new; and what the folders of two runs hold to compare it by."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.formats import arrays
from bench.instruments import quality
from bench.instruments.quality import OVERLAP_K
from bench.passages.passage_set import PassageSet
from bench.records.run_folder import (
    ASKED,
    CLUSTERS,
    STAGES,
    FinishedStage,
    Run,
    lines,
    ranking,
    read_set,
    set_file,
)
from bench.records.schema import Measurement, StageResult
from bench.statistics.over_sets import MeanOverSets
from bench.statistics.paired import Paired, Verdict
from bench.statistics.sequential_quality import EarlyStop

Kind: TypeAlias = Literal["quality", "latency", "memory", "bytes"]
Interval: TypeAlias = tuple[float, float]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One figure, old and new."""

    name: str  # as `sparring table --json` calls it: "nDCG@10", "single_p50_ms", "ledger_bytes"
    kind: Kind
    old: float | None
    new: float | None
    interval: Interval | None = None  # of new - old for quality, of new / old for latency and memory
    level: float | None = None  # of the interval, where it is not 95 %
    p: float | None = None  # quality only, as the two below
    p_holm: float | None = None  # of the primary measure: within all retrievers compared on its set
    paired: Paired | None = None
    primary: bool = False  # named by the suite before the run; every other measure is exploratory
    verdict: Verdict | Literal["not compared"]
    first_worse: str = ""  # quality only: the id of the first query whose value fell
    why: str = ""  # why it is not compared, or what else a reader must know


class Stratum(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of the queries of a set that have something in common; exploratory, whichever measure it is."""

    by: str  # "label", "length", "overlap"
    name: str
    difference: Difference  # its p_holm is within all strata of all retrievers compared on the set


class OverSets(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of one retriever, old and new, over the passage sets that it was compared on."""

    old: str  # the retriever's spelling
    new: str
    measure: str
    primary: bool
    passage_sets: tuple[str, ...]
    left_out: tuple[str, ...]  # that either side ran on, and that were not compared in this measure
    mean: MeanOverSets
    p_holm: float | None  # within all retrievers compared over sets in this measure
    verdict: Verdict
    why: str = ""


class Stopping(msgspec.Struct, frozen=True, kw_only=True):
    """Where the queries of a set could have been left off, by the primary measure."""

    stop: EarlyStop
    n_retrievers: int  # compared on the set: they share what may err
    seed: int  # of the order of the clusters: the new run's


@dataclass(frozen=True)
class ComparedRun:
    """One of the two runs, and what its folder holds."""

    name: Literal["old", "new"]
    run: Run

    @functools.cached_property
    def stages(self) -> dict[str, StageResult]:
        """What was measured in each round, by its file of raw times."""
        found = (line.result for line in lines(self.run.folder / STAGES, FinishedStage))
        return {result.samples: result for result in found if result.samples}

    @functools.cached_property
    def sets(self) -> dict[str, PassageSet]:
        """The passage sets as the run kept them, as far as they were asked for."""
        return {}

    def passage_set(self, name: str) -> PassageSet:
        if name not in self.sets:
            self.sets[name] = read_set(self.run.folder, name)
        return self.sets[name]

    def rounds(self, m: Measurement, stage: str) -> list[StageResult]:
        """What the rounds of a stage measured, of those that are in the journal."""
        paths = (path for what, path in m.files.items() if what.startswith(f"{stage}-"))
        return [self.stages[path] for path in paths if path in self.stages]


def means(m: Measurement) -> dict[str, float]:
    """The mean of each measure that a cell has; of one that was stopped, over the queries that it was asked."""
    found = m.decision.means if m.decision is not None and m.is_stopped else m.quality or {}
    return {name: mean for name, mean in found.items() if mean is not None}


def measures_of(was: Measurement, now: Measurement, first: object) -> list[str]:
    """The measures that either has: the first one, then the others of the new one and of the old one."""
    return sorted(dict.fromkeys((*means(now), *means(was))), key=lambda name: name != first)


def unlike(measure: str, was: Measurement, now: Measurement) -> str:
    """Why two means of one measure are not of the same thing; empty where they are."""
    for name, m in (("old", was), ("new", now)):
        if measure not in means(m):
            return f"not measured in the {name} run"
    if quality.parse(measure)[1] is None and was.depth != now.depth:
        return f"it looks at all hits, and depth differs: {was.depth} / {now.depth}"
    return ""


def values(run: Run, m: Measurement) -> dict[str, NDArray[np.float64]]:
    """
    Each measure's value of every judged query, in the set's order: (n_judged,).

    InputError where they are gone, and of a cell that was stopped: `bench.analysis.in_looks` has what it was asked.
    """
    if m.decision is not None and m.is_stopped:
        raise InputError(
            f"{m.retriever} on {m.passage_set}: expected the values of every judged query, found those of "
            f"{m.decision.n_asked:,} of {m.n_judged:,}: it was stopped once it was decided"
        )
    return {name: found for name, found in arrays_of(run, m).items() if name != CLUSTERS}


def clusters(run: Run, m: Measurement) -> Sequence[Hashable] | None:
    """
    The cluster of every judged query, in the set's order; None where each is its own.

    Beside the values they are numbers; runs of before that have them in the set. InputError where neither was kept.
    """
    articles = _articles(run, m)
    if articles is not None:
        return articles
    numbers = arrays_of(run, m).get(CLUSTERS)
    if numbers is not None:
        return None if len(np.unique(numbers)) == len(numbers) else numbers.tolist()
    kept = read_set(run.folder, m.passage_set)
    return None if kept.clusters is None else _of_judged(kept, kept.clusters)


def clusters_anew(run: Run, m: Measurement) -> bool:
    """Whether a run made before took paragraphs for clusters, of a set that knows the articles they lie in."""
    try:
        return _articles(run, m) is not None
    except InputError:
        return False


def _articles(run: Run, m: Measurement) -> list[str] | None:
    """The articles of a set that a run kept before sets said what their clusters are: those were paragraphs."""
    if not set_file(run.folder, m.passage_set).is_file():
        return None
    kept = read_set(run.folder, m.passage_set, judged=False)
    is_newer = kept.clustered_by is not None or kept.clusters is None
    return None if is_newer or kept.articles is None else _of_judged(kept, kept.articles)


def judged_ids(run: Run, m: Measurement) -> list[str]:
    """The id of every judged query, in the set's order. InputError where the set was not kept."""
    kept = read_set(run.folder, m.passage_set)
    return _of_judged(kept, kept.query_ids)


def kept_set(old: Run, new: Run, name: str) -> PassageSet:
    """The set as either run kept it: they are the same. InputError where neither did."""
    try:
        return read_set(new.folder, name)
    except InputError:
        return read_set(old.folder, name)


def clusters_of_either(new: tuple[Run, Measurement], old: tuple[Run, Measurement]) -> Sequence[Hashable] | None:
    """
    The cluster of each judged query. Both runs had the same queries in the same order: the set's hash says so.

    Raises InputError where no run has kept them.
    """
    try:
        return clusters(*new)
    except InputError:
        return clusters(*old)


def agreement(
    old: ComparedRun, new: ComparedRun, was: Measurement, now: Measurement
) -> tuple[float | None, float | None]:
    """The share of queries with the same top k, and overlap@10; None where hits of some queries are not available."""
    if was.is_stopped or now.is_stopped:
        return None, None
    try:
        one, other = (ranking(side.run.folder, m) for side, m in ((old, was), (new, now)))
    except InputError:
        return None, None
    if len(one.rows) != len(other.rows) or not len(one.rows):
        return None, None
    k = min(was.k, now.k, one.rows.shape[1], other.rows.shape[1])
    same = (one.rows[:, :k] == other.rows[:, :k]).all(axis=1)
    return float(same.mean()), float(quality.overlap(one, other, OVERLAP_K).mean())


def _of_judged(kept: PassageSet, labels: Sequence[str]) -> list[str]:
    judged = quality.judged(kept.query_ids, kept.qrels or {})
    return [label for label, is_judged in zip(labels, judged, strict=True) if is_judged]


def arrays_of(run: Run, m: Measurement) -> dict[str, NDArray[Any]]:  # Any: float64 values, int32 numbers
    """What a run keeps of each judged query; of a cell that was stopped its measures are of those asked."""
    path = run.folder / m.files.get("quality_asked" if m.is_stopped else "quality", f"quality/{m.cell}.npz")
    found = arrays.read(path, "the values of every judged query")
    # The clusters of a cell that was stopped are those of every judged query, its values those of the queries asked.
    lengths = {array.shape for name, array in found.items() if ASKED not in found or name != CLUSTERS}
    expected = lengths if m.is_stopped or m.n_judged is None else {(m.n_judged,)}
    if len(lengths) > 1 or lengths != expected or not all(_is_values(array) for array in found.values()):
        raise InputError(f"{path}: expected one finite number for every judged query, found others: it is damaged")
    return found


def _is_values(array: NDArray[Any]) -> bool:
    return array.ndim == 1 and array.dtype.kind in "fiu" and bool(np.isfinite(array).all())


def timed_together(old: Run, new: Run, was: Measurement, now: Measurement) -> bool:
    """Whether two cells share their rounds: of one run, and of the same part of it where it went on."""
    return together(old, new) and was.timed_at == now.timed_at


def together(old: Run, new: Run) -> bool:
    """Whether both are one run, whose rounds both were measured in."""
    return old.folder.resolve() == new.folder.resolve()
