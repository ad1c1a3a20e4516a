"""
What is timed is what is judged: the answers of timed passes held, off the clock, to those that quality is read from.

As in `bench.stage.stages`, every import that takes memory stands inside a function.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.instruments.modes import MODES
from bench.stage import outputs, stopping
from bench.stage.job import Job, counted, given

if TYPE_CHECKING:
    from bench.instruments.answers import Answers, JudgedHits, KeptHits, KeptVectors
    from bench.records.schema import Fact
    from retrievers.contract import Adapter, Hits

JOINT = 2e-4  # of the largest score: a query that is encoded anew has a vector that lies so near, see SAME_VECTOR
FEW = 0.02  # of the queries: a graph that is entered with a vector a hair away may end elsewhere
AS_FAR = 4  # times as far as one text and a batch lie apart in the matrix: another batch is padded otherwise
FURTHEST = 0.25  # of a vector's length, however far those lie apart: zeros are as far as 1 away


# Hits


def judged_hits(job: Job, adapter: Adapter, queries: Any) -> tuple[float, JudgedHits]:  # Any: texts or vectors
    """
    Seconds that searching took, and the judged hits of the sample.

    The first round searches for all queries and keeps what it finds: for the depth and, where the first k may depend on
    how many are asked for, for k. A search that has looks asks whether it goes on after each; the sample is of the
    first. The other rounds read that; but what is built anew in each process, and finds what is near only, is held to
    what it finds itself, as is a search that has no run around it.
    """
    from bench.instruments.answers import JudgedHits

    if job.hits is not None:
        found = _searched_in_looks(job, adapter, queries) if job.looks else _searched(job, adapter, queries)
        seconds, top, deep = found
        rows = list(job.sample)
        return seconds, JudgedHits(_rows(top, rows), _rows(deep, rows))
    if job.judged is None or (job.storage_folder is None and not job.exact):
        seconds, top, deep = _searched(job, adapter, _sampled(queries, job), job.sample)
        return seconds, JudgedHits(top, deep)
    return 0.0, read_judged(job)


def found_now(job: Job, storage: Adapter) -> JudgedHits:
    """The same of a search that has no run around it: what the storage finds for the matrix's queries."""
    from bench.stage import matrices

    _, judged = judged_hits(job, storage, matrices.load(Path(given(job.query_matrix)), matrices.QUERIES))
    return judged


def read_judged(job: Job) -> JudgedHits:
    """The judged hits of the sample, as the first round kept them."""
    from bench.formats import hits_npz
    from bench.instruments.answers import JudgedHits

    path, rows, whose = Path(given(job.judged)), list(job.sample), "the first round"
    deep = _rows(hits_npz.read(path, whose), rows)
    if not job.searched_apart:
        return JudgedHits(_cut(deep, job.k), deep)
    return JudgedHits(_rows(hits_npz.read(hits_npz.of_search_for(path, job.k), whose), rows), deep)


def _searched(
    job: Job,
    adapter: Adapter,
    queries: Any,  # Any: as above
    places: Sequence[int] | None = None,
) -> tuple[float, Hits, Hits]:
    """
    Seconds, and the hits that count for k and for the depth, checked.

    places: of the queries in the set; None: they are all of its, and what is found is kept in the run folder.
    """
    import numpy as np

    from bench.formats import hits_npz
    from bench.instruments.latency import timed
    from retrievers.ranking import check_hits

    n_queries = len(queries) if job.engine else queries.shape[0]

    def found(wanted: int, k: int, path: str | None) -> tuple[float, Hits]:
        seconds, hits = timed(lambda: adapter.search(queries, wanted))
        check_hits(hits, n_queries, wanted, job.n_passages)
        hits = counted(job, hits, k, places)
        if path is not None:
            outputs.keep(job, path, rows=hits.rows.astype(np.int32), scores=hits.scores)
        return seconds, hits

    path = job.hits if places is None else None
    seconds, deep = found(job.search_depth, job.depth, path)
    if not job.searched_apart:
        return seconds, _cut(deep, job.k), deep
    more, top = found(job.search_k, job.k, path and str(hits_npz.of_search_for(Path(path), job.k)))
    return seconds + more, top, deep


def _searched_in_looks(job: Job, adapter: Adapter, queries: Any) -> tuple[float, Hits, Hits]:  # Any: as above
    """The same, of as many looks as the parent wants; what was not asked has no hits."""
    import numpy as np

    from bench.formats import hits_npz

    path, seconds, asked = given(job.hits), 0.0, np.zeros(0, np.int64)
    top, deep = _no_hits(job, job.k), _no_hits(job, job.depth)
    for number, look in enumerate(job.looks, start=1):
        rows = np.array(look, np.int64)
        more, *found = _searched(job, adapter, _chosen(queries, job, look), look)
        seconds, asked = seconds + more, np.sort(np.append(asked, rows))
        for hits, new in zip((top, deep), found, strict=True):
            hits.rows[rows], hits.scores[rows] = new.rows, new.scores
        outputs.keep(job, path, rows=deep.rows.astype(np.int32), scores=deep.scores, asked=asked)
        if job.searched_apart:
            kept = str(hits_npz.of_search_for(Path(path), job.k))
            outputs.keep(job, kept, rows=top.rows.astype(np.int32), scores=top.scores, asked=asked)
        if number < len(job.looks) and not stopping.goes_on(job):
            break
    return seconds, top, deep


def _no_hits(job: Job, k: int) -> Hits:
    import numpy as np

    from retrievers.contract import Hits

    n_queries = sum(map(len, job.looks))
    return Hits(np.full((n_queries, k), -1, np.int64), np.full((n_queries, k), -np.inf, np.float32))


def _sampled(queries: Any, job: Job) -> Any:  # Any: texts, a list; vectors
    return _chosen(queries, job, job.sample)


def _chosen(queries: Any, job: Job, rows: Sequence[int]) -> Any:  # Any: as above
    import numpy as np

    return [queries[i] for i in rows] if job.engine else queries[np.array(rows, np.int64)]


def _rows(hits: Hits, rows: list[int]) -> Hits:
    return type(hits)(hits.rows[rows], hits.scores[rows])


def _cut(hits: Hits, k: int) -> Hits:
    return type(hits)(hits.rows[:, :k], hits.scores[:, :k])


def hold_hits(job: Job, kept: Mapping[str, KeptHits], judged: JudgedHits, *, anew: bool = False) -> None:
    """
    Hold the hits of each mode to the judged ones.

    anew: queries were encoded anew. ValueError says which query differs first, how, and of how many.
    """
    from bench.instruments.answers import SAME_SCORE, differing_hits

    for mode, answers in kept.items():
        _all_asked(job, mode, answers)
        if job.hit_rules is not None:
            answers = answers.changed(partial(_of_sample, job))
        differing = list(differing_hits(answers, judged, JOINT if anew else SAME_SCORE))
        few = anew and not job.exact and not answers.broken and len(differing) <= FEW * len(job.sample)
        _refuse(job, mode, [] if few else differing)


def _of_sample(job: Job, hits: Hits, first: int) -> Hits:
    """The hits that count of some queries of the sample, the first of them at that place."""
    return counted(job, hits, job.k, job.sample[first : first + len(hits.rows)])


def batch_overlap(job: Job, adapter: Adapter) -> dict[str, Fact]:
    """Where a batch of queries has other vectors than each alone: overlap@k of the hits of both, as a fact."""
    from bench.formats import hits_npz
    from bench.instruments import quality
    from bench.stage import matrices

    if job.engine:
        return {}
    alone, batch = matrices.query_vectors(Path(given(job.query_matrix)))
    if batch is None:
        return {}
    asked = hits_npz.asked(outputs.scratch_of(job, given(job.hits)))
    if asked is not None:
        alone, batch = alone[asked], batch[asked]
    queries = None if asked is None else asked.tolist()
    one, other = (counted(job, adapter.search(vectors, job.search_k), job.k, queries) for vectors in (alone, batch))
    overlap = quality.overlap(one, other, job.k)
    return {"batch_overlap": float(overlap.mean())}


# Vectors


def hold_vectors(job: Job, kept: Mapping[str, KeptVectors]) -> None:
    """
    Hold the vectors of each mode to those of the matrix: of one text alone, or where those differ, of a batch.

    ValueError says which query differs first, how, and of how many.
    """
    from bench.instruments.answers import SAME_VECTOR, differing_vectors, distances
    from bench.stage import matrices

    alone, batch = matrices.query_vectors(Path(given(job.query_matrix)))
    alone = _sampled(alone, job)
    batch = None if batch is None else _sampled(batch, job)
    for mode, answers in kept.items():
        _all_asked(job, mode, answers)
        whole_sample = mode in MODES and MODES[mode].whole_sample
        tolerance, judged = SAME_VECTOR, alone
        if whole_sample and batch is not None:
            judged = batch
            tolerance = min(FURTHEST, max(SAME_VECTOR, AS_FAR * float(distances(batch, alone).max(initial=0))))
        _refuse(job, mode, list(differing_vectors(answers, judged, tolerance)))


def _all_asked(job: Job, mode: str, answers: Answers) -> None:
    """ValueError where a loop that asks every query has not handed its answers over: nothing would be held."""
    if (mode in MODES and not MODES[mode].closed) or answers.broken or answers.asked.all():
        return
    expected = f"expected the answers to {len(job.sample)} queries, found {int(answers.asked.sum())}"
    raise ValueError(f"{_loop_of(mode)}: {expected}: its loop hands each to `keep`")


def _loop_of(mode: str) -> str:
    return f"mode {mode}" if mode in MODES else "first pass"


def _refuse(job: Job, mode: str, differing: list[tuple[int, str]]) -> None:
    if differing:
        place, what = differing[0]
        raise ValueError(
            f"what is timed is not what is judged: {_loop_of(mode)}, query {job.sample[place]} of the set, from 0: "
            f"{what} ({len(differing)} of {len(job.sample)} queries differ)"
        )
