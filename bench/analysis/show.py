"""One query of a run: what was relevant, what each retriever found, and which words of a sparse one matched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from bench import cache
from bench.analysis.texts import texts_of
from bench.errors import InputError
from bench.passages import loader
from bench.passages.loader import PassageSet
from bench.passages.titles import text_of, title_of
from bench.records.run_folder import Run, ranking, read_set
from bench.records.run_folder import asked as asked_of
from bench.records.schema import Measurement, Status
from bench.stage import matrices, plugin_files
from retrievers.contract import Lexical, Persistent, VectorRetriever
from retrievers.registry import PluginError, Registry, SpellingError, parse

PARTS = "no matched words: of a document in parts it is not kept which of them was found"


class Match(NamedTuple):
    """A term that query and passage share, and what it adds to the score: the product of its two weights."""

    term: str
    query_weight: float
    passage_weight: float

    @property
    def score(self) -> float:
        return self.query_weight * self.passage_weight


class Hit(NamedTuple):
    """One passage that was found."""

    rank: int  # from 1
    passage: str
    score: float
    grade: int | None  # None: not judged
    text: str
    matches: list[Match] | None  # the heaviest first; None where the encoder is not sparse, or not available


class RetrieverView(NamedTuple):
    """What one retriever found."""

    retriever: str
    status: Status
    hits: list[Hit]
    gold_ranks: dict[str, int | None]  # relevant passage -> its rank among the hits that were kept, None: not there
    said: str  # why it has no hits, where it did not end well, or no matched words, where it might; else empty
    is_asked: bool = True  # False: it was stopped before this query


class QueryView(NamedTuple):
    """One query of a run."""

    passage_set: str
    query: str
    text: str
    label: str
    gold: dict[str, tuple[int, str]]  # relevant passage -> its grade and text
    found: list[RetrieverView]
    said: str  # why there are no texts, where there are none; else empty
    titles: dict[str, str]  # of passages above that have one: how their text begins


def show(run: Run, query: str, registry: Registry, *, passage_set: str | None = None, k: int = 5) -> QueryView:
    """
    One query, by its id, with the top k of every retriever of its set; of one that did not end well its status.

    passage_set: which of the run's, where several have the query. Texts are read where the collection lies: a run keeps
    none. Raises InputError for a query or a set that the run has not, with the nearest.
    """
    kept, position = _find(run, query, passage_set)
    texts, said = texts_of(run, kept)
    qrels = (kept.qrels or {}).get(kept.query_ids[position], {})
    gold = {passage: (grade, _text(texts, kept.rows.get(passage, -1))) for passage, grade in qrels.items() if grade > 0}
    found = [_found(run, m, position, k, kept, texts, registry) for m in run.measurements if m.passage_set == kept.name]
    named = {*gold, *(hit.passage for one in found for hit in one.hits)}
    return QueryView(
        passage_set=kept.name,
        query=kept.query_ids[position],
        text=texts.queries[position] if texts else "",
        label=kept.labels[position] if kept.labels else "",
        gold=gold,
        found=found,
        said=said,
        titles={name: title for name in sorted(named) if texts and (title := title_of(texts, kept.rows.get(name, -1)))},
    )


def _find(run: Run, query: str, passage_set: str | None) -> tuple[PassageSet, int]:
    """The kept set that has the query, and its position there."""
    names = list(run.record.passage_sets)
    if passage_set is not None and passage_set not in names:
        raise InputError(
            f"run {run.folder}: expected one of its passage sets {', '.join(names)}, found {passage_set!r}"
        )
    sets = [read_set(run.folder, name) for name in ([passage_set] if passage_set is not None else names)]
    having = [one for one in sets if query in one.query_ids]
    if len(having) > 1:
        several = ", ".join(one.name for one in having)
        raise InputError(f"run {run.folder}: the query {query!r} is in {several}: name one with --passages")
    if not having:
        known = [name for one in sets for name in one.query_ids]
        near = get_close_matches(query, known, n=1, cutoff=0.6) or known[:1]
        such = f" such as {near[0]!r}" if near else ""
        raise InputError(
            f"run {run.folder}: expected the id of one of its {len(known):,} queries{such}, found {query!r}"
        )
    return having[0], having[0].query_ids.index(query)


def _text(texts: PassageSet | None, row: int) -> str:
    """A passage's text; empty for one that is judged, or was imported, and is not in the set."""
    return "" if texts is None else text_of(texts, row)


def _found(
    run: Run, m: Measurement, query: int, k: int, kept: PassageSet, texts: PassageSet | None, registry: Registry
) -> RetrieverView:
    if m.status != "ok":
        return RetrieverView(m.retriever, m.status, [], {}, m.reason)
    asked = asked_of(run.folder, m.cell) if m.is_stopped else None
    if asked is not None and query not in asked:
        said = "not asked: it was decided, and stopped, before this query"
        return RetrieverView(m.retriever, m.status, [], {}, said, is_asked=False)
    hits = ranking(run.folder, m)
    rows = [int(row) for row in hits.rows[query] if row >= 0]
    qrels = (kept.qrels or {}).get(kept.query_ids[query], {})
    words, said = _words(m, registry)
    if words is not None and kept.has_parts:
        words, said = None, PARTS
    ids = [loader.id_of(kept, row) for row in rows]
    shown = [
        Hit(
            rank=rank,
            passage=ids[rank - 1],
            score=float(hits.scores[query, rank - 1]),
            grade=qrels.get(ids[rank - 1]),
            text=_text(texts, row),
            matches=None if words is None else words.shared(query, row),
        )
        for rank, row in enumerate(rows[:k], start=1)
    ]
    ranks = {name: rank for rank, name in enumerate(ids, start=1)}
    gold_ranks = {name: ranks.get(name) for name, grade in qrels.items() if grade > 0}
    return RetrieverView(m.retriever, m.status, shown, gold_ranks, said)


@dataclass(frozen=True)
class _Words:
    """The sparse vectors of a cell, and the names of their columns."""

    queries: csr_array
    passages: csr_array
    terms: Sequence[str] | None

    def shared(self, query: int, row: int) -> list[Match]:
        weights = [_weights(matrix, at) for matrix, at in ((self.queries, query), (self.passages, row))]
        common = weights[0].keys() & weights[1].keys()
        found = [
            Match(self.terms[c] if self.terms is not None else f"column {c}", weights[0][c], weights[1][c])
            for c in common
        ]
        return sorted(found, key=lambda match: (-match.score, match.term))


def _weights(matrix: csr_array, row: int) -> dict[int, float]:
    part = slice(matrix.indptr[row], matrix.indptr[row + 1])
    return dict(zip(matrix.indices[part].tolist(), matrix.data[part].tolist(), strict=True))


def _words(m: Measurement, registry: Registry) -> tuple[_Words | None, str]:
    """The vectors of a cell with a sparse encoder, from the cache; None, and why, where they are not there."""
    if m.matrix_key is None or m.nonzeros is None:
        return None, ""
    folder, of_queries = matrices.place(m.matrix_key), matrices.place(m.queries_key or m.matrix_key)
    plugins = plugin_files.folders(m.resolved, registry.targets())
    if any(matrices.find(each, plugins) is None for each in (folder, of_queries)):
        return None, "no matched words: its vectors are no longer in the cache; run it again"
    try:
        cache.own()
    except (InputError, OSError) as error:
        return None, f"no matched words: {error}"
    queries, passages = matrices.load(of_queries, matrices.QUERIES), matrices.load(folder, matrices.PASSAGES)
    if isinstance(queries, np.ndarray) or isinstance(passages, np.ndarray):
        return None, ""
    try:
        encoder = parse(m.resolved, registry)
    except (SpellingError, PluginError) as error:
        return _Words(queries, passages, None), f"columns without names: {error}"
    encoder = encoder.encoder if isinstance(encoder, VectorRetriever) else encoder
    if not isinstance(encoder, Lexical) or not isinstance(encoder, Persistent):
        return _Words(queries, passages, None), "columns without names: its encoder has no terms()"
    encoder.load(folder / "encoder")
    return _Words(queries, passages, encoder.terms()), ""


def plain(shown: QueryView) -> dict[str, object]:
    """The same as JSON has it."""
    found = [
        one._asdict() | {"hits": [hit._asdict() | {"matches": _plain_matches(hit.matches)} for hit in one.hits]}
        for one in shown.found
    ]
    gold = [{"passage": name, "grade": grade, "text": text} for name, (grade, text) in shown.gold.items()]
    return shown._asdict() | {"gold": gold, "found": found}


def _plain_matches(matches: list[Match] | None) -> list[dict[str, object]] | None:
    return None if matches is None else [match._asdict() | {"score": match.score} for match in matches]
