"""The rows of a table of separated values, each with the line on which it begins."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from bench.errors import InputError
from bench.formats.files import Content, kind, lines, text

SEPARATORS = ";\t|"  # of what is called .csv, where there is no comma
# What a spreadsheet computes, also as East Asian forms have it; behind a semicolon too: one whose language separates by
# those may take the rest for a cell of its own (OWASP, "CSV injection").
FORMULA = re.compile("(^|;)(?=\\s*[=+\\-@\uff0b\uff0d\uff1d\uff20])")
ESCAPE = "'"
LONGEST_HEADER = 2**16  # bytes that are looked at
LARGEST_FIELD = 2**31 - 1  # the csv module's limit is a C long, 32 bits on some systems


def separator(content: Content) -> str:
    """
    What separates the columns of a .csv: a comma; a semicolon, tab or bar where the first line has none.

    Spreadsheets save with that of their language.
    """
    first = next((line for line in content.data[:LONGEST_HEADER].splitlines() if line.strip()), b"")
    line = first.decode(errors="replace").removeprefix("\ufeff")
    counted = {sign: len(next(csv.reader([line], delimiter=sign), [])) for sign in f",{SEPARATORS}"}
    return "," if counted[","] > 1 else max(counted, key=lambda sign: counted[sign])


def fields(content: Content) -> Iterator[tuple[str, list[str]]]:
    """The fields of every line that is not blank with its place: of a .csv, else between tabs or, without, blanks."""
    if kind(content.path) == ".csv":
        for place, cells in rows(content, delimiter=separator(content)):
            yield place, [cell.strip() for cell in cells]
        return
    for place, line in lines(content):
        yield place, [field.strip() for field in line.split("\t" if "\t" in line else None)]


def rows(content: Content, *, delimiter: str = ",", quoted: bool = True) -> Iterator[tuple[str, list[str]]]:
    """
    Every row that is not blank with its place, `path:line`.

    quoted: as RFC 4180 has it; otherwise a quotation mark is a character like any other. InputError, with the line, for
    what is no such row.
    """
    source = io.StringIO(text(content), newline="")
    # strict: an open quotation mark would otherwise swallow the rest of the file without a word.
    reader = (
        csv.reader(source, delimiter=delimiter, strict=True)
        if quoted
        else csv.reader(source, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)
    )
    limit = csv.field_size_limit(LARGEST_FIELD)
    begin = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells) or cells == [""]:  # that is quoted: a row of one empty cell
                yield f"{content.path}:{begin}", cells
            begin = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{content.path}:{reader.line_num}: expected a row of a table, found: {error}") from error
    finally:
        csv.field_size_limit(limit)
