"""Analysers: which tokens a text has, and that an analyser is a value."""

import importlib.util
import sys

import pytest
import regex
import Stemmer
from hypothesis import given, settings
from hypothesis import strategies as st

from retrievers.analysers import (
    Analyser,
    CharNGrams,
    Whitespace,
    Words,
    default_analyser,
    fingerprint,
    unstemmed,
)
from retrievers.analysers._fingerprint import PROBE
from retrievers.analysers.morphemes import Morphemes
from retrievers.analysers.words import ENGLISH_STOP_WORDS, SNOWBALL
from retrievers.encoders.lexical import BM25
from retrievers.registry import installed, parse, resolved

plain_words = Words(stem=False, stop=False)
NO_KIWIPIEPY = "kiwipiepy, of the extra korean, is not installed"
needs_kiwipiepy = pytest.mark.skipif(importlib.util.find_spec("kiwipiepy") is None, reason=NO_KIWIPIEPY)
every_analyser = pytest.mark.parametrize(
    "analyser",
    [
        *(Words(), Words("en"), Words("tr"), Words("ko", stem=False), CharNGrams(), CharNGrams(1), Whitespace()),
        pytest.param(Morphemes(), marks=[pytest.mark.slow, needs_kiwipiepy]),
    ],
    ids=repr,
)


def words_by_default_boundaries(text: str) -> list[str]:
    """The pieces between UAX #29 word boundaries, as the `regex` package finds them, that hold a letter or a digit."""
    pieces = regex.split(r"(?V1w)\b", text)
    return [piece for piece in pieces if regex.search(r"[\p{L}\p{Nd}]", piece)]


class TestWords:
    @pytest.mark.parametrize(
        ("text", "tokens"),
        [
            ("It isn't 3.14, it's v2.0!", ["it", "isn't", "3.14", "it", "v2.0"]),
            ("1,000.5 1, 2 a.b. 3.a", ["1,000.5", "1", "2", "a.b", "3", "a"]),
            ("IL-2 a/b x_1 __ _y_", ["il", "2", "a", "b", "x_1", "_y_"]),
            ("first.last@example.org", ["first.last", "example.org"]),
            ("co\u00adop.\u00ad 2\u200d.1 x\u0301:\u0301y", ["co\u00adop", "2\u200d.1", "x\u0301:\u0301y"]),  # WB4
            ("北京で カタカナ 人々", ["北", "京", "で", "カタカナ", "人", "々"]),
            ("서울은 3만명", ["서울은", "3만명"]),
            ("กรุงเทพฯ ๑๒", ["กรุงเทพฯ", "๑๒"]),
            ("ok 👩‍🚀👍🏽🇰🇷 © ❤️", ["ok", "👩‍🚀", "👍🏽", "🇰🇷", "❤️"]),
            ("", []),
            (" \n\t.,;'", []),
        ],
    )
    def test_tokens_are_those_of_lucene(self, text, tokens):
        """
        Words follow UAX #29 as Lucene's StandardTokenizer does; tokens of one character are kept.
        """
        assert tokens == plain_words(text)

    # Without quotes, where `regex` tailors its boundaries to French and Italian, and marks, where it departs from WB4.
    @given(st.text("abzéßжא1９٣ _.,:;·-/アー\n", max_size=20))
    @settings(deadline=None, max_examples=300)
    def test_word_boundaries_are_those_of_unicode(self, text):
        """
        Of scripts written with spaces, the words are the pieces between the default word boundaries of UAX #29.
        """
        assert words_by_default_boundaries(text) == plain_words(text)

    def test_english_is_lucenes(self):
        """
        English loses its possessives, case and stop words, and is stemmed by Porter's algorithm.
        """
        text = "The Boxer's gloves were not the referees’, said a RUNNER'S friends: no’s"

        assert ["boxer", "glove", "were", "refere", "said", "runner", "friend"] == Words()(text)

    def test_english_has_33_stop_words(self):
        """
        The stop words are Lucene's 33, and `stop=False` keeps them.
        """
        assert 33 == len(ENGLISH_STOP_WORDS)
        assert [] == Words()(" ".join(ENGLISH_STOP_WORDS))
        assert ["the", "end"] == Words(stop=False)("The end")

    @pytest.mark.parametrize(
        ("word", "term"),
        [
            ("us", "us"),  # two letters stay
            ("gas", "ga"),
            ("possibly", "possibl"),  # bli -> ble
            ("incredibly", "incred"),
            ("assemblies", "assembl"),
            ("nobly", "nobli"),  # "no" has no vowel followed by a consonant
            ("pathology", "patholog"),  # logi -> log
            ("technologies", "technolog"),
            ("etymology", "etymolog"),
            ("biology", "biologi"),  # nor has "bio"
            ("generalizations", "gener"),
            ("oscillators", "oscil"),
        ],
    )
    def test_porter_is_the_one_lucene_has(self, word, term):
        """
        Porter's stemmer has the three departures of its author's program, which Lucene follows.
        """
        assert [term] == Words(stop=False)(word)

    def test_long_tokens_are_split(self):
        """
        A token of more than 255 characters becomes pieces of 255.
        """
        tokens = plain_words("a" * 600 + " b")

        assert ["a" * 255, "a" * 255, "a" * 90, "b"] == tokens

    def test_composed_and_decomposed_text_are_alike(self):
        """
        A letter has the same token composed and decomposed.
        """
        assert Words("fr")("caf\u00e9") == Words("fr")("cafe\u0301")
        assert ["\ud55c\uae00"] == Words("ko")("\u1112\u1161\u11ab\u1100\u1173\u11af")

    def test_turkish_keeps_two_letters_i(self):
        """
        In Turkish, and only there, capital I is small ı.
        """
        assert ["ılık", "iyi"] == Words("tr", stem=False)("ILIK İYİ")
        assert ["ilik"] == Words("de", stem=False)("ILIK")

    @pytest.mark.parametrize(
        ("language", "text", "tokens"),
        [
            ("de", "Häuser der Stadt", ["haus", "der", "stadt"]),
            ("fr", "L’homme l'homme", ["homm", "homm"]),
            ("ru", "счастливые семьи", ["счастлив", "сем"]),
            ("tr", "İstanbul’un", ["istanbul"]),
            ("vi", "những thành phố", ["những", "thành", "phố"]),
        ],
    )
    def test_other_languages_have_snowballs_stemmer(self, language, text, tokens):
        """
        A language is stemmed where Snowball has a stemmer for it and left as it stands where not, with every word kept.
        """
        assert tokens == Words(language)(text)

    def test_every_stemmer_that_is_named_exists(self):
        """
        Each language of the table names an algorithm of Snowball.
        """
        assert set(SNOWBALL.values()) <= set(Stemmer.algorithms())

    def test_without_a_language_words_are_english(self):
        """
        Words without a language are English when used alone, and take the language that a passage set resolves them to.
        """
        text = "The boxers' Häuser"

        assert Words("en")(text) == Words()(text)
        assert Words("de", stop=False) == resolved(Words(stop=False), {"language": "de"})
        assert Words("tr") == resolved(Words("tr"), {"language": "de"})

    @pytest.mark.parametrize("language", ["", "e", "english", "e1"])
    def test_language_is_a_code(self, language):
        """
        A language that is no ISO 639 code is refused, with what was expected and found.
        """
        with pytest.raises(ValueError, match=f"expected language to be an ISO 639 code .* found {language!r}"):
            Words(language)


class TestCharNGrams:
    @pytest.mark.parametrize(
        ("n", "tokens"),
        [
            (1, ["관", "중", "은", "a", "b", "c", "석"]),
            (2, ["관중", "중은", "ab", "bc", "석"]),
            (3, ["관중은", "abc", "석"]),
            (4, ["관중은", "abc", "석"]),
        ],
    )
    def test_ngrams_stay_inside_words(self, n, tokens):
        """
        N-grams of characters cross no word's end, and a word shorter than n is one token.
        """
        assert tokens == CharNGrams(n)("관중은 (aBc), 석!")

    def test_n_is_at_least_one(self):
        """
        An n below 1 is refused.
        """
        with pytest.raises(ValueError, match="expected n to be at least 1, found 0"):
            CharNGrams(0)


class TestWhitespace:
    def test_text_is_only_split(self):
        """
        Whitespace keeps case, punctuation and composition.
        """
        assert ["The", "cafe\u0301's", "a-b,"] == Whitespace()(" The cafe\u0301's\n a-b, ")


@pytest.fixture(scope="module")
def morphemes():
    """Korean's analyser, ready."""
    pytest.importorskip("kiwipiepy", reason=NO_KIWIPIEPY)
    analyser = Morphemes()
    analyser("")
    return analyser


@pytest.mark.slow
class TestMorphemes:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("text", "tokens"),
        [
            ("서울에서 열린 경기", ["서울", "열리", "경기"]),  # particle and endings are cut
            ("도왔다, 돕는다", ["돕", "돕"]),  # irregular stems are one
            ("아름다운 도시의 빵을 먹었다", ["아름답", "도시", "빵", "먹"]),
            ("비타민C 3.5그램", ["비타민", "c", "3.5", "그램"]),
            ("漢字 Россия", ["漢字", "россия"]),
            ("?! ... ()", []),
            ("", []),
            ("a\ud800b", ["a", "b"]),
        ],
    )
    def test_what_carries_meaning_is_kept(self, morphemes, text, tokens):
        """
        Nouns, stems, foreign words and numbers are kept; particles, endings and punctuation are not.
        """
        assert tokens == morphemes(text)

    @pytest.mark.slow
    def test_composed_and_decomposed_text_are_alike(self, morphemes):
        """
        Syllables have the same morphemes composed and decomposed, and what comes out is composed.
        """
        assert ["한글"] == morphemes("\u1112\u1161\u11ab\u1100\u1173\u11af\u110b\u1173\u11af")

    def test_each_has_a_model_of_its_own(self, morphemes):
        """
        No model is shared: the one that the harness warms up with is let go, and what is weighed loads its own.
        """
        again = resolved(BM25(analyser=morphemes), {}).analyser

        assert morphemes == again
        assert ["_tokens"] == list(vars(morphemes))
        assert {} == vars(again)

    def test_without_its_package_the_remedy_is_told(self, monkeypatch):
        """
        Where kiwipiepy is missing the error names the extra that brings it, when a text comes and not before.
        """
        monkeypatch.setitem(sys.modules, "kiwipiepy", None)
        analyser = Morphemes()

        with pytest.raises(ImportError, match=r"pip install 'sparring\[korean\]'"):
            analyser("서울")


class TestAnalyser:
    @every_analyser
    def test_analyser_is_a_value(self, analyser):
        """
        An analyser prints as it is spelled, the print parses back, and equal ones hash alike.
        """
        again = parse(repr(analyser), installed())

        assert isinstance(analyser, Analyser)
        assert analyser == again
        assert hash(analyser) == hash(again)

    def test_only_options_that_differ_are_printed(self):
        """
        The print has the options that differ from their defaults.
        """
        assert "Words()" == repr(Words(None, stem=True))
        assert 'Words(language="ko", stop=False)' == repr(Words("ko", stop=False))
        assert "CharNGrams(n=3)" == repr(CharNGrams(3))

    @every_analyser
    @given(text=st.text(max_size=60) | st.text("가힣ᄀㄱ다 Aé1.\0\ud800", max_size=30))
    @settings(deadline=None, max_examples=100)
    def test_any_text_has_tokens(self, analyser, text):
        """
        Any text is analysed, the same way each time, into tokens of which none is empty.
        """
        tokens = analyser(text)

        assert all(tokens)
        assert tokens == analyser(text)

    @pytest.mark.parametrize(
        ("language", "analyser"),
        [
            *((language, Words(language)) for language in ("ar", "de", "en", "tr", "vi")),
            *((language, CharNGrams(2)) for language in ("ja", "ko", "zh")),
            ("th", CharNGrams(3)),
        ],
    )
    def test_default_follows_the_language(self, language, analyser):
        """
        The default is bigrams of characters for Chinese, Japanese and Korean, trigrams for Thai, words for the others.
        """
        assert analyser == default_analyser(language)

    @pytest.mark.parametrize(
        ("language", "found"), [("en", False), ("de", False), ("ko", False), ("vi", True), ("xx", True), ("deu", False)]
    )
    def test_languages_without_a_stemmer(self, language, found):
        """
        A language is unstemmed where its default analyser is words that no stemmer changes.
        """
        assert found == unstemmed(language)

    def test_default_refuses_a_nonsense_language(self):
        """
        There is no default for what is no language code.
        """
        with pytest.raises(ValueError, match="found 'korean'"):
            default_analyser("korean")

    def test_fingerprint_tells_analysers_apart(self):
        """
        Analysers that differ in an option have different fingerprints, equal ones the same; 16 hexadecimal digits.
        """
        analysers = [Words(), Words(stem=False), Words(stop=False), Whitespace(), CharNGrams(2), CharNGrams(3)]
        analysers += [Words(language) for language in ("ar", "de", "el", "es", "hi", "ro", "ru", "tr")]

        fingerprints = [fingerprint(analyser) for analyser in analysers]

        assert len(analysers) == len(set(fingerprints))
        assert all(regex.fullmatch("[0-9a-f]{16}", found) for found in fingerprints)
        assert fingerprints[0] == fingerprint(Words("en"))

    def test_fingerprint_sees_the_whole_probe(self):
        """
        A change in what becomes of any one line of the probe changes the fingerprint.
        """
        deaf = [lambda text, line=line: [] if text == line else text.split() for line in PROBE]

        assert len(PROBE) + 1 == len({fingerprint(analyser) for analyser in [Whitespace(), *deaf]})
