"""Qrels: one judgment a line, in BEIR's three columns or TREC's four."""

from __future__ import annotations

import re

from bench.errors import InputError
from bench.formats import Judgment
from bench.formats.files import Content, kind, lines
from bench.quality import HIGHEST_GRADE

HEADERS = {"query-id", "query_id", "qid", "query"}
INTEGER = re.compile(r"-?[0-9]{1,9}")


def read(content: Content) -> list[Judgment]:
    """
    The judgments of a file, each (query, passage) once, in file order.

    A line is `query passage grade` (BEIR, with or without its header) or `query 0 passage grade` (TREC), separated by
    tabs where there is one, else by white space; by commas in a .csv.

    Raises InputError for a line of another shape, for a grade that is no integer or higher than can be measured, for
    one pair with two grades, and where there is no judgment.
    """
    grades: dict[tuple[str, str], int] = {}
    first = True
    for place, line in lines(content):
        separator = "," if kind(content.path) == ".csv" else "\t" if "\t" in line else None
        fields = [field.strip() for field in line.split(separator)]
        is_header = first and fields[0].lower() in HEADERS and not INTEGER.fullmatch(fields[-1])
        first = False
        if is_header:
            continue
        judgment = _judgment(fields, place)
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


def _judgment(fields: list[str], place: str) -> Judgment:
    if len(fields) == 4:
        del fields[1]  # TREC's iteration, which no one uses
    if len(fields) != 3 or not all(fields):
        raise InputError(f"{place}: expected query id, passage id and grade, found {fields}: separate them by tabs")
    query, passage, grade = fields
    if not INTEGER.fullmatch(grade):
        raise InputError(f"{place}: expected a grade that is an integer, found {grade!r}")
    if int(grade) > HIGHEST_GRADE:
        raise InputError(f"{place}: expected a grade of at most {HIGHEST_GRADE}, found {grade}: use a shorter scale")
    return Judgment(query, passage, int(grade))
