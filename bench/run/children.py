"""The children of one run, one at a time: which are still to run, what they took, and which cells they failed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from bench.progress import Progress
from bench.records.journal import Writer
from bench.records.schema import StageResult
from bench.run.cells import Cell
from bench.run.execute import cached, fill, in_child
from bench.run.keys import Child
from bench.run.suite import Suite
from bench.run.tasks import Task
from bench.stage import reported
from retrievers.registry import Registry


@dataclass
class Children:
    """Runs tasks that the journal does not hold, and remembers how they ended."""

    suite: Suite
    writer: Writer
    registry: Registry
    progress: Progress
    failed: dict[str, StageResult] = field(default_factory=dict)  # cell key -> what ended it
    left: dict[str, dict[str, Child]] = field(default_factory=dict)  # passage set -> children still to run, by task
    total: int = 0  # that the run has, those of the journal among them
    expected: dict[tuple[str, Child], float] = field(default_factory=dict)  # on a passage set: seconds, predicted
    took: dict[tuple[str, Child], float] = field(default_factory=dict)  # the last of its kind
    measured_seconds: float = 0.0
    deployments: dict[str, StageResult] = field(default_factory=dict)  # cell key -> how its deployment ended
    code: set[str] = field(default_factory=set)  # files that the children imported, where they report them

    def alive(self, cells: Sequence[Cell]) -> list[Cell]:
        """The cells that have not failed."""
        return [cell for cell in cells if cell.key not in self.failed]

    def encode(self, task: Task) -> StageResult | None:
        """Find the vectors in the cache, or make them and put them there; never of other files than their key tells."""
        known = cached(task)
        if known is not None:
            self.count(task)
            journalled = self.writer.stages.get(task.key)
            if known.opened and journalled is None:  # when the run goes on, they must be the same
                self._finished(task, known)
            return msgspec.structs.replace(known, reused=journalled is None or journalled.reused)
        result = fill(task, self.suite, self.registry, self._child)
        if result.status == "ok":
            self._finished(task, result)
            return result
        self._fail(task, result)
        return None

    def do(self, task: Task) -> None:
        """Run a task that the journal does not hold, or whose folder is gone."""
        made = task.output is None or (task.output.final.is_dir() and Path(task.job.result).is_file())
        if (task.key in self.writer.stages and made) or not self.alive(task.cells):
            self.count(task)
            return
        if task.output is not None:  # of a run that was killed before it was journalled
            shutil.rmtree(task.output.part, ignore_errors=True)
            shutil.rmtree(task.output.final, ignore_errors=True)
        result = self.attempt(task)
        if result.status == "ok":
            if task.output is not None:
                task.output.part.replace(task.output.final)
            self._finished(task, result)

    def try_out(self, task: Task) -> None:
        """Run a task only for what it tells of its runtime: how it ends fails no cell, and is not journalled."""
        if Path(task.job.result).is_file():
            self.count(task)
        else:
            self._child(task)

    def deploy(self, task: Task) -> None:
        """Run a task that the journal does not hold; a bad end is remembered, and fails no cell: it has its rounds."""
        result = self.writer.stages.get(task.key)
        if result is None:
            result = self._child(task)
            if result.status == "ok":
                self._finished(task, result)
        else:
            self.count(task)
        self.deployments[task.cells[0].key] = result

    def attempt(self, task: Task) -> StageResult:
        """One child; a bad end is remembered for its cells."""
        result = self._child(task)
        if result.status != "ok":
            self._fail(task, result)
        return result

    def _child(self, task: Task) -> StageResult:
        done = self.total - sum(map(len, self.left.values()))
        self.progress.starts(f"{task.job.stage} {task.subject}", done, self.total, self.seconds_left())
        begun = time.perf_counter()
        result = in_child(task, self.suite, lambda: self._told(task, begun))
        self.code.update(result.code)
        result = msgspec.structs.replace(result, code=())
        if result.samples is not None:  # relative: the run folder may be moved
            relative = Path(result.samples).relative_to(self.writer.folder)
            result = msgspec.structs.replace(result, samples=relative.as_posix())
        self.count(task)
        self.took[_kind(task)] = result.process_seconds or 0.0
        if result.status == "ok":
            self.measured_seconds += result.measured_seconds
        return result

    def _told(self, task: Task, begun: float) -> None:
        """Tell how far the child is that runs, and what is left of all."""
        said = reported.of(task.job)
        own = None if said is None else said.seconds_left()
        if own is None and (expected := self._seconds_of(*_kind(task))) is not None:
            own = max(expected - (time.perf_counter() - begun), 0.0)
        others = self.seconds_left(but=task.key)
        left = None if own is None or others is None else own + others
        self.progress.runs(None if said is None else said.passages(), own, left)

    def _finished(self, task: Task, result: StageResult) -> None:
        """Journal a result, without the long lists that are of use only while the run lasts."""
        self.writer.finished(task.key, msgspec.structs.replace(result, runtime=(), kernels=()))

    def _fail(self, task: Task, result: StageResult) -> None:
        """Say that a task ended badly, and remember it for its cells."""
        self.progress.says(f"{task.subject}: {result.status}: {(result.reason.splitlines() or [''])[0]}")
        for cell in task.cells:
            self.failed.setdefault(cell.key, result)

    def count(self, task: Task) -> None:
        """One child less to run."""
        self.left[task.cells[0].passage_set.name].pop(task.key, None)

    def seconds_left(self, but: str = "") -> float | None:
        """
        Of the children that are still to run, as long as the last of their kind or as was predicted; else None.

        but: the task of one that is left out.
        """
        total = 0.0
        for name, children in self.left.items():
            for key, child in children.items():
                seconds = self._seconds_of(name, child)
                if key != but and seconds is None:
                    return None
                total += 0.0 if key == but or seconds is None else seconds
        return total

    def _seconds_of(self, passage_set: str, child: Child) -> float | None:
        return self.took.get((passage_set, child), self.expected.get((passage_set, child)))


def _kind(task: Task) -> tuple[str, Child]:
    return task.cells[0].passage_set.name, Child(task.job.stage, task.subject)
