"""
File formats, one module each: the content of files -> `Collection`. A reader knows its format; cards, hashes and the
merging of duplicates are not its business.

Every reader raises InputError for what is broken, naming the file and, where there is one, the line. It returns the
whole collection or nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, TypeVar

from bench.errors import InputError

# Of a judgment: trec_eval's time and memory grow with it (8 GB for 10^9), and for 10^13 its figures are 0.
HIGHEST_GRADE = 10_000


class Passage(NamedTuple):
    """One passage as its file has it, title and text apart."""

    id: str
    title: str
    text: str


class Query(NamedTuple):
    """One query as its file has it."""

    id: str
    text: str
    label: str | None = None  # what it tests


class Judgment(NamedTuple):
    """One line of qrels; its ids need not be known."""

    query: str
    passage: str | None  # None: the query is judged, and nothing is relevant to it
    grade: int


class Collection(NamedTuple):
    """What the files of one collection hold, ids unique, nothing joined or merged yet."""

    passages: list[Passage]
    queries: list[Query]
    judgments: list[Judgment] | None  # None: no qrels
    articles: dict[str, str] | None = None  # query id -> the article it was written on, where the format knows
    answers: dict[str, tuple[str, ...]] | None = None  # query id -> texts that answer it, where the format knows
    parents: dict[str, str] | None = None  # passage id -> the document that it is a part of, which is judged
    numbered: bool = False  # the ids of passages are the numbers of their rows: the file has none
    remarks: tuple[str, ...] = ()  # what its user should know before any number, a sentence each


Item = TypeVar("Item", Passage, Query)


def unique(items: Iterable[tuple[str, Item]], kind: str, path: Path, remedy: str = "") -> list[Item]:
    """
    The items of (place, item) pairs by id, in their order; one that is repeated word for word counts once.

    remedy: what else may be done about an id with two contents.

    Raises InputError for an empty id, for one id with two contents (naming both places), and where there is no item.
    """
    found: dict[str, tuple[str, Item]] = {}
    for place, item in items:
        if not item.id:
            raise InputError(f"{place}: expected an id for every {kind}, found an empty one: give it an id")
        first, known = found.setdefault(item.id, (place, item))
        if known != item:
            raise InputError(
                f"{place}: expected one text for the {kind} id {item.id!r}, found another at {first}: "
                f"give each {kind} an id of its own{remedy}"
            )
    if not found:
        raise InputError(f"{path}: expected at least one {kind}, found none: check that it is the right file")
    return [item for _, item in found.values()]
