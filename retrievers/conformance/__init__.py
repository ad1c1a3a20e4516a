"""
The checks that every adapter must pass, ours or a stranger's: small, named, one a rule of the contract.

    @pytest.mark.parametrize("check", checks(lambda: MyStorage(bits=8)), ids=str)
    def test_contract(check):
        check()

The same from a shell: `sparring check 'MyStorage(bits=8)' --plugin mine.py`. Model: scikit-learn's check_estimator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from retrievers.conformance.analysing import ANALYSER
from retrievers.conformance.anyone import LEARNING, SPELLED, claims_well_formed
from retrievers.conformance.encoding import ENCODER
from retrievers.conformance.finding import FOUND, TEXT, holds_or_refuses
from retrievers.conformance.hits import same_hits
from retrievers.conformance.keeping import KEPT, same_in_another_process, silent
from retrievers.conformance.searching import FEW, HITS
from retrievers.conformance.subject import Broken, Kind, NotApplicable, Rule, Subject

__all__ = ["Check", "ConformanceError", "Outcome", "checks", "same_hits"]

Status = Literal["passed", "failed", "not applicable", "reported", "exempt"]

RULES: dict[Kind, tuple[Rule, ...]] = {
    "encoder": (*SPELLED, *ENCODER, *LEARNING, *KEPT),
    "storage": (*SPELLED, claims_well_formed, holds_or_refuses, *HITS, *FEW, *FOUND, *LEARNING, *KEPT),
    "retriever": (*SPELLED, claims_well_formed, *HITS, *FEW, *FOUND, *TEXT, *LEARNING, *KEPT),
    "analyser": (*SPELLED, *ANALYSER, same_in_another_process, silent),
}
# Of a pair what its parts do not show by themselves.
PAIR: tuple[Rule, ...] = (*SPELLED, *HITS, *FOUND, *TEXT, *LEARNING)
REPORTS = ("normal-forms", "overlap")  # rules that tell rather than judge


class ConformanceError(AssertionError):
    """An adapter breaks a rule of the contract: who, what was expected, what was found, what to do."""

    def __init__(self, check: Check, said: str) -> None:
        super().__init__(f"{check.subject.who} breaks {check.name}: {said}\nthe rule: {check.sentence}")
        self.said = said


@dataclass(frozen=True)
class Outcome:
    """How a check ended, and what was found: the reason why not applicable or exempt, the fault, or a figure."""

    status: Status
    found: str = ""


@dataclass(frozen=True)
class Check:
    """One rule, to be held against one adapter. Prints as its name."""

    name: str
    sentence: str  # the rule
    subject: Subject = field(repr=False)
    rule: Rule = field(repr=False)

    def __str__(self) -> str:
        return self.name

    def __call__(self) -> Outcome:
        """
        ConformanceError where the adapter breaks the rule. What it is not able to do at all is no fault.

        A class may name in `conformance_exemptions` rules that it can not keep, with the reason, which is then shown.
        """
        try:
            return self._held()
        except ConformanceError:
            exempt = getattr(self.subject.type, "conformance_exemptions", {}).get(self._rule_name)
            if exempt is None:
                raise
            return Outcome("exempt", exempt)

    def _held(self) -> Outcome:
        try:
            found = self.rule(self.subject)
        except NotApplicable as reason:
            return Outcome("not applicable", str(reason))
        except Broken as error:
            raise ConformanceError(self, str(error)) from error
        except Exception as error:
            said = f"an answer was expected, found {type(error).__name__}: {error}"
            raise ConformanceError(self, said) from error
        return Outcome("reported" if self._rule_name in REPORTS else "passed", found or "")

    @property
    def _rule_name(self) -> str:
        return self.name.rpartition(": ")[2]

    def outcome(self) -> Outcome:
        """The same, with a broken rule as an outcome."""
        try:
            return self()
        except ConformanceError as error:
            return Outcome("failed", error.said)


def checks(make: Callable[[], Any]) -> list[Check]:  # Any: an adapter of any kind
    """
    The checks of the adapter that `make` makes anew at every call; ValueError where that is none.

    A pair `encoder @ storage` has the checks of its parts, whose names begin with "encoder: " and "storage: ", and
    those of the two together.
    """
    adapter = Subject(make)
    if not adapter.is_pair:
        return _checks(adapter, RULES[adapter.kind])
    return [
        *_checks(Subject(lambda: _part(make, "encoder")), RULES["encoder"], "encoder: "),
        *_checks(Subject(lambda: _part(make, "storage")), RULES["storage"], "storage: "),
        *_checks(adapter, PAIR),
    ]


def _part(make: Callable[[], Any], name: str) -> Any:  # Any: see checks
    return getattr(make(), name)


def _checks(subject: Subject, rules: tuple[Rule, ...], prefix: str = "") -> list[Check]:
    return [
        Check(prefix + rule.__name__.replace("_", "-"), (rule.__doc__ or "").strip().split("\n")[0], subject, rule)
        for rule in rules
    ]
