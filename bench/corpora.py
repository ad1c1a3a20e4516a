"""Cards and files -> PassageSet."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from bench.cards import Card, Clusters, Counts, Join, card, contents, names, read_card, shipped
from bench.errors import InputError
from bench.formats import (
    Collection,
    Judgment,
    Passage,
    Query,
    beir,
    cacm,
    hdf5,
    medquad,
    pubmedqa,
    smart,
    squad,
    table,
    trec,
)
from bench.formats.files import Content, kind, read
from bench.formats.table import Columns

__all__ = ["Card", "Columns", "PassageSet", "card", "has_card", "load", "name_of", "names", "text_bytes"]

LANGUAGE = re.compile(r"[a-z]{2,3}")  # ISO 639
NO_LANGUAGE = "zxx"  # ISO 639-3 for what holds none
# Readers of a card's format: of one file that holds all; of passages, queries and, maybe, qrels in files of their own.
ALONE: dict[str, Callable[[Content], Collection]] = {"medquad": medquad.read, "pubmedqa": pubmedqa.read}
APART: dict[str, Callable[[Content, Content, Content | None], Collection]] = {
    "beir": beir.read,
    "cacm": cacm.read,
    "smart": smart.read,
    "trec": trec.read,
}
SHOWN_IDS = 2  # of passages and of queries, beside judgments that fit none
LONGEST_NAME = 150  # bytes of a set's name: files are called by it, and a file system takes 255 of theirs


class PassageSet(msgspec.Struct, frozen=True, kw_only=True):
    """Passages, queries and qrels of one collection, loaded and verified; equal passages merged into the first."""

    name: str
    title: str
    language: str  # ISO 639-1
    licence: str
    citation: str
    sha256: str  # of everything below that a retriever or a measure can see
    passage_ids: tuple[str, ...]
    passages: tuple[str, ...]  # title and text joined, one a passage id
    query_ids: tuple[str, ...]
    queries: tuple[str, ...]
    qrels: dict[str, dict[str, int]] | None  # query id -> passage id -> grade; None: no judgments
    labels: tuple[str, ...] | None = None  # one a query: what it tests
    clusters: tuple[str, ...] | None = None  # one a query: queries on one paragraph (or article) are one cluster
    merged: dict[str, str] = {}  # id of a passage dropped as an exact duplicate -> id of the one kept
    answers: tuple[tuple[str, ...], ...] | None = None  # one a query: texts that answer it
    passage_rows: tuple[int, ...] | None = None  # position of each passage among the files' n_file_passages
    query_rows: tuple[int, ...] | None = None  # the same of each query
    n_file_passages: int = 0
    n_file_queries: int = 0
    unknown_judgments: int = 0  # that name a passage (kept in qrels, never found) or a query (left out) not there
    vectors: str | None = None  # the file of a set that holds vectors and no text: its texts are positions


def load(name: str, *, columns: Columns | None = None) -> PassageSet:
    """
    The passage set of a card's name, of a card's file (.toml), or of one's own files.

    Own files are a BEIR folder (of `columns` its qrels and language count), a SQuAD-style .json (its language) or a
    table of passages (.csv, .tsv, .jsonl, .parquet) whose columns, queries and qrels `columns` names; each also with
    .gz. An .hdf5 file holds vectors and no text. A name goes before a path: a folder called like a card is `./scifact`.

    Raises InputError for whatever is not as it should be; a set is loaded whole or not at all.
    """
    path = Path(name).expanduser()
    if has_card(name):
        if _is_path(name):
            return _from_card(_name(path), read_card(path), path.parent, columns)
        return _from_card(name, card(name), shipped(), columns)
    columns_or_default = columns or Columns()
    suffix = kind(path)
    if path.is_dir():
        return _from_folder(path, columns_or_default)
    if suffix == ".json":
        _only(path, columns_or_default, "language")
        return _own(path, squad.read([read(path)]), columns_or_default, clusters="paragraph")
    if suffix in table.SUFFIXES:
        return _from_table(path, columns_or_default)
    if suffix in hdf5.SUFFIXES:
        return _from_vectors(path, columns_or_default)
    raise InputError(
        f"{path}: expected a BEIR folder, a SQuAD-style .json, a table ({', '.join(table.SUFFIXES)}) or "
        f"vectors (.hdf5), found {'a file that ends otherwise' if path.exists() else 'nothing of that name'}"
    )


def text_bytes(passage_set: PassageSet) -> int:
    """Bytes of the passages' text as UTF-8; 0 of vectors without text."""
    if passage_set.vectors is not None:
        return 0
    return sum(len(passage.encode()) for passage in passage_set.passages)


def has_card(name: str) -> bool:
    """Whether a card says how the set is read: it has a card's name, or is a card's file, or is no path at all."""
    return not _is_path(name) or kind(Path(name)) == ".toml"


def name_of(name: str) -> str:
    """The name of the set that `load(name)` gives; nothing is read."""
    return _name(Path(name).expanduser()) if _is_path(name) else name


def _is_path(name: str) -> bool:
    """Whether what is no card's name is meant as a path."""
    path = Path(name).expanduser()
    is_one = path.exists() or path.name != name or kind(path) in (".toml", ".json", *table.SUFFIXES, *hdf5.SUFFIXES)
    return name not in names() and is_one


def _name(path: Path) -> str:
    """
    A set's name from its file's or folder's: one word, so that other files can be called by it.

    What is no letter, digit, `_`, `.` or `-` becomes a `-`; none stands at either end, nor a dot.
    """
    name = os.path.basename(os.path.abspath(path))  # noqa: PTH100, PTH119  # of a/.. too, and links keep their own
    word = re.sub(r"[^\w.-]+", "-", name if path.is_dir() else Path(name.removesuffix(".gz")).stem)
    return word.encode()[:LONGEST_NAME].decode(errors="ignore").strip(".-") or "passages"


def _from_card(name: str, found: Card, beside: Path, columns: Columns | None) -> PassageSet:
    if columns is not None:
        raise InputError(f"passage set {name!r}: expected no columns, found {columns}: its card says how to read it")
    passage_set = _assemble(_collection(found, beside), name, found, join=found.join, clusters=found.clusters)
    _check_counts(passage_set, found.counts)
    return passage_set


def _collection(found: Card, beside: Path) -> Collection:
    """What a card's files hold."""
    passages = contents(found, "passages", beside)
    if found.format == "squad":
        return squad.read(passages, contents(found, "distractors", beside))
    if found.format in ALONE:
        return ALONE[found.format](passages[0])
    (queries,) = contents(found, "queries", beside)
    judgments = next(iter(contents(found, "qrels", beside)), None)
    if found.format in APART:
        return APART[found.format](passages[0], queries, judgments)
    return table.read(passages[0], queries, judgments, found.columns)


def _check_counts(passage_set: PassageSet, expected: Counts) -> None:
    found = Counts(
        passages=len(passage_set.passages),
        queries=len(passage_set.queries),
        judgments=sum(map(len, (passage_set.qrels or {}).values())),
        merged=len(passage_set.merged),
    )
    for count in Counts.__struct_fields__:
        if getattr(found, count) != getattr(expected, count):
            raise InputError(
                f"passage set {passage_set.name!r}: expected {getattr(expected, count)} {count} as its card counts, "
                f"found {getattr(found, count)}: its files are those it names, so correct the card"
            )


def _from_folder(path: Path, columns: Columns) -> PassageSet:
    _only(path, columns, "qrels", "language")
    judgments = beir.qrels_file(path) if columns.qrels is None else Path(columns.qrels)
    collection = beir.read(
        _plain_or_gz(path / "corpus.jsonl"),
        _plain_or_gz(path / "queries.jsonl"),
        None if judgments is None else read(judgments),
    )
    return _own(path, collection, columns)


def _from_table(path: Path, columns: Columns) -> PassageSet:
    passages = read(path)
    if columns.queries is None:
        raise InputError(
            f"{path}: expected a file of queries beside a table of passages, found none named: "
            f"name one with --queries (a table with a column of text, or a .txt with one query a line)"
        )
    judgments = None if columns.qrels is None else read(Path(columns.qrels))
    return _own(path, table.read(passages, read(Path(columns.queries)), judgments, columns), columns)


def _from_vectors(path: Path, columns: Columns) -> PassageSet:
    _only(path, columns)
    collection = hdf5.read(path)
    found = _own(path, collection, msgspec.structs.replace(columns, language=NO_LANGUAGE))
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    sha256 = hashlib.sha256(f"{found.sha256} {content}".encode()).hexdigest()  # the texts are no more than positions
    return msgspec.structs.replace(found, vectors=str(path.absolute()), sha256=sha256)


def _plain_or_gz(path: Path) -> Content:
    compressed = path.with_name(f"{path.name}.gz")
    return read(compressed if compressed.is_file() and not path.is_file() else path)


def _only(path: Path, columns: Columns, *allowed: str) -> None:
    """Refuse an option that would have no effect."""
    given = [f for f in Columns.__struct_fields__ if getattr(columns, f) != getattr(Columns(), f)]
    without_effect = [f for f in given if f not in allowed]
    if without_effect:
        raise InputError(
            f"{path}: expected no option{' but ' if allowed else ''}{', '.join(allowed)}, "
            f"found {', '.join(without_effect)}: that is for tables ({', '.join(table.SUFFIXES)})"
        )


class _Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What a card says of its texts, said of one's own."""

    title: str
    language: str
    licence: str = "not stated"
    citation: str = ""


def _own(path: Path, collection: Collection, columns: Columns, clusters: Clusters | None = None) -> PassageSet:
    name, origin = _name(path), _Origin(title=_name(path), language=columns.language)
    named = columns if kind(path) in table.SUFFIXES else None
    return _assemble(collection, name, origin, clusters=clusters, columns=named)


def _assemble(
    collection: Collection,
    name: str,
    origin: Card | _Origin,
    *,
    join: Join = "title text",
    clusters: Clusters | None = None,
    columns: Columns | None = None,
) -> PassageSet:
    """
    Join title and text, merge equal passages, and keep the judged queries where there are judgments.

    columns: of a table of one's own, so that a message can name the options.
    """
    if not LANGUAGE.fullmatch(origin.language):
        raise InputError(
            f'passage set {name!r}: expected as its language an ISO 639 code such as "en", found {origin.language!r}: '
            f"correct {'`language` in its card' if isinstance(origin, Card) else '--language'}"
        )
    kept: dict[str, tuple[int, str]] = {}  # text -> row and id of the first passage that has it
    merged = {}
    for row, passage in enumerate(collection.passages):
        _, first = kept.setdefault(_joined(passage, join), (row, passage.id))
        if first != passage.id:
            merged[passage.id] = first
    asked = list(enumerate(collection.queries))
    qrels, unknown = None, 0
    if collection.judgments is not None:
        qrels, unknown = _graded(collection.judgments, collection, merged, name, columns)
        asked = [(row, query) for row, query in asked if query.id in qrels]
    queries = [query for _, query in asked]
    answers = collection.answers
    passage_set = PassageSet(
        name=name,
        title=origin.title,
        language=origin.language,
        licence=origin.licence,
        citation=origin.citation,
        sha256="",
        passage_ids=tuple(passage_id for _, passage_id in kept.values()),
        passages=tuple(kept),
        query_ids=tuple(query.id for query in queries),
        queries=tuple(query.text for query in queries),
        qrels=qrels,
        labels=tuple(query.label or "" for query in queries) if any(query.label for query in queries) else None,
        clusters=_clustered(queries, qrels, collection.articles, clusters, name),
        answers=None if answers is None else tuple(answers.get(query.id, ()) for query in queries),
        merged=merged,
        passage_rows=tuple(row for row, _ in kept.values()),
        query_rows=tuple(row for row, _ in asked),
        n_file_passages=len(collection.passages),
        n_file_queries=len(collection.queries),
        unknown_judgments=unknown,
    )
    return msgspec.structs.replace(passage_set, sha256=_fingerprint(passage_set))


def _joined(passage: Passage, join: Join) -> str:
    parts = (passage.title, passage.text) if join == "title text" else (passage.text,)
    return " ".join(part for part in parts if part)


def _graded(
    judgments: list[Judgment], collection: Collection, merged: dict[str, str], name: str, columns: Columns | None
) -> tuple[dict[str, dict[str, int]], int]:
    """
    Qrels in the order of the queries, and the count of judgments that name an unknown passage or query.

    An unknown passage stays, as trec_eval has it: it can not be found, and counts among what there was to find. Of an
    unknown query there is nothing to ask. What was said of a merged passage is said of the one kept; where both were
    judged, the higher grade stays.
    """
    known = {passage.id for passage in collection.passages}
    by_query: dict[str, dict[str, int]] = {query.id: {} for query in collection.queries}
    unknown = 0
    for query, passage, grade in judgments:
        if passage not in known or query not in by_query:
            unknown += 1
        if query not in by_query:
            continue
        grades, first = by_query[query], merged.get(passage, passage)
        grades[first] = max(grade, grades.get(first, grade))
    qrels = {query: grades for query, grades in by_query.items() if grades}
    if unknown == len(judgments):
        queries, passages = _first(collection.queries), _first(collection.passages)
        no_query_id = " (no --query-id)" if columns is not None and columns.query_id is None else ""
        no_id = " (no --id)" if columns is not None and columns.id is None else ""
        raise InputError(
            f"passage set {name!r}: expected qrels of its passages and queries, found none among {len(judgments)} "
            f"(the first: query {judgments[0].query!r}, passage {judgments[0].passage!r}): check which ids they use; "
            f"queries here are {queries}{no_query_id}; passages are {passages}{no_id}"
        )
    return qrels, unknown


def _first(items: Sequence[Passage | Query]) -> str:
    return ", ".join(item.id for item in items[:SHOWN_IDS]) + (", ..." if len(items) > SHOWN_IDS else "")


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
        return tuple(max(qrels[query.id].items(), key=lambda judged: judged[1])[0] for query in queries)
    if clusters == "article" and articles is not None:
        return tuple(articles[query.id] for query in queries)
    raise InputError(
        f"passage set {name!r}: expected {'qrels' if clusters == 'paragraph' else 'the format squad'} to cluster "
        f"queries by {clusters}, found none: leave `clusters` out of its card"
    )


def _fingerprint(passage_set: PassageSet) -> str:
    """
    SHA-256 of ids, texts, queries, qrels, labels and answers as JSON.

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
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()
