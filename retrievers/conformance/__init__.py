"""
The checks that every adapter must pass, ours or a stranger's: small, named, one a rule of the contract.

    @pytest.mark.parametrize("check", checks(lambda: MyStorage(bits=8)), ids=str)
    def test_contract(check):
        check()

The same from a shell: `sparring check 'MyStorage(bits=8)' --plugin mine.py`. Model: scikit-learn's check_estimator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from retrievers.conformance.common_rules import LEARNING, SPELLED, claims_well_formed, learns
from retrievers.conformance.exactness_rules import ALONE, FOUND, TEXT, holds_or_refuses
from retrievers.conformance.hits import same_hits
from retrievers.conformance.hits_rules import FEW, HITS
from retrievers.conformance.persistence_rules import KEPT, same_in_another_process, silent
from retrievers.conformance.subject import BrokenRule, Kind, NotApplicable, NothingToTry, Rule, Subject
from retrievers.conformance.token_rules import ANALYSER
from retrievers.conformance.vector_rules import ENCODER
from retrievers.contract import Adapter

__all__ = ["Check", "CheckOutcome", "ConformanceError", "UntriedError", "checks", "same_hits"]

Status = Literal["passed", "failed", "not applicable", "reported", "exempt", "could not be tried"]

RULES: dict[Kind, tuple[Rule, ...]] = {
    "encoder": (*SPELLED, learns, *ENCODER, *LEARNING, *KEPT),
    "storage": (*SPELLED, learns, claims_well_formed, holds_or_refuses, *HITS, *FEW, *FOUND, *LEARNING, *KEPT),
    "retriever": (*SPELLED, learns, claims_well_formed, *HITS, *FEW, *FOUND, *TEXT, *ALONE, *LEARNING, *KEPT),
    "analyser": (*SPELLED, *ANALYSER, same_in_another_process, silent),
}
# Of a pair what its parts do not show by themselves.
PAIR: tuple[Rule, ...] = (*SPELLED, learns, *HITS, *FOUND, *TEXT, *LEARNING)
REPORTS = ("normal-forms", "overlap")  # rules that tell rather than judge
# Rules without which nothing else can be held: no class is exempt from them.
WITHOUT_EXEMPTION = ("learns", "hits-types", "hits-shape", "vectors-type", "vectors-shape", "list-of-str")


class ConformanceError(AssertionError):
    """An adapter breaks a rule of the contract: who, what was expected, what was found, what to do."""

    def __init__(self, check: Check, said: str) -> None:
        super().__init__(f"{check.subject.who} breaks {check.name}: {said}\nthe rule: {check.sentence}")
        self.said = said


class UntriedError(ConformanceError):
    """An adapter took nothing that it was handed: it breaks no rule, and keeps none."""


@dataclass(frozen=True)
class CheckOutcome:
    """How a check ended, and what was found: the reason of what was not held to it, the fault, or a figure."""

    status: Status
    found: str = ""


@dataclass(frozen=True)
class Check:
    """One rule, to be held against one adapter. Prints as its name."""

    name: str
    sentence: str  # the rule
    subject: Subject = field(repr=False)
    rule: Rule = field(repr=False)
    exemption: str | None = None  # why the class is exempt from it

    def __str__(self) -> str:
        return self.name

    def __call__(self) -> CheckOutcome:
        """
        ConformanceError where the adapter breaks the rule. What it is not able to do at all is no fault.

        A class may name in `conformance_exemptions` rules that it cannot keep, with the reason, which is then shown.
        UntriedError, of the rule `learns` alone, where the adapter takes nothing: then it is not proven.
        """
        try:
            return self._held()
        except ConformanceError:
            if self.exemption is None:
                raise
            return CheckOutcome("exempt", self.exemption)

    def _held(self) -> CheckOutcome:
        try:
            found = self.rule(self.subject)
        except NotApplicable as reason:
            return CheckOutcome("not applicable", str(reason))
        except NothingToTry as reason:
            raise UntriedError(self, str(reason)) from reason
        except BrokenRule as error:
            raise ConformanceError(self, str(error)) from error
        except (Exception, SystemExit) as error:
            said = f"expected an answer, found {type(error).__name__}: {error}"
            raise ConformanceError(self, said) from error
        return CheckOutcome("reported" if _named(self.rule) in REPORTS else "passed", found or "")

    def outcome(self) -> CheckOutcome:
        """The same, with a broken rule as an outcome."""
        try:
            return self()
        except UntriedError as error:
            return CheckOutcome("could not be tried", error.said)
        except ConformanceError as error:
            return CheckOutcome("failed", error.said)


def checks(make: Callable[[], Adapter]) -> list[Check]:
    """
    The checks of the adapter that `make` makes anew at every call.

    ValueError where that is none, and where its class is exempt from what is no rule, or from a rule that none is.

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


def _part(make: Callable[[], Adapter], name: str) -> Adapter:
    return getattr(make(), name)


def _checks(subject: Subject, rules: tuple[Rule, ...], prefix: str = "") -> list[Check]:
    exemptions = _exemptions(subject)
    return [
        Check(prefix + _named(rule), _sentence(rule), subject, rule, exemptions.get(_named(rule))) for rule in rules
    ]


def _named(rule: Rule) -> str:
    return rule.__name__.replace("_", "-")


def _sentence(rule: Rule) -> str:
    return (rule.__doc__ or "").strip().split("\n")[0]


def _exemptions(subject: Subject) -> dict[str, str]:
    """Rule -> reason, as the adapter's class has them."""
    who = f"{subject.type.__name__}.conformance_exemptions"
    claimed = getattr(subject.type, "conformance_exemptions", {})
    if not isinstance(claimed, Mapping):
        raise ValueError(f"{who}: expected a dict of rules to reasons, found {claimed!r}: give each its reason")
    exemptions = dict(claimed.items())
    known = [_named(rule) for rule in RULES[subject.kind] if _named(rule) not in WITHOUT_EXEMPTION]
    for rule, reason in exemptions.items():
        if rule in WITHOUT_EXEMPTION:
            raise ValueError(
                f"{who}: expected no {rule!r}, found it: nothing else can be held without it, so that no class is "
                f"exempt from {', '.join(WITHOUT_EXEMPTION)}"
            )
        if rule not in known:
            raise ValueError(f"{who}: expected rules out of {', '.join(known)}, found {rule!r}")
        if not isinstance(reason, str) or not reason.strip():
            raise ValueError(f"{who}: expected a text as the reason for {rule!r}, found {reason!r}")
    return exemptions
