"""What analysers share: how a text is composed before it is taken apart, and which languages there are."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from retrievers.contract import Analyser, ManyTexts


def folded(text: str, language: str = "") -> str:
    """The text composed (NFC) and in lower case; Turkish keeps its two letters i apart."""
    text = unicodedata.normalize("NFC", text)
    if language in ("az", "tr"):
        text = text.replace("İ", "i").replace("I", "ı")
    return text.lower()


def tokens(analyser: Analyser, texts: Sequence[str]) -> Iterator[list[str]]:
    """The tokens of each text; at once where that is quicker."""
    if len(texts) > 1 and isinstance(analyser, ManyTexts):
        return analyser.many(texts)
    return map(analyser, texts)
