"""
A collection as its files have it -> PassageSet: title and text joined, equal passages merged, judgments sorted out.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Iterable

import msgspec
import numpy as np

from bench.errors import InputError
from bench.formats import Collection, Judgment, Passage, Query
from bench.formats.table import Columns
from bench.hit_rules import HitRules
from bench.passages.cards import Card, Clusters, Join
from retrievers import languages

SHOWN_IDS = 2  # of passages and of queries, beside judgments that fit none


class PassageSet(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Passages, queries and qrels of one collection, loaded and verified; equal passages merged into the first."""

    name: str
    title: str
    language: str  # ISO 639-1, 639-3 where that has none
    licence: str
    citation: str
    sha256: str  # of everything below that a retriever or a measure can see
    passage_ids: tuple[str, ...]  # of parts of one document alike: its own
    passages: tuple[str, ...]  # title and text joined, one a passage id
    query_ids: tuple[str, ...]
    queries: tuple[str, ...]
    qrels: dict[str, dict[str, int]] | None  # query id -> passage id -> grade; None: no judgments
    labels: tuple[str, ...] | None = None  # one a query: what it tests
    clusters: tuple[str, ...] | None = None  # one a query: queries on one paragraph (or article) are one cluster
    clustered_by: Clusters | None = None  # what those are; None also of a set that was kept before sets said so
    articles: tuple[str, ...] | None = None  # one a query: the article it was written on, where the format knows
    merged: dict[str, str] = {}  # id of a passage dropped as an exact duplicate -> id of the one kept
    answers: tuple[tuple[str, ...], ...] | None = None  # one a query: texts that answer it
    passage_rows: tuple[int, ...] | None = None  # position of each passage among the files' n_file_passages
    query_rows: tuple[int, ...] | None = None  # the same of each query
    n_file_passages: int = 0
    n_file_queries: int = 0
    unknown_judgments: int = 0  # that name a passage (kept in qrels, never found) or a query (left out) not there
    vectors: str | None = None  # the file of a set that holds vectors and no text: its texts are positions
    remarks: tuple[str, ...] = ()  # of the reader, what a user should know before any number, a sentence each
    title_lengths: tuple[int, ...] | None = None  # one a passage: its first characters that are its title, for readers
    excluded: tuple[tuple[int, ...], ...] | None = None  # one a query: rows of passages that are left out of its hits

    @functools.cached_property
    def rows_of(self) -> dict[str, tuple[int, ...]]:
        """The rows of each id: of a document those of all its parts."""
        found: dict[str, list[int]] = {}
        for row, name in enumerate(self.passage_ids):
            found.setdefault(name, []).append(row)
        return {name: tuple(rows) for name, rows in found.items()}

    @functools.cached_property
    def rows(self) -> dict[str, int]:
        """The row of each id: of a document that of its first part, by which hits name it."""
        return {name: rows[0] for name, rows in self.rows_of.items()}

    @functools.cached_property
    def has_parts(self) -> bool:
        """Whether some of its passages are parts of one document."""
        return len(self.rows) < len(self.passage_ids)

    @functools.cached_property
    def hit_rules(self) -> HitRules:
        """What counts of the hits of its queries."""
        documents = None
        if self.has_parts:
            documents = np.array([self.rows[name] for name in self.passage_ids], np.int64).tobytes()
        return HitRules(excluded=self.excluded, documents=documents)

    @functools.cached_property
    def passages_sha256(self) -> str:
        """SHA-256 of the passages' texts, or of the file of vectors: what an encoder makes of them is found by it."""
        return _sha256([self.passages]) if self.vectors is None else self.sha256

    @functools.cached_property
    def asked_sha256(self) -> str:
        """SHA-256 of ids and texts, or of the file of vectors: what a search finds hangs on no judgment."""
        if self.vectors is not None:
            return self.sha256
        parts: list[object] = [self.passage_ids, self.passages, self.query_ids, self.queries]
        return _sha256(parts if self.excluded is None else [*parts, self.excluded])


def text_bytes(passage_set: PassageSet) -> int:
    """Bytes of the passages' text as UTF-8, of synthetic ones none; 0 of vectors without text."""
    if passage_set.vectors is not None:
        return 0
    return sum(len(passage.encode()) for passage in passage_set.passages)


def id_of(passage_set: PassageSet, row: int) -> str:
    """The id of the passage at a row of hits; beyond the real ones the synthetic ones are counted from 1."""
    n = len(passage_set.passage_ids)
    return passage_set.passage_ids[row] if row < n else f"synthetic passage {row - n + 1:,}"


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What a card says of its texts, said of one's own."""

    title: str
    language: str
    licence: str = "not stated"
    citation: str = ""


def assemble(
    collection: Collection,
    name: str,
    origin: Card | Origin,
    *,
    join: Join = "title text",
    clusters: Clusters | None = None,
    columns: Columns | None = None,
    unjudged: bool = False,
) -> PassageSet:
    """
    Join title and text, merge equal passages, and keep the judged queries where there are judgments.

    columns: of a table of one's own, so that a message can name the options. unjudged: keep the other queries too.
    """
    kept: dict[tuple[str, int], tuple[int, str]] = {}  # text (a part of a document is none's equal) -> row, id of first
    merged = {}
    parents = collection.parents or {}
    for row, passage in enumerate(collection.passages):
        parent = parents.get(passage.id)
        _, first = kept.setdefault((_joined(passage, join), row if parent else -1), (row, parent or passage.id))
        if not parent and first != passage.id:
            merged[passage.id] = first
    titles = tuple(len(collection.passages[row].title) if join == "title text" else 0 for row, _ in kept.values())
    asked = list(enumerate(collection.queries))
    qrels, unknown = None, 0
    if collection.judgments is not None:
        qrels, unknown = _graded(collection.judgments, collection, merged, name, columns)
        asked = [(row, query) for row, query in asked if unjudged or query.id in qrels]
    queries = [query for _, query in asked]
    answers, articles = collection.answers, collection.articles
    passage_set = PassageSet(
        name=name,
        title=origin.title,
        language=_language(name, origin),
        licence=origin.licence,
        citation=origin.citation,
        sha256="",
        passage_ids=tuple(passage_id for _, passage_id in kept.values()),
        passages=tuple(text for text, _ in kept),
        query_ids=tuple(query.id for query in queries),
        queries=tuple(query.text for query in queries),
        qrels=qrels,
        labels=tuple(query.label or "" for query in queries) if any(query.label for query in queries) else None,
        clusters=_clustered(queries, qrels, articles, clusters, name),
        clustered_by=clusters,
        articles=None if articles is None else tuple(articles[query.id] for query in queries),
        answers=None if answers is None else tuple(answers.get(query.id, ()) for query in queries),
        merged=merged,
        passage_rows=tuple(row for row, _ in kept.values()),
        query_rows=tuple(row for row, _ in asked),
        n_file_passages=len(collection.passages),
        n_file_queries=len(collection.queries),
        unknown_judgments=unknown,
        remarks=collection.remarks,
        title_lengths=titles if any(titles) else None,
    )
    return rehashed(passage_set)


def rehashed(changed: PassageSet) -> PassageSet:
    """A set under the hash of what it holds now; that of a file of vectors stays in it."""
    sha256 = fingerprint(changed)
    return msgspec.structs.replace(changed, sha256=_sha256([changed.sha256, sha256]) if changed.vectors else sha256)


def _language(name: str, origin: Card | Origin) -> str:
    try:
        return languages.code(origin.language)
    except ValueError as error:
        raise InputError(
            f'passage set {name!r}: expected as its language an ISO 639 code such as "en", found {origin.language!r}: '
            f"correct {'`language` in its card' if isinstance(origin, Card) else '--language'}"
        ) from error


def _joined(passage: Passage, join: Join) -> str:
    parts = (passage.title, passage.text) if join == "title text" else (passage.text,)
    return " ".join(part for part in parts if part)


def _graded(
    judgments: list[Judgment], collection: Collection, merged: dict[str, str], name: str, columns: Columns | None
) -> tuple[dict[str, dict[str, int]], int]:
    """
    Qrels in the order of the queries, and the count of judgments that name an unknown passage or query.

    An unknown passage stays, as trec_eval has it: it cannot be found, and counts among what there was to find. Of an
    unknown query there is nothing to ask. What was said of a merged passage is said of the one kept; where both were
    judged, the higher grade stays.
    """
    parents = collection.parents or {}
    known = dict.fromkeys(parents.get(passage.id) or passage.id for passage in collection.passages)
    by_query: dict[str, dict[str, int]] = {query.id: {} for query in collection.queries}
    unknown, empty = 0, set[str]()
    for query, passage, grade in judgments:
        if (passage is not None and passage not in known) or query not in by_query:
            unknown += 1
        if query not in by_query:
            continue
        if passage is None:
            empty.add(query)
            continue
        grades, first = by_query[query], merged.get(passage, passage)
        grades[first] = max(grade, grades.get(first, grade))
    qrels = {query: grades for query, grades in by_query.items() if grades or query in empty}
    if unknown == len(judgments):
        queries, passages = _first(query.id for query in collection.queries), _first(known)
        no_query_id = " (no --query-id)" if columns is not None and columns.query_id is None else ""
        no_id = " (no --id)" if collection.numbered else ""
        raise InputError(
            f"passage set {name!r}: expected qrels of its passages and queries, found none among {len(judgments)} "
            f"(the first: query {judgments[0].query!r}, passage {judgments[0].passage!r}): check which ids they use; "
            f"queries here are {queries}{no_query_id}; passages are {passages}{no_id}"
        )
    return qrels, unknown


def _first(ids: Iterable[str]) -> str:
    found = list(itertools.islice(ids, SHOWN_IDS + 1))
    return ", ".join(found[:SHOWN_IDS]) + (", ..." if len(found) > SHOWN_IDS else "")


def _clustered(
    queries: list[Query],
    qrels: dict[str, dict[str, int]] | None,
    articles: dict[str, str] | None,
    clusters: Clusters | None,
    name: str,
) -> tuple[str, ...] | None:
    """One cluster a query: the article it was written on, or the passage judged best, of several the first."""
    if clusters is None:
        return None
    if clusters == "paragraph" and qrels is not None:
        judged = ((query.id, qrels[query.id]) for query in queries)
        return tuple(max(grades, key=lambda passage: grades[passage]) if grades else own for own, grades in judged)
    if clusters == "article" and articles is not None:
        return tuple(articles[query.id] for query in queries)
    raise InputError(
        f"passage set {name!r}: expected {'qrels' if clusters == 'paragraph' else 'the format squad'} to cluster "
        f"queries by {clusters}, found none: leave `clusters` out of its card"
    )


def fingerprint(passage_set: PassageSet) -> str:
    """
    SHA-256 of ids, texts, queries, qrels, labels, answers and what is left out of the hits as JSON.

    The order of passages and queries counts (it decides ties and samples), the order of judgments does not.
    """
    parts: list[object] = [
        passage_set.passage_ids,
        passage_set.passages,
        passage_set.query_ids,
        passage_set.queries,
        passage_set.qrels,
        passage_set.labels,
    ]
    if passage_set.answers is not None:
        parts.append(passage_set.answers)
    if passage_set.excluded is not None:
        parts.append({"excluded": passage_set.excluded})
    return _sha256(parts)


def _sha256(parts: list[object]) -> str:
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()
