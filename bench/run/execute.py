"""A task done, by a run or by a plan: in a child with its threads, and a matrix put into the cache."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench.instruments import processor
from bench.passages import loader
from bench.records.schema import StageResult
from bench.run.cells import Cell
from bench.run.estimate import Attempt
from bench.run.identity import matrix_key
from bench.run.suite import Suite
from bench.run.tasks import Task, TaskFolder
from bench.stage import matrices, process
from bench.stage.child import Allowed
from retrievers.registry import Registry


def in_child(task: Task, suite: Suite, told: Callable[[], object] | None = None) -> StageResult:
    """Run the task's child, with the threads that its stage is declared to have. told: about once a second."""
    threads = task.cells[0].threads
    if task.job.stage in ("encode", "build") or (task.job.stage == "rehearse" and task.job.encoder):
        threads = suite.encode_threads or processor.cores()
    limits = suite.limits
    seconds = math.inf if limits.seconds is None else limits.seconds
    allowed = Allowed(threads, limits.memory_bytes, seconds, limits.idle)
    return process.run(task.job, Path(task.job.result).parent, allowed, goes_on=task.goes_on, told=told)


def fill(task: Task, output: TaskFolder, suite: Suite, registry: Registry, attempt: Attempt) -> StageResult:
    """Encode and cache a matrix; fails if its inputs changed since its key was computed."""
    part, final = output
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    result = attempt(task)
    # What fails since a file is another now is told so, and not by what came of it.
    changed = _changed(task.cells[0], suite, registry) if result.status in ("ok", "failed") else ""
    if changed:
        result = msgspec.structs.replace(result, status="failed", reason=changed)
    if result.status == "ok":
        result = matrices.publish(part, final, result, task.cells[0].plugins)
    shutil.rmtree(part, ignore_errors=True)
    return result


def _changed(cell: Cell, suite: Suite, registry: Registry) -> str:
    """Which inputs of a cell's matrix changed since its key was computed, as a reason; empty if none."""
    passage_set, own = cell.passage_set, cell.passage_set.vectors
    try:
        same = matrix_key(cell.retriever.encoder, passage_set, suite, registry) == cell.matrix_key
        same = same and (own is None or loader.load(own).sha256 == passage_set.sha256)
        found = "" if same else "they had changed"
    except Exception as error:  # a file is gone, or an adapter raises anything
        found = str(error) or type(error).__name__
    return found and (
        f"{cell.encoder}: expected {own or 'its files and code'} to be read as the run found them when it began, "
        f"found afterwards: {found}; run it again"
    )
