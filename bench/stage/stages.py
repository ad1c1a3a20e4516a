"""
The stages that a child process does: one stage of one part, measured from outside the adapter.

Every import that takes memory stands inside a function: a child joins its control group before it takes any.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from bench.records.schema import StageResult
from bench.stage import lifecycle
from bench.stage.job import Job, fitted, given, grown_texts, read_texts, sampled_queries

Made: TypeAlias = list[Any]  # Any: every adapter that a stage made, of whatever type; closed when the stage ends


def do(job: Job) -> StageResult:
    """Do one stage, and close the adapters that it made, whichever way it ends. Its files still wait for `place`."""
    made: Made = []
    try:
        result = _STAGES[job.stage](job, made)
    finally:
        not_closed = lifecycle.close(made)
    return msgspec.structs.replace(result, facts=result.facts | not_closed)


def place(job: Job) -> None:
    """Bring a stage's files to their places: called once its result is sure, so that a bad end leaves none there."""
    for path in filter(None, (job.samples, job.hits)):
        _scratch(job, path).replace(path)


def encode(job: Job, made: Made) -> StageResult:
    """Fit an encoder, encode every passage and query once, save the matrices and the encoder."""
    from bench.instruments.latency import timed
    from bench.instruments.memory import Phase
    from bench.stage import matrices
    from bench.stage.validate import check_vectors
    from retrievers.contract import Persistent

    encoder = _make(job, job.encoder, made)
    passages, queries = fitted(job), read_texts(job.queries)
    facts = lifecycle.prepare(encoder)
    out = Path(given(job.out))

    phase = Phase()
    fit_seconds, _ = timed(lambda: encoder.fit(passages))
    passage_seconds, vectors = timed(lambda: encoder.encode(passages, "passage"))
    memory = phase.end()
    query_seconds, query_vectors = timed(lambda: encoder.encode(queries, "query"))

    nonzeros = check_vectors(vectors, len(passages), "passages")
    shape = (job.n_passages, vectors.shape[1])  # type: ignore[attr-defined]  # checked above
    check_vectors(query_vectors, len(queries), "queries")
    if len(passages) == job.n_passages:
        matrices.save(out, "passages", vectors)
    else:
        nonzeros = _grow(job, vectors, out)
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
        shape=shape,
        nonzeros=nonzeros,
        facts=lifecycle.facts(encoder) | facts | ({"synthetic": job.synthetic} if job.distractors else {}),
    )


def build(job: Job, made: Made) -> StageResult:
    """Matrix to storage, or text to an engine's index, and save it."""
    from bench.instruments.latency import timed
    from bench.instruments.memory import Phase

    adapter, load = _builder(job, made)
    source = load()
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


def query(job: Job, made: Made) -> StageResult:
    """Load an encoder, weigh it, and time it on one query at a time and on all of them."""
    encoder = _make(job, job.encoder, made)
    sample = sampled_queries(job)
    passages = [] if job.encoder_folder else fitted(job)
    facts = lifecycle.prepare(encoder)

    def load() -> None:
        if job.encoder_folder:
            encoder.load(Path(job.encoder_folder))
        else:
            encoder.fit(passages)

    served = _timed_round(
        job,
        load=load,
        one=lambda query: encoder.encode([sample[query]], "query"),
        every=lambda: encoder.encode(sample, "query"),
    )
    return msgspec.structs.replace(
        served,
        built_apart=job.encoder_folder is not None,
        ledger=lifecycle.ledger(encoder),
        facts=lifecycle.facts(encoder) | facts | served.facts,
    )


def search(job: Job, made: Made) -> StageResult:
    """Load a storage or an engine, weigh it, time it, and (where asked) find every query's hits."""
    import numpy as np

    adapter, load_source = _builder(job, made)
    if job.engine:
        questions: Any = read_texts(job.queries)  # Any: texts for an engine, vectors for a storage
        singles: list[Any] = [[questions[i]] for i in job.sample]  # Any: the same
        sample: Any = [questions[i] for i in job.sample]  # Any: the same
    else:
        from bench.stage import matrices

        questions = matrices.load(Path(given(job.matrix)), "queries")
        singles = [questions[i : i + 1] for i in job.sample]  # cut here: cutting is no part of the search
        sample = questions[np.array(job.sample, np.int64)]
    source = None if job.storage_folder else load_source()
    facts = lifecycle.prepare(adapter, None if job.engine else questions)
    built: list[float] = []

    def load() -> None:
        from bench.instruments.latency import timed

        if job.storage_folder:
            adapter.load(Path(job.storage_folder))
        else:
            seconds, _ = timed(lambda: (adapter.index if job.engine else adapter.build)(source))
            built.append(seconds)

    served = _timed_round(
        job,
        load=load,
        one=lambda query: adapter.search(singles[query], job.k),
        every=lambda: adapter.search(sample, job.k),
    )
    if job.hits:
        from bench.instruments.latency import timed
        from retrievers.ranking import check_hits

        seconds, hits = timed(lambda: adapter.search(questions, job.depth))
        check_hits(hits, len(questions) if job.engine else questions.shape[0], job.depth, job.n_passages)
        _keep(job, job.hits, rows=hits.rows.astype(np.int32), scores=hits.scores)  # type: ignore[attr-defined]  # checked above
        served = msgspec.structs.replace(served, measured_seconds=served.measured_seconds + seconds)
    return msgspec.structs.replace(
        served,
        built_apart=job.storage_folder is not None,
        build_seconds=built[0] if built else None,
        build_memory=served.load_memory if built else None,
        ledger=lifecycle.ledger(adapter),
        facts=lifecycle.facts(adapter) | facts | served.facts,
    )


def joint(job: Job, made: Made) -> StageResult:
    """Encoder and storage in one process, under the conditions of each alone: text to ids, its stages stamped apart."""
    from bench.stage import matrices

    encoder, storage = _make(job, job.encoder, made), _make(job, job.storage, made)
    sample = sampled_queries(job)
    facts = lifecycle.prepare(encoder) | lifecycle.prepare(storage, matrices.load(Path(given(job.matrix)), "queries"))

    def load() -> None:
        encoder.load(Path(given(job.encoder_folder)))
        storage.load(Path(given(job.storage_folder)))

    def encode_one(query: int) -> object:
        return encoder.encode([sample[query]], "query")

    def search_one(vectors: object) -> object:
        return storage.search(vectors, job.k)

    served = _timed_round(
        job,
        load=load,
        one=lambda query: search_one(encode_one(query)),
        every=lambda: search_one(encoder.encode(sample, "query")),
        stages=(encode_one, search_one),
    )
    return msgspec.structs.replace(served, facts=facts | served.facts)


def rehearse(job: Job, made: Made) -> StageResult:
    """An encoder, a storage or an engine on a growing share of the passages: how long each step took, as facts."""
    from bench.stage import matrices, rehearsal

    part = _make(job, job.encoder or job.storage, made)
    queries = read_texts(job.queries)[: rehearsal.QUERIES]
    if job.encoder is None and not job.engine:
        return rehearsal.result(rehearsal.of_storage(part, Path(given(job.matrix)), job.n_passages, job.k))
    passages = read_texts(job.passages)
    lifecycle.prepare(part)
    if job.engine:
        return rehearsal.result(rehearsal.of_engine(part, passages, queries, job.k))
    facts = rehearsal.of_encoder(part, passages, queries)
    share = rehearsal.largest(facts)
    out = Path(given(job.out))
    matrices.save(out, "passages", part.encode(rehearsal.spread(passages, share), "passage"))
    matrices.save(out, "queries", part.encode(queries, "query"))
    return rehearsal.result(facts)


# What the stages share


def _timed_round(
    job: Job,
    *,
    load: Callable[[], None],
    one: Callable[[int], object],
    every: Callable[[], object],
    stages: Sequence[Callable[[Any], object]] = (),  # Any: what one stage gives is handed to the next
) -> StageResult:
    """Measure one round, and keep its samples; the rest is `bench.stage.timing`'s to say."""
    from bench.instruments.load import Offer
    from bench.stage import timing

    result, samples = timing.measured(
        job.stage,
        job.modes,
        len(job.sample),
        load=load,
        one=one,
        every=every,
        stages=stages,
        seconds=job.round_seconds,
        offer=Offer(job.rate, job.rate_seconds, (job.seed, job.number)) if job.rate else None,
    )
    if job.samples:
        _keep(job, job.samples, **samples)
    return msgspec.structs.replace(result, samples=job.samples)


def _make(job: Job, spelling: str | None, made: Made) -> Any:  # Any: what is spelled decides the type
    made.append(lifecycle.make(given(spelling), job.entries))
    if job.alignment is not None:
        _align(job, made[-1])
    return made[-1]


def _align(job: Job, encoder: Any) -> None:  # Any: an Aligned encoder
    """Tell an encoder of given texts where their vectors stand, and hand it those of the passage set if it has any."""
    from bench.formats import hdf5
    from retrievers.contract import Role

    texts: dict[Role, str | None] = {"passage": job.passages, "query": job.queries}
    known = msgspec.json.decode(Path(given(job.alignment)).read_bytes(), type=dict[str, tuple[list[int], int]])
    for role, path in texts.items():
        own = None if job.vectors is None else hdf5.vectors(Path(job.vectors), role)
        encoder.align(role, read_texts(path), *known[role], own)


def _builder(job: Job, made: Made) -> tuple[Any, Callable[[], Any]]:  # Any: storage or engine; vectors or texts
    adapter = _make(job, job.storage, made)

    def load() -> Any:  # Any: see above
        from bench.stage import matrices

        return grown_texts(job) if job.engine else matrices.load(Path(given(job.matrix)), "passages")

    return adapter, load


def _grow(job: Job, vectors: Any, out: Path) -> int | None:  # Any: vectors
    """Save an encoder's vectors, then one for each synthetic passage; returns all non-zeros, if sparse."""
    import numpy as np

    from bench.passages import synthetic
    from bench.stage import matrices

    nonzeros = None
    if not isinstance(vectors, np.ndarray):
        whole, rest = divmod(job.n_passages, vectors.shape[0])
        nonzeros = whole * vectors.nnz + int(vectors.indptr[rest])
    blocks = synthetic.grown(vectors, job.distractors, passage_set=job.passage_set, seed=job.seed)
    matrices.save_blocks(out, "passages", blocks, (job.n_passages, vectors.shape[1]), nonzeros)
    return nonzeros


def _keep(job: Job, path: str, **arrays: Any) -> None:  # Any: numpy arrays
    """Write what `place` brings to a path once the stage has ended well."""
    import numpy as np

    np.savez_compressed(_scratch(job, path), **arrays)


def _scratch(job: Job, path: str) -> Path:
    """Where a file waits for the end of its stage: beside the result, which is removed with all that failed."""
    return Path(job.result).with_name(f"{Path(path).parent.name}-{Path(path).name}")


_STAGES: dict[str, Callable[[Job, Made], StageResult]] = {
    "encode": encode,
    "query": query,
    "build": build,
    "search": search,
    "joint": joint,
    "rehearse": rehearse,
}
