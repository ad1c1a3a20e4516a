"""BEIR: corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv. Thakur et al. 2021, "BEIR: A heterogeneous benchmark ..."."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.errors import InputError
from bench.formats import Collection, Passage, Query, qrels, unique
from bench.formats.files import Content, json_lines, kind

FILES = ("corpus.jsonl", "queries.jsonl")


class _PassageLine(msgspec.Struct):
    id: str | int = msgspec.field(name="_id")
    text: str | msgspec.UnsetType | None = msgspec.UNSET
    title: str | None = None


class _QueryLine(msgspec.Struct):
    id: str | int = msgspec.field(name="_id")
    text: str | None  # null is an empty text, as in a table
    label: str | int | None = None  # ours: what the query tests
    answers: tuple[str, ...] = ()  # ours: texts that answer it


def read(passages: Content, queries: Content, judgments: Content | None) -> Collection:
    """
    The collection of three files; without the third it has no qrels. Other keys of a line are left alone.

    A passage without a text, or with null for one, has its title alone; InputError where none has any.
    """
    asked = list(json_lines(queries, _QueryLine))
    answers = {str(line.id): line.answers for _, line in asked if line.answers}
    return Collection(
        unique(
            _passages(passages),
            "passage",
            passages.path,
        ),
        unique(
            (
                (place, Query(str(line.id), line.text or "", None if line.label is None else str(line.label)))
                for place, line in asked
            ),
            "query",
            queries.path,
        ),
        None if judgments is None else qrels.read(judgments),
        answers=answers or None,
    )


def _passages(content: Content) -> Iterator[tuple[str, Passage]]:
    line, has_text = None, False
    for place, line in json_lines(content, _PassageLine):
        has_text = has_text or line.text is not msgspec.UNSET
        yield place, Passage(str(line.id), line.title or "", line.text or "")
    if line is not None and not has_text:
        raise InputError(f"{content.path}: expected a `text` in its lines, found none in any: rename the key")


def check_folder(folder: Path) -> None:
    """InputError for a folder that lacks passages or queries."""
    lacking = [name for name in FILES if not any((folder / f"{name}{end}").is_file() for end in ("", ".gz"))]
    if lacking:
        raise InputError(
            f"{folder}: expected a BEIR folder with {' and '.join(FILES)} (.gz may follow), found a folder without "
            f"{' and '.join(lacking)}: name such a folder, or one file (a table, a SQuAD-style .json, an .hdf5)"
        )


def has_qrels(folder: Path) -> bool:
    """Whether a BEIR folder has qrels of its own, of whatever split: then its queries are those of all splits."""
    return bool(_qrels(folder))


def qrels_file(folder: Path, split: str = "test") -> Path | None:
    """
    The qrels of a split in a BEIR folder, None where the folder has no qrels at all.

    Raises InputError where it has those of other splits only.
    """
    there = _qrels(folder)
    found = next((path for path in there if path.name.removesuffix(".gz") in _named(split)), None)
    if there and found is None:
        raise InputError(
            f"{folder}: expected qrels/{split}.tsv, found {', '.join(path.name for path in there)}: "
            f"name the file of qrels to use"
        )
    return found


def unread_qrels(folder: Path) -> Path | None:
    """A file that is called as qrels are and lies elsewhere, or ends otherwise, than those that are read."""
    return next((path for path in sorted((*folder.glob("qrels/*"), *folder.glob("*qrels*"))) if path.is_file()), None)


def _qrels(folder: Path) -> list[Path]:
    """The files of qrels, in the order in which they are taken: BEIR's own .tsv first."""
    there = [path for path in sorted((folder / "qrels").glob("*")) if kind(path) in qrels.SUFFIXES]
    return sorted(there, key=lambda path: qrels.SUFFIXES.index(kind(path)))


def _named(split: str) -> list[str]:
    return [f"{split}{suffix}" for suffix in qrels.SUFFIXES]
