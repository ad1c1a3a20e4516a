"""What may be said of differences that are looked at together."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from bench.analysis.family import Family
from bench.statistics.paired import holm, paired

BETTER = paired(np.zeros(40), np.linspace(0.05, 0.15, 40))


def said(p: float, p_interval: float):
    """A difference with these two p."""
    return msgspec.structs.replace(BETTER, p=p, p_interval=p_interval)


def test_the_greater_p_decides():
    """
    Better needs both p among all that are compared; what is told is Holm's of the sign flips.
    """
    asked = {"flips": said(0.03, 0.001), "interval": said(0.001, 0.03), "both": said(0.001, 0.002)}

    family = Family(asked.items(), "retrievers")

    found = [family.conclusion(name, one) for name, one in asked.items()]
    assert holm([0.03, 0.001, 0.001]) == [one.p_holm for one in found]
    assert holm([0.03, 0.03, 0.002]) == [one.p for one in found]
    assert ["undecided", "undecided", "better"] == [one.verdict for one in found]
    assert ["not once adjusted for 3 retrievers"] * 2 + [""] == [one.why for one in found]


def test_one_alone():
    """
    Of a single question the verdict is its own.
    """
    conclusion = Family([("one", BETTER)], "retrievers").conclusion("one", BETTER)

    assert (BETTER.p, "better", "") == (conclusion.p_holm, conclusion.verdict, conclusion.why)


def test_a_question_asked_twice_has_its_greatest_p():
    """
    One retriever under two numbers of threads is one question.
    """
    asked = [("one", said(0.001, 0.03)), ("one", said(0.02, 0.001)), ("two", said(0.001, 0.001))]

    conclusion = Family(asked, "retrievers").conclusion("one", BETTER)

    assert (0.02, 0.03) == (conclusion.p_holm, conclusion.p)


def test_what_was_not_tested_has_no_conclusion():
    """
    Nothing is concluded of identical answers, of one cluster, or of what was not compared; none is a member.
    """
    identical, alone = paired(np.ones(3), np.ones(3)), paired([0.0, 0.1], [0.2, 0.4], ["a", "a"])

    family = Family([("i", identical), ("a", alone), ("n", None), ("b", BETTER)], "retrievers")

    assert [None] * 3 == [family.conclusion(name, one) for name, one in (("i", identical), ("a", alone), ("n", None))]
    assert BETTER.p == family.conclusion("b", BETTER).p_holm


@pytest.mark.parametrize("n", [1, 20])
def test_skewed_differences_that_are_alike(n):
    """
    Of log-normal differences of mean 0, sign flips find many; of twenty looked at together hardly any run has one.
    """
    rng = np.random.default_rng(11)
    runs = [[paired(np.zeros(100), rng.lognormal(-0.5, 1, 100) - 1) for _ in range(n)] for _ in range(100 // n)]
    families = [Family(enumerate(run), "retrievers") for run in runs]

    found = [
        any(family.conclusion(place, one).verdict in ("better", "worse") for place, one in enumerate(run))
        for family, run in zip(families, runs, strict=True)
    ]
    assert sum(found) <= 0.1 * len(runs) + 1
