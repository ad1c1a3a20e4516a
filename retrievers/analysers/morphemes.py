"""
Korean by morphemes, found by Kiwi (the package kiwipiepy).

A Korean word carries its particles and endings; here they are cut off, and what is left is what the word is about.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from retrievers.contract import Spelled

# Sejong tags: nouns, pronoun, numeral; stems of verbs, adjectives, auxiliaries and copulas; roots; letters of the Latin
# alphabet, Chinese characters, numbers. So Lucene's Korean analyser leaves them (its KoreanPartOfSpeechStopFilter drops
# endings, particles, affixes, adverbs, determiners and interjections, and its tokeniser punctuation).
KEPT = frozenset(("NNG", "NNP", "NNB", "NP", "NR", "VV", "VA", "VX", "VCP", "VCN", "XR", "SL", "SH", "SN"))
PATTERNS = "W_"  # Kiwi's own tags: addresses, hash tags, emoji ... as wholes
OTHER = frozenset({"SW", "UN"})  # symbols, among which Kiwi counts every other script: kept where letters or digits


class _Token(Protocol):
    form: str
    tag: str


@dataclass(frozen=True, repr=False)
class Morphemes(Spelled):
    """
    Korean morphemes that carry meaning, composed (NFC) and in lower case: nouns, stems, foreign words, numbers.

    A stem is as the dictionary has it, without its ending: 도왔다 is 돕. Words of another script stay as they are.
    What a morpheme is, the model decides: another version of kiwipiepy may cut otherwise. It is loaded with the first
    text, which takes seconds and half a gigabyte; ImportError then where kiwipiepy is not installed.
    """

    def __call__(self, text: str) -> list[str]:
        # Half a surrogate pair is no text to Kiwi: it is read as "?".
        text = unicodedata.normalize("NFC", text).encode("utf-8", "replace").decode("utf-8")
        return [unicodedata.normalize("NFC", token.form.lower()) for token in self._tokens(text) if _is_kept(token)]

    def prepare(self) -> None:
        """Imports the package, without the model: that is weighed."""
        _kiwi_class()

    @cached_property
    def _tokens(self) -> Callable[[str], Iterable[_Token]]:
        """
        Kiwi on one thread, with the model that it ships.

        Each analyser has its own, though it is a value: a model shared by all would be there before any is weighed.
        """
        tokens: Callable[[str], Iterable[_Token]] = _kiwi_class()(num_workers=1, model_type="cong").tokenize
        return tokens


def _kiwi_class() -> Any:  # Any: kiwipiepy has no types
    try:
        from kiwipiepy import Kiwi
    except ImportError as error:
        raise ImportError("Morphemes needs kiwipiepy: pip install 'sparring[korean]'") from error
    return Kiwi


def _is_kept(token: _Token) -> bool:
    tag = token.tag.partition("-")[0]  # -R, -I: of a stem that is regular or not
    return tag in KEPT or tag.startswith(PATTERNS) or (tag in OTHER and any(map(str.isalnum, token.form)))
