"""Which letters a language is written in: passages in others were, most likely, given the wrong language."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

SAMPLE = 200  # passages that are looked at, spread over all
EXCERPT = 500  # characters of each
# Letters, as Unicode's names of characters begin, that a language can be told to be wrong by: not the Latin ones, which
# code, names and loanwords are written in everywhere. Chinese characters and kana count as one: Japanese mixes them.
_SCRIPTS = {
    "ARABIC": "ar az ckb fa ha ks ku ms pa ps sd tg ug ur uz",
    "ARMENIAN": "hy",
    "BENGALI": "as bn",
    "CJK": "ja ko lzh wuu yue zh",
    "CYRILLIC": "ab av az ba be bg bs ce cu cv kk ku kv ky mk mn os ro ru sh sr tg tk tt ug uk uz",
    "DEVANAGARI": "bh hi kok ks mai mr ne pi sa sd",
    "ETHIOPIC": "am gez om ti",
    "GEORGIAN": "ab ka os",
    "GREEK": "el grc",
    "GUJARATI": "gu",
    "GURMUKHI": "pa",
    "HANGUL": "ko",
    "HEBREW": "he iw yi",
    "KANNADA": "kn",
    "KHMER": "km",
    "LAO": "lo",
    "MALAYALAM": "ml",
    "MYANMAR": "my",
    "ORIYA": "or",
    "SINHALA": "si",
    "TAMIL": "ta",
    "TELUGU": "te",
    "THAI": "th",
    "TIBETAN": "bo dz",
}
LANGUAGES = {script: frozenset(languages.split()) for script, languages in _SCRIPTS.items()}
NAMES = {"CJK": "Chinese or Japanese", "HANGUL": "Hangul (Korean)"}
_JAPANESE = {"HIRAGANA": "CJK", "KATAKANA": "CJK"}


def unsuited(texts: Sequence[str], language: str) -> str | None:
    """
    What more than half of the letters of some texts are, where the language is not written so; else None.

    language: ISO 639, maybe with a region behind a hyphen. A sample of the texts is looked at.
    """
    step = max(len(texts) // SAMPLE, 1)
    letters = Counter(character for text in texts[::step] for character in text[:EXCERPT] if character.isalpha())
    scripts: Counter[str] = Counter()
    for letter, times in letters.items():
        script = unicodedata.name(letter, "").partition(" ")[0]
        scripts[_JAPANESE.get(script, script)] += times
    script, times = next(iter(scripts.most_common(1)), ("", 0))
    written_so = LANGUAGES.get(script)
    if written_so is None or 2 * times <= letters.total() or language.lower().partition("-")[0] in written_so:
        return None
    return NAMES.get(script, script.title())
