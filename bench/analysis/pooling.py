"""
Pooling (Spärck Jones & van Rijsbergen 1975): what the retrievers of a run put first, for somebody to judge.

Every retriever adds its first k for a query, and a passage that several found is judged once: what is added is the same
for all, so that none is favoured, and rankings that agree cost nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.analysis.disagreement import Ranker, agreement, ended_well, rankers
from bench.analysis.texts import texts_of
from bench.errors import InputError, did_you_mean
from bench.formats.judge_sheet import SheetRow
from bench.instruments import quality
from bench.passages.passage_set import PassageSet
from bench.passages.titles import text_of, title_apart, title_of
from bench.records.run_folder import Run, read_set

K = 10  # passages of each retriever for a query
QUERIES = 50
SEED = 7


class Sheet(NamedTuple):
    """What is to be judged."""

    passage_set: str
    licence: str
    pairs: list[SheetRow]  # those of a query together; queries, and the passages of each, in random order
    n_queries: int  # that the pairs are of
    of_queries: int  # that the run has
    n_judged: int  # pairs that were left out: they have a judgment
    n_unknown: int  # pairs that were left out: an imported run alone knows the passage
    adds: bool  # to judgments that the run has


class _Pool(NamedTuple):
    """What was found for one query."""

    rows: list[int]  # to be judged
    n_judged: int
    n_unknown: int


def sheet(
    run: Run,
    *,
    passage_set: str | None = None,
    k: int = K,
    n_queries: int = QUERIES,
    seed: int = SEED,
    at_random: bool = False,
    again: bool = False,
) -> Sheet:
    """
    The first k passages of all retrievers, for the n_queries queries on which their first k agree least.

    Queries that the run has judgments of come first, so that what was begun is completed before more is begun. Of
    queries that are agreed on alike the seed draws. A query with nothing to judge is passed over. Nothing tells who
    found a passage, nor at which rank. Texts are read where the collection lies: a run keeps none.

    Args:
        run: any, with or without judgments.
        passage_set: which of the run's; None where it has one.
        k: of each retriever.
        n_queries: at most.
        seed: of ties, and of the order of queries and passages.
        at_random: a random sample of the queries in place of those that differ most.
        again: also pairs that have a judgment.

    Raises InputError: a set that the run has not, one without hits or texts, hits of synthetic passages, k beyond the
    depth that hits were kept to, and nothing left to judge.
    """
    kept = read_set(run.folder, _set_of(run, passage_set))
    found = _found(run, kept.name, k)
    texts = _texts(run, kept)
    rng = np.random.default_rng(seed)
    chosen: dict[int, _Pool] = {}
    passed = []
    judged = quality.judged(kept.query_ids, kept.qrels or {})
    for query in _order(found, k, rng, judged, at_random=at_random):
        if len(chosen) == n_queries:
            break
        known = {} if again else (kept.qrels or {}).get(kept.query_ids[query], {})
        pool = _pool(found, query, k, texts, known)
        if pool.rows:
            chosen[query] = pool
        else:
            passed.append(pool)
    tried = [*chosen.values(), *passed]
    n_judged, n_unknown = sum(pool.n_judged for pool in tried), sum(pool.n_unknown for pool in tried)
    if not chosen:
        raise _nothing_left(run, kept.name, k, n_judged)
    pairs = [
        SheetRow(kept.query_ids[query], kept.passage_ids[row], texts.queries[query], _readable(texts, row))
        for query in rng.permutation(list(chosen)).tolist()
        for row in rng.permutation(chosen[query].rows).tolist()
    ]
    sizes = len(chosen), len(kept.query_ids), n_judged, n_unknown
    return Sheet(kept.name, texts.licence, pairs, *sizes, adds=kept.qrels is not None and not again)


def _set_of(run: Run, wanted: str | None) -> str:
    """The name of the set; InputError, with those there are, where the run has no such, or several to choose from."""
    names = list(run.record.passage_sets)
    if wanted is None and len(names) > 1:
        raise InputError(
            f"run {run.folder}: expected one passage set for a sheet, found {', '.join(names)}: "
            f"name one with --passages"
        )
    if wanted is not None and wanted not in names:
        raise InputError(
            f"run {run.folder}: expected one of its passage sets {', '.join(names)}, found {wanted!r}."
            f"{did_you_mean(wanted, names)}"
        )
    return names[0] if wanted is None else wanted


def _found(run: Run, name: str, k: int) -> list[Ranker]:
    """What there is to pool; InputError where there is nothing, or it is not what a reader can judge."""
    cells = ended_well(run, name)
    where = f"run {run.folder}: {name}"
    if not cells:
        raise InputError(f"{where}: expected a retriever that ended well, found none: see sparring table {run.folder}")
    grown = max(m.n_distractors for m in cells)
    if grown:
        raise InputError(
            f"{where}: expected real passages alone, found {grown:,} synthetic ones among them: take a run without "
            f"--distractors"
        )
    depth = min(m.depth for m in cells)
    if k > depth:
        raise InputError(f"{where}: -k: expected at most {depth}, the depth that its hits were kept to, found {k}")
    return rankers(run, name, k)


def _texts(run: Run, kept: PassageSet) -> PassageSet:
    """The set with its texts; InputError where they are not those that the run searched."""
    texts, said = texts_of(run, kept)
    if texts is None or texts.vectors is not None:
        found = said if texts is None else "vectors and no text"
        raise InputError(f"run {run.folder}: {kept.name}: expected the texts that it searched, found {found}")
    return texts


def _order(
    found: Sequence[Ranker], k: int, rng: np.random.Generator, judged: NDArray[np.bool_], *, at_random: bool
) -> list[int]:
    """The positions of all queries: judged ones first, then those that are agreed on least, of equals by chance."""
    agreed = agreement([ranker.hits[0] for ranker in found], k)
    order = rng.permutation(len(agreed))
    if not at_random:  # rounded: means of the same shares may differ in their last bits
        order = order[np.argsort(agreed[order].round(9), kind="stable")]
    return [int(query) for query in order[np.argsort(~judged[order], kind="stable")]]


def _pool(found: Sequence[Ranker], query: int, k: int, texts: PassageSet, known: Mapping[str, int]) -> _Pool:
    """The passages that any cell has among its first k; known: the query's judgments."""
    tops = [hits.rows[query, :k] for ranker in found for hits in ranker.hits]
    rows = [row for row in np.unique(np.concatenate(tops)).tolist() if row >= 0]
    own = [row for row in rows if row < len(texts.passages)]
    left = [row for row in own if texts.passage_ids[row] not in known]
    return _Pool(left, len(own) - len(left), len(rows) - len(own))


def _readable(texts: PassageSet, row: int) -> str:
    return title_apart(text_of(texts, row), title_of(texts, row))


def _nothing_left(run: Run, name: str, k: int, n_judged: int) -> InputError:
    found = "none: no retriever found anything"
    if n_judged:
        found = f"judgments of all {n_judged:,}: take more with -k (now {k}), or judge them again with --again"
    return InputError(f"run {run.folder}: {name}: expected pairs to judge, found {found}")


class Holes(NamedTuple):
    """What of the first k of judged queries has no judgment."""

    by_retriever: dict[str, tuple[int, int]]  # how many of its first k are not judged, of how many
    n_queries: int  # of those judged, on which any retriever has one


def holes(run: Run, passage_set: PassageSet, k: int = K) -> Holes:
    """
    What of each retriever's first k is not judged, over all judged queries.

    Empty where no judgment is below 1: then only what is relevant was ever written down, and a passage without one says
    nothing; and where synthetic passages are among the hits. passage_set: with its judgments.
    """
    qrels = passage_set.qrels or {}
    only_relevant = all(grade > 0 for grades in qrels.values() for grade in grades.values())
    if only_relevant or any(m.n_distractors for m in ended_well(run, passage_set.name)):
        return Holes({}, 0)
    judged = {
        position: {passage_set.rows.get(name, -1) for name in qrels[query]}
        for position, query in enumerate(passage_set.query_ids)
        if query in qrels
    }
    counts, with_holes = {}, set()
    for ranker in rankers(run, passage_set.name, k):
        for m, hits in zip(ranker.cells, ranker.hits, strict=True):
            tops = hits.rows[:, :k].tolist()
            known = [(at, row in of) for at, of in judged.items() for row in tops[at] if row >= 0]
            with_holes |= {at for at, is_known in known if not is_known}
            counts[m.retriever] = [is_known for _, is_known in known].count(False), len(known)
    return Holes(counts, len(with_holes))
