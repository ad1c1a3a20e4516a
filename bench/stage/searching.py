"""
The stages that answer queries: the encoder, the storage or engine, and a pair's encoder and storage in one process.

As in `bench.stage.stages`, every import that takes memory stands inside a function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.records.schema import StageResult
from bench.stage import inputs, lifecycle, outputs
from bench.stage.inputs import Made
from bench.stage.job import Job, fitted, given, read_texts, sampled_queries


def query(job: Job, made: Made) -> StageResult:
    """Load an encoder, weigh it, and time it on one query at a time and on all of them."""
    encoder = inputs.make(job, job.encoder, made)
    sample = sampled_queries(job)
    passages = [] if job.encoder_folder else fitted(job)
    facts = lifecycle.prepare(encoder)

    def load() -> None:
        if job.encoder_folder:
            encoder.load(Path(job.encoder_folder))
        else:
            encoder.fit(passages)

    timed_round = _timed_round(
        job,
        load=load,
        one=lambda query: encoder.encode([sample[query]], "query"),
        every=lambda: encoder.encode(sample, "query"),
    )
    return msgspec.structs.replace(
        timed_round,
        built_apart=job.encoder_folder is not None,
        ledger=lifecycle.ledger(encoder),
        facts=lifecycle.facts(encoder) | facts | timed_round.facts,
    )


def search(job: Job, made: Made) -> StageResult:
    """Load a storage or an engine, weigh it, time it, and (where the job says so) find every query's hits."""
    adapter = inputs.make(job, job.storage, made)
    queries, singles, sample = _queries(job)
    source = None if job.storage_folder else inputs.source(job)
    facts = lifecycle.prepare(adapter, None if job.engine else queries)
    built: list[float] = []

    def load() -> None:
        from bench.instruments.latency import timed

        if job.storage_folder:
            adapter.load(Path(job.storage_folder))
        else:
            seconds, _ = timed(lambda: (adapter.index if job.engine else adapter.build)(source))
            built.append(seconds)

    timed_round = _timed_round(
        job,
        load=load,
        one=lambda query: adapter.search(singles[query], job.k),
        every=lambda: adapter.search(sample, job.k),
    )
    if job.hits:
        n_queries = len(queries) if job.engine else queries.shape[0]
        seconds = _keep_hits(job, job.hits, n_queries, lambda: adapter.search(queries, job.depth))
        timed_round = msgspec.structs.replace(timed_round, measured_seconds=timed_round.measured_seconds + seconds)
    return msgspec.structs.replace(
        timed_round,
        built_apart=job.storage_folder is not None,
        build_seconds=built[0] if built else None,
        build_memory=timed_round.load_memory if built else None,
        ledger=lifecycle.ledger(adapter),
        facts=lifecycle.facts(adapter) | facts | timed_round.facts,
    )


def joint(job: Job, made: Made) -> StageResult:
    """Encoder and storage in one process, under the conditions of each alone: text to ids, its parts stamped apart."""
    from bench.stage import matrices

    encoder, storage = inputs.make(job, job.encoder, made), inputs.make(job, job.storage, made)
    sample = sampled_queries(job)
    facts = lifecycle.prepare(encoder) | lifecycle.prepare(storage, matrices.load(Path(given(job.matrix)), "queries"))

    def load() -> None:
        encoder.load(Path(given(job.encoder_folder)))
        storage.load(Path(given(job.storage_folder)))

    def encode_one(query: int) -> object:
        return encoder.encode([sample[query]], "query")

    def search_one(vectors: object) -> object:
        return storage.search(vectors, job.k)

    timed_round = _timed_round(
        job,
        load=load,
        one=lambda query: search_one(encode_one(query)),
        every=lambda: search_one(encoder.encode(sample, "query")),
        parts=(encode_one, search_one),
    )
    return msgspec.structs.replace(timed_round, facts=facts | timed_round.facts)


def _queries(job: Job) -> tuple[Any, list[Any], Any]:  # Any: texts for an engine, vectors for a storage
    """All queries; each of the sample on its own, cut here since that is no part of a search; the sample."""
    if job.engine:
        texts = read_texts(job.queries)
        return texts, [[texts[i]] for i in job.sample], [texts[i] for i in job.sample]
    import numpy as np

    from bench.stage import matrices

    vectors = matrices.load(Path(given(job.matrix)), "queries")
    return vectors, [vectors[i : i + 1] for i in job.sample], vectors[np.array(job.sample, np.int64)]


def _keep_hits(job: Job, path: str, n_queries: int, search: Callable[[], Any]) -> float:  # Any: an adapter's answer
    """Seconds that the search for all queries took; its hits are checked and kept."""
    import numpy as np

    from bench.instruments.latency import timed
    from retrievers.ranking import check_hits

    seconds, hits = timed(search)
    check_hits(hits, n_queries, job.depth, job.n_passages)
    outputs.keep(job, path, rows=hits.rows.astype(np.int32), scores=hits.scores)
    return seconds


def _timed_round(
    job: Job,
    *,
    load: Callable[[], None],
    one: Callable[[int], object],
    every: Callable[[], object],
    parts: Sequence[Callable[[Any], object]] = (),  # Any: what one part gives is handed to the next
) -> StageResult:
    """Measure one round, and keep its samples; the rest is `bench.stage.timing`'s to say."""
    from bench.instruments.latency import SECONDS_A_ROUND
    from bench.instruments.modes import Target
    from bench.stage import timing

    target = Target(
        scope=job.scope,
        one=one,
        every=every,
        n_queries=len(job.sample),
        seconds=SECONDS_A_ROUND if job.round_seconds is None else job.round_seconds,
        settings=job.settings,
        seed=(job.seed, job.number),
        parts=parts,
    )
    result, samples = timing.measured(job.stage, job.modes, load, target)
    if job.samples:
        outputs.keep(job, job.samples, **samples)
    return msgspec.structs.replace(result, samples=job.samples)
