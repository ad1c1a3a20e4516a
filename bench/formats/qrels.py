"""Qrels: one judgment a line, in BEIR's three columns or TREC's four."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bench.errors import InputError
from bench.formats import HIGHEST_GRADE, Judgment, csv_rows, files, judge_sheet, parquet, run_json
from bench.formats.files import Content, json_lines, kind
from bench.formats.names import GRADE_NAMES, PASSAGE_NAMES, QUERY_NAMES, first

COLUMNS = (QUERY_NAMES, PASSAGE_NAMES, GRADE_NAMES)
BEIR = "query-id, corpus-id, score"
SUFFIXES = (".tsv", ".csv", ".jsonl", parquet.SUFFIX)  # of a file in a BEIR folder's qrels
SHAPE = "a line of qrels is query id, passage id and grade, separated by tabs (by commas in a .csv)"
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
WHOLE = re.compile(r"(-?[0-9]{1,9})(?:\.0+)?")  # 1.0 as well: data frames save a column with empty cells so
WORKBOOKS = (".xlsx", ".xls", ".ods", ".numbers")


def read(content: Content) -> list[Judgment]:
    """
    The judgments of a file, each (query, passage) once, in file order.

    A line is `query passage grade` (BEIR) or `query 0 passage grade` (TREC), separated by tabs where there is one,
    else by white space; a .csv is read as any table is. A header names its columns as BEIR does (`query-id`,
    `corpus-id`, `score`) or by other names of COLUMNS, in any order; so do a .parquet and the objects of a .jsonl. A
    judging sheet is known by its header; pairs without a grade are not judged. A .json is {query id: {passage id:
    grade}}; a query of no passage there is judged, and nothing is relevant to it.

    Raises InputError for a line of another shape, for a grade that is no integer or higher than can be measured, for
    one pair with two grades, and where there is no judgment.
    """
    grades: dict[tuple[str, str], int] = {}
    shape, found, empty = _fields(content)
    for place, fields in found:
        query, passage, grade = _judgment(fields, place, shape)
        if grades.setdefault((query, passage), grade) != grade:
            raise InputError(
                f"{place}: expected one grade for query {query!r} and passage {passage!r}, "
                f"found {grade} after {grades[query, passage]}: keep one of the lines"
            )
    if not grades:
        raise InputError(
            f"{content.path}: expected at least one judgment, found none: leave the file out to run without"
        )
    judged = [Judgment(query, passage, grade) for (query, passage), grade in grades.items()]
    return judged + [Judgment(query, None, 0) for query in empty]


def joined(judgments: list[Judgment] | None, more: Iterable[Path]) -> list[Judgment] | None:
    """The judgments of several files, the first of which is read; InputError for one pair with two grades."""
    if judgments is None:
        return None
    grades = {(query, passage): grade for query, passage, grade in judgments}
    for path in more:
        for query, passage, grade in read(files.read(path)):
            if grades.setdefault((query, passage), grade) != grade:
                raise InputError(
                    f"{path}: expected one grade for query {query!r} and passage {passage!r}, found {grade} after "
                    f"{grades[query, passage]} in another file: keep one of them"
                )
    return [Judgment(query, passage, grade) for (query, passage), grade in grades.items()]


def _fields(content: Content) -> tuple[str, Iterator[tuple[str, list[str]]], list[str]]:
    """What a judgment of this file looks like, in words, the fields of each with its place, and queries without any."""
    suffix = kind(content.path)
    if suffix in WORKBOOKS:
        raise InputError(f"{content.path}: expected judgments as text, found {suffix}: save the sheet as CSV in UTF-8")
    if suffix == parquet.SUFFIX:
        wanted = {name for names in COLUMNS for name in names}
        return SHAPE, _columns(content, parquet.rows(content, wanted, numbers=COLUMNS[-1])), []
    if suffix == ".jsonl":
        return SHAPE, _columns(content, json_lines(content, dict[str, object])), []
    if suffix == ".json":
        graded = run_json.parse(content)
        return SHAPE, _dictionary(content.path, graded), [query for query, grades in graded.items() if not grades]
    sheet = judge_sheet.opened(content)
    return (SHAPE, _separated(content), []) if sheet is None else (judge_sheet.SHAPE, judge_sheet.read(*sheet), [])


def _separated(content: Content) -> Iterator[tuple[str, list[str]]]:
    """The fields of every line with its place; of a file with a header query, passage and grade, wherever they are."""
    places: list[int] | None = None
    for number, (place, fields) in enumerate(csv_rows.fields(content)):
        if number == 0 and len(fields) > 2 and not any(map(NUMBER.fullmatch, fields)):
            places = _header(fields, place)
        elif places is None:
            yield place, fields
        elif len(fields) > max(places):
            yield place, [fields[at] for at in places]
        else:
            yield place, fields  # too few: refused as any line is


def _header(fields: list[str], place: str) -> list[int]:
    """Where a header has query, passage and grade. InputError where it names not all: its columns may be others."""
    named = [first(fields, names) for names in COLUMNS]
    if None in named:
        raise InputError(
            f"{place}: expected a judgment, or a header that names {BEIR}, found {fields}: rename its columns"
        )
    return [fields.index(name) for name in named if name is not None]


def _columns(content: Content, rows: Iterable[tuple[str, dict[str, object]]]) -> Iterator[tuple[str, list[str]]]:
    """Query, passage and grade of every row with named columns, with its place."""
    for place, cells in rows:
        found = [first(cells, names) for names in COLUMNS]
        if None in found:
            raise InputError(f"{content.path}: expected the columns {BEIR}, found {', '.join(cells)}: rename them")
        *ids, grade = (cells[name] for name in found if name is not None)
        if not all(isinstance(name, str | int) for name in ids) or not isinstance(grade, str | int | float):
            raise InputError(f"{place}: expected ids and a grade, as strings or integers, found {[*ids, grade]}")
        yield place, [str(value).strip() for value in (*ids, grade)]


def _dictionary(path: Path, graded: Mapping[str, Mapping[str, float]]) -> Iterator[tuple[str, list[str]]]:
    """Query, passage and grade of every pair of a dictionary, as ranx and pytrec_eval have it."""
    for query, grades in graded.items():
        for passage, grade in grades.items():
            yield f"{path}: query {query!r}", [query, passage, f"{grade:.9g}"]  # 1.5 is refused as any line's


def _judgment(fields: list[str], place: str, shape: str) -> tuple[str, str, int]:
    """Query, passage and grade of some fields; InputError, with what one looks like, for what is none."""
    if len(fields) == 4:
        del fields[1]  # TREC's iteration, which no one uses
    if len(fields) != 3 or not all(fields):
        raise InputError(f"{place}: expected query id, passage id and grade, found {fields}: {shape}")
    query, passage, written = fields
    whole = WHOLE.fullmatch(written)
    if whole is None:
        raise InputError(f"{place}: expected a grade that is an integer, found {written!r}: {shape}")
    grade = int(whole[1])
    if grade > HIGHEST_GRADE:
        raise InputError(f"{place}: expected a grade of at most {HIGHEST_GRADE}, found {grade}: use a shorter scale")
    return query, passage, grade
