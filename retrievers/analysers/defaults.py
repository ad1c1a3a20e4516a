"""What an analyser left at its default becomes, by language."""

from __future__ import annotations

from retrievers.analysers.ngrams import CharNGrams
from retrievers.analysers.words import SNOWBALL, Words
from retrievers.contract import Analyser
from retrievers.languages import code

# Languages whose words are not set apart by spaces, or (Korean) are glued to their particles -> the n of the n-grams of
# characters that found most in results/languages.md.
UNSPACED = {"ja": 2, "ko": 2, "th": 3, "zh": 2}


def default_analyser(language: str) -> Analyser:
    """
    What an analyser left at its default becomes on a passage set of that language, whichever of its codes names it.

    Bigrams of characters for Chinese, Japanese and Korean, trigrams for Thai, words for every other: what
    results/languages.md supports.
    """
    language = code(language)
    return CharNGrams(UNSPACED[language]) if language in UNSPACED else Words(language)


def unstemmed(language: str) -> bool:
    """Whether the default analyser of that language takes its words as they stand, for want of a stemmer."""
    return code(language) not in (UNSPACED.keys() | SNOWBALL.keys() | {"en"})
