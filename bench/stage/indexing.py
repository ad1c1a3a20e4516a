"""
The stages that make what is searched: encode passages and queries; build a storage or an engine's index.

As in `bench.stage.stages`, every import that takes memory stands inside a function.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bench.records.schema import StageResult
from bench.stage import inputs, lifecycle, outputs
from bench.stage.inputs import Made
from bench.stage.job import Job, fitted, given, read_texts
from bench.stage.rehearsal import WITHOUT_CORE

if TYPE_CHECKING:
    from retrievers.contract import Adapter

TRIED = 64  # passages of a trial


def encode(job: Job, made: Made) -> StageResult:
    """
    Fit an encoder, encode every passage and every query once, save the matrices and the encoder.

    Where the passages are in the cache, the queries alone, by the encoder as it was saved there.
    """
    from bench.instruments.latency import timed
    from bench.stage import matrices, query_encoding
    from bench.stage.validate import check_vectors
    from retrievers.contract import Counting

    encoder = inputs.make(job, job.encoder, made)
    queries = read_texts(job.queries)
    facts = lifecycle.prepare(encoder)
    result = _passages(job, encoder) if job.out is not None else None
    if result is None:
        inputs.encoder_loader(job)(encoder)
        result = StageResult(stage="encode", status="ok")
    if job.query_out is None:
        return msgspec.structs.replace(result, facts=result.facts | lifecycle.facts(encoder) | facts)
    query_seconds, vectors = timed(lambda: encoder.encode(queries, "query"))
    check_vectors(vectors, len(queries), "queries")
    if isinstance(encoder, Counting):
        encoder.count(queries, "query")
    alone = query_encoding.alone(encoder, queries, vectors, is_given=job.alignment is not None)
    out = Path(job.query_out)
    matrices.save(out, matrices.QUERIES, vectors if alone is None else alone)
    if alone is not None:
        matrices.save(out, matrices.BATCH, vectors)
    matrices.save(out, matrices.WARM, query_encoding.warm(job, encoder, vectors))
    if alone is not None:
        facts |= {matrices.BATCH_DIFFERS: query_encoding.furthest(alone, vectors)}
    return msgspec.structs.replace(
        result,
        measured_seconds=result.measured_seconds + query_seconds,
        query_seconds=query_seconds,
        facts=result.facts | lifecycle.facts(encoder) | facts,
    )


def _passages(job: Job, encoder: Adapter) -> StageResult:
    """Fit the encoder and encode the passages; save their matrix, and the encoder."""
    from bench.instruments.cpu import Spent
    from bench.instruments.memory import Phase
    from bench.stage import blocks, matrices
    from bench.stage.validate import check_vectors
    from retrievers.contract import Persistent

    passages, out = fitted(job), Path(given(job.out))
    spent, phase = Spent(), Phase()
    encoded = blocks.encoded(job, encoder, passages, phase)
    memory, without_core = phase.end(), spent.without_core()
    if encoded.peak_above_start is not None and memory.peak_above_start is not None:
        peak = max(encoded.peak_above_start, memory.peak_above_start)
        memory = msgspec.structs.replace(memory, peak_above_start=peak)
    vectors = encoded.vectors
    nonzeros = check_vectors(vectors, len(passages), "passages")
    disk_bytes = None
    if isinstance(encoder, Persistent):  # now: what it remembers of queries is no part of what is loaded
        disk_bytes = lifecycle.save(encoder, out / "encoder")
    if len(passages) == job.n_passages:
        matrices.save(out, matrices.PASSAGES, vectors)
    else:
        nonzeros = outputs.save_grown(job, vectors, out)
    return StageResult(
        stage="encode",
        status="ok",
        measured_seconds=encoded.measured_seconds,
        build_seconds=encoded.fit_seconds + encoded.seconds,
        ledger=lifecycle.ledger(encoder),
        disk_bytes=disk_bytes,
        build_memory=memory,
        shape=(job.n_passages, vectors.shape[1]),
        nonzeros=nonzeros,
        facts=({"synthetic": job.synthetic} if job.distractors else {})
        | ({"encoding_processes": encoded.goes} if encoded.goes > 1 else {})
        | {WITHOUT_CORE: without_core},
    )


def build(job: Job, made: Made) -> StageResult:
    """Matrix to storage, or text to an engine's index, and save it; without a folder to save it into, a trial."""
    from bench.instruments.latency import timed
    from bench.instruments.memory import Phase

    if job.out is None:
        return _trial(job, made)
    adapter = inputs.make(job, job.storage, made)
    source = inputs.source(job)
    facts = lifecycle.prepare(adapter, None if job.engine else source)
    out = Path(job.out)
    make = adapter.index if job.engine else adapter.build

    phase = Phase()
    seconds, _ = timed(lambda: make(source))
    memory = phase.end()

    return StageResult(
        stage="build",
        status="ok",
        measured_seconds=seconds,
        build_seconds=seconds,
        build_memory=memory,
        ledger=lifecycle.ledger(adapter),
        disk_bytes=lifecycle.save(adapter, out),
        facts=lifecycle.facts(adapter) | facts,
    )


def _trial(job: Job, made: Made) -> StageResult:
    """What cannot be saved is made from a few texts or vectors: nothing is measured but what it runs on."""
    from bench.stage import matrices

    few = (
        read_texts(job.passages)[:TRIED] if job.engine else matrices.load(Path(given(job.query_matrix)), matrices.WARM)
    )
    with contextlib.suppress(Exception):  # the rounds will show it, with all passages
        adapter = inputs.make(job, job.storage, made)
        lifecycle.prepare(adapter, None if job.engine else few)
        (adapter.index if job.engine else adapter.build)(few)
        adapter.search(few[:1], job.search_k)
    return StageResult(stage="build", status="ok")
