"""Tables: passages and queries as rows of a CSV, TSV or JSONL with named columns; queries also as lines of text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from bench.errors import InputError
from bench.formats import Collection, Passage, Query, qrels, unique
from bench.formats.files import Content, json_lines, kind, lines, text

SUFFIXES = (".csv", ".tsv", ".jsonl")
QUERY_TEXTS = ("text", "query")  # columns that are taken for the query's text where none is named, first found first
QUERY_IDS = ("_id", "id", "query_id", "query-id")
LARGEST_FIELD = 2**31 - 1  # the csv module's limit is a C long, 32 bits on some systems
Row: TypeAlias = dict[str, object]


class Columns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a table keeps what. Paths are relative to the working directory."""

    text: str = "text"
    title: str | None = None  # None: passages without titles
    id: str | None = None  # None: row numbers from 1
    queries: str | None = None  # path of the queries; a table can not do without
    query_text: str | None = None  # None: "text" or "query"
    query_id: str | None = None  # None: "_id", "id", "query_id" or "query-id"; without such a column q1, q2 ...
    qrels: str | None = None  # path; None: no judgments
    language: str = "en"  # ISO 639-1


def read(passages: Content, queries: Content, judgments: Content | None, columns: Columns) -> Collection:
    """The collection of a table of passages, a file of queries and, maybe, one of qrels."""
    return Collection(
        unique(_passages(passages, columns), "passage", passages.path),
        unique(_queries(queries, columns), "query", queries.path),
        None if judgments is None else qrels.read(judgments),
    )


def _passages(content: Content, columns: Columns) -> Iterator[tuple[str, Passage]]:
    titled = columns.title is None
    seen: dict[str, None] = {}  # as an ordered set
    for number, (place, row) in enumerate(_rows(content), start=1):
        titled = titled or columns.title in row
        seen |= dict.fromkeys(row)
        passage_id = str(number) if columns.id is None else _cell(row, columns.id, place)
        title = "" if columns.title is None or row.get(columns.title) is None else _cell(row, columns.title, place)
        yield place, Passage(passage_id, title, _cell(row, columns.text, place, words=True))
    if seen and not titled:  # a JSON line may leave out its title, but not all of them
        raise InputError(f"{content.path}: expected a column {columns.title!r}, found {', '.join(seen)}")


def _queries(content: Content, columns: Columns) -> Iterator[tuple[str, Query]]:
    if kind(content.path) == ".txt":
        for number, (place, line) in enumerate(lines(content), start=1):
            yield place, Query(f"q{number}", line.strip())
        return
    for number, (place, row) in enumerate(_rows(content), start=1):
        if number == 1:
            text_column = columns.query_text or next((name for name in QUERY_TEXTS if name in row), QUERY_TEXTS[0])
            id_column = columns.query_id or next((name for name in QUERY_IDS if name in row), None)
        query_id = f"q{number}" if id_column is None else _cell(row, id_column, place)
        label = None if row.get("label") is None else _cell(row, "label", place)
        yield place, Query(query_id, _cell(row, text_column, place, words=True), label)


def _rows(content: Content) -> Iterator[tuple[str, Row]]:
    """Every row that is not blank, its cells by column, with its place."""
    suffix = kind(content.path)
    if suffix not in SUFFIXES:
        raise InputError(
            f"{content.path}: expected a table that ends in {', '.join(SUFFIXES)} (.gz may follow), "
            f"found {suffix or 'no suffix'!r}"
        )
    if suffix == ".jsonl":
        yield from json_lines(content, dict[str, object])
    else:
        yield from _separated_rows(content, tabs=suffix == ".tsv")


def _separated_rows(content: Content, *, tabs: bool) -> Iterator[tuple[str, Row]]:
    """CSV as RFC 4180 has it; in a TSV a quotation mark is a character like any other."""
    source = io.StringIO(text(content), newline="")
    # strict: an open quotation mark would otherwise swallow the rest of the file without a word.
    reader = (
        csv.reader(source, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True)
        if tabs
        else csv.reader(source, strict=True)
    )
    header: list[str] | None = None
    limit = csv.field_size_limit(LARGEST_FIELD)
    try:
        for cells in reader:
            place = f"{content.path}:{reader.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = cells
                _check_header(header, place)
            elif len(cells) != len(header):
                raise InputError(f"{place}: expected {len(header)} fields as in the header, found {len(cells)}")
            else:
                yield place, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise InputError(f"{content.path}:{reader.line_num}: expected a row of a table, found: {error}") from error
    finally:
        csv.field_size_limit(limit)


def _check_header(header: list[str], place: str) -> None:
    repeated = {name for name in header if header.count(name) > 1}
    if repeated:
        raise InputError(f"{place}: expected every column once, found again: {', '.join(sorted(repeated))}")


def _cell(row: Row, column: str, place: str, *, words: bool = False) -> str:
    """One cell as text: a string, or with `words` unset (ids, labels) also an integer."""
    if column not in row:
        raise InputError(f"{place}: expected a column {column!r}, found {', '.join(row)}: name one of these")
    value = row[column]
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and not words:
        return str(value)
    raise InputError(f"{place}: expected text in the column {column!r}, found {value!r}")
