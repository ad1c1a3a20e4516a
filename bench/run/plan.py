"""
What a run would do, told before anything of it is allocated: bytes, peak and time of every cell, and who is refused.

Nothing is left behind but matrices in the cache, where the run finds them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.passages.loader import PassageSet
from bench.progress import Progress, Range, Silent
from bench.records.schema import StageResult, Status
from bench.run.cells import Cell, make_cells
from bench.run.estimate import Encoding, Estimate, SearchEstimate, estimate
from bench.run.execute import fill, in_child
from bench.run.over_limits import over_limits
from bench.run.prediction import Source
from bench.run.resolve import resolve_spellings
from bench.run.suite import Suite
from bench.run.tasks import Task, Work
from retrievers.contract import is_deterministic
from retrievers.registry import Registry


class PlannedCell(msgspec.Struct, frozen=True, kw_only=True):
    """What is predicted of one cell. Bytes are bytes; None: not told."""

    passage_set: str
    retriever: str
    encoder: str | None
    storage: str | None
    threads: int = 1  # of query encoding and search
    status: Status | None  # None: it would run; else how it would end
    reason: str | None
    n_passages: int
    dims: int | None
    nonzeros: int | None
    shape: Source | None  # how dims and non-zeros are known
    predicted_ledger: dict[str, int] | None  # by component, where the storage predicts it
    predicted_bytes: int | None
    counted: bool  # whether they follow from the matrix as it will be; else they are an estimate
    peak_build_bytes: int | None  # above what was resident before, the vectors it is built from among that
    seconds: float | None  # of building and search; what cells share counts for the first of them
    seconds_range: tuple[float, float | None] | None = None  # between which it lies; None as the upper: not known
    # Of its encoder, once for all cells of that on this passage set:
    peak_encode_bytes: int | None
    encoder_seconds: float | None
    encoder_seconds_range: tuple[float, float | None] | None = None
    warnings: tuple[str, ...] = ()  # estimates over the limits; they refuse nothing


class PlannedSet(msgspec.Struct, frozen=True, kw_only=True):
    """The cells of one passage set, and what they come to."""

    passage_set: str
    n_passages: int
    n_queries: int
    cells: tuple[PlannedCell, ...]
    seconds: Range  # of all children that the run would start

    @property
    def predicted_bytes(self) -> int:
        """Of the ledgers of all cells that would run, as far as they are told."""
        return sum(cell.predicted_bytes or 0 for cell in self.cells if cell.status is None)


def plan(
    suite: Suite, passage_sets: Sequence[PassageSet], registry: Registry, progress: Progress | None = None
) -> list[PlannedSet]:
    """
    What `bench.run.runner.run` would do with the same suite, a set at a time, as far as a rehearsal can tell.

    Every part is rehearsed for some seconds. A lexical encoder that takes less than a minute encodes all passages, so
    that its matrix is counted and not guessed. Raises as `bench.run.runner.run` does for a suite that cannot run.
    """
    cells = make_cells(suite, passage_sets, registry)
    resolve_spellings(suite, passage_sets, cells, registry)
    found = []
    told = progress or Silent()
    total = len({(c.passage_set.name, c.encoder) for c in cells if c.encoder}) + len(cells)
    done = 0

    def attempt(task: Task) -> StageResult:
        nonlocal done
        told.starts(f"{task.job.stage} {task.subject}", done, total, None)
        done += task.job.stage == "rehearse"
        return in_child(task, suite)

    def into_cache(task: Task) -> StageResult:
        one = task.cells[0].passage_set
        told.says(
            f"{one.name}: encoding all {len(one.passages) + suite.distractors:,} passages, to count: {task.subject}"
        )
        result = fill(task, suite, registry, attempt)
        if result.status != "ok":
            told.says(f"{one.name}: not counted, since it ended {result.status}: {result.reason}")
        return result

    for passage_set in passage_sets:
        of_set = [cell for cell in cells if cell.passage_set is passage_set]
        told.says(f"{passage_set.name}: a rehearsal, to tell what it will take")
        with tempfile.TemporaryDirectory(prefix="sparring-plan-") as folder:
            work = Work(suite, Path(folder), registry, passage_set)
            sound = [cell for cell in of_set if not cell.problem]
            estimated = estimate(sound, work, attempt, into_cache)
        if estimated.disturbed:
            told.says(f"{passage_set.name}: {estimated.disturbed}")
        found.append(_planned(passage_set, of_set, work.n_passages, estimated, suite))
    return found


def _planned(passage_set: PassageSet, cells: Sequence[Cell], n: int, estimated: Estimate, suite: Suite) -> PlannedSet:
    return PlannedSet(
        passage_set=passage_set.name,
        n_passages=n,
        n_queries=len(passage_set.queries),
        cells=tuple(
            _cell(cell, n, estimated.searches.get(cell.name), estimated.encodings.get(cell.encoder or ""), suite)
            for cell in cells
        ),
        seconds=estimated.total,
    )


def _cell(cell: Cell, n: int, search: SearchEstimate | None, encoding: Encoding | None, suite: Suite) -> PlannedCell:
    encoder, storage = cell.parts
    status, reason = _end(cell, search)
    shape = encoding.shape if encoding is not None else None
    ledger = search.prediction.ledger if search is not None else None
    estimated = search.ledger_bytes if search is not None else None
    return PlannedCell(
        passage_set=cell.passage_set.name,
        retriever=cell.spelling,
        encoder=encoder,
        storage=storage,
        threads=cell.threads,
        status=status,
        reason=reason or None,
        n_passages=n,
        dims=shape.dims if shape is not None else None,
        nonzeros=shape.nonzeros if shape is not None else None,
        shape=shape.source if shape is not None else None,
        predicted_ledger=ledger,
        predicted_bytes=sum(ledger.values()) if ledger is not None else estimated,
        counted=ledger is not None
        and is_deterministic(cell.searcher)
        and shape is not None
        and shape.source != "predicted",
        peak_build_bytes=search.peak_bytes if search is not None else None,
        seconds=None if search is None or search.seconds is None else search.seconds.likely,
        seconds_range=None if search is None or search.seconds is None else (search.seconds.low, search.seconds.high),
        peak_encode_bytes=encoding.peak_bytes if encoding is not None else None,
        encoder_seconds=encoding.seconds.likely if encoding is not None else None,
        encoder_seconds_range=(encoding.seconds.low, encoding.seconds.high) if encoding is not None else None,
        warnings=tuple(over_limits(search, encoding, suite)) if status is None else (),
    )


def _end(cell: Cell, search: SearchEstimate | None) -> tuple[Status | None, str]:
    """How a cell would end, and why; None: it would run."""
    if search is None:
        return "failed", cell.problem
    if search.prediction.status != "ok":
        return search.prediction.status, search.prediction.reason
    if search.status != "ok":
        return search.status, f"its rehearsal: {search.reason}"
    return None, cell.problem
