"""
Words as Lucene finds them, and texts that were analysed elsewhere.

Stemmers live in the module, outside the values. Nothing remembers a query: the next one costs what the last one did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

import regex
import Stemmer

from retrievers.analysers._text import folded
from retrievers.contract import Spelled
from retrievers.languages import code

# Snowball's name of each language it stems, by ISO 639-1 code. English is not here: Lucene stems it with Porter's own.
SNOWBALL = {
    "ar": "arabic",
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "eo": "esperanto",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fa": "persian",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nb": "norwegian",
    "ne": "nepali",
    "nl": "dutch",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}
# EnglishAnalyzer.ENGLISH_STOP_WORDS_SET of Lucene.
ENGLISH_STOP_WORDS = frozenset(
    "a an and are as at be but by for if in into is it no not of on or such "  # noqa: SIM905  # words
    "that the their then there these they this to was will with".split()
)
LONGEST = 255  # characters of one token: StandardTokenizer's maxTokenLength
CACHED_TERMS = 2**16  # words whose term is kept while many texts are analysed


def _word_pattern() -> str:
    """
    The tokens of Lucene's StandardTokenizer: the word boundaries of UAX #29 (WB4 to WB13b), what is between them left
    out unless it holds a letter or a digit; each ideograph and each hiragana alone, Thai and its like in whole runs,
    an emoji sequence whole. Hebrew's own rules for quotes (WB7a to 7c) are left out.
    """
    ignored = r"\p{WB=Extend}\p{WB=Format}\p{WB=ZWJ}"  # WB4: belongs to the character before
    letter = r"a-z\p{WB=ALetter}\p{WB=Hebrew_Letter}"
    digit = r"0-9\p{WB=Numeric}"

    def run(members: str) -> str:
        return rf"[{members}][{members}{ignored}]*+"

    def joined(members: str, joint: str) -> str:
        return rf"{run(members)}(?:[{joint}][{ignored}]*+{run(members)})*+"

    letters = joined(letter, r"\p{WB=MidLetter}\p{WB=MidNumLet}\p{WB=Single_Quote}")
    digits = joined(digit, r"\p{WB=MidNum}\p{WB=MidNumLet}\p{WB=Single_Quote}")
    katakana, low_line = run(r"\p{WB=Katakana}"), run(r"\p{WB=ExtendNumLet}")
    alphanumeric = rf"(?:(?:{letters}|{digits})++|{katakana})"
    word = rf"(?:{low_line})?+{alphanumeric}(?:{low_line}{alphanumeric})*+(?:{low_line})?+"
    pictograph = rf"(?![©®™〰〽])\p{{Extended_Pictographic}}[{ignored}]*+"
    return "|".join(
        (
            word,
            run(r"\p{Line_Break=SA}"),
            rf"[\p{{Script=Han}}\p{{Script=Hiragana}}][{ignored}]*+",
            rf"{pictograph}(?:(?<=\u200d){pictograph})*+",
            r"\p{WB=Regional_Indicator}{2}",
        )
    )


@cache
def _words() -> Callable[[str], list[str]]:
    """The tokeniser of `Words`, compiled when first used."""
    pattern = regex.compile(_word_pattern())

    def words(text: str) -> list[str]:
        found: list[str] = pattern.findall(text)
        if all(len(word) <= LONGEST for word in found):
            return found
        return [word[start : start + LONGEST] for word in found for start in range(0, len(word), LONGEST)]

    return words


# Porter's m > 0: somewhere a vowel is followed by a consonant; y after a consonant is a vowel.
_MEASURED = regex.compile(r"[aeiou][^aeiou]|(?<=[^aeiouy])y[^aeiou]")


@cache
def _porter() -> Callable[[str], str]:
    """
    Porter's stemmer as Lucene has it (PorterStemFilter).

    Snowball's "porter" is the algorithm of the paper (Porter 1980). Lucene follows the author's later program, which
    departs from it in three points: words of one or two letters stay, and in step 2 -bli becomes -ble (the paper has
    only -abli) and -logi becomes -log. They are mended here, from outside: what Snowball leaves in -bli or -logi.
    """
    stem: Callable[[str], str] = Stemmer.Stemmer("porter", 0).stemWord

    def porter(word: str) -> str:
        if len(word) < 3:
            return word
        term = stem(word)
        if term.endswith("bli") and _MEASURED.search(term[:-3]):
            return stem(term[:-1] + "e")
        if term.endswith("logi") and _MEASURED.search(term[:-4]):
            return term[:-1]
        return term

    return porter


@cache
def _term(language: str, stem: bool, stop: bool) -> Callable[[str], str]:
    """Word -> its term, empty for a stop word."""
    english = language == "en"
    stop_words = ENGLISH_STOP_WORDS if stop and english else frozenset()
    stemmed: Callable[[str], str] = _porter() if stem and english else str
    if stem and language in SNOWBALL:
        snowball = Stemmer.Stemmer(SNOWBALL[language], 0).stemWord

        def stemmed(word: str) -> str:
            # Elisions and the suffixes of names are cut at the typewriter's apostrophe only.
            found: str = snowball(word.replace("’", "'"))
            return found

    def term(word: str) -> str:
        if english and len(word) >= 2 and word[-1] == "s" and word[-2] in "'’＇":
            word = word[:-2]
        return "" if word in stop_words else stemmed(word)

    return term


@dataclass(frozen=True, repr=False)
class Words(Spelled):
    """
    Words as Lucene finds them, lower case, without stop words, stemmed.

    English ("en") is Lucene's EnglishAnalyzer, Anserini's default: possessive 's cut, 33 stop words, Porter's stemmer.
    Any other language has Snowball's stemmer where there is one, else its words as they stand; no stop words are known
    for it yet, so that `stop` changes English alone.

    language: any of its codes (`retrievers.languages.code`), else ValueError; it is spelled by the shortest. None is
    English when used alone, and follows the passage set's language in the harness.
    """

    language: str | None = None
    stem: bool = True
    stop: bool = True

    def __post_init__(self) -> None:
        if self.language is not None:
            object.__setattr__(self, "language", code(self.language))  # frozen

    def __call__(self, text: str) -> list[str]:
        language = self.language or "en"
        term = _term(language, self.stem, self.stop)
        return [found for word in _words()(folded(text, language)) if (found := term(word))]

    def many(self, texts: Iterable[str]) -> Iterator[list[str]]:
        """The tokens of each text. A word is stemmed once, and forgotten when the last text is done."""
        language = self.language or "en"
        term = lru_cache(CACHED_TERMS)(_term(language, self.stem, self.stop))
        for text in texts:
            yield [found for word in _words()(folded(text, language)) if (found := term(word))]


@dataclass(frozen=True, repr=False)
class Whitespace(Spelled):
    """The text split at white space, and nothing else: for text that was analysed elsewhere."""

    def __call__(self, text: str) -> list[str]:
        return text.split()
