"""What fuzzing found, and a short round of it. `python -m tests.fuzz` looks for more."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

import pytest

from tests.fuzz import __main__ as fuzz
from tests.fuzz.mutants import mutant
from tests.fuzz.readers import Reader, readers

NAMES = sorted(readers())
MUTANTS = 60

# (reader, bytes) that once ended in another error than the reader's own, or took seconds
FOUND = [
    ("card", b"a = " + b"9" * 5000),  # ValueError: more digits than Python converts
    ("card", b"a = " + b"[" * 3000),  # RecursionError
    ("suite", b"seed = " + b"9" * 5000),
    ("suite", b"a = " + b"[" * 3000),
    ("suite", readers()["suite"].seeds[0].replace(b"8GB", b"9" * 400 + b"GB")),  # OverflowError: infinite memory
    ("queries-csv", b"w," * 30_000),  # eight seconds: each column was looked for among all
    ("trec-passages", b"<DOC><DOCNO>1</DOCNO>&#" + b"9" * 5000 + b";</DOC>"),  # ValueError: more digits than ...
    ("trec-topics", b"<top><num>1<title>&#" + b"9" * 5000 + b";</top>"),
    ("cacm-page", b"<ht " * 16_000 + b"</html>"),  # twenty seconds of the standard library's parser
    ("judging-sheet", b"query-id;\rpassage-id;grade;query;text\nq;d;1;a;b\n"),  # ValueError: a column is not there
    ("cacm-page", b"<html>&#" + b"9" * 5000 + b";</html>"),
]


@cache
def reader(name: str) -> Reader:
    return readers()[name]


@pytest.mark.parametrize(("name", "data"), FOUND)
def test_found(name, data):
    """
    What fuzzing found is taken, or refused with the reader's own error.
    """
    error = outcome(reader(name), data)

    assert isinstance(error, (*reader(name).allowed, type(None)))


@pytest.mark.parametrize("name", NAMES)
def test_seeds(name):
    """
    Every seed is valid: a mutant of what is refused at once would try nothing.
    """
    for data in reader(name).seeds:
        reader(name).read(data)


@pytest.mark.parametrize("name", NAMES)
def test_mutants(name):
    """
    A reader takes a mutant or refuses it with its own error; nothing else happens.
    """
    rng = random.Random(0)
    seeds = reader(name).seeds
    mutants = [mutant(rng.choice(seeds), rng, seeds) for _ in range(MUTANTS)]
    outcomes = [outcome(reader(name), data) for data in mutants]

    assert [] == [error for error in outcomes if not isinstance(error, (*reader(name).allowed, type(None)))]
    assert len(set(mutants)) > MUTANTS // 2


def outcome(taking: Reader, data: bytes) -> Exception | None:
    try:
        taking.read(data)
    except Exception as error:
        return error
    return None


def test_a_finding_is_kept(tmp_path):
    """
    A case that ends in another error than the reader's own is kept, the first of its kind alone.
    """

    def divided(data: bytes) -> float:
        if not data:
            raise KeyError
        return 1 / data.count(b"a")

    session = fuzz.Session("divided", Reader([b"a"], divided, (KeyError,)), tmp_path, seconds=60)

    for data in (b"a", b"", b"b", b"c"):
        session.read(data)

    (kept,) = session.found.values()
    assert kept.startswith("ZeroDivisionError at ")
    assert b"b" == Path(kept.split(": ")[-1]).read_bytes()
    assert 4 == session.executions
