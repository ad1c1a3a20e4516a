"""
The stages that answer queries: the encoder, the storage or engine, and a pair's encoder and storage in one process.

As in `bench.stage.stages`, every import that takes memory stands inside a function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from bench.records.schema import StageResult
from bench.stage import inputs, judging, lifecycle, outputs, runtime
from bench.stage.inputs import Made
from bench.stage.job import Job, given, read_texts, sampled_queries
from bench.stage.turns import on_core

if TYPE_CHECKING:
    from bench.instruments.answers import KeptHits, KeptVectors
    from bench.records.schema import Fact
    from bench.stage.timing import Kept, TimedRound
    from retrievers.contract import Adapter

FRESH_QUERIES = 30  # a p50 needs 20


def query(job: Job, made: Made) -> StageResult:
    """Load an encoder, weigh it, and time it on one query at a time and on all of them."""
    runtime_memory = runtime.load(job)
    sample = sampled_queries(job)
    warm = read_texts(job.warm)
    warm_sample, fresh = _repeated(warm, len(sample)), _fresh(warm)
    learn = inputs.encoder_loader(job)
    encoder: Adapter = None  # until the phase that weighs it
    facts: dict[str, Fact] = {}

    def load() -> float:
        nonlocal encoder, facts
        encoder, facts, seconds = inputs.loaded(job, job.encoder, made, learn)
        return seconds

    def answers() -> KeptVectors:
        from bench.instruments.answers import KeptVectors

        return KeptVectors(len(sample), encoder.encode(warm[:1], "query"))

    timed_round = _timed_round(
        job,
        load,
        answers,
        one=lambda query: encoder.encode([sample[query]], "query"),
        every=lambda: encoder.encode(sample, "query"),
        warm_one=lambda query: encoder.encode([warm[query]], "query"),
        warm_every=lambda: encoder.encode(warm_sample, "query"),
        n_warm=len(warm),
        fresh_one=lambda query: encoder.encode([fresh[query]], "query"),
        n_fresh=len(fresh),
    )
    judging.hold_vectors(job, timed_round.kept)
    return msgspec.structs.replace(
        timed_round.result,
        built_apart=job.encoder_folder is not None,
        runtime_memory=runtime_memory,
        ledger=lifecycle.ledger(encoder),
        facts=lifecycle.facts(encoder) | facts | timed_round.result.facts | lifecycle.mapped(job.encoder_folder),
    )


def search(job: Job, made: Made) -> StageResult:
    """Load a storage or an engine, weigh it, time it, and (where the job says so) find every query's hits."""
    runtime_memory = runtime.load(job)
    queries, singles, sample, warm, warm_sample = _queries(job)
    fresh = _fresh([text for (text,) in warm]) if job.engine else []
    learn = inputs.searcher_loader(job)
    adapter: Adapter = None  # until the phase that weighs it
    facts: dict[str, Fact] = {}

    def load() -> float:
        nonlocal adapter, facts
        vectors = None if job.engine else warm_sample
        adapter, facts, seconds = inputs.loaded(job, job.storage, made, learn, vectors)
        return seconds

    timed_round = _timed_round(
        job,
        load,
        _kept_hits(job),
        one=lambda query: adapter.search(singles[query], job.search_k),
        every=lambda: adapter.search(sample, job.search_k),
        warm_one=lambda query: adapter.search(warm[query], job.search_k),
        warm_every=lambda: adapter.search(warm_sample, job.search_k),
        n_warm=len(warm),
        fresh_one=lambda query: adapter.search([fresh[query]], job.search_k),
        n_fresh=len(fresh),
    )
    result = timed_round.result
    seconds, judged = judging.judged_hits(job, adapter, queries)
    judging.hold_hits(job, timed_round.kept, judged)
    overlap = judging.batch_overlap(job, adapter) if job.hits else {}
    return msgspec.structs.replace(
        result,
        measured_seconds=result.measured_seconds + seconds,
        built_apart=job.storage_folder is not None,
        build_seconds=None if job.storage_folder else result.load_seconds,
        build_memory=None if job.storage_folder else result.load_memory,
        runtime_memory=runtime_memory,
        ledger=lifecycle.ledger(adapter),
        facts=lifecycle.facts(adapter) | facts | result.facts | overlap | lifecycle.mapped(job.storage_folder),
    )


def joint(job: Job, made: Made) -> StageResult:
    """Encoder and storage in one process, under the conditions of each alone: text to ids, its parts stamped apart."""
    from bench.stage import matrices

    runtime.load(job)
    sample = sampled_queries(job)
    warm = read_texts(job.warm)
    warm_sample = _repeated(warm, len(sample))
    vectors = matrices.load(Path(given(job.query_matrix)), matrices.WARM)
    learn, learn_vectors = inputs.encoder_loader(job), inputs.searcher_loader(job)
    encoder: Adapter = None  # both until the phase that brings them in
    storage: Adapter = None
    facts: dict[str, Fact] = {}

    def load() -> float:
        nonlocal encoder, storage, facts
        encoder, facts, first = inputs.loaded(job, job.encoder, made, learn)
        storage, more, second = inputs.loaded(job, job.storage, made, learn_vectors, vectors)
        facts = facts | more
        return first + second

    def encode_one(query: int) -> object:
        return encoder.encode([sample[query]], "query")

    def search_one(vectors: object) -> object:
        return storage.search(vectors, job.search_k)

    timed_round = _timed_round(
        job,
        load,
        _kept_hits(job),
        one=lambda query: search_one(encode_one(query)),
        every=lambda: search_one(encoder.encode(sample, "query")),
        warm_one=lambda query: search_one(encoder.encode([warm[query]], "query")),
        warm_every=lambda: search_one(encoder.encode(warm_sample, "query")),
        n_warm=len(warm),
        parts=(encode_one, search_one),
    )
    judged = judging.read_judged(job) if job.judged else judging.found_now(job, storage)
    judging.hold_hits(job, timed_round.kept, judged, anew=True)
    return msgspec.structs.replace(timed_round.result, facts=facts | timed_round.result.facts)


class _Queries(NamedTuple):
    """What is searched for: texts for an engine, vectors for a storage."""

    every: Any  # Any: see above; all queries
    singles: list[Any]  # each of the sample on its own, cut here since that is no part of a search
    sample: Any
    warm: list[Any]  # synthetic ones, each on its own
    warm_sample: Any  # as many of them as the sample has


def _queries(job: Job) -> _Queries:
    if job.engine:
        texts, warm = read_texts(job.queries), read_texts(job.warm)
        sample = [texts[i] for i in job.sample]
        return _Queries(
            texts, [[text] for text in sample], sample, [[text] for text in warm], _repeated(warm, len(sample))
        )
    import numpy as np

    from bench.stage import matrices

    folder = Path(given(job.query_matrix))
    vectors, drawn = matrices.load(folder, matrices.QUERIES), matrices.load(folder, matrices.WARM)
    sampled = vectors[np.array(job.sample, np.int64)]
    repeated = drawn[np.arange(len(job.sample)) % max(drawn.shape[0], 1)]
    return _Queries(vectors, _each(sampled), sampled, _each(drawn), repeated)


def _each(vectors: Any) -> list[Any]:  # Any: an array or a csr_array
    return [vectors[i : i + 1] for i in range(vectors.shape[0])]


def _repeated(texts: Sequence[str], size: int) -> list[str]:
    """So many texts, each as often as any other."""
    return [texts[i % len(texts)] for i in range(size)]


def _fresh(warm: Sequence[str]) -> list[str]:
    """Synthetic queries that no process was ever asked: what is kept on disk of earlier ones does not have them."""
    from bench.passages import synthetic

    return synthetic.dealt_anew(warm, FRESH_QUERIES)


def _kept_hits(job: Job) -> Callable[[], KeptHits]:
    """What makes the keeper of a pass's hits."""

    def answers() -> KeptHits:
        from bench.instruments.answers import KeptHits

        return KeptHits(len(job.sample), job.search_k)

    return answers


def _timed_round(
    job: Job,
    load: Callable[[], float],
    answers: Callable[[], Kept],
    parts: Sequence[Callable[[Any], object]] = (),  # Any: what one part gives is handed to the next
    **asked: Any,  # Any: what answers queries, fields of a Target
) -> TimedRound[Kept]:
    """Measure one round, and keep its samples; the rest is `bench.stage.timing`'s to say."""
    from bench.instruments.latency import SECONDS_A_ROUND
    from bench.instruments.modes import Target
    from bench.stage import timing

    on_core(job.turns)
    target = Target(
        scope=job.scope,
        n_queries=len(job.sample),
        seconds=SECONDS_A_ROUND if job.round_seconds is None else job.round_seconds,
        settings=job.settings,
        seed=(job.seed, job.number),
        parts=parts,
        between=(lambda _: None) if job.turns is None else job.turns.between(),
        **asked,
    )
    found = timing.measured(job.stage, job.modes, load, target, answers)
    if job.samples:
        outputs.keep(job, job.samples, **found.samples)
    return found._replace(result=msgspec.structs.replace(found.result, samples=job.samples))
