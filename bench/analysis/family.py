"""Differences that are looked at together, and what may be said of each for that: Holm's correction."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import NamedTuple, TypeAlias

import msgspec

from bench.analysis.difference import Difference
from bench.statistics import paired
from bench.statistics.over_sets import MeanOverSets
from bench.statistics.paired import MARGINS, Margins, Paired, Verdict

Said: TypeAlias = Paired | MeanOverSets


class Conclusion(NamedTuple):
    """What may be said of one difference among all that are looked at with it."""

    p_holm: float  # of sign flips, adjusted
    p: float  # the greater of sign flips' and of the interval's, adjusted: the verdict's
    verdict: Verdict
    why: str  # where it is another verdict than of the difference alone


class Family:
    """
    Questions of one measure, each with the p of its difference and that of its interval.

    A question that was asked several times (one retriever under several numbers of threads) is one: its largest p
    stands for it. What is identical is no question. Better or worse needs the greater of the two p, adjusted, below
    alpha: of skewed differences sign flips alone find one of twenty that are alike in a third of all runs.
    """

    def __init__(
        self,
        asked: Iterable[tuple[Hashable, Said | None]],
        members: str,
        margins: Margins = MARGINS,
        *,
        share: float = 1.0,
    ) -> None:
        """
        Args:
            asked: each question with what is said of its difference.
            members: what its questions are called, in the plural.
            margins: what is too little to matter.
            share: of alpha that they have; the rest is that of retrievers asked in looks, whose bounds spend it.
        """
        ps: dict[Hashable, float] = {}
        greater: dict[Hashable, float] = {}
        for question, said in asked:
            if said is not None and said.p is not None and said.verdict != "identical":
                of_both = max(said.p, 1.0 if said.p_interval is None else said.p_interval)
                ps[question] = max(said.p, ps.get(question, 0.0))
                greater[question] = max(of_both, greater.get(question, 0.0))
        self._adjusted, self._greater = _holm(ps, share), _holm(greater, share)
        self._members, self._margins = members, margins
        self._beside = " beside those asked in looks" if share < 1 else ""

    def conclusion(self, question: Hashable, said: Said | None) -> Conclusion | None:
        """What may be said of a difference; None where it was not tested."""
        if said is None or said.verdict == "identical" or question not in self._adjusted:
            return None
        p = self._greater[question]
        verdict = paired.verdict(said.differing, said.interval, p, self._margins)
        why = (
            ""
            if verdict == said.verdict
            else f"not once adjusted for {len(self._adjusted)} {self._members}{self._beside}"
        )
        return Conclusion(self._adjusted[question], p, verdict, why)

    def concluded(self, question: Hashable, d: Difference) -> Difference:
        """A difference with its adjusted p, and the verdict that it allows."""
        found = self.conclusion(question, d.paired)
        if found is None:
            return d
        why = "; ".join(filter(None, (found.why, d.why)))
        return msgspec.structs.replace(d, p_holm=found.p_holm, verdict=found.verdict, why=why)


def _holm(ps: dict[Hashable, float], share: float) -> dict[Hashable, float]:
    return {question: min(1.0, p / share) for question, p in zip(ps, paired.holm(list(ps.values())), strict=True)}
