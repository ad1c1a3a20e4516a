"""
Orchestrate the cells of a suite: encode, query, build and search, each in a fresh process, one at a time.

What is finished is journalled at once, so that killing any child, or this process, at any moment loses at most the
stage in flight; the same suite into the same folder resumes.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import hashlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypedDict, Unpack

import msgspec

from bench.instruments import environment, processor
from bench.instruments.latency import SECONDS_A_ROUND
from bench.passages.loader import Columns, PassageSet
from bench.progress import Progress, Range, Silent
from bench.records import growth, journal, run_folder
from bench.records.schema import UNTRIED, Measurement, RunRecord, StageResult, digest
from bench.run import going_on, looks, word_overlaps
from bench.run.cells import Cell, make_cells
from bench.run.children import Children
from bench.run.conclusion import Concluding, Prepared
from bench.run.estimate import (
    FEWEST_ENCODED,
    FEWEST_PASSAGES,
    Estimate,
    estimate,
    estimate_encoders,
    may_take_long,
)
from bench.run.execute import in_child
from bench.run.keys import children_of
from bench.run.over_limits import over_limits
from bench.run.prediction import Shape, predict
from bench.run.resolve import resolve_spellings
from bench.run.suite import Suite
from bench.run.tasks import Runtime, Task, Work, runtime_of
from bench.stage import matrices
from retrievers.registry import Registry

WORTH_SAYING = 60.0  # seconds of encoding a small set


@dataclass
class RunOutcome:
    """What a run came to."""

    folder: Path
    measurements: tuple[Measurement, ...]
    wall_seconds: float
    measured_seconds: float
    predicted: Range | None = None  # seconds of all that came after the rehearsal; None where there was none
    rehearsed_seconds: float = 0.0

    @property
    def measured_share(self) -> float:
        """Share of wall time spent inside measured phases."""
        return self.measured_seconds / self.wall_seconds if self.wall_seconds else 0.0

    @property
    def failed(self) -> bool:
        """Whether a cell failed that was tried."""
        return any(m.status not in ("ok", *UNTRIED) for m in self.measurements)


class How(TypedDict, total=False):
    """How a run was asked for."""

    plugins: Sequence[Path]
    progress: Progress | None
    command: Sequence[str]  # the command line, to be recorded
    columns: Columns | None  # how one's own files were read, to be recorded
    fresh: bool  # what the folder holds is put away first
    lenient: bool  # a model or a file that is not there fails the cells that name it, and not the run


def run(
    suite: Suite, passage_sets: Sequence[PassageSet], folder: Path, registry: Registry, **how: Unpack[How]
) -> RunOutcome:
    """
    Run every cell of a suite that its folder does not hold yet.

    passage_sets: the suite's, loaded. Raises InputError (before anything is written) or SpellingError for a suite that
    cannot run; what goes wrong in a cell is that cell's status.
    """
    start = time.perf_counter()
    with begun(suite, passage_sets, folder, registry, **how) as (runner, cells):
        runner.run(cells)
        done = [runner.writer.measurements[cell.key] for cell in cells]
    wall_seconds = time.perf_counter() - start
    return RunOutcome(
        folder, tuple(done), wall_seconds, runner.children.measured_seconds, runner.predicted, runner.rehearsed_seconds
    )


@contextlib.contextmanager
def begun(
    suite: Suite, passage_sets: Sequence[PassageSet], folder: Path, registry: Registry, **how: Unpack[How]
) -> Iterator[tuple[Runner, list[Cell]]]:
    """A run folder held for writing, and its cells: what `run` does first. Parameters and errors are its own."""
    fresh = how.get("fresh", False)
    held = None if fresh else growth.held(folder)
    has_grown = going_on.grown(suite, passage_sets, held, registry)
    cells = make_cells(has_grown.suite, passage_sets, registry, lenient=how.get("lenient", False))
    suite = resolve_spellings(has_grown.suite, passage_sets, cells, registry)
    record = _record(has_grown._replace(suite=suite), passage_sets, cells, held, how)
    if held is not None:
        growth.refuse_other_conditions(folder, held.record, record)
        record = growth.merged(held, record, has_grown.beside)
    was = None if held is None else held.record
    with journal.opened(folder.resolve(), record, environment.collect(), was=was, fresh=fresh) as writer:
        going_on.forget_what_is_lost(cells, suite, writer)
        matrices.sweep()
        progress = how.get("progress") or Silent()
        children = Children(suite, writer, registry, progress)
        with run_folder.judgments_withheld(writer.folder, passage_sets):
            yield Runner(suite, writer, registry, progress, children), cells
        if children.took:
            writer.ended(processor.mhz())
        word_overlaps.keep(() if suite.distractors else passage_sets, writer.folder, progress.says)


def _record(
    grown: going_on.Grown, passage_sets: Sequence[PassageSet], cells: Sequence[Cell], held: growth.Held | None, how: How
) -> RunRecord:
    """What the run is made from."""
    suite = grown.recorded(held)
    hashes = ((path, hashlib.sha256(path.read_bytes()).hexdigest()) for path in how.get("plugins", ()))
    return RunRecord(
        suite_sha256=digest(msgspec.structs.replace(suite, gate=None)),  # the gate reads the run, and makes none of it
        suite=msgspec.to_builtins(suite),
        passage_sets={passage_set.name: passage_set.sha256 for passage_set in passage_sets},
        plugins=tuple(f"{path} sha256:{sha256}" for path, sha256 in hashes),
        identities={f"{cell.passage_set.name}: {cell.spelling}": cell.identity for cell in cells},
        cells=tuple(cell.key for cell in cells),
        made=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        command=tuple(how.get("command", ())),
        columns=msgspec.to_builtins(how.get("columns")),
    )


@dataclass
class Runner:
    """One execution of a suite: which stages its cells need, in which order, and the records made of them."""

    suite: Suite
    writer: journal.Writer
    registry: Registry
    progress: Progress
    children: Children
    round_seconds: float = SECONDS_A_ROUND
    report_imports: bool = False  # by the children
    predicted: Range | None = None
    rehearsed_seconds: float = 0.0

    @functools.cached_property
    def conclusion(self) -> Concluding:
        """Of its cells."""
        return Concluding(self.suite, self.writer, self.children)

    def run(self, cells: Sequence[Cell]) -> None:
        """Measure the cells that are not finished."""
        of_sets = {cell.passage_set.name: [c for c in cells if c.passage_set is cell.passage_set] for cell in cells}
        for name, of_set in of_sets.items():
            wanted = children_of([cell for cell in of_set if not self.conclusion.finished(cell)], self.suite)
            self.children.total += len(wanted)
            again = ("encode", "build")  # what was encoded or built may be gone
            self.children.left[name] = {
                key: child for key, child in wanted.items() if child.stage in again or key not in self.writer.stages
            }
        used = {cell.passage_set.asked_sha256[:16] for cell in cells}
        for folder in (self.writer.folder / "work").glob("*"):
            if folder.name not in used:
                shutil.rmtree(folder, ignore_errors=True)
        if self.writer.stages or self.writer.measurements:
            done = sum(map(self.conclusion.finished, cells))
            self.progress.says(
                f"{self.writer.folder}: complete, nothing to do"
                if done == len(cells)
                else f"{self.writer.folder}: going on; {done} of {len(cells)} cells are measured, "
                f"stages done: {len(self.writer.stages)}"
            )
        if any(self.children.left.values()):
            self.estimate_time(of_sets)
        for name, of_set in of_sets.items():
            if not all(self.conclusion.finished(cell) and self.conclusion.is_judged(cell) for cell in of_set):
                self.run_set(of_set)
            del self.children.left[name]  # with what failed cells left undone
        with contextlib.suppress(OSError):  # what is left there are builds of cells that failed
            (self.writer.folder / "work").rmdir()

    def estimate_time(self, of_sets: Mapping[str, Sequence[Cell]]) -> None:
        """Tell how long what is left will take, where that is worth a rehearsal; and which limit is in its way."""
        start, parts = time.perf_counter(), []
        for name, cells in of_sets.items():
            found = self.estimated([cell for cell in cells if not cell.problem and not self.conclusion.finished(cell)])
            if found is None:
                continue
            left: dict[str, list[Range]] = {}
            for child in self.children.left[name].values():
                each = found.expected.get((child.stage, child.subject))
                if each is not None:
                    self.children.expected[name, child] = each.at_least
                    left.setdefault(child.subject, []).append(each)
            seconds = {subject: Range.total(ranges) for subject, ranges in left.items()}
            parts += list(seconds.values())
            whole = Range.total(seconds.values())
            if found.searches or whole.high is None or whole.high >= WORTH_SAYING:
                self.progress.estimates(name, seconds, found.unknown)
                if found.disturbed:
                    self.progress.says(f"{name}: {found.disturbed}")
            for cell in cells:
                encoding = found.encodings.get(cell.encoder or "")
                for line in over_limits(found.searches.get(cell.name), encoding, self.suite):
                    self.progress.says(f"{name}: {cell.spelling}: {line}")
        self.predicted = Range.total(parts) if parts else None
        self.rehearsed_seconds = time.perf_counter() - start

    def estimated(self, cells: Sequence[Cell]) -> Estimate | None:
        """What some cells of one set will take; None where they take no time that is worth a rehearsal."""
        if not cells:
            return None
        passage_set = cells[0].passage_set
        work = Work(self.suite, self.writer.folder, self.registry, passage_set)
        attempt = partial(in_child, suite=self.suite)
        is_small = work.n_passages < FEWEST_PASSAGES
        if is_small and (work.n_passages < FEWEST_ENCODED or not any(map(may_take_long, cells))):
            return None
        self.progress.says(f"{passage_set.name}: a rehearsal, to tell how long it will take")
        return (estimate_encoders if is_small else estimate)(cells, work, attempt)

    def run_set(self, cells: Sequence[Cell]) -> None:
        """Every stage of the unfinished cells of one passage set, then their measurements."""
        prepared = self.prepare(cells)
        for number in range(self.suite.rounds):
            self.round(prepared, number, prepared.todo)
        for task in prepared.work.deployments(self.children.alive(prepared.todo)):
            self.children.deploy(task)
        self.conclusion.conclude(prepared)

    def prepare(self, cells: Sequence[Cell]) -> Prepared:
        """Encode and build the unfinished cells of one passage set."""
        passage_set, children = cells[0].passage_set, self.children
        own = self.writer.folder, self.registry, passage_set, self.round_seconds, self.report_imports
        work = Work(self.suite, *own, looks=looks.planned(self.suite, cells, self.writer.folder, self.progress.says))
        todo = [cell for cell in cells if not self.conclusion.finished(cell)]
        for cell in cells:
            if cell.problem:
                children.failed[cell.key] = StageResult(stage="build", status="failed", reason=cell.problem)
            elif self.conclusion.finished(cell) and (known := self.writer.measurements[cell.key]).status != "ok":
                children.failed[cell.key] = StageResult(stage="build", status=known.status, reason=known.reason)

        encoded = {}
        for encoder in dict.fromkeys(cell.encoder for cell in todo if cell.encoder):
            sharing = children.alive([cell for cell in todo if cell.encoder == encoder])
            task = work.encode(sharing) if sharing else None
            result = children.encode(task) if task else None
            if result is not None:
                encoded[encoder] = result
                work.runtimes[encoder] = Runtime(result.runtime, result.kernels)
        predicted = {cell.key: self.predict(cell, encoded) for cell in children.alive(todo)}
        for task in work.builds(children.alive(todo)):
            children.do(task)
            work.runtimes[task.key] = runtime_of(task)
        for task in work.trials(children.alive(todo)):
            children.try_out(task)
            work.runtimes[task.key] = runtime_of(task)
        return Prepared(cells, todo, work, encoded, predicted)

    def round(
        self, prepared: Prepared, number: int, cells: Sequence[Cell], do: Callable[[Task], None] | None = None
    ) -> None:
        """One round of some of the cells that were prepared; what the journal holds of it is not done again."""
        for task in prepared.work.round(number, self.children.alive(cells)):
            (do or self.children.do)(task)

    def predict(self, cell: Cell, encoded: dict[str, StageResult]) -> dict[str, int] | None:
        """A storage's ledger, where it can predict it; over the limit the cell is refused before it takes any."""
        result = encoded.get(cell.encoder or "")
        if result is None or result.shape is None:
            return None
        n, dims = result.shape
        found = predict(cell.searcher, n, Shape(dims, result.nonzeros, "cached"), self.suite)
        if found.status != "ok":
            self.children.failed[cell.key] = StageResult(stage="build", status=found.status, reason=found.reason)
        return found.ledger
