"""Cards and files -> PassageSet."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import get_args

import msgspec

from bench.errors import InputError
from bench.formats import Collection, beir, exclusions, hdf5, qrels, squad, table
from bench.formats.files import Content, kind, read
from bench.formats.readers import READERS, Role
from bench.formats.table import Columns
from bench.passages import exclusion, splits
from bench.passages.cards import Card, Clusters, Counts, card, contents, names, read_card, shipped
from bench.passages.passage_set import Origin, PassageSet, assemble, id_of, text_bytes
from retrievers.paths import expanded, is_folder, is_there

__all__ = ["Card", "Columns", "PassageSet", "card", "has_card", "id_of", "load", "name_of", "names", "text_bytes"]

NO_LANGUAGE = "zxx"  # ISO 639-3 for what holds none
LONGEST_NAME = 150  # bytes of a set's name: files are called by it, and a file system takes 255 of theirs


def load(name: str, *, columns: Columns | None = None, exclude: str | None = None) -> PassageSet:
    """
    The passage set of a card's name, of a card's file (.toml), or of one's own files.

    Own files are a BEIR folder (of `columns` its qrels and language count), a SQuAD-style .json (its language) or a
    table of passages (.csv, .tsv, .jsonl, .parquet) whose columns, queries and qrels `columns` names; each also with
    .gz. An .hdf5 file holds vectors and no text. A name goes before a path: a folder called like a card is `./scifact`.
    Queries without judgments are kept where the files name each query that is to be asked: of a table, and of a folder
    that has no qrels of its own (what has some keeps the queries of all splits in one file).
    `:train`, `:dev` or `:test` behind either is a part of it (`bench.passages.splits`).

    exclude: what is left out of each query's hits beside what a card says: "self", the passage of its own id, or a file
    of pairs.

    Raises InputError for whatever is not as it should be; a set is loaded whole or not at all.
    """
    source, wanted = _part(name)
    if wanted is not None:
        return splits.part(load(source, columns=columns, exclude=exclude), wanted)
    return exclusion.leave_out(_loaded(name, columns), exclude)


def _loaded(name: str, columns: Columns | None) -> PassageSet:
    """The passage set of a name that asks for no part."""
    path = expanded(name)
    if has_card(name):
        if _is_path(name):
            return _from_card(_name(path), read_card(path), path.parent, columns)
        return _from_card(name, card(name), shipped(), columns)
    columns_or_default = columns or Columns()
    suffix = kind(path)
    if is_folder(path):
        return _from_folder(path, columns_or_default)
    if suffix == ".json":
        _only(path, columns_or_default, "language")
        collection = squad.read([read(path)])
        several = len(set((collection.articles or {}).values())) > 1
        return _own(path, collection, columns_or_default, clusters="article" if several else "paragraph")
    if suffix in table.SUFFIXES:
        return _from_table(path, columns_or_default)
    if suffix in hdf5.SUFFIXES:
        return _from_vectors(path, columns_or_default)
    raise InputError(
        f"{path}: expected a BEIR folder, a SQuAD-style .json, a table ({', '.join(table.SUFFIXES)}) or "
        f"vectors (.hdf5), found {'a file that ends otherwise' if is_there(path) else 'nothing of that name'}"
    )


def has_card(name: str) -> bool:
    """Whether a card says how the set is read: it has a card's name, or is a card's file, or is no path at all."""
    source, _ = _part(name)
    return not _is_path(source) or kind(Path(source)) == ".toml"


def name_of(name: str) -> str:
    """The name of the set that `load(name)` gives; nothing is read."""
    source, wanted = _part(name)
    found = _name(expanded(source)) if _is_path(source) else source
    return found if wanted is None else found + wanted.suffix


def _part(name: str) -> tuple[str, splits.Part | None]:
    """The set and the part that a name asks for; a file that is called so is itself, whole."""
    return (name, None) if is_there(expanded(name)) else splits.parsed(name)


def _is_path(name: str) -> bool:
    """Whether what is no card's name is meant as a path."""
    path = expanded(name)
    is_one = is_there(path) or path.name != name or kind(path) in (".toml", ".json", *table.SUFFIXES, *hdf5.SUFFIXES)
    return name not in names() and is_one


def _name(path: Path) -> str:
    """
    A set's name from its file's or folder's: one word, so that other files can be called by it.

    What is no letter, digit, `_`, `.` or `-` becomes a `-`; none stands at either end, nor a dot.
    """
    name = os.path.basename(os.path.abspath(path))  # noqa: PTH100, PTH119  # of a/.. too, and links keep their own
    word = re.sub(r"[^\w.-]+", "-", name if is_folder(path) else Path(name.removesuffix(".gz")).stem)
    return word.encode()[:LONGEST_NAME].decode(errors="ignore").strip(".-") or "passages"


def _from_card(name: str, found: Card, beside: Path, columns: Columns | None) -> PassageSet:
    if columns is not None:
        raise InputError(f"passage set {name!r}: expected no columns, found {columns}: its card says how to read it")
    files = {role: contents(found, role, beside) for role in get_args(Role)}
    collection = READERS[found.format].read(files, found.columns)
    passage_set = assemble(collection, name, found, join=found.join, clusters=found.clusters)
    if found.counts != "unknown":
        _check_counts(passage_set, found.counts)
    if found.exclude is not None:
        passage_set = exclusion.without_own(passage_set)
    for content in files["excluded"]:
        passage_set = exclusion.without(passage_set, exclusions.read(content), content.path.name)
    return passage_set


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
    beir.check_folder(path)
    named = _qrels_files(columns)
    first = named[0] if named else beir.qrels_file(path)
    collection = beir.read(
        _plain_or_gz(path / "corpus.jsonl"),
        _plain_or_gz(path / "queries.jsonl"),
        None if first is None else read(first),
    )
    collection = collection._replace(judgments=qrels.joined(collection.judgments, named[1:]))
    if first is None and (unread := beir.unread_qrels(path)):
        collection = collection._replace(remarks=(f"no judgments are read; --qrels names a file of them: {unread}?",))
    return _own(path, collection, columns, unjudged=not beir.has_qrels(path))


def _from_table(path: Path, columns: Columns) -> PassageSet:
    passages = read(path)
    if columns.queries is None:
        raise InputError(
            f"{path}: expected a file of queries beside a table of passages, found none named: "
            f"name one with --queries (a table with a column of text, or a .txt with one query a line); "
            f"where there is no such option, name a run folder made from it"
        )
    named = _qrels_files(columns)
    collection = table.read(passages, read(Path(columns.queries)), read(named[0]) if named else None, columns)
    collection = collection._replace(judgments=qrels.joined(collection.judgments, named[1:]))
    return _own(path, collection, columns, unjudged=True)


def _qrels_files(columns: Columns) -> list[Path]:
    named = (columns.qrels,) if isinstance(columns.qrels, str) else columns.qrels
    return [Path(path) for path in named or ()]


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


def _own(
    path: Path, collection: Collection, columns: Columns, clusters: Clusters | None = None, *, unjudged: bool = False
) -> PassageSet:
    name, origin = _name(path), Origin(title=_name(path), language=columns.language)
    named = columns if kind(path) in table.SUFFIXES else None
    return assemble(collection, name, origin, clusters=clusters, columns=named, unjudged=unjudged)
