"""
What one child process does: one stage of one part, measured from outside the adapter.

Started as `python -m bench.worker JOB.json` in a fresh exec'd process; the result is a file. Whatever the adapter
prints goes to the log that is the process's stdout and stderr.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from bench.record import Stage, StageResult

_PR_SET_PDEATHSIG = 1  # prctl(2)
_TOY = ("the quick brown fox", "a lazy dog sleeps", "fox and dog")  # warms code paths before the baseline is taken


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


def main(path: str) -> None:
    job = msgspec.json.decode(Path(path).read_bytes(), type=Job)
    _die_with(job.parent)
    _limit(job)
    result = attempt(job)
    part = Path(job.result).with_suffix(".part")
    part.write_bytes(msgspec.json.encode(result))
    part.replace(job.result)


def _die_with(parent: int) -> None:
    """No child outlives the run that started it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before that was set
        os._exit(1)


def _limit(job: Job) -> None:
    if job.cgroup is not None:
        Path(job.cgroup).write_text(str(os.getpid()))
    elif job.memory_bytes:
        resource.setrlimit(resource.RLIMIT_DATA, (job.memory_bytes, job.memory_bytes))


def attempt(job: Job) -> StageResult:
    """The stage's result; what an adapter raises becomes a typed one."""
    from retrievers.contract import Unsupported

    try:
        return _STAGES[job.stage](job)
    except Unsupported as error:
        return StageResult(stage=job.stage, status="unsupported", reason=str(error))
    except MemoryError as error:
        return StageResult(stage=job.stage, status="out-of-memory", reason=str(error) or "MemoryError")
    except Exception as error:  # an adapter may raise anything, and breaks its own row alone
        traceback.print_exc()
        reason = f"{type(error).__name__}: {error}"
        if "can't allocate memory" in reason:  # torch's way to say so is a RuntimeError
            return StageResult(stage=job.stage, status="out-of-memory", reason=reason)
        return StageResult(stage=job.stage, status="failed", reason=reason)


# The stages


def encode(job: Job) -> StageResult:
    """Fit an encoder, encode every passage and query once, save the matrices and the encoder."""
    from bench import matrices
    from bench.guard import check_vectors
    from bench.latency import timed
    from bench.memory import Phase
    from retrievers.contract import Persistent

    encoder = _make(job, job.encoder)
    passages, queries = _texts(job.passages), _texts(job.queries)
    _prepare(encoder)
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
        disk_bytes = _save(encoder, out / "encoder")
    return StageResult(
        stage="encode",
        status="ok",
        measured_seconds=fit_seconds + passage_seconds + query_seconds,
        build_seconds=fit_seconds + passage_seconds,
        query_seconds=query_seconds,
        ledger=_ledger(encoder),
        disk_bytes=disk_bytes,
        build_memory=memory,
        shape=vectors.shape,  # type: ignore[attr-defined]  # checked above
        nonzeros=nonzeros,
        facts=_facts(encoder),
    )


def build(job: Job) -> StageResult:
    """Matrix to storage, or text to an engine's index, and save it."""
    from bench.latency import timed
    from bench.memory import Phase

    adapter, load = _builder(job)
    source = load()
    _prepare(adapter, None if job.engine else source)
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
        ledger=_ledger(adapter),
        disk_bytes=_save(adapter, out),
        facts=_facts(adapter),
    )


def ask(job: Job) -> StageResult:
    """Load an encoder, weigh it, and time it on one query at a time and on all of them."""
    encoder = _make(job, job.encoder)
    queries = _texts(job.queries)
    sample = [queries[i] for i in job.sample]
    passages = [] if job.encoder_folder else _texts(job.passages)
    _prepare(encoder)

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
        served, split=job.encoder_folder is not None, ledger=_ledger(encoder), facts=_facts(encoder)
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
    _prepare(adapter, None if job.engine else questions)
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
        _write_arrays(job.hits, rows=hits.rows.astype(np.int32), scores=hits.scores)  # type: ignore[attr-defined]  # checked above
        served = msgspec.structs.replace(served, measured_seconds=served.measured_seconds + seconds)
    with contextlib.suppress(AttributeError):  # Closeable or not: nothing is measured any more
        adapter.close()
    return msgspec.structs.replace(
        served,
        stage="serve",
        split=job.storage_folder is not None,
        build_seconds=built[0] if built else None,
        build_memory=served.load_memory if built else None,
        ledger=_ledger(adapter),
        facts=_facts(adapter),
    )


def joint(job: Job) -> StageResult:
    """Encoder and storage in one process: text to ids, its two stages stamped apart."""
    from bench.latency import WARM_UP_QUERIES, staged, timed

    encoder, storage = _make(job, job.encoder), _make(job, job.storage)
    queries = _texts(job.queries)
    sample = [queries[i] for i in job.sample]
    for part, folder in ((encoder, job.encoder_folder), (storage, job.storage_folder)):
        part.load(Path(_given(folder)))

    def search(vectors: object) -> object:
        return storage.search(vectors, job.k)

    for text in sample[:WARM_UP_QUERIES]:
        search(encoder.encode([text], "query"))
    seconds, samples = timed(lambda: staged(lambda i: encoder.encode([sample[i]], "query"), search, len(sample)))
    _write_arrays(_given(job.samples), joint=samples)
    return StageResult(stage="joint", status="ok", measured_seconds=seconds, samples=job.samples)


# What the stages share


def _serve(
    job: Job, *, load: Callable[[], None], one: Callable[[int], object], every: Callable[[], object]
) -> StageResult:
    """Load, first query, warm-up, weight; then the timed loops, and the peak over them."""
    from bench.latency import WARM_UP_QUERIES, batch, single, timed
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

    serving = Phase()
    samples = {}
    if "single" in job.modes:
        samples["single"] = single(one, n_queries)
    if "batch" in job.modes and n_queries:
        samples["batch"] = batch(every)
    serve_memory = serving.end()

    if job.samples:
        _write_arrays(job.samples, **samples)
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


def _make(job: Job, spelling: str | None) -> Any:  # Any: what is spelled decides the type
    from retrievers.registry import Entry, Registry, parse

    registry = Registry()
    for group, name, target, package in job.entries:
        registry.add(Entry(group, name, target, package))  # type: ignore[arg-type]  # groups come from a registry
    return parse(_given(spelling), registry)


def _builder(job: Job) -> tuple[Any, Callable[[], Any]]:  # Any: storage or engine; vectors or texts
    adapter = _make(job, job.storage)

    def load() -> Any:  # Any: see above
        from bench import matrices

        return _texts(job.passages) if job.engine else matrices.load(Path(_given(job.matrix)), "passages")

    return adapter, load


def _prepare(adapter: Any, vectors: Any = None) -> None:  # Any: any adapter; vectors of a storage
    """
    Imports and compilation done, so that they are not weighed as data.

    Through the adapter's own `prepare`, else by a toy of the same kind.
    """
    from retrievers.contract import Encoder, Preparable, Retriever

    if isinstance(adapter, Preparable):
        adapter.prepare()
        return
    with contextlib.suppress(Exception):  # an adapter may refuse so small an input; it is weighed a little less finely
        toy = type(adapter)(**_options(adapter))
        if isinstance(adapter, Encoder):
            toy.fit(_TOY)
            toy.encode(_TOY, "passage")
            toy.encode(_TOY[:1], "query")
        elif vectors is not None:
            toy.build(vectors[:3])
            toy.search(vectors[:1], 1)
        elif isinstance(adapter, Retriever):
            toy.index(_TOY)
            toy.search(_TOY[:1], 1)


def _options(adapter: object) -> dict[str, Any]:  # Any: options are whatever a constructor takes
    from retrievers.contract import options_of

    return options_of(adapter)


def _texts(path: str | None) -> list[str]:
    return msgspec.json.decode(Path(_given(path)).read_bytes(), type=list[str])


def _given(value: str | None) -> str:
    if value is None:
        raise ValueError("the job lacks a field that its stage needs")
    return value


def _ledger(adapter: object) -> dict[str, int] | None:
    from retrievers.contract import Accountable

    return adapter.ledger() if isinstance(adapter, Accountable) else None


def _facts(adapter: object) -> dict[str, str | int | float | None]:
    from retrievers.contract import Descriptive

    return adapter.describe() if isinstance(adapter, Descriptive) else {}


def _save(adapter: Any, folder: Path) -> int:  # Any: a Persistent adapter
    folder.mkdir(parents=True, exist_ok=True)
    adapter.save(folder)
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _write_arrays(path: str, **arrays: Any) -> None:  # Any: numpy arrays
    import numpy as np

    part = Path(path).with_suffix(".part.npz")
    np.savez_compressed(part, **arrays)
    part.replace(path)


_STAGES: dict[str, Callable[[Job], StageResult]] = {
    "encode": encode,
    "ask": ask,
    "build": build,
    "serve": serve,
    "joint": joint,
}

if __name__ == "__main__":
    main(sys.argv[1])
