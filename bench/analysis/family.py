"""Differences that are looked at together, and what may be said of each for that: Holm's correction."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

import msgspec

from bench.analysis.difference import Difference
from bench.statistics import paired
from bench.statistics.paired import Margins

Question = TypeVar("Question", bound=Hashable)


class Family:
    """
    Questions of one measure, each with the p of its difference.

    A question that was asked several times (one retriever under several numbers of threads) is one: its largest p
    stands for it. What is identical is no question.
    """

    def __init__(self, asked: Iterable[tuple[Hashable, Difference]], members: str, margins: Margins) -> None:
        """members: what its questions are called, in the plural."""
        ps: dict[Hashable, float] = {}
        for question, d in asked:
            if d.p is not None and d.verdict != "identical":
                ps[question] = max(d.p, ps.get(question, 0.0))
        self._adjusted = adjusted(ps)
        self._members, self._margins = members, margins

    def concluded(self, question: Hashable, d: Difference) -> Difference:
        """A difference with its adjusted p, and the verdict that it allows."""
        p = self._adjusted.get(question)
        if p is None or d.paired is None or d.verdict == "identical":
            return d
        verdict = paired.verdict(d.paired.wins + d.paired.losses, d.paired.interval, p, self._margins)
        many = "" if verdict == d.verdict else too_many(len(self._adjusted), self._members)
        return msgspec.structs.replace(d, p_holm=p, verdict=verdict, why="; ".join(filter(None, (many, d.why))))


def adjusted(ps: Mapping[Question, float]) -> dict[Question, float]:
    """Holm's p of each question."""
    return dict(zip(ps, paired.holm(list(ps.values())), strict=True))


def too_many(n: int, members: str) -> str:
    """Why a verdict is another once so many are looked at together."""
    return f"not once adjusted for {n} {members}"
