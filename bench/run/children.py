"""The children of one run, one at a time: which are still to run, what they took, and which cells they failed."""

from __future__ import annotations

import shutil
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from bench.errors import InputError
from bench.progress import Progress
from bench.records.journal import Writer
from bench.records.schema import Stage, StageResult
from bench.run.cells import Cell
from bench.run.execute import fill, in_child
from bench.run.suite import Suite
from bench.run.tasks import Task, TaskFolder, encode_key
from bench.stage import matrices, plugin_files
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
    deployments: dict[str, StageResult] = field(default_factory=dict)  # cell key -> how its deployment ended
    code: set[str] = field(default_factory=set)  # files that the children imported, where they report them

    def alive(self, cells: Sequence[Cell]) -> list[Cell]:
        """The cells that have not failed."""
        return [cell for cell in cells if cell.key not in self.failed]

    def encode(self, task: Task, output: TaskFolder) -> StageResult | None:
        """Find the matrix in the cache, or make it and put it there; never one of other files than its key tells."""
        known = matrices.find(output.final, task.cells[0].plugins)
        if known is not None:
            self.count(task)
            if known.opened and task.key not in self.writer.stages:  # when the run goes on, they must be the same
                self._finished(task, known)
            journalled = self.writer.stages.get(task.key) or known
            return msgspec.structs.replace(journalled, runtime=known.runtime, kernels=known.kernels)
        result = fill(task, output, self.suite, self.registry, self._child)
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
        return result

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


def refuse_changed_files(cells: Sequence[Cell], writer: Writer) -> None:
    """InputError where a file beside a plug-in is another than when the run encoded: numbers of both would be mixed."""
    for key, plugins in {cell.matrix_key: cell.plugins for cell in cells if cell.matrix_key is not None}.items():
        known = writer.stages.get(encode_key(key))
        changed = plugin_files.changed(known.opened, plugins) if known is not None else []
        if changed:
            raise InputError(
                f"run folder {writer.folder}: expected {', '.join(changed)} as when the run was begun, found another; "
                "choose another folder with -o"
            )
