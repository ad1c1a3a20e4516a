"""The children of one run, one at a time: which are still to run, what they took, and which cells they failed."""

from __future__ import annotations

import shutil
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from bench.progress import Progress
from bench.records.journal import Writer
from bench.records.schema import Stage, StageResult
from bench.run.cells import Cell
from bench.run.execute import fill, in_child
from bench.run.suite import Suite
from bench.run.tasks import Task, TaskFolder
from bench.stage import matrices
from retrievers.registry import Registry


@dataclass
class Children:
    """Runs tasks that the journal does not hold, and remembers how they ended."""

    suite: Suite
    writer: Writer
    registry: Registry
    progress: Progress
    failed: dict[str, StageResult] = field(default_factory=dict)  # cell key -> what ended it
    durations: dict[Stage, list[float]] = field(default_factory=dict)  # seconds of the children so far
    left: dict[str, Counter[Stage]] = field(default_factory=dict)  # passage set -> children still to run
    total: int = 0  # that the run has, those of the journal among them
    measured_seconds: float = 0.0
    code: set[str] = field(default_factory=set)  # files that the children imported, where they report them

    def alive(self, cells: Sequence[Cell]) -> list[Cell]:
        """The cells that have not failed."""
        return [cell for cell in cells if cell.key not in self.failed]

    def encode(self, task: Task, output: TaskFolder) -> StageResult | None:
        """Find the matrix in the cache, or make it and put it there; never one of other files than its key tells."""
        known = matrices.find(output.final)
        if known is not None:
            self.count(task)
            return self.writer.stages.get(task.key) or known
        result = fill(task, output, self.suite, self.registry, self.attempt)
        if result.status == "ok":
            self.writer.finished(task.key, result)
            return result
        if self.alive(task.cells):  # its child ended well, and its files were others than its key tells
            self._fail(task, result)
        return None

    def do(self, task: Task) -> None:
        """Run a task that the journal does not hold, or whose folder is gone."""
        known = task.key in self.writer.stages and (task.output is None or task.output.final.is_dir())
        if known or not self.alive(task.cells):
            self.count(task)
            return
        if task.output is not None:  # of a run that was killed before it was journalled
            shutil.rmtree(task.output.part, ignore_errors=True)
            shutil.rmtree(task.output.final, ignore_errors=True)
        result = self.attempt(task)
        if result.status == "ok":
            if task.output is not None:
                task.output.part.replace(task.output.final)
            self.writer.finished(task.key, result)

    def attempt(self, task: Task) -> StageResult:
        """One child; a bad end is remembered for its cells."""
        done = self.total - sum(counts.total() for counts in self.left.values())
        self.progress.starts(f"{task.job.stage} {task.subject}", done, self.total, self.seconds_left())
        result = in_child(task, self.suite)
        self.code.update(result.code)
        result = msgspec.structs.replace(result, code=())
        if result.samples is not None:  # relative: the run folder may be moved
            relative = Path(result.samples).relative_to(self.writer.folder)
            result = msgspec.structs.replace(result, samples=relative.as_posix())
        self.count(task)
        self.durations.setdefault(task.job.stage, []).append(result.process_seconds or 0.0)
        if result.status == "ok":
            self.measured_seconds += result.measured_seconds
        else:
            self._fail(task, result)
        return result

    def _fail(self, task: Task, result: StageResult) -> None:
        """Say that a task ended badly, and remember it for its cells."""
        self.progress.says(f"{task.subject}: {result.status}: {(result.reason.splitlines() or [''])[0]}")
        for cell in task.cells:
            self.failed.setdefault(cell.key, result)

    def count(self, task: Task) -> None:
        """One child less to run."""
        self.left[task.cells[0].passage_set.name][task.job.stage] -= 1

    def seconds_left(self) -> float | None:
        """Predicted: each stage's children take what its children took so far, on average; None before any has run."""
        if not self.durations:
            return None
        overall = statistics.mean(seconds for taken in self.durations.values() for seconds in taken)
        typical = {stage: statistics.mean(taken) for stage, taken in self.durations.items()}
        return sum(
            number * typical.get(stage, overall) for counts in self.left.values() for stage, number in counts.items()
        )
