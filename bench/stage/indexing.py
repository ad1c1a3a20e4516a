"""
The stages that make what is searched: encode passages and queries; build a storage or an engine's index.

As in `bench.stage.stages`, every import that takes memory stands inside a function.
"""

from __future__ import annotations

from pathlib import Path

from bench.records.schema import StageResult
from bench.stage import inputs, lifecycle, outputs
from bench.stage.inputs import Made
from bench.stage.job import Job, fitted, given, read_texts


def encode(job: Job, made: Made) -> StageResult:
    """Fit an encoder, encode every passage and query once, save the matrices and the encoder."""
    from bench.instruments.latency import timed
    from bench.instruments.memory import Phase
    from bench.stage import matrices
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
    query_seconds, query_vectors = timed(lambda: encoder.encode(queries, "query"))

    nonzeros = check_vectors(vectors, len(passages), "passages")
    check_vectors(query_vectors, len(queries), "queries")
    if len(passages) == job.n_passages:
        matrices.save(out, "passages", vectors)
    else:
        nonzeros = outputs.save_grown(job, vectors, out)
    matrices.save(out, "queries", query_vectors)
    disk_bytes = None
    if isinstance(encoder, Persistent):
        disk_bytes = lifecycle.save(encoder, out / "encoder")
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
        facts=lifecycle.facts(encoder) | facts | ({"synthetic": job.synthetic} if job.distractors else {}),
    )


def build(job: Job, made: Made) -> StageResult:
    """Matrix to storage, or text to an engine's index, and save it."""
    from bench.instruments.latency import timed
    from bench.instruments.memory import Phase

    adapter = inputs.make(job, job.storage, made)
    source = inputs.source(job)
    facts = lifecycle.prepare(adapter, None if job.engine else source)
    out = Path(given(job.out))
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
