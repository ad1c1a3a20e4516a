"""The rules of analysers."""

from __future__ import annotations

import unicodedata

from retrievers.conformance.subject import BrokenRule, Rule, Subject, analysed
from retrievers.conformance.toy_collections import TEXTS


def list_of_str(subject: Subject) -> str | None:
    """It gives a list of str for any text."""
    with subject.taught(TEXTS) as analyser:
        for text in analysed():
            tokens = analyser(text)
            if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
                raise BrokenRule(f"a list of str for {text!r}", repr(tokens), "return a list of tokens")
    return None


def empty_text(subject: Subject) -> str | None:
    """The empty text has no token."""
    with subject.taught(TEXTS) as analyser:
        if analyser("") != []:
            raise BrokenRule("[] for the empty text", repr(analyser("")), "give no empty token")
    return None


def asked_again(subject: Subject) -> str | None:
    """Asked twice, after other texts, and made anew, it gives the same tokens."""
    with subject.taught(TEXTS) as analyser, subject.fresh() as another:
        first = [analyser(text) for text in analysed()]
        for how, tokens in (
            ("asked twice", [analyser(text) for text in reversed(analysed())][::-1]),
            ("made anew", [another(text) for text in analysed()]),
        ):
            if tokens != first:
                raise BrokenRule(f"the same tokens {how}", "others", "keep nothing from text to text")
    return None


def equal_values(subject: Subject) -> str | None:
    """Two made with the same options are equal."""
    with subject.fresh() as one, subject.fresh() as two:
        if one != two:
            raise BrokenRule(f"{one!r} == {two!r}", "them to differ", "make it a frozen dataclass")
    return None


def normal_forms(subject: Subject) -> str | None:
    """Whether text that is composed otherwise (NFC, NFD) has the same tokens is reported."""
    with subject.taught(TEXTS) as analyser:
        differ = sum(
            analyser(unicodedata.normalize("NFC", text)) != analyser(unicodedata.normalize("NFD", text))
            for text in analysed()
        )
    return f"{differ} of {len(analysed())} texts have other tokens when decomposed (NFD)"


ANALYSER: tuple[Rule, ...] = (list_of_str, empty_text, asked_again, equal_values, normal_forms)
