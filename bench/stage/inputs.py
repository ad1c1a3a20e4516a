"""
What a job names, brought into its child: adapters, and what they are built from.

As in `bench.stage.stages`, every import that takes memory stands inside a function.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from bench.stage import lifecycle
from bench.stage.job import Job, fitted, given, grown_texts, read_texts

if TYPE_CHECKING:
    from bench.records.schema import Fact
    from retrievers.contract import Adapter, Role, Vectors

Made: TypeAlias = "list[Adapter]"  # every adapter that a stage made; closed when the stage ends
Source: TypeAlias = Any  # Any: what an index is built from: texts of an engine, vectors of a storage


def make(job: Job, spelling: str | None, made: Made) -> Adapter:
    """An adapter that the job spells, added to `made`; an aligned one knows where the vectors of its texts stand."""
    made.append(lifecycle.make(given(spelling), job.entries))
    if job.alignment is not None:
        _align(job, made[-1])
    return made[-1]


def _align(job: Job, encoder: Adapter) -> None:
    """Tell an encoder of given texts where their vectors stand, and hand it those of the passage set if it has any."""
    from bench.formats import hdf5

    texts: dict[Role, str | None] = {"passage": job.passages, "query": job.queries}
    known = msgspec.json.decode(Path(given(job.alignment)).read_bytes(), type=dict[str, tuple[list[int], int]])
    for role, path in texts.items():
        own = None if job.vectors is None else hdf5.vectors(Path(job.vectors), role)
        encoder.align(role, read_texts(path), *known[role], own)


def loaded(
    job: Job, spelling: str | None, made: Made, learn: Callable[[Adapter], object], vectors: Vectors | None = None
) -> tuple[Adapter, dict[str, Fact], float]:
    """
    An adapter imported, made, prepared and then taught or loaded by `learn`: itself, facts, the seconds of the last.

    vectors: some for a storage to be prepared with.
    """
    from bench.instruments.latency import timed

    adapter = make(job, spelling, made)
    facts = lifecycle.prepare(adapter, vectors)  # first: what it imports and compiles is no part of those seconds
    seconds, _ = timed(lambda: learn(adapter))
    return adapter, facts, seconds


def encoder_loader(job: Job) -> Callable[[Adapter], object]:
    """What makes an encoder ready: loads it, or fits it where it cannot be saved."""
    if job.encoder_folder is not None:
        folder = Path(job.encoder_folder)
        return lambda encoder: encoder.load(folder)
    passages = fitted(job)
    return lambda encoder: encoder.fit(passages)


def searcher_loader(job: Job) -> Callable[[Adapter], object]:
    """What makes a storage or an engine ready: loads it, or builds it where it cannot be saved."""
    if job.storage_folder is not None:
        folder = Path(job.storage_folder)
        return lambda searcher: searcher.load(folder)
    given_to = source(job)
    return lambda searcher: (searcher.index if job.engine else searcher.build)(given_to)


def source(job: Job) -> Source:
    """What an index is built from: the texts of an engine, the vectors of a storage."""
    from bench.stage import matrices

    return grown_texts(job) if job.engine else matrices.load(Path(given(job.matrix)), "passages")
