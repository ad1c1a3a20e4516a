"""BEIR: corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv. Thakur et al. 2021, "BEIR: A heterogeneous benchmark ..."."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench.errors import InputError
from bench.formats import Collection, Passage, Query, qrels, unique
from bench.formats.files import Content, json_lines

FILES = ("corpus.jsonl", "queries.jsonl")


class _PassageLine(msgspec.Struct):
    id: str | int = msgspec.field(name="_id")
    text: str
    title: str | None = None


class _QueryLine(msgspec.Struct):
    id: str | int = msgspec.field(name="_id")
    text: str
    label: str | int | None = None  # ours: what the query tests
    answers: tuple[str, ...] = ()  # ours: texts that answer it


def read(passages: Content, queries: Content, judgments: Content | None) -> Collection:
    """The collection of three files; without the third it has no qrels. Other keys of a line are left alone."""
    asked = list(json_lines(queries, _QueryLine))
    answers = {str(line.id): line.answers for _, line in asked if line.answers}
    return Collection(
        unique(
            (
                (place, Passage(str(line.id), line.title or "", line.text))
                for place, line in json_lines(passages, _PassageLine)
            ),
            "passage",
            passages.path,
        ),
        unique(
            (
                (place, Query(str(line.id), line.text, None if line.label is None else str(line.label)))
                for place, line in asked
            ),
            "query",
            queries.path,
        ),
        None if judgments is None else qrels.read(judgments),
        answers=answers or None,
    )


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
    return any((folder / "qrels").glob("*.tsv*"))


def qrels_file(folder: Path, split: str = "test") -> Path | None:
    """
    The qrels of a split in a BEIR folder, None where the folder has no qrels at all.

    Raises InputError where it has those of other splits only.
    """
    there = sorted((folder / "qrels").glob("*.tsv*"))
    for name in (f"{split}.tsv", f"{split}.tsv.gz"):
        if folder / "qrels" / name in there:
            return folder / "qrels" / name
    if there:
        raise InputError(
            f"{folder}: expected qrels/{split}.tsv, found {', '.join(path.name for path in there)}: "
            f"name the file of qrels to use"
        )
    return None
