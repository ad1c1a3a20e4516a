"""
The stages that make what is searched: encode passages and queries; build a storage or an engine's index.

As in `bench.stage.stages`, every import that takes memory stands inside a function.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from bench.records.schema import StageResult
from bench.stage import inputs, lifecycle, outputs
from bench.stage.inputs import Made
from bench.stage.job import Job, fitted, given, read_texts

TRIED = 64  # passages of a trial


def encode(job: Job, made: Made) -> StageResult:
    """Fit an encoder, encode every passage and query once, save the matrices and the encoder."""
    from bench.instruments.latency import timed
    from bench.instruments.memory import Phase
    from bench.stage import matrices, query_encoding
    from bench.stage.validate import check_vectors
    from retrievers.contract import Persistent

    encoder = inputs.make(job, job.encoder, made)
    passages, queries = fitted(job), read_texts(job.queries)
    facts = lifecycle.prepare(encoder)
    out = Path(given(job.out))

    phase = Phase()
    fit_seconds, _ = timed(lambda: encoder.fit(passages))
    passage_seconds, vectors = timed(lambda: encoder.encode(passages, "passage"))
    memory = phase.end()
    nonzeros = check_vectors(vectors, len(passages), "passages")
    disk_bytes = None
    if isinstance(encoder, Persistent):  # now: what it remembers of queries is no part of what is loaded
        disk_bytes = lifecycle.save(encoder, out / "encoder")
    query_seconds, query_vectors = timed(lambda: encoder.encode(queries, "query"))
    check_vectors(query_vectors, len(queries), "queries")
    alone = query_encoding.alone(encoder, queries, query_vectors, is_given=job.alignment is not None)
    if len(passages) == job.n_passages:
        matrices.save(out, "passages", vectors)
    else:
        nonzeros = outputs.save_grown(job, vectors, out)
    matrices.save(out, matrices.QUERIES, query_vectors if alone is None else alone)
    if alone is not None:
        matrices.save(out, matrices.BATCH, query_vectors)
    matrices.save(out, matrices.WARM, query_encoding.warm(job, encoder, query_vectors))
    return StageResult(
        stage="encode",
        status="ok",
        measured_seconds=fit_seconds + passage_seconds + query_seconds,
        build_seconds=fit_seconds + passage_seconds,
        query_seconds=query_seconds,
        ledger=lifecycle.ledger(encoder),
        disk_bytes=disk_bytes,
        build_memory=memory,
        shape=(job.n_passages, vectors.shape[1]),
        nonzeros=nonzeros,
        facts=lifecycle.facts(encoder)
        | facts
        | ({"synthetic": job.synthetic} if job.distractors else {})
        | ({} if alone is None else {"batch_differs": query_encoding.furthest(alone, query_vectors)}),
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

    few = read_texts(job.passages)[:TRIED] if job.engine else matrices.load(Path(given(job.matrix)), matrices.WARM)
    with contextlib.suppress(Exception):  # the rounds will show it, with all passages
        adapter = inputs.make(job, job.storage, made)
        lifecycle.prepare(adapter, None if job.engine else few)
        (adapter.index if job.engine else adapter.build)(few)
        adapter.search(few[:1], job.k)
    return StageResult(stage="build", status="ok")
