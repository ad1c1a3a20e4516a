"""
SMART: documents and queries as lines of fields. Salton 1971, "The SMART retrieval system"; Cranfield is in it.

A record opens with `.I number`; `.T` title, `.A` authors, `.B` where it was published, `.W` words: the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from bench.errors import InputError
from bench.formats import Collection, Judgment, Passage, Query, qrels, unique
from bench.formats.files import Content, lines

OPENING = re.compile(r"\.I\s+(\S+)\s*")
MARKER = re.compile(r"\.([A-Z])\s*")
RELEVANT = 1  # the grade of every judged line, see `read`


class _Record(NamedTuple):
    place: str
    id: str
    fields: dict[str, list[str]]  # by their letter, in file order: lines

    def text(self, letter: str) -> str:
        """A field as one line: its breaks are the width of a punched card."""
        return " ".join(" ".join(self.fields[letter]).split())


def read(passages: Content, queries: Content, judgments: Content | None) -> Collection:
    """
    The collection of a file of documents, one of queries and, maybe, one of qrels.

    A passage is title and text; a document without either keeps its place, and can be found by no word. A query's id
    is its position from 1, not its `.I`: so Cranfield's qrels count them, and where a file numbers its queries from 1
    it is the same. Every judged pair is relevant, whatever its grade:
    Cranfield's rise from 1, a complete answer, to 4, of least interest, and its -1 is no mark of irrelevance.

    Raises InputError for a line before the first record, for a record without `.W`, and for what `qrels.read` refuses.
    """
    asked = enumerate(_records(queries), start=1)
    return Collection(
        unique(
            ((r.place, Passage(r.id, r.text("T"), r.text("W"))) for r in _records(passages)), "passage", passages.path
        ),
        unique(((r.place, Query(str(number), r.text("W"))) for number, r in asked), "query", queries.path),
        None if judgments is None else [Judgment(j.query, j.passage, RELEVANT) for j in qrels.read(judgments)],
    )


def _records(content: Content) -> Iterator[_Record]:
    record: _Record | None = None
    field: list[str] = []
    for place, line in lines(content):
        opening, marker = OPENING.fullmatch(line), MARKER.fullmatch(line)
        if opening:
            if record is not None:
                yield _whole(record)
            record, field = _Record(place, opening[1], {"T": []}), []
        elif record is None:
            raise InputError(f"{place}: expected a record to open with `.I number`, found {line[:60]!r}")
        elif marker and marker[1] == "I":
            raise InputError(f"{place}: expected a number after .I, found none")
        elif marker and ("W" not in record.fields or marker[1] not in record.fields):
            field = record.fields.setdefault(marker[1], [])
        elif marker is None:
            # A marker that comes again once the text began stands in the middle of it: three of Cranfield's do.
            field.append(line)
    if record is not None:
        yield _whole(record)


def _whole(record: _Record) -> _Record:
    if "W" not in record.fields:
        raise InputError(f"{record.place}: expected a text (.W) in record {record.id}, found none: the file is damaged")
    return record
