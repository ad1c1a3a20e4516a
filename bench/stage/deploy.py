"""
The stage that only answers queries, as a deployment would: what one process takes at most from text to ids.

As in `bench.stage.stages`, every import that takes memory stands inside a function; here there is none but the
adapters' own, since what the harness needs is part of what is weighed.
"""

from __future__ import annotations

import time

from bench.records.schema import StageResult
from bench.stage import inputs
from bench.stage.inputs import Made
from bench.stage.job import Job, sampled_queries

QUERIES = 50


def deploy(job: Job, made: Made) -> StageResult:
    """Load all that goes from text to ids, and answer some queries one after the other: what that takes at most."""
    from bench.instruments import memory

    begin, encoder = time.perf_counter(), None
    if job.encoder is not None:
        encoder = inputs.make(job, job.encoder, made)
        inputs.encoder_loader(job)(encoder)
    searcher = inputs.make(job, job.storage, made)
    inputs.searcher_loader(job)(searcher)
    for text in sampled_queries(job)[:QUERIES]:
        searcher.search([text] if encoder is None else encoder.encode([text], "query"), job.search_k)
    return StageResult(
        stage="deploy",
        status="ok",
        measured_seconds=time.perf_counter() - begin,
        built_apart=job.storage_folder is not None and (job.encoder is None or job.encoder_folder is not None),
        deployment_bytes=memory.deployment(),
    )
