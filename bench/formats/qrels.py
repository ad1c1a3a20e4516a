"""Qrels: one judgment a line, in BEIR's three columns or TREC's four."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bench.errors import InputError
from bench.formats import HIGHEST_GRADE, Judgment, judge_sheet, parquet, run_json
from bench.formats.files import Content, kind, lines

HEADERS = {"query-id", "query_id", "qid", "query"}
COLUMNS = (("query-id", "query_id", "qid"), ("corpus-id", "corpus_id", "docid"), ("score", "relevance", "grade"))
SHAPE = "a line of qrels is query id, passage id and grade, separated by tabs (by commas in a .csv)"
WHOLE = re.compile(r"(-?[0-9]{1,9})(?:\.0+)?")  # 1.0 as well: data frames save a column with empty cells so
WORKBOOKS = (".xlsx", ".xls", ".ods", ".numbers")


def read(content: Content) -> list[Judgment]:
    """
    The judgments of a file, each (query, passage) once, in file order.

    A line is `query passage grade` (BEIR, with or without its header) or `query 0 passage grade` (TREC), separated by
    tabs where there is one, else by white space; by commas in a .csv. A judging sheet is known by its header; pairs
    without a grade are not judged. A .parquet has BEIR's columns `query-id`, `corpus-id` and `score`, or one of their
    other names in COLUMNS. A .json is {query id: {passage id: grade}}.

    Raises InputError for a line of another shape, for a grade that is no integer or higher than can be measured, for
    one pair with two grades, and where there is no judgment.
    """
    grades: dict[tuple[str, str], int] = {}
    shape, found = _fields(content)
    for place, fields in found:
        judgment = _judgment(fields, place, shape)
        pair = judgment.query, judgment.passage
        if grades.setdefault(pair, judgment.grade) != judgment.grade:
            raise InputError(
                f"{place}: expected one grade for query {judgment.query!r} and passage {judgment.passage!r}, "
                f"found {judgment.grade} after {grades[pair]}: keep one of the lines"
            )
    if not grades:
        raise InputError(
            f"{content.path}: expected at least one judgment, found none: leave the file out to run without"
        )
    return [Judgment(query, passage, grade) for (query, passage), grade in grades.items()]


def _fields(content: Content) -> tuple[str, Iterator[tuple[str, list[str]]]]:
    """What a judgment of this file looks like, in words, and the fields of each with its place."""
    suffix = kind(content.path)
    if suffix in WORKBOOKS:
        raise InputError(f"{content.path}: expected judgments as text, found {suffix}: save the sheet as CSV in UTF-8")
    if suffix == parquet.SUFFIX:
        return SHAPE, _columns(content)
    if suffix == ".json":
        return SHAPE, _dictionary(content)
    sheet = judge_sheet.opened(content)
    return (SHAPE, _separated(content)) if sheet is None else (judge_sheet.SHAPE, judge_sheet.read(*sheet))


def _separated(content: Content) -> Iterator[tuple[str, list[str]]]:
    """The fields of every line with its place, without the header."""
    first = True
    for place, line in lines(content):
        separator = "," if kind(content.path) == ".csv" else "\t" if "\t" in line else None
        fields = [field.strip() for field in line.split(separator)]
        is_header = first and fields[0].lower() in HEADERS and not WHOLE.fullmatch(fields[-1])
        first = False
        if not is_header:
            yield place, fields


def _columns(content: Content) -> Iterator[tuple[str, list[str]]]:
    """Query, passage and grade of every row of a Parquet with its place."""
    for place, cells in parquet.rows(content, {name for names in COLUMNS for name in names}):
        found = [next((name for name in names if name in cells), None) for names in COLUMNS]
        if None in found:
            expected = ", ".join(names[0] for names in COLUMNS)
            raise InputError(f"{content.path}: expected the columns {expected}, found {', '.join(cells)}: rename them")
        values = [cells[name] for name in found if name is not None]
        if not all(isinstance(value, str | int) for value in values):
            raise InputError(f"{place}: expected ids and a grade, as strings or integers, found {values}")
        yield place, [str(value).strip() for value in values]


def _dictionary(content: Content) -> Iterator[tuple[str, list[str]]]:
    """Query, passage and grade of every pair of a dictionary, as ranx and pytrec_eval have it."""
    for query, grades in run_json.parse(content).items():
        for passage, grade in grades.items():
            yield f"{content.path}: query {query!r}", [query, passage, f"{grade:.9g}"]  # 1.5 is refused as any line's


def _judgment(fields: list[str], place: str, shape: str) -> Judgment:
    """The judgment of some fields; InputError, with what one looks like, for what is none."""
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
    return Judgment(query, passage, grade)
