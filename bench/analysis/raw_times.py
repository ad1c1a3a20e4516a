"""The raw times of a cell's single queries, as its record's percentiles are made of them."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.instruments import latency
from bench.records.run_folder import Run, samples
from bench.records.schema import Measurement, StageResult

Rounds: TypeAlias = list[NDArray[np.int64]]  # each (n_passes, n_queries), nanoseconds


def text_to_ids(run: Run, m: Measurement, name: str = "single") -> Rounds:
    """
    Each round's times from text to ids, (n_passes, n_queries) nanoseconds; a pair's stages are added up.

    name: `single`, or `new`: of queries that the process has not seen. Empty where a record names no such times.
    InputError where a file that it names is missing, or is no times of the same queries in each stage.
    """
    parts = [of_stage(run, m, stage, name) for stage in stages_of(m)]
    for rounds in zip(*parts, strict=False):
        if any(times.ndim != 2 for times in rounds) or len({times.shape[1] for times in rounds}) > 1:
            shapes = " and ".join(str(times.shape) for times in rounds)
            raise InputError(
                f"{run.folder}: expected raw times of {m.retriever} by pass and query, of the same queries in each "
                f"stage, found arrays of shape {shapes}: they are damaged"
            )
    return parts[0] if len(parts) == 1 else [latency.end_to_end(*pair) for pair in zip(*parts, strict=False)]


def of_stage(run: Run, m: Measurement, stage: str, name: str) -> Rounds:
    """The raw times of each round of a stage. InputError where a file that the record names is not there."""
    of_rounds = [StageResult(stage="search", status="ok", samples=path) for path in _paths(m, stage)]
    return samples(run.folder, of_rounds, name)


def are_on_disk(run: Run, m: Measurement) -> bool:
    """Whether every file of raw times that a record names is there, and it names some of each stage."""
    paths = [_paths(m, stage) for stage in stages_of(m)]
    return all(paths) and all((run.folder / path).is_file() for rounds in paths for path in rounds)


def stages_of(m: Measurement) -> tuple[str, ...]:
    """The stages that text goes through to become ids, timed apart where the cell has an encoder."""
    return ("query", "search") if m.encoder is not None else ("search",)


def _paths(m: Measurement, stage: str) -> list[str]:
    """The files of a stage in the run folder, in the order of the rounds."""
    return [path for what, path in m.files.items() if what.startswith(f"{stage}-")]
