"""What tells two analysers apart, whatever they are called."""

from __future__ import annotations

import hashlib
import json

from retrievers.contract import Analyser

# Text that two analysers which differ are likely to treat apart. Changing a line changes every fingerprint.
PROBE = (
    "The boxer's gloves weren't hers; James' corner-man said: 'No, not the other boxers’ ones!'",
    "Possibly an ophthalmology study, generalizations of running runners, at 3.5 mg/kg, 1,000.25 or 50% of v2.0_beta.",
    "See https://example.org/a_b?q=1&r=x-y or write to first.last@example.org by 12:30 on 2024-05-17.",
    "Caf\u00e9 and cafe\u0301, na\u00efve, STRASSE and Straße, ﬁne, ＡＢＣ１２３, x² and H₂O, IL-2, p53, a I",
    "Die Häuser der Städte; les chevaux qu'on aimait; las canciones españolas; casele frumoase și orașul",
    "Все счастливые семьи похожи; Οι μεγάλες πόλεις της Ελλάδας; những thành phố lớn ở Việt Nam",
    "ISPARTA'nın gülleri, İstanbul’un kedileri, DIŞARI ılık",
    "研究者在北京大学工作。東京で寿司をたべた人々、カタカナ・テスト、ﾊﾝｶｸ",
    "서울에서 열린 경기의 관중은 3만명이었다. 비타민C와 ㄱㄴ",
    "\u1112\u1161\u11ab\u1100\u1173\u11af 한글",
    "ذهبت الطالباتُ إلى المدرسةِ الكبيرة في القاهرة ٢٠٢٤",
    "लड़कियाँ विद्यालय में किताबें पढ़ रही हैं १२३",
    "ผู้คนในกรุงเทพฯ ชอบกินข้าว ๑๒๓",
    "👍🏽 👩‍🚀 🇰🇷 ❤️ ☕ © 1️⃣",
)


def fingerprint(analyser: Analyser) -> str:
    """
    Sixteen hexadecimal digits (sha256) of what an analyser makes of a fixed text in many languages.

    Two runs whose fingerprints differ counted different tokens, whatever the analysers are called.
    """
    tokens = json.dumps([analyser(text) for text in PROBE])
    return hashlib.sha256(tokens.encode()).hexdigest()[:16]
