"""
The stages that a child process does: one stage of one part, measured from outside the adapter.

Every import that takes memory stands inside a function: a child joins its control group before it takes any.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench.records.schema import StageResult
from bench.stage import deploy, indexing, inputs, lifecycle, plugin_files, runtime, searching
from bench.stage.inputs import Made
from bench.stage.job import Job, given, read_texts


def do(job: Job) -> StageResult:
    """Do one stage, and close the adapters that it made, whichever way it ends. Its files wait for `outputs.place`."""
    made: Made = []
    try:
        result = _STAGES[job.stage](job, made)
        if job.stage in _PROBING:
            result = msgspec.structs.replace(
                result, runtime=runtime.modules(job, sys.modules), kernels=runtime.compiled()
            )
    finally:
        not_closed = lifecycle.close(made)
    return msgspec.structs.replace(result, facts=result.facts | not_closed)


def rehearse(job: Job, made: Made) -> StageResult:
    """An encoder, a storage or an engine on a growing share of the passages: how long each step took, as facts."""
    from bench.stage import matrices, rehearsal

    part = inputs.make(job, job.encoder or job.storage, made)
    queries = read_texts(job.queries)[: rehearsal.QUERIES]
    if job.encoder is None and not job.engine:
        folders = Path(given(job.matrix)), Path(given(job.query_matrix))
        return rehearsal.result(rehearsal.of_storage(part, *folders, job.n_passages, job.search_k))
    passages = read_texts(job.passages)
    lifecycle.prepare(part)
    if job.engine:
        return rehearsal.result(rehearsal.of_engine(part, passages, queries, job.search_k))
    facts = rehearsal.of_encoder(part, passages, queries)
    share = rehearsal.largest(facts)
    out = Path(given(job.out))
    matrices.save(out, "passages", part.encode(rehearsal.spread(passages, share), "passage"))
    matrices.save(out, "queries", part.encode(queries, "query"))
    return rehearsal.result(facts)


_STAGES: dict[str, Callable[[Job, Made], StageResult]] = {
    "encode": plugin_files.watched(indexing.encode),
    "build": indexing.build,
    "query": searching.query,
    "search": searching.search,
    "joint": searching.joint,
    "deploy": deploy.deploy,
    "rehearse": rehearse,
}
_PROBING = ("encode", "build")  # tell what the adapter runs on, for the stages that weigh it
