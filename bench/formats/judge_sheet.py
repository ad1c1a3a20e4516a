"""
A judging sheet: pairs of a query and a passage as a CSV that a spreadsheet opens, with a blank column for the grade.

A spreadsheet runs a cell that begins with = + - or @ as a formula, and rewrites one that looks to it like a number or a
date. Such a cell is written behind an apostrophe, which is taken off an id again when the sheet is read.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bench.errors import InputError
from bench.formats import csv_rows
from bench.formats.csv_rows import ESCAPE, FORMULA
from bench.formats.files import Content, lines

QUERY, PASSAGE, GRADE = "query-id", "passage-id", "grade"  # of the columns those that are read; no other file has all
COLUMNS = (QUERY, PASSAGE, GRADE, "query", "text")
SHAPE = "a grade of a judging sheet is a whole number, 0 for what is not relevant; blank is not judged"
DELIMITERS = ",;\t"  # a spreadsheet saves with that of its language
LONGEST_TEXT = 32_000  # characters: a cell of Excel holds 32,767, and the next ones take what is over
MARKS = "\ufeff\" '"  # around the name of a column: the byte order mark of a sheet that was put behind another too
SAFE_NUMBER = re.compile("0|[1-9][0-9]{0,10}")  # 12 digits and more come back as 1.23457E+11
NUMERIC = re.compile(r"\s*[\d.,$€£¥(%#]")  # numbers, times and dates, however they are written
DATED = re.compile(  # by the first letters of a month in the larger languages of Latin script: MAR1, 1-Sep, mai 3
    r"(jan|gen|ene|f[eé]b|f[eé]v|mar|mär|maa|mrt|apr|abr|avr|ma[iyg]|mei|jun|jui|giu|jul|lug|aug|ago|ao[uû]|sep|set|"
    r"o[ckt]t|out|nov|de[cz]|d[eé]c|dic|dez)[^\W\d_]*\W*\d",
    re.IGNORECASE,
)
TRUTH = {"true", "false", "wahr", "falsch", "vrai", "faux", "verdadero", "falso", "vero", "verdadeiro"}
UNREADABLE = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # how Excel begins its "Unicode text"


class SheetRow(NamedTuple):
    """One line of a sheet that nobody has graded yet."""

    query_id: str
    passage_id: str
    query: str
    text: str


def write(pairs: Iterable[SheetRow]) -> bytes:
    """
    The sheet, in UTF-8 with a byte order mark: by it Excel knows the encoding.

    Ids are read back as they are. Texts are for the eye: on one line, cut where a cell would not hold them. InputError
    for an id that no file of text can hold.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for pair in pairs:
        ids = [_id(pair.query_id, "query"), _id(pair.passage_id, "passage")]
        writer.writerow([*ids, "", _text(pair.query), _text(pair.text)])
    return out.getvalue().encode("utf-8-sig")


def _id(name: str, kind: str) -> str:
    """An id as a cell that a spreadsheet leaves alone."""
    if re.search("[\0\ud800-\udfff]", name):
        raise InputError(
            f"judging sheet: expected {kind} ids that a text file can hold, found {name!r}: give the {kind} another id"
        )
    is_touched = (
        name.startswith(ESCAPE)
        or FORMULA.match(name)
        or NUMERIC.match(name)
        or DATED.match(name)
        or name.casefold() in TRUTH
    )
    return ESCAPE + name if is_touched and not SAFE_NUMBER.fullmatch(name) else name


def _text(text: str) -> str:
    """A text for a reader, on one line, that no spreadsheet runs."""
    shown = UNREADABLE.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))
    shown = FORMULA.sub(rf"\1{ESCAPE}", shown)
    return shown if len(shown) <= LONGEST_TEXT else shown[: LONGEST_TEXT - 3] + "..."


def opened(content: Content) -> tuple[Content, str] | None:
    """The content as UTF-8 and what separates its columns, where it is a judging sheet; None where it is not."""
    if content.data.startswith(UTF16):
        try:
            content = Content(content.path, content.data.decode("utf-16").encode())
        except UnicodeDecodeError:
            return None  # whoever reads it as UTF-8 says what it is not
    _, head = next(lines(content), ("", ""))
    found = (sign for sign in DELIMITERS if {QUERY, PASSAGE, GRADE} <= {*_names(head.split(sign))})
    return next(((content, sign) for sign in found), None)


def _names(cells: Iterable[str]) -> list[str]:
    return [cell.strip(MARKS).lower() for cell in cells]


def read(content: Content, delimiter: str) -> Iterator[tuple[str, list[str]]]:
    """
    Query id, passage id and grade of every pair that has a grade, with its place.

    Columns are found by their names, in any order; others count for nothing. The header may stand there again, as it
    does where one sheet was put behind another. InputError for a broken row, and where no pair has a grade.
    """
    header: list[str] | None = None
    graded = False
    for place, cells in csv_rows.rows(content, delimiter=delimiter):
        if header is None:
            header = _names(cells)
            at = [_column(header, name, place) for name in (QUERY, PASSAGE, GRADE)]
        elif any(cell.strip() for cell in cells[len(header) :]):
            raise InputError(f"{place}: expected {len(header)} cells as in the header, found {len(cells)}")
        elif _names(cells) != header:
            query, passage, grade = (cells[column] if column < len(cells) else "" for column in at)
            if grade.strip():
                graded = True
                yield place, [query.removeprefix(ESCAPE), passage.removeprefix(ESCAPE), _point(grade)]
    if not graded:
        raise InputError(
            f"{content.path}: expected grades in the column {GRADE!r}, found none: grade some pairs ({SHAPE}), "
            f"or leave the file out to run without"
        )


def _column(header: list[str], name: str, place: str) -> int:
    if name not in header:  # a carriage return alone ends a row, and no line
        raise InputError(
            f"{place}: expected the column {name!r}, found {', '.join(header)}: save the sheet anew as CSV"
        )
    if header.count(name) > 1:
        raise InputError(
            f"{place}: expected one column {name!r}, found {header.count(name)}: keep one, rename the others"
        )
    return header.index(name)


def _point(grade: str) -> str:
    """A grade as typed, with the decimal point that languages with a comma lack."""
    return grade.strip().removeprefix(ESCAPE).replace(",", ".")
