"""
The stages that a child process does: one stage of one part, measured from outside the adapter.

Every import that takes memory stands inside a function: a child joins its control group before it takes any.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bench import adapters
from bench.record import Stage, StageResult

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One stage to do; paths are absolute, spellings resolved."""

    stage: Stage
    encoder: str | None = None
    storage: str | None = None  # the storage, or the engine, that serves
    engine: bool = False  # `storage` spells a whole retriever
    entries: tuple[tuple[str, str, str, str], ...]  # group, name, target, package of every adapter that may be named
    passages: str | None = None  # JSON array of texts
    queries: str | None = None
    matrix: str | None = None  # folder of vectors
    encoder_folder: str | None = None  # a saved encoder
    storage_folder: str | None = None  # a saved storage or engine; None: build it here, in the serving process
    out: str | None = None  # folder to write a matrix or a storage into
    result: str
    samples: str | None = None
    hits: str | None = None
    sample: tuple[int, ...] = ()  # positions of the queries to time
    modes: tuple[str, ...] = ()
    k: int = 10
    depth: int = 100
    n_passages: int = 0
    parent: int = 0  # set, with the two below, by who starts the child
    cgroup: str | None = None  # file to join
    memory_bytes: int = 0  # for RLIMIT_DATA where there is no cgroup


def do(job: Job) -> StageResult:
    """Do one stage; its files come to their places at its end, so that one that does not end well leaves none there."""
    result = _STAGES[job.stage](job)
    for path in filter(None, (job.samples, job.hits)):
        _scratch(job, path).replace(path)
    return result


def encode(job: Job) -> StageResult:
    """Fit an encoder, encode every passage and query once, save the matrices and the encoder."""
    from bench import matrices
    from bench.guard import check_vectors
    from bench.latency import timed
    from bench.memory import Phase
    from retrievers.contract import Persistent

    encoder = _made(job, job.encoder)
    passages, queries = _texts(job.passages), _texts(job.queries)
    facts = adapters.prepare(encoder)
    out = Path(_given(job.out))

    phase = Phase()
    fit_seconds, _ = timed(lambda: encoder.fit(passages))
    passage_seconds, vectors = timed(lambda: encoder.encode(passages, "passage"))
    memory = phase.end()
    query_seconds, query_vectors = timed(lambda: encoder.encode(queries, "query"))

    nonzeros = check_vectors(vectors, len(passages), "passages")
    check_vectors(query_vectors, len(queries), "queries")
    matrices.save(out, "passages", vectors)  # type: ignore[arg-type]  # checked above
    matrices.save(out, "queries", query_vectors)  # type: ignore[arg-type]  # checked above
    disk_bytes = None
    if isinstance(encoder, Persistent):
        disk_bytes = adapters.save(encoder, out / "encoder")
    return StageResult(
        stage="encode",
        status="ok",
        measured_seconds=fit_seconds + passage_seconds + query_seconds,
        build_seconds=fit_seconds + passage_seconds,
        query_seconds=query_seconds,
        ledger=adapters.ledger(encoder),
        disk_bytes=disk_bytes,
        build_memory=memory,
        shape=vectors.shape,  # type: ignore[attr-defined]  # checked above
        nonzeros=nonzeros,
        facts=adapters.facts(encoder) | facts,
    )


def build(job: Job) -> StageResult:
    """Matrix to storage, or text to an engine's index, and save it."""
    from bench.latency import timed
    from bench.memory import Phase

    adapter, load = _builder(job)
    source = load()
    facts = adapters.prepare(adapter, None if job.engine else source)
    out = Path(_given(job.out))
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
        ledger=adapters.ledger(adapter),
        disk_bytes=adapters.save(adapter, out),
        facts=adapters.facts(adapter) | facts,
    )


def ask(job: Job) -> StageResult:
    """Load an encoder, weigh it, and time it on one query at a time and on all of them."""
    encoder = _made(job, job.encoder)
    sample = _sample(job)
    passages = [] if job.encoder_folder else _texts(job.passages)
    facts = adapters.prepare(encoder)

    def load() -> None:
        if job.encoder_folder:
            encoder.load(Path(job.encoder_folder))
        else:
            encoder.fit(passages)

    served = _serve(
        job,
        load=load,
        one=lambda query: encoder.encode([sample[query]], "query"),
        every=lambda: encoder.encode(sample, "query"),
    )
    return msgspec.structs.replace(
        served,
        split=job.encoder_folder is not None,
        ledger=adapters.ledger(encoder),
        facts=adapters.facts(encoder) | facts,
    )


def serve(job: Job) -> StageResult:
    """Load a storage or an engine, weigh it, time it, and (where asked) find every query's hits."""
    import numpy as np

    adapter, load_source = _builder(job)
    if job.engine:
        questions: Any = _texts(job.queries)  # Any: texts for an engine, vectors for a storage
        singles: list[Any] = [[questions[i]] for i in job.sample]  # Any: the same
        sample: Any = [questions[i] for i in job.sample]  # Any: the same
    else:
        from bench import matrices

        questions = matrices.load(Path(_given(job.matrix)), "queries")
        singles = [questions[i : i + 1] for i in job.sample]  # cut here: cutting is no part of the search
        sample = questions[np.array(job.sample, np.int64)]
    source = None if job.storage_folder else load_source()
    facts = adapters.prepare(adapter, None if job.engine else questions)
    built: list[float] = []

    def load() -> None:
        from bench.latency import timed

        if job.storage_folder:
            adapter.load(Path(job.storage_folder))
        else:
            seconds, _ = timed(lambda: (adapter.index if job.engine else adapter.build)(source))
            built.append(seconds)

    served = _serve(
        job,
        load=load,
        one=lambda query: adapter.search(singles[query], job.k),
        every=lambda: adapter.search(sample, job.k),
    )
    if job.hits:
        from bench.guard import check_hits
        from bench.latency import timed

        seconds, hits = timed(lambda: adapter.search(questions, job.depth))
        check_hits(hits, len(questions) if job.engine else questions.shape[0], job.depth, job.n_passages)
        _keep(job, job.hits, rows=hits.rows.astype(np.int32), scores=hits.scores)  # type: ignore[attr-defined]  # checked above
        served = msgspec.structs.replace(served, measured_seconds=served.measured_seconds + seconds)
    ledger, told = adapters.ledger(adapter), adapters.facts(adapter)
    return msgspec.structs.replace(
        served,
        split=job.storage_folder is not None,
        build_seconds=built[0] if built else None,
        build_memory=served.load_memory if built else None,
        ledger=ledger,
        facts=told | facts | adapters.close(adapter),
    )


def joint(job: Job) -> StageResult:
    """Encoder and storage in one process, under the conditions of each alone: text to ids, its stages stamped apart."""
    from bench import matrices

    encoder, storage = _made(job, job.encoder), _made(job, job.storage)
    sample = _sample(job)
    facts = adapters.prepare(encoder) | adapters.prepare(storage, matrices.load(Path(_given(job.matrix)), "queries"))

    def load() -> None:
        encoder.load(Path(_given(job.encoder_folder)))
        storage.load(Path(_given(job.storage_folder)))

    def encode_one(query: int) -> object:
        return encoder.encode([sample[query]], "query")

    def search(vectors: object) -> object:
        return storage.search(vectors, job.k)

    served = _serve(
        job,
        load=load,
        one=lambda query: search(encode_one(query)),
        every=lambda: search(encoder.encode(sample, "query")),
        stages=(encode_one, search),
    )
    return msgspec.structs.replace(served, facts=facts)


# What the stages share


def _serve(
    job: Job,
    *,
    load: Callable[[], None],
    one: Callable[[int], object],
    every: Callable[[], object],
    stages: Sequence[Callable[[Any], object]] = (),  # Any: what one stage gives is handed to the next
) -> StageResult:
    """
    Load, first query, warm-up, weight; then the timed loops, and the peak over them.

    one, every: answer the query of a position in the sample, and the whole sample. stages: what `one` is made of, to be
    stamped apart instead.
    """
    from bench.latency import WARM_UP_QUERIES, batch, single, staged, timed
    from bench.memory import Phase

    n_queries = len(job.sample)
    phase = Phase()
    load_seconds, _ = timed(load)
    cold, warm_up = 0.0, 0.0
    if n_queries:
        cold, _ = timed(lambda: one(0))
        warm_up, _ = timed(lambda: [one(query) for query in range(min(WARM_UP_QUERIES, n_queries))])
        if "batch" in job.modes:
            seconds, _ = timed(every)
            warm_up += seconds
    load_memory = phase.end()

    loops: dict[str, Callable[[], NDArray[np.int64]]] = {
        "single": lambda: single(one, n_queries),
        "batch": lambda: batch(every),
    }
    if stages:
        loops = {"joint": lambda: staged(stages, n_queries)}
    serving = Phase()
    samples = {mode: loop() for mode, loop in loops.items() if mode in job.modes and n_queries}
    serve_memory = serving.end()

    if job.samples:
        _keep(job, job.samples, **samples)
    measured = sum(float(times.sum()) for times in samples.values()) / 1e9
    return StageResult(
        stage=job.stage,
        status="ok",
        measured_seconds=load_seconds + cold + warm_up + measured,
        load_seconds=load_seconds,
        cold_ms=cold * 1e3 if n_queries else None,
        warm_up_seconds=warm_up,
        load_memory=load_memory,
        serve_memory=serve_memory,
        samples=job.samples,
    )


def _made(job: Job, spelling: str | None) -> Any:  # Any: what is spelled decides the type
    return adapters.make(_given(spelling), job.entries)


def _builder(job: Job) -> tuple[Any, Callable[[], Any]]:  # Any: storage or engine; vectors or texts
    adapter = _made(job, job.storage)

    def load() -> Any:  # Any: see above
        from bench import matrices

        return _texts(job.passages) if job.engine else matrices.load(Path(_given(job.matrix)), "passages")

    return adapter, load


def _texts(path: str | None) -> list[str]:
    return msgspec.json.decode(Path(_given(path)).read_bytes(), type=list[str])


def _sample(job: Job) -> list[str]:
    queries = _texts(job.queries)
    return [queries[i] for i in job.sample]


def _given(value: str | None) -> str:
    if value is None:
        raise ValueError("the job lacks a field that its stage needs")
    return value


def _keep(job: Job, path: str, **arrays: Any) -> None:  # Any: numpy arrays
    """Write what is to lie at a path once the stage has ended well."""
    import numpy as np

    np.savez_compressed(_scratch(job, path), **arrays)


def _scratch(job: Job, path: str) -> Path:
    """Where a file waits for the end of its stage: beside the result, which is removed with all that failed."""
    return Path(job.result).with_name(f"{Path(path).parent.name}-{Path(path).name}")


_STAGES: dict[str, Callable[[Job], StageResult]] = {
    "encode": encode,
    "ask": ask,
    "build": build,
    "serve": serve,
    "joint": joint,
}
