"""Character n-grams."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import regex

from retrievers.analysers._text import folded
from retrievers.contract import Spelled


@cache
def _runs() -> Callable[[str], list[str]]:
    """The tokeniser of `CharNGrams`: runs of letters, digits and marks."""
    found: Callable[[str], list[str]] = regex.compile(r"[\p{L}\p{N}\p{M}]+").findall
    return found


@dataclass(frozen=True, repr=False)
class CharNGrams(Spelled):
    """
    Lower-case n-grams of characters inside words (runs of letters, digits and marks); a word shorter than n is one.

    For languages that do not set words apart by spaces, and Korean, whose nouns carry their particles: bigrams need no
    dictionary. n: characters (Unicode code points), at least 1, else ValueError.
    """

    n: int = 2

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ValueError(f"CharNGrams: expected n to be at least 1, found {self.n}")

    def __call__(self, text: str) -> list[str]:
        n = self.n
        return [word[start : start + n] for word in _runs()(folded(text)) for start in range(max(1, len(word) - n + 1))]
