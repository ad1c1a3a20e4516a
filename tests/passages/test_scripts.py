"""Letters: passages that are not written in the language that was said are told."""

from __future__ import annotations

import pytest

from bench.passages import loader
from bench.passages.scripts import SAMPLE, unsuited

KOREAN = "고양이가 매트 위에 앉았다"
JAPANESE = "猫がマットの上に座った"
CHINESE = "猫坐在垫子上"
RUSSIAN = "кошка сидела на коврике"
HINDI = "बिल्ली चटाई पर बैठी"


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        (KOREAN, "en", "Hangul (Korean)"),
        (KOREAN, "ja", "Hangul (Korean)"),
        (KOREAN, "kr", "Hangul (Korean)"),
        (JAPANESE, "en", "Chinese or Japanese"),
        (CHINESE, "vi", "Chinese or Japanese"),
        (RUSSIAN, "pl", "Cyrillic"),
        (HINDI, "en", "Devanagari"),
        ("η γάτα κάθισε", "en", "Greek"),
        ("החתול ישב", "en", "Hebrew"),
        ("جلست القطة", "en", "Arabic"),
        ("แมวนั่งบนเสื่อ", "en", "Thai"),
        (KOREAN, "ko", None),
        (JAPANESE, "ja", None),
        (CHINESE, "zh-TW", None),
        (RUSSIAN, "ru", None),
        (RUSSIAN, "sr", None),
        (HINDI, "NE", None),
        ("the cat sat on the mat", "ko", None),
        ("le chat s'est assis", "en", None),
        (f"{KOREAN} is how one says that the cat sat on the mat", "en", None),
        ("12 + 30 = 42", "en", None),
        ("", "en", None),
    ],
)
def test_unsuited(text, language, expected):
    """
    Where more than half of the letters are of a script that the language is not written in, the script is told. Latin
    letters are told of no language: names and code are written in them everywhere.
    """
    assert expected == unsuited([text], language)


def test_a_sample_is_looked_at():
    """
    Of many passages a sample that is spread over all of them is enough.
    """
    texts = ["cat"] * SAMPLE + [KOREAN] * (3 * SAMPLE)

    assert "Hangul (Korean)" == unsuited(texts, "en")
    assert unsuited([], "en") is None


@pytest.mark.parametrize("name", ["primer", "primer-ko"])
def test_shipped_sets(name):
    """
    The sets that ship are written in the letters of their languages.
    """
    found = loader.load(name)

    assert unsuited(found.passages, found.language) is None
