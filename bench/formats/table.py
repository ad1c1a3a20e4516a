"""Tables: passages and queries as rows of a CSV, TSV, JSONL or Parquet with named columns; queries also as lines."""

from __future__ import annotations

import re
import reprlib
from collections import Counter
from collections.abc import Collection as Names
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.errors import InputError
from bench.formats import Collection, Judgment, Passage, Query, csv_rows, parquet, qrels, trec, unique
from bench.formats.files import Content, json_lines, kind, lines, text
from bench.formats.names import PASSAGE_NAMES, QUERY_NAMES, every, first

SEPARATED = (".csv", ".tsv")
SUFFIXES = (*SEPARATED, ".jsonl", parquet.SUFFIX)
QUERY_TEXTS = ("text", "query")  # columns that are taken for the query's text where none is named, first found first
PASSAGE_IDS = ("_id", "id", *PASSAGE_NAMES[:-2])  # what is called `doc` or `passage` may be its text
QUERY_IDS = ("_id", "id", *QUERY_NAMES[:-1])  # and `query` that of a query
NUMBERED_QUERIES = "no ids of queries: judgments are taken to name them q1, q2, ...: name a column with --query-id"
NUMBERED = "no column of ids: judgments are taken to name rows, from 1: name one with --id"
ROWS = ""  # in place of a column of ids: the numbers of rows
LABEL = "label"
TEXTS = (".txt", ".trec")  # of queries, a line or a topic each
MARKUP = re.compile(r"\s*<[/?!]?[A-Za-z]+[ >]")
WITH_ID = re.compile(r"\S+\t[^\t]*\S[^\t]*")


class Row(NamedTuple):
    """One row that is not blank."""

    place: str  # path:line
    head: str  # where its columns are named: the place of the header, of a JSON line its own
    cells: dict[str, object]  # by column, of which a Parquet's hold what was asked for


class Columns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    Where a table keeps what. Paths are relative to the working directory.

    A number that no column is called by is the place of one, from 1: the file has no header.
    """

    text: str = "text"
    title: str | None = None  # None: passages without titles
    id: str | None = None  # None: the first of PASSAGE_IDS; without such a column, or "": row numbers from 1
    parent: str | None = None  # the document that a passage is a part of, and which is judged; None: each its own
    queries: str | None = None  # path of the queries; a table cannot do without
    query_text: str | None = None  # None: "text" or "query"
    query_id: str | None = None  # None: the first of QUERY_IDS; without such a column q1, q2 ...
    qrels: str | tuple[str, ...] | None = None  # path, or several; None: no judgments
    delimiter: str | None = None  # what separates columns; None: a tab in a .tsv, in a .csv what its first line has
    language: str = "en"  # any ISO 639 code


def read(passages: Content, queries: Content, judgments: Content | None, columns: Columns) -> Collection:
    """The collection of a table of passages, a file of queries and, maybe, one of qrels."""
    named = (columns.text, columns.title, columns.id, columns.parent)
    wanted = [name for name in named if name is not None]
    rows = _rows(passages, wanted, PASSAGE_IDS, columns.delimiter)
    row = next(rows, None)
    ids = columns.id
    if ids is None:
        others = () if row is None else [name for name in row.cells if name not in (columns.parent, columns.text)]
        ids = _only(every(others, PASSAGE_IDS), row, "--id", is_judged=judgments is not None) or ROWS
    names_some = ids != ROWS or columns.parent is not None
    remedy = f", or name another column with --id (--id {ROWS!r} numbers the rows; --parent names documents in parts)"
    parents: dict[str, str] = {}
    found = unique(
        _passages(passages.path, _all(row, rows), columns, ids, parents),
        "passage",
        passages.path,
        f" (--id {ROWS!r} numbers the rows)" if columns.id else remedy,
    )
    judged = None if judgments is None else qrels.read(judgments)
    asked, is_named = _queries(queries, columns, is_judged=judgments is not None)
    remarks = [] if names_some or judged is None else [NUMBERED]
    remarks += [] if is_named or judged is None else [NUMBERED_QUERIES]
    if columns.id is None and columns.parent is None and names_some and judged and _may_be_rows(judged, found):
        remarks.append(f"judgments are taken to name the column {ids!r}; --id {ROWS!r} takes them to name rows")
    return Collection(
        found,
        asked,
        judged,
        parents=parents if columns.parent is not None else None,
        numbered=not names_some,
        remarks=tuple(remarks),
    )


def _may_be_rows(judged: Iterable[Judgment], passages: list[Passage]) -> bool:
    """Whether judgments may have been written of the numbers of rows, and those are not the ids."""
    numbers = [str(number) for number in range(1, len(passages) + 1)]
    return {each.passage for each in judged} <= {*numbers, None} and numbers != [passage.id for passage in passages]


def _all(first: Row | None, rest: Iterator[Row]) -> Iterator[Row]:
    return rest if first is None else chain([first], rest)


def _passages(
    path: Path, rows: Iterator[Row], columns: Columns, ids: str, parents: dict[str, str]
) -> Iterator[tuple[str, Passage]]:
    """The passages; what document each is a part of, where a column says so, goes into `parents`."""
    titled = columns.title is None
    seen: dict[str, None] = {}  # as an ordered set
    for number, row in enumerate(rows, start=1):
        titled = titled or columns.title in row.cells
        seen |= dict.fromkeys(row.cells)
        passage_id = str(number) if ids == ROWS else _cell(row, ids, "id").strip()
        title = _optional_cell(row, columns.title) or ""
        if columns.parent is not None:
            parent = _cell(row, columns.parent, "parent").strip()
            if parents.setdefault(passage_id, parent) != parent:
                raise InputError(
                    f"{row.place}: expected passage {passage_id!r} to be a part of one document, found "
                    f"{parents[passage_id]!r} and {parent!r}: give each its own id (--id {ROWS!r} numbers the rows)"
                )
        yield row.place, Passage(passage_id, title, _cell(row, columns.text, "text", words=True))
    if seen and not titled:  # a JSON line may leave out its title, but not all of them
        place = str(path) if row.head == row.place else row.head
        raise _missing(place, repr(columns.title), seen, "title")


def _queries(content: Content, columns: Columns, *, is_judged: bool) -> tuple[list[Query], bool]:
    """The queries, and whether the file names them."""
    if kind(content.path) in TEXTS:
        topics, is_named = _lines(content)
        return unique(topics, "query", content.path), is_named
    texts = QUERY_TEXTS if columns.query_text is None else (columns.query_text,)
    named = [name for name in (columns.query_text, columns.query_id) if name is not None]
    rows = _rows(content, named, (*texts, *QUERY_IDS, LABEL), columns.delimiter)
    row = next(rows, None)
    if row is None:
        return unique([], "query", content.path), False
    words = columns.query_text if columns.query_text in row.cells else first(row.cells, texts)
    if words is None:
        raise _missing(row.head, " or ".join(map(repr, texts)), row.cells, "query_text")
    ids = columns.query_id
    if ids is None:
        others = [name for name in row.cells if name != words]
        ids = _only(every(others, QUERY_IDS), row, "--query-id", is_judged=is_judged)
    found = (
        (
            each.place,
            Query(
                f"q{number}" if ids is None else _cell(each, ids, "query_id").strip(),
                _cell(each, words, "query_text", words=True),
                _optional_cell(each, LABEL),
            ),
        )
        for number, each in enumerate(_all(row, rows), start=1)
    )
    return unique(found, "query", content.path), ids is not None


def _only(candidates: list[str], row: Row | None, option: str, *, is_judged: bool) -> str | None:
    """The first usual column of ids; InputError where there are several, and judgments may name any of them."""
    if len(candidates) > 1 and is_judged and row is not None:
        raise InputError(
            f"{row.head}: expected one column of ids, found {' and '.join(map(repr, candidates))}: name the one of the "
            f"judgments with {option}"
        )
    return next(iter(candidates), None)


def _lines(content: Content) -> tuple[list[tuple[str, Query]], bool]:
    """
    Topics of TREC's; or a query a line, with its id and a tab before it where every line has these. And whether they
    are named.
    """
    if trec.TOPIC in text(content):
        return [(str(content.path), topic) for topic in trec.topics(content)], True
    found = list(lines(content))
    if found and MARKUP.match(found[0][1]):
        raise InputError(
            f"{found[0][0]}: expected a query on every line, or TREC topics (<top>), found {found[0][1]!r:.80}: save "
            "the queries as a table, or one on each line"
        )
    with_ids = any(WITH_ID.fullmatch(line) for _, line in found)
    other = next(((place, line) for place, line in found if not WITH_ID.fullmatch(line)), None)
    if other is not None and any("\t" in line for _, line in found):
        raise InputError(
            f"{other[0]}: expected an id, a tab and a query on every line, or a query alone on each, found "
            f"{other[1]!r:.80}: give every line both, or take the tabs out"
        )
    queries = []
    for number, (place, line) in enumerate(found, start=1):
        name, _, words = line.partition("\t") if with_ids else (f"q{number}", "", line)
        queries.append((place, Query(name, words.strip())))
    return queries, with_ids


def _rows(content: Content, named: Names[str], usual: Names[str], delimiter: str | None) -> Iterator[Row]:
    """
    The rows of a table; of a Parquet only the columns that are named, or usual, are read.

    named: what options or a card say. usual: what is looked for beside that.
    """
    suffix = kind(content.path)
    if suffix not in SUFFIXES:
        raise InputError(
            f"{content.path}: expected a table that ends in {', '.join(SUFFIXES)} (.gz may follow), "
            f"found {suffix or 'no suffix'!r}"
        )
    if suffix == ".jsonl":
        for place, cells in json_lines(content, dict[str, object]):
            yield Row(place, place, cells)
    elif suffix == parquet.SUFFIX:
        for place, cells in parquet.rows(content, [*named, *usual]):
            yield Row(place, str(content.path), cells)
    else:
        yield from _separated_rows(content, named, delimiter)


def _separated_rows(content: Content, named: Names[str], delimiter: str | None) -> Iterator[Row]:
    """CSV as RFC 4180 has it; in a TSV a quotation mark is a character like any other."""
    tabs = kind(content.path) == ".tsv"
    separator = ("\t" if tabs else csv_rows.separator(content)) if delimiter is None else delimiter
    if len(separator) != 1 or separator in '"\r\n':
        raise InputError(f"--delimiter: expected one character (or tab) that separates columns, found {separator!r}")
    header: list[str] | None = None
    for place, cells in csv_rows.rows(content, delimiter=separator, quoted=not tabs):
        if header is None:
            header, head = cells, place
            if not any(name.isdecimal() and name not in cells for name in named):
                _check_header(header, place)
                continue
            header = [str(number) for number in range(1, len(cells) + 1)]
        if len(cells) != len(header):
            raise InputError(f"{place}: expected {len(header)} fields as in the first row, found {len(cells)}")
        yield Row(place, head, dict(zip(header, cells, strict=True)))


def _check_header(header: list[str], place: str) -> None:
    repeated = [name for name, times in Counter(header).items() if times > 1 and name]  # none can be named ""
    if repeated:
        raise InputError(f"{place}: expected every column once, found again: {', '.join(sorted(repeated))}")


def _missing(place: str, expected: str, columns: Iterable[str], field: str) -> InputError:
    """A column is not there; field: of `Columns`, where another can be named."""
    option = f"--{field.replace('_', '-')}"
    remedy = f"name one with {option} (in a card, {field})"
    if kind(Path(place.rpartition(":")[0])) in SEPARATED:
        remedy += f", by its number ({option} 2) where the file has no header"
    found = reprlib.repr(", ".join(filter(None, columns)))[1:-1]
    return InputError(f"{place}: expected a column {expected}, found {found}: {remedy}")


def _optional_cell(row: Row, column: str | None) -> str | None:
    """The cell of a column that not every row has."""
    return None if column is None or row.cells.get(column) is None else _cell(row, column)


def _cell(row: Row, column: str, field: str = "", *, words: bool = False) -> str:
    """
    One cell as text: a string, or with `words` unset (ids, titles, labels) also an integer.

    With `words` (the text of a passage or a query) null is an empty text, as an empty cell of a CSV is.
    field: of `Columns`, that names the column; needed where the column may not be there.
    """
    if column not in row.cells:
        raise _missing(row.head, repr(column), row.cells, field)
    value = row.cells[column]
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and not words:
        return str(value)
    if value is None and words:
        return ""
    remedy = f": name another with --id (--id {ROWS!r} numbers the rows)" if field == "id" else ""
    raise InputError(f"{row.place}: expected text in the column {column!r}, found {reprlib.repr(value)}{remedy}")
