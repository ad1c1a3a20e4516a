"""The rules of whoever searches, storages and retrievers: what every answer is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from retrievers.conformance.hits import same_hits
from retrievers.conformance.subject import CLOSE, BrokenRule, K, NotApplicable, Refusal, Rule, Subject, tidy
from retrievers.conformance.toy_collections import Given, ToyCollection, count
from retrievers.contract import Adapter, Hits

BEYOND = 7  # so many more than there are passages
MANY = 1000  # queries at once: more than a batch of any adapter
USE_TOP_K = "retrievers.contract has top_k, ordered and no_hits, which do it"


# What every answer is, whatever it holds


def hits_types(subject: Subject) -> str | None:
    """Hits are Hits itself, of two plain ndarrays, rows int64 and scores float32, also for one query alone."""
    for _, adapter, queries in all_and_one(subject):
        hits = adapter.search(queries, K)
        if not isinstance(hits, tuple) or len(hits) != 2 or not all(isinstance(part, np.ndarray) for part in hits):
            raise BrokenRule("Hits(rows, scores) of two ndarrays", type(hits).__name__, USE_TOP_K)
        rows, scores = hits
        if rows.dtype != np.int64 or scores.dtype != np.float32:
            raise BrokenRule("rows int64 and scores float32", f"{rows.dtype} and {scores.dtype}", USE_TOP_K)
        if type(hits) is not Hits:
            raise BrokenRule("a Hits", type(hits).__name__, "wrap the two arrays: Hits(rows, scores)")
        for part in hits:
            if type(part) is not np.ndarray:  # one of a class of its own may put off its work until it is read
                raise BrokenRule("plain ndarrays", type(part).__name__, "hand out np.array(rows), np.array(scores)")
    return None


def hits_shape(subject: Subject) -> str | None:
    """Rows and scores have the shape (n_queries, k), also for one query, and for none."""
    for collection, adapter in each(subject):
        for queries in (collection.queries(), collection.queries()[:1], collection.queries()[:0]):
            hits = adapter.search(queries, K)
            for name, part in zip(("rows", "scores"), hits, strict=False):
                if np.shape(part) != (count(queries), K):
                    raise BrokenRule(f"{name} of shape {(count(queries), K)}", str(np.shape(part)), USE_TOP_K)
    return None


def rows_in_range(subject: Subject) -> str | None:
    """Rows are positions of passages, none twice for a query, and -1."""
    for collection, adapter, queries in all_and_one(subject):
        hits, n = adapter.search(queries, K), count(collection.passages())
        tidy(hits, count(queries), K)
        for query, rows in enumerate(np.where(np.isneginf(hits.scores), -1, hits.rows).tolist()):
            found = [row for row in rows if row != -1]
            if len(set(found)) < len(found) or not all(0 <= row < n for row in found):
                raise BrokenRule(
                    f"each row once, from 0 to {n - 1}", f"{rows} for query {query} ({collection.name})", USE_TOP_K
                )
    return None


def padding(subject: Subject) -> str | None:
    """What is not filled is padded with row -1 and score -inf, at the end; every other score is finite."""
    for collection, adapter in each(subject):
        for k in (K, count(collection.passages()) + BEYOND):
            try:
                hits = adapter.search(collection.queries(), k)
                tidy(hits, count(collection.queries()), k)
            except Exception:  # what is wrong with a large k is told by its own rule
                if k == K:
                    raise
                continue
            filled, finite, beyond = hits.rows != -1, np.isfinite(hits.scores), np.isneginf(hits.scores)
            broken = (filled != finite) | (filled == beyond)
            broken[:, 1:] |= ~filled[:, :-1] & filled[:, 1:]
            if broken.any():
                query, rank = np.argwhere(broken)[0]
                found = f"row {hits.rows[query, rank]} with score {hits.scores[query, rank]}"
                where = f"query {query}, rank {rank + 1}, k {k}, {collection.name}"
                raise BrokenRule("padding of row -1 with score -inf, last", f"{found} ({where})", USE_TOP_K)
    return None


def best_first(subject: Subject) -> str | None:
    """Scores fall from rank to rank."""
    for collection, adapter, queries in all_and_one(subject):
        hits = adapter.search(queries, K)
        tidy(hits, count(queries), K)
        scores = np.where(np.isfinite(hits.scores), hits.scores, -np.inf)
        rising = scores[:, :-1] < scores[:, 1:]
        if rising.any():
            query, rank = np.argwhere(rising)[0]
            found = f"{scores[query, rank + 1]:g} after {scores[query, rank]:g} (query {query}, {collection.name})"
            raise BrokenRule("a score no higher than the one before it", found, USE_TOP_K)
    return None


def ties_by_position(subject: Subject) -> str | None:
    """Of passages with the same score the first comes first; an exact search also keeps the first where k cuts."""
    ties = 0
    for collection, adapter in each(subject):
        deep = adapter.search(collection.queries(), 2 * K)
        tidy(deep, count(collection.queries()), 2 * K)
        tied = (deep.scores[:, :-1] == deep.scores[:, 1:]) & np.isfinite(deep.scores[:, 1:])
        wrong = tied & (deep.rows[:, :-1] > deep.rows[:, 1:]) & (deep.rows[:, 1:] >= 0)
        ties += int(tied.sum())
        if wrong.any():
            query, rank = np.argwhere(wrong)[0]
            pair = deep.rows[query, rank : rank + 2].tolist()
            raise BrokenRule("ties by position", f"rows {pair} for query {query} ({collection.name})", USE_TOP_K)
        if subject.exact:
            _keep_the_first(subject, adapter, collection)
    return f"{ties} ties" + ("" if subject.exact else "; not asked of the cut: it does not claim to be exact")


def _keep_the_first(subject: Subject, adapter: Adapter, collection: ToyCollection) -> None:
    deep = subject.hits(adapter, collection, 2 * K)
    for k in (1, 2, 3, 7, K):
        cut = subject.hits(adapter, collection, k)
        wrong = (cut.rows != deep.rows[:, :k]) & np.isclose(cut.scores, deep.scores[:, :k], rtol=CLOSE)
        # Sums of weights that are no round numbers may round otherwise: only true ties are held to their position.
        wrong &= _in_a_tie(deep)[:, :k]
        if wrong.any():
            query, rank = np.argwhere(wrong)[0]
            found = f"row {cut.rows[query, rank]} (query {query}, k {k}, {collection.name})"
            remedy = "keep every passage that ties with the last, and cut by position"
            raise BrokenRule(f"row {deep.rows[query, rank]}, the first that ties", found, remedy)


def _in_a_tie(hits: Hits) -> NDArray[np.bool_]:
    """Where a hit has the score of a neighbour: (n_queries, k)."""
    same = hits.scores[:, :-1] == hits.scores[:, 1:]
    tied = np.zeros(hits.scores.shape, bool)
    tied[:, 1:] |= same
    tied[:, :-1] |= same
    return tied


def zero_scores(subject: Subject) -> str | None:
    """Sparse vectors match by sharing a non-zero: hits score above 0. Dense ones compare with all passages."""
    for collection, adapter in each(subject):
        sparse = subject.is_sparse(collection, adapter)
        if sparse is None:
            raise NotApplicable("an engine's vectors are its own")
        n = count(collection.passages())
        hits = subject.hits(adapter, collection, n)
        found = hits.rows >= 0
        if sparse and (hits.scores[found] <= 0).any():
            query, rank = np.argwhere(found & (hits.scores <= 0))[0]
            said = f"row {hits.rows[query, rank]} with score {hits.scores[query, rank]:g} ({collection.name})"
            raise BrokenRule("scores above 0, and padding after them", said, "top_k(scores, k, positive=True) does it")
        if not sparse and subject.exact and not found.all():
            said = f"{found.sum(1).min()} for query {found.sum(1).argmin()} ({collection.name})"
            raise BrokenRule(f"all {n} passages for k = {n}", said, "leave out none, whatever its score")
    return None


# Odd requests


def k_zero(subject: Subject) -> str | None:
    """k = 0 is answered with nothing, of shape (n_queries, 0)."""
    for collection, adapter in each(subject):
        hits = adapter.search(collection.queries(), 0)
        shapes = [np.shape(part) for part in hits]
        if shapes != [(count(collection.queries()), 0)] * 2:
            raise BrokenRule(f"two arrays of shape {(count(collection.queries()), 0)}", str(shapes), USE_TOP_K)
    return None


def k_beyond_n(subject: Subject) -> str | None:
    """k may be larger than the number of passages: the rest is padding."""
    for collection, adapter in each(subject):
        n = count(collection.passages())
        hits = adapter.search(collection.queries(), n + BEYOND)
        shape = (count(collection.queries()), n + BEYOND)
        if np.shape(hits[0]) != shape or np.shape(hits[1]) != shape:
            raise BrokenRule(f"hits of shape {shape}", f"{np.shape(hits[0])} and {np.shape(hits[1])}", USE_TOP_K)
        if subject.exact:
            all_of_them = subject.hits(adapter, collection, n)
            differs = same_hits(all_of_them, _cut(tidy(hits, shape[0], n + BEYOND), n))
            if differs:
                raise BrokenRule(f"the hits of k = {n} ({collection.name})", differs[0], USE_TOP_K)
    return None


def _cut(hits: Hits, k: int) -> Hits:
    return Hits(hits.rows[:, :k], hits.scores[:, :k])


def one_passage(subject: Subject) -> str | None:
    """One passage can be searched, unless the adapter says by Unsupported that it needs more."""
    return _few(subject, 1)


def no_passages(subject: Subject) -> str | None:
    """Nothing can be searched: every hit is padding; or the adapter says by Unsupported that it needs more."""
    return _few(subject, 0)


def _few(subject: Subject, n: int) -> str | None:
    refused = []
    for collection in subject.collections:
        with subject.fresh() as adapter:
            try:
                subject.learn(adapter, collection.passages()[:n])
            except Refusal as error:
                refused.append(str(error))
                continue
            hits = subject.hits(adapter, collection, n or 3)
            if ((hits.rows != -1) & (hits.rows != n - 1)).any():
                raise BrokenRule(
                    f"no row but {n - 1} and -1" if n else "no row but -1", str(hits.rows.max()), USE_TOP_K
                )
    if refused:
        return refused[0]
    return None


def batch_equals_single(subject: Subject) -> str | None:
    """A query has the same hits alone as among others, of which there may be more than 1,000."""
    for collection, adapter in each(subject):
        queries = collection.queries()
        n = count(queries)
        # Of a pair encoder and storage are each held to many.
        times = 1 if subject.is_pair else MANY // n + 1
        together = subject.hits(adapter, collection, K, _repeated(queries, times))
        singles = [subject.hits(adapter, collection, K, queries[query : query + 1]) for query in range(n)]
        alone = Hits(*(np.tile(np.concatenate(part), (times, 1)) for part in zip(*singles, strict=True)))
        differs = same_hits(alone, together)
        if differs:
            expected = f"the same hits alone and among {n * times} queries ({collection.name})"
            raise BrokenRule(expected, differs[0], "let queries not mix")
    return None


def _repeated(queries: Given, times: int) -> Given:
    """All of them, over and over."""
    if isinstance(queries, list):
        return queries * times
    return vstack([queries] * times, format="csr") if isinstance(queries, csr_array) else np.tile(queries, (times, 1))


def each(subject: Subject, *more: ToyCollection) -> Iterator[tuple[ToyCollection, Adapter]]:
    """Each collection that suits the adapter, with an adapter that holds it."""
    for collection in (*subject.collections, *more):
        with subject.taught(collection) as adapter:
            yield collection, adapter


def all_and_one(subject: Subject) -> Iterator[tuple[ToyCollection, Adapter, Given]]:
    """The same, with all of its queries, and with the first of them alone: a single query may take another path."""
    for collection, adapter in each(subject):
        yield collection, adapter, collection.queries()
        yield collection, adapter, collection.queries()[:1]


HITS: tuple[Rule, ...] = (
    hits_types,
    hits_shape,
    rows_in_range,
    padding,
    best_first,
    ties_by_position,
    zero_scores,
    k_zero,
    k_beyond_n,
    batch_equals_single,
)
FEW: tuple[Rule, ...] = (one_passage, no_passages)
