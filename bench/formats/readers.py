"""The formats that a card may name: how many files of which role each has, and what reads them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from bench.formats import Collection, beir, cacm, medquad, pubmedqa, smart, squad, table, trec
from bench.formats.files import Content
from bench.formats.table import Columns

# Those that are excluded, pairs of a query and a passage, are no reader's business.
Role: TypeAlias = Literal["passages", "queries", "qrels", "distractors", "excluded"]
Files: TypeAlias = Mapping[Role, Sequence[Content]]  # of every role; of some there may be none


class Count(NamedTuple):
    """How many files there may be."""

    words: str
    least: int
    most: float


class Reader(NamedTuple):
    """How the files of a format become a collection."""

    counts: Mapping[Role, Count]  # of roles that are not named there is none
    read: Callable[[Files, Columns], Collection]


ONE, MAYBE_ONE = Count("one file", 1, 1), Count("at most one file", 0, 1)
SOME, ANY = Count("one file or more", 1, math.inf), Count("any number of files", 0, math.inf)
APART: Mapping[Role, Count] = {"passages": ONE, "queries": ONE, "qrels": MAYBE_ONE}


def _alone(read: Callable[[Content], Collection]) -> Reader:
    """Of a format whose one file holds all."""
    return Reader({"passages": ONE}, lambda files, _: read(files["passages"][0]))


def _apart(read: Callable[[Content, Content, Content | None], Collection]) -> Reader:
    """Of a format that has passages, queries and qrels in files of their own."""
    return Reader(APART, lambda files, _: read(*_three(files)))


def _three(files: Files) -> tuple[Content, Content, Content | None]:
    return files["passages"][0], files["queries"][0], next(iter(files["qrels"]), None)


READERS: Mapping[str, Reader] = {
    "beir": _apart(beir.read),
    "cacm": _apart(cacm.read),
    "medquad": _alone(medquad.read),
    "pubmedqa": _alone(pubmedqa.read),
    "smart": _apart(smart.read),
    "squad": Reader(
        {"passages": SOME, "distractors": ANY}, lambda files, _: squad.read(files["passages"], files["distractors"])
    ),
    "table": Reader(APART, lambda files, columns: table.read(*_three(files), columns)),
    "trec": _apart(trec.read),
}


def refusal(name: str, roles: Sequence[Role]) -> str:
    """Why files of these roles are none of the format, as a phrase; empty where they are."""
    counts = READERS[name].counts
    if set(roles) <= set(counts) and all(c.least <= roles.count(role) <= c.most for role, c in counts.items()):
        return ""
    expected = ", ".join(f"{count.words} of {role}" for role, count in counts.items())
    return f"expected {expected} in the format {name}, found {', '.join(roles) or 'none'}"
