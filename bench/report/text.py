"""Text from files and adapters, made fit for a terminal."""

from __future__ import annotations

import re

# Beside C0, DEL and C1: the separators of lines and paragraphs, what turns the direction of writing, lone surrogates.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
FORMULA = re.compile("\\s*[=+\\-@\uff0b\uff0d\uff1d\uff20]")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def printable(text: str) -> str:
    """
    The text on one line, without what a terminal obeys: it cannot move the cursor, colour, or set a title.

    White space becomes a space, any other control character U+FFFD.
    """
    return CONTROL.sub(lambda found: " " if found.group().isspace() else REPLACEMENT, text)


def cell(value: object) -> object:
    """
    A value as a cell of a CSV: a text without control codes but the ends of its lines, which no spreadsheet runs.

    What would be a formula stands behind an apostrophe (OWASP, "CSV injection"); numbers are left as they are.
    """
    if not isinstance(value, str):
        return value
    shown = "\n".join(map(printable, value.split("\n")))
    return f"'{shown}" if FORMULA.match(shown) else shown


def joined(value: object) -> object:
    """Several values of a row as one text, those by key with it; what is one value as it is."""
    if isinstance(value, dict):
        value = [f"{key}: {said}" for key, said in value.items()]
    return "; ".join(value) if isinstance(value, list) else value
