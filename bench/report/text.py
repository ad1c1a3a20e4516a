"""Text from files and adapters, made fit for a terminal."""

from __future__ import annotations

import re

from bench.formats.csv_rows import ESCAPE, FORMULA

# Beside C0, DEL and C1: the separators of lines and paragraphs, what turns the direction of writing, lone surrogates.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# What is not seen: marks of direction, of where words may be parted, of the order of bytes, tags, variants. Joiners
# stay: scripts need them.
UNSEEN = re.compile("[\u061c\u200b\u200e\u200f\u2060\ufeff\U000e0000-\U000e007f\U000e0100-\U000e01ef]")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def printable(text: str) -> str:
    """
    The text on one line, without what a terminal obeys: it cannot move the cursor, colour, or set a title.

    White space becomes a space, any other control character U+FFFD; what is not seen is left out.
    """
    return CONTROL.sub(lambda found: " " if found.group().isspace() else REPLACEMENT, UNSEEN.sub("", text))


def cell(value: object) -> object:
    """
    A value as a cell of a CSV: a text without control codes but the ends of its lines, which no spreadsheet runs.

    What would be a formula stands behind an apostrophe; numbers are left as they are.
    """
    if not isinstance(value, str):
        return value
    shown = "\n".join(map(printable, value.split("\n")))
    return FORMULA.sub(rf"\1{ESCAPE}", shown)


def joined(value: object) -> object:
    """Several values of a row as one text, those by key with it; what is one value as it is."""
    if isinstance(value, dict):
        value = [f"{key}: {said}" for key, said in value.items()]
    return "; ".join(value) if isinstance(value, list) else value
