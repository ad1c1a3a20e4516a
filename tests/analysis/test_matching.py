"""Which cell of one run is which of another."""

from __future__ import annotations

from bench.analysis.matching import matched
from bench.gate.ab_worker import KnownCell


def known(cell, retriever, cell_name="", passage_set="a", threads=1):
    return KnownCell(cell=cell, passage_set=passage_set, retriever=retriever, cell_name=cell_name, threads=threads)


def counterparts(old, new):
    return [(was.cell, now.cell) for was, now in matched(old, new)]


def test_name_or_spelling():
    """
    Cells match by passage set, and by name where they have one, else by spelling; as many threads go first.
    """
    old = [
        known("1", "X()", "mine"),
        known("2", "Y()", threads=2),
        known("3", "Y()"),
        known("4", "Z()", passage_set="b"),
    ]
    new = [known("5", "X(k=2)", "mine"), known("6", "Y()"), known("7", "Y()", threads=2), known("8", "Z()")]

    assert [("1", "5"), ("3", "6"), ("2", "7")] == counterparts(old, new)


def test_a_name_given_later():
    """
    A cell that has been given a name since is still found by its spelling.
    """
    assert [("1", "2")] == counterparts([known("1", "X()")], [known("2", "X()", "mine")])


def test_none_is_taken_twice():
    """
    Of two new cells that may match one old cell, the one with its name has it.
    """
    new = [known("2", "X()"), known("3", "X(k=2)", "mine")]

    assert [("1", "3")] == counterparts([known("1", "X()", "mine")], new)
