"""
The queries of a passage set in looks, for a suite that stops what is decided.

The baseline is asked every query. Every other cell is asked clusters of queries in seeded order; after each look its
primary measure is held to the baseline's, and once the difference is decided the rest is not asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.formats import hits_npz
from bench.instruments import quality
from bench.passages.passage_set import PassageSet
from bench.records import run_folder
from bench.records.decision import Decision
from bench.records.schema import StageResult
from bench.run.cells import Cell
from bench.run.quality_fields import query_values
from bench.run.suite import Suite
from bench.stage.job import Job, given
from bench.stage.outputs import scratch_of
from bench.statistics import sequential_quality
from bench.statistics.clusters import Floats, totals, without_noise
from bench.statistics.paired import ALPHA, within
from bench.statistics.sequential_quality import Look
from retrievers.contract import Hits

STOPPED_ITSELF = StageResult(
    stage="search",
    status="failed",
    reason="search: expected every query asked, found it stopped although the run had not said so: an adapter must "
    "close no file that it did not open",
)
FEWEST_QUERIES = 20  # of the first look, in which the queries that are timed lie: a p50 needs so many


@dataclass(frozen=True)
class QueryLooks:
    """The looks at the queries of one passage set, and what each makes of a cell."""

    suite: Suite
    passage_set: PassageSet
    folder: Path  # of the run
    baselines: Mapping[int, Cell]  # by threads
    planned: tuple[Look, ...]
    rows: tuple[tuple[int, ...], ...]  # positions of the queries that each look adds, judged or not
    says: Callable[[str], None]
    _of_baselines: dict[str, Floats] = field(default_factory=dict)  # by cell key

    def of(self, cell: Cell) -> tuple[tuple[int, ...], ...]:
        """The queries of a cell's first round, look by look; of the baseline, which is asked all at once, none."""
        return () if cell.spelling == self.suite.baseline else self.rows

    def goes_on(self, cell: Cell, job: Job) -> bool:
        """Whether a search that asks is to go on, by the hits that it has kept so far."""
        deep, top = (scratch_of(job, given(job.hits)), hits_npz.of_search_for(Path(given(job.hits)), job.k))
        hits = hits_npz.read(deep, f"cell {cell.key}")
        apart = cell.searched_apart(self.suite)
        timed = hits_npz.read(scratch_of(job, str(top)), f"cell {cell.key}") if apart else _cut(hits, job.k)
        found = self.decision(cell, hits, timed, hits_npz.asked(deep))
        if found is None or found.verdict == "undecided":
            return True
        n_judged = len(self._clusters())
        self.says(f"{cell.spelling}: {found.verdict}, decided after {found.n_asked:,} of {n_judged:,} judged queries")
        return False

    def has_failed(self, failed: Collection[str]) -> bool:
        """Whether a baseline is among these cells."""
        return any(baseline.key in failed for baseline in self.baselines.values())

    def decision(self, cell: Cell, hits: Hits, timed: Hits, asked: NDArray[np.int64] | None) -> Decision | None:
        """
        What is known of a cell beside the baseline. asked: positions of the queries that it was asked; None: all.

        None of the baseline itself, and where that has no hits.
        """
        baseline = self.baselines.get(cell.threads)
        if baseline is None or cell.spelling == self.suite.baseline:
            return None
        old = self._values_of(baseline)
        if old is None:
            return None
        measure = self.suite.primary
        new = query_values(hits, timed, self.suite, self.passage_set, (measure,))[measure]
        differences = without_noise(new - old)
        sums, sizes = totals(differences, self._clusters())
        number = self._looks_taken(asked)
        look = self.planned[number - 1]
        first = sequential_quality.order(len(sums), self.suite.seed)[: look.n_clusters]
        is_last = number == len(self.planned)
        low, high = sequential_quality.bounds_at(look, sums[first], sizes[first], is_last=is_last)
        around = float(low), float(high)
        alike = is_last and not differences.any()
        n_asked = int(sizes[first].sum())
        return Decision(
            baseline=baseline.spelling,
            measure=measure,
            verdict="identical" if alike else sequential_quality.verdict(around),
            n_asked=n_asked,
            n_looks=number,
            planned_looks=len(self.planned),
            difference=float(sums[first].sum()) / n_asked,
            interval=within(around, old, new) or around,
            level=look.level,
        )

    def _looks_taken(self, asked: NDArray[np.int64] | None) -> int:
        so_far = np.cumsum([len(look) for look in self.rows]).tolist()
        return len(so_far) if asked is None else so_far.index(len(asked)) + 1

    def _values_of(self, baseline: Cell) -> Floats | None:
        """The primary measure of every judged query; None where the baseline has no hits: it failed."""
        if baseline.key in self._of_baselines:
            return self._of_baselines[baseline.key]
        measure, apart = self.suite.primary, baseline.searched_apart(self.suite)
        try:
            hits = run_folder.read_hits(self.folder, baseline.key)
            timed = run_folder.read_timed(self.folder, baseline.key, self.suite.k, apart=apart)
        except InputError:
            return None
        found = query_values(hits, timed, self.suite, self.passage_set, (measure,))[measure]
        return self._of_baselines.setdefault(baseline.key, found)

    def _clusters(self) -> list[str]:
        return clusters_of_judged(self.passage_set)


def planned(suite: Suite, cells: Sequence[Cell], folder: Path, says: Callable[[str], None]) -> QueryLooks | None:
    """
    The looks at the queries of the cells of one passage set; None where every cell is asked all of them at once.

    So it is where the suite stops nothing, the set has no judgments that count or no baseline, and where there are too
    few clusters or queries for a look before the last. A cell that cannot run counts too: what others were promised
    must hold once it can, and the same command goes on. folder: of the run. says: told of each cell that is stopped.
    """
    passage_set = cells[0].passage_set
    baselines = {cell.threads: cell for cell in cells if cell.spelling == suite.baseline}
    others = [cell for cell in cells if cell.spelling != suite.baseline]
    if suite.stop is None or not baselines or not others or not _is_measured(passage_set, suite):
        return None
    labels = clusters_of_judged(passage_set)
    places = {label: place for place, label in enumerate(dict.fromkeys(labels))}
    turn = np.argsort(sequential_quality.order(len(places), suite.seed)) if places else np.zeros(0, np.int64)
    turns = turn[[places[label] for label in labels]]  # of each judged query: when its cluster is asked
    looks = sequential_quality.looks(len(places), ALPHA / len(others)) if places else ()
    looks = tuple(look for look in looks if np.count_nonzero(turns < look.n_clusters) >= FEWEST_QUERIES)
    if len(looks) < 2:
        return None
    judged = np.flatnonzero(quality.judged(passage_set.query_ids, passage_set.qrels or {}))
    ends = [0, *(look.n_clusters for look in looks)]
    rows = [judged[(begin <= turns) & (turns < end)] for begin, end in pairwise(ends)]
    # Dealt out over all looks: which queries are judged is not to be told from when they are asked.
    unjudged = np.setdiff1d(np.arange(len(passage_set.query_ids)), judged)
    np.random.default_rng(suite.seed).shuffle(unjudged)
    shares = np.cumsum([len(look) for look in rows]) * len(unjudged) // len(judged)
    parts = np.split(unjudged, shares[:-1])
    rows = [np.sort(np.append(look, part)) for look, part in zip(rows, parts, strict=True)]
    return QueryLooks(suite, passage_set, folder, baselines, looks, tuple(tuple(look.tolist()) for look in rows), says)


def stopped_itself(asked: NDArray[np.int64] | None, decision: Decision | None) -> bool:
    """Whether a cell was asked a part of the queries that decides nothing: no run stops it there."""
    return asked is not None and (decision is None or decision.verdict == "undecided")


def _is_measured(passage_set: PassageSet, suite: Suite) -> bool:
    """Whether the primary measure can be told of each judged query."""
    needs_answers = quality.parse(suite.primary)[0] == quality.ANSWER
    known = passage_set.qrels is not None and not suite.distractors
    return known and (passage_set.answers is not None or not needs_answers)


def clusters_of_judged(passage_set: PassageSet) -> list[str]:
    """The cluster of every judged query, in the set's order."""
    is_judged = quality.judged(passage_set.query_ids, passage_set.qrels or {})
    clusters = passage_set.clusters or passage_set.query_ids
    return [label for label, has in zip(clusters, is_judged, strict=True) if has]


def _cut(hits: Hits, k: int) -> Hits:
    return Hits(hits.rows[:, :k], hits.scores[:, :k])
