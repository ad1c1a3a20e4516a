"""The codes of a language."""

from __future__ import annotations

import pytest

from retrievers.analysers.defaults import default_analyser, unstemmed
from retrievers.analysers.words import SNOWBALL, Words
from retrievers.languages import code


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("deu", "de"),  # 639-2/T, 639-3
        ("ger", "de"),  # 639-2/B
        ("de-DE", "de"),  # BCP 47
        ("de_CH", "de"),
        ("deu-Latn", "de"),  # MTEB
        ("kor", "ko"),
        ("zh-Hant-TW", "zh"),
        ("cmn-Hans", "zh"),
        ("arb-Arab", "ar"),
        ("pes-Arab", "fa"),
        ("iw", "he"),  # of before 1989
        ("hbs", "sr"),
        ("yor", "yo"),
        ("haw", "haw"),  # has no shorter one
        ("zxx", "zxx"),
    ],
)
def test_the_shortest(tag, expected):
    """
    Whichever code names a language, it is one language.
    """
    assert expected == code(tag)


@pytest.mark.parametrize("tag", ["", "e", "english", "e1", "en-", "und", "x-own", ".", "d e", "\0", "en" * 200])
def test_no_code(tag):
    """
    What is no code is refused, with what was expected and found.
    """
    with pytest.raises(ValueError, match="expected language to be an ISO 639 code such as 'en' or 'ko', found"):
        code(tag)


def test_analysers():
    """
    Stemmers and n-grams are found by any code, and an analyser is spelled by the shortest.
    """
    assert Words("de") == Words("ger") == Words("de-AT") == default_analyser("deu-Latn")
    assert "Words(language='de')" == repr(Words("deu")).replace('"', "'")
    assert default_analyser("ko") == default_analyser("kor-Hang")
    assert not any(unstemmed(each) for each in ("deu", "jpn", "nob", *SNOWBALL))
    assert unstemmed("yor")
