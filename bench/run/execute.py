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
from bench.run import rates
from bench.run.cells import Cell
from bench.run.estimate import Attempt
from bench.run.extrapolation import without_core
from bench.run.identity import encoder_key, matrix_key
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
    limits, share = suite.limits, 1 if task.job.turns is None else 2  # waiting for the other side is no work
    seconds = math.inf if limits.seconds is None else limits.seconds
    allowed = Allowed(threads, limits.memory_bytes, share * seconds, share * limits.idle)
    return process.run(task.job, Path(task.job.result).parent, allowed, goes_on=task.goes_on, told=told)


def cached(task: Task) -> StageResult | None:
    """What encoding passages and queries took, where the cache has the vectors of both."""
    passages, queries = _found(task, task.output), _found(task, task.queries)
    return None if passages is None or queries is None else matrices.joined(passages, queries)


def fill(task: Task, suite: Suite, registry: Registry, attempt: Attempt) -> StageResult:
    """Encode and cache what the cache lacks of passages and queries; fails if an input is another than its key says."""
    output, queries, plugins = given(task.output), given(task.queries), task.cells[0].plugins
    known = _found(task, output), _found(task, queries)
    parts = [None if found else folder.part for found, folder in zip(known, (output, queries), strict=True)]
    for part in filter(None, parts):
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
    out, query_out = (None if part is None else str(part) for part in parts)
    saved = output.final / "encoder"
    job = msgspec.structs.replace(
        task.job, out=out, query_out=query_out, encoder_folder=str(saved) if known[0] and saved.is_dir() else None
    )
    result = attempt(task._replace(job=job))
    # What fails since a file is another now is told so, and not by what came of it.
    changed = _changed(task.cells[0], suite, registry) if result.status in ("ok", "failed") else ""
    if changed:
        result = msgspec.structs.replace(result, status="failed", reason=changed)
    if result.status == "ok":
        own = [
            found or matrices.publish(folder.part, folder.final, made, plugins)
            for found, folder, made in zip(known, (output, queries), matrices.parted(result), strict=True)
        ]
        result = matrices.joined(*own)
        shutil.rmtree(matrices.blocks_of(output.final), ignore_errors=True)
        cell = task.cells[0]
        if known[0] is None and result.build_seconds is not None and not suite.distractors and not cell.given:
            others = without_core(result.facts)
            rates.keep(cell.encoder_key or "", cell.passage_set.passages, result.build_seconds, others)
    for part in filter(None, parts):
        shutil.rmtree(part, ignore_errors=True)
    return result


def _found(task: Task, folder: TaskFolder | None) -> StageResult | None:
    return matrices.find(given(folder).final, task.cells[0].plugins)


def given(folder: TaskFolder | None) -> TaskFolder:
    """A folder that an encoding task has. ValueError for a task that is none."""
    if folder is None:
        raise ValueError("expected a task that encodes: it has a folder for its vectors")
    return folder


def _changed(cell: Cell, suite: Suite, registry: Registry) -> str:
    """Which inputs of a cell's matrix changed since its key was computed, as a reason; empty if none."""
    passage_set, own = cell.passage_set, cell.passage_set.vectors
    try:
        encoder = cell.retriever.encoder
        key = encoder_key(encoder, suite, registry)
        same = matrix_key(key, encoder, passage_set, suite) == cell.matrix_key
        same = same and (own is None or loader.load(own).sha256 == passage_set.sha256)
        found = "" if same else "they had changed"
    except Exception as error:  # a file is gone, or an adapter raises anything
        found = str(error) or type(error).__name__
    return found and (
        f"{cell.encoder}: expected {own or 'its files and code'} to be read as the run found them when it began, "
        f"found afterwards: {found}; run it again"
    )
