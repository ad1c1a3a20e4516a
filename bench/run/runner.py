"""
Orchestrate the cells of a suite: encode, query, build and search, each in a fresh process, one at a time.

What is finished is journalled at once, so that killing any child, or this process, at any moment loses at most the
stage in flight; the same suite into the same folder resumes.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import shutil
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypedDict, Unpack

import msgspec

from bench.instruments import environment, processor
from bench.instruments.latency import SECONDS_A_ROUND
from bench.passages.loader import Columns, PassageSet
from bench.progress import Progress, Silent
from bench.records import journal, run_folder
from bench.records.run_folder import asked as asked_of
from bench.records.run_folder import read_hits, read_timed
from bench.records.schema import UNTRIED, Measurement, RunRecord, StageResult, digest
from bench.run import looks
from bench.run.agreement import Agreement
from bench.run.cells import Cell, make_cells
from bench.run.children import Children, refuse_changed_files
from bench.run.estimate import FEWEST_PASSAGES, estimate
from bench.run.execute import in_child
from bench.run.measurement import measurement
from bench.run.prediction import Shape, predict
from bench.run.resolve import resolve_spellings
from bench.run.results import CellResults, rounds_of
from bench.run.suite import Suite
from bench.run.tasks import Runtime, Work, runtime_of, stages
from bench.stage import matrices, plugin_files
from retrievers.contract import Hits
from retrievers.registry import Registry


@dataclass
class RunOutcome:
    """What a run came to."""

    folder: Path
    measurements: tuple[Measurement, ...]
    wall_seconds: float
    measured_seconds: float
    predicted_seconds: float | None = None  # of all that came after the rehearsal; None where there was none
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
        folder,
        tuple(done),
        wall_seconds,
        runner.children.measured_seconds,
        runner.predicted_seconds,
        runner.rehearsed_seconds,
    )


@contextlib.contextmanager
def begun(
    suite: Suite, passage_sets: Sequence[PassageSet], folder: Path, registry: Registry, **how: Unpack[How]
) -> Iterator[tuple[Runner, list[Cell]]]:
    """A run folder held for writing, and its cells: what `run` does first. Parameters and errors are its own."""
    cells = make_cells(suite, passage_sets, registry)
    suite = resolve_spellings(suite, passage_sets, cells, registry)
    columns = how.get("columns")
    record = RunRecord(
        suite_sha256=digest(msgspec.structs.replace(suite, gate=None)),  # the gate reads the run, and makes none of it
        suite=msgspec.to_builtins(suite),
        passage_sets={passage_set.name: passage_set.sha256 for passage_set in passage_sets},
        plugins=tuple(
            f"{path} sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" for path in how.get("plugins", ())
        ),
        identities={f"{cell.passage_set.name}: {cell.spelling}": cell.identity for cell in cells},
        made=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        command=tuple(how.get("command", ())),
        columns=None if columns is None else msgspec.to_builtins(columns),
    )
    with journal.opened(folder.resolve(), record, environment.collect()) as writer:
        refuse_changed_files(cells, writer)
        matrices.sweep()
        progress = how.get("progress") or Silent()
        children = Children(suite, writer, registry, progress)
        with run_folder.judgments_withheld(writer.folder, passage_sets):
            yield Runner(suite, writer, registry, progress, children), cells
        if children.durations:
            writer.ended(processor.mhz())


class Prepared(NamedTuple):
    """The cells of one passage set, encoded and built: what their rounds and their measurements need."""

    cells: Sequence[Cell]
    todo: Sequence[Cell]  # of them those that are to be measured
    work: Work
    encoded: dict[str, StageResult]  # encoder -> what encoding took
    predicted: dict[str, dict[str, int] | None]  # cell key -> its storage's ledger, predicted


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
    predicted_seconds: float | None = None
    rehearsed_seconds: float = 0.0

    def run(self, cells: Sequence[Cell]) -> None:
        """Measure the cells that are not finished."""
        of_sets = {cell.passage_set.name: [c for c in cells if c.passage_set is cell.passage_set] for cell in cells}
        self.children.left = {
            name: stages([cell for cell in of_set if not self.finished(cell)], self.suite)
            for name, of_set in of_sets.items()
        }
        self.children.total = sum(counts.total() for counts in self.children.left.values())
        if self.writer.stages or self.writer.measurements:
            done = sum(map(self.finished, cells))
            self.progress.says(
                f"{self.writer.folder}: complete, nothing to do"
                if done == len(cells)
                else f"{self.writer.folder}: going on; {done} of {len(cells)} cells are measured, "
                f"{len(self.writer.stages)} stages are there"
            )
        else:
            self.estimate_time(of_sets.values())
        for name, of_set in of_sets.items():
            if not all(map(self.finished, of_set)):
                self.run_set(of_set)
            del self.children.left[name]  # with what failed cells left undone
        shutil.rmtree(self.writer.folder / "work", ignore_errors=True)

    def estimate_time(self, of_sets: Collection[Sequence[Cell]]) -> None:
        """Tell how long the run will take, where it is worth a rehearsal of its parts."""
        n_passages = sum(len(cells[0].passage_set.passages) + self.suite.distractors for cells in of_sets)
        if n_passages < FEWEST_PASSAGES:
            return
        start, total = time.perf_counter(), 0.0
        for cells in of_sets:
            name = cells[0].passage_set.name
            self.progress.says(f"{name}: a rehearsal, to tell how long it will take")
            work = Work(self.suite, self.writer.folder, self.registry, cells[0].passage_set)
            sound = [cell for cell in cells if not cell.problem]
            estimated = estimate(sound, work, partial(in_child, suite=self.suite))
            self.progress.estimates(name, estimated.seconds, estimated.unknown)
            total += estimated.total
        self.predicted_seconds = total
        self.rehearsed_seconds = time.perf_counter() - start

    def finished(self, cell: Cell) -> bool:
        """Whether the folder holds a cell's last word: measured, or refused by design."""
        known = self.writer.measurements.get(cell.key)
        return known is not None and known.status in ("ok", *UNTRIED)

    def run_set(self, cells: Sequence[Cell]) -> None:
        """Every stage of the unfinished cells of one passage set, then their measurements."""
        prepared = self.prepare(cells)
        for number in range(self.suite.rounds):
            self.round(prepared, number, prepared.todo)
        for task in prepared.work.deployments(self.children.alive(prepared.todo)):
            self.children.deploy(task)
        self.conclude(prepared)

    def prepare(self, cells: Sequence[Cell]) -> Prepared:
        """Encode and build the unfinished cells of one passage set."""
        passage_set, children = cells[0].passage_set, self.children
        own = self.writer.folder, self.registry, passage_set, self.round_seconds, self.report_imports
        work = Work(self.suite, *own, looks=looks.planned(self.suite, cells, self.writer.folder, self.progress.says))
        todo = [cell for cell in cells if not self.finished(cell)]
        for cell in cells:
            if cell.problem:
                children.failed[cell.key] = StageResult(stage="build", status="failed", reason=cell.problem)
            elif self.finished(cell) and (known := self.writer.measurements[cell.key]).status != "ok":
                children.failed[cell.key] = StageResult(stage="build", status=known.status, reason=known.reason)

        encoded = {}
        for encoder in dict.fromkeys(cell.encoder for cell in todo if cell.encoder):
            sharing = children.alive([cell for cell in todo if cell.encoder == encoder])
            task = work.encode(sharing) if sharing else None
            result = children.encode(task, task.output) if task and task.output else None
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

    def round(self, prepared: Prepared, number: int, cells: Sequence[Cell]) -> None:
        """One round of some of the cells that were prepared; what the journal holds of it is not done again."""
        for task in prepared.work.round(number, self.children.alive(cells)):
            self.children.do(task)

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

    def conclude(self, prepared: Prepared) -> None:
        """Write the measurements of one passage set; of finished cells only agreement with newly finished ones."""
        work, encoded = prepared.work, prepared.encoded
        agreement = Agreement(self.children.alive(prepared.cells), self.suite, self.writer.folder)
        plugins = {cell.encoder: cell.plugins for cell in prepared.todo if cell.encoder and cell.encoder in encoded}
        changed = {name: tuple(plugin_files.changed(encoded[name].opened, of_it)) for name, of_it in plugins.items()}
        for cell in prepared.cells:
            old = self.writer.measurements[cell.key] if self.finished(cell) else None
            result = old or self.measured(prepared, cell, changed.get(cell.encoder or "", ()))
            result = agreement.filled_in(result, cell)
            if result != old:
                self.writer.measured(result)
        work.remove()

    def measured(self, prepared: Prepared, cell: Cell, changed_files: tuple[str, ...]) -> Measurement:
        """The measurement of a cell that has run, or failed. changed_files: of its encoder's plug-in."""
        work, failure, stages = prepared.work, self.children.failed.get(cell.key), self.writer.stages
        hits, asked = (None, None) if failure else (self.hits(cell), asked_of(self.writer.folder, cell.key))
        decision = None if work.looks is None or hits is None else work.looks.decision(cell, *hits, asked)
        if looks.stopped_itself(asked, decision):
            failure, hits, asked, decision = looks.STOPPED_ITSELF, None, None, None
        results = CellResults(
            cell=cell,
            failure=failure,
            encode=prepared.encoded.get(cell.encoder or ""),
            build=stages.get(work.build_key(cell)),
            queries=rounds_of(stages, work.query_key, cell),
            searches=rounds_of(stages, work.search_key, cell),
            joints=rounds_of(stages, work.joint_key, cell),
            predicted_ledger=prepared.predicted.get(cell.key),
            changed_files=changed_files,
            deployment=self.children.deployments.get(cell.key),
            n_timed=len(work.sample),
            decision=decision,
            baseline_failed=work.looks is not None and work.looks.has_failed(self.children.failed),
            asked=asked,
        )
        return measurement(results, self.suite, self.writer.folder, hits)

    def hits(self, cell: Cell) -> tuple[Hits, Hits]:
        """What a cell found: to the depth, and in the search for k."""
        folder, apart = self.writer.folder, cell.searched_apart(self.suite)
        return read_hits(folder, cell.key), read_timed(folder, cell.key, self.suite.k, apart=apart)
