"""Passages as readers see them: their text, and the title that it begins with."""

from __future__ import annotations

from bench.passages.passage_set import PassageSet


def title_of(passage_set: PassageSet, row: int) -> str:
    """The title that a passage's text begins with; empty where it has none, and of a row beyond the set's own."""
    lengths = passage_set.title_lengths
    if lengths is None or not 0 <= row < min(len(lengths), len(passage_set.passages)):
        return ""
    return passage_set.passages[row][: lengths[row]]


def text_of(passage_set: PassageSet, row: int) -> str:
    """
    The text that is found at a row, and judged: a passage's, of a document in parts that of all of them.

    Hits name a document, and not which of its parts stood for it. Empty for a row beyond the set's own.
    """
    if not 0 <= row < len(passage_set.passages):
        return ""
    if not passage_set.has_parts:
        return passage_set.passages[row]
    return "\n".join(passage_set.passages[part] for part in passage_set.rows_of[passage_set.passage_ids[row]])


def title_apart(text: str, title: str) -> str:
    """
    A passage for a reader: its title, a dash, and the rest; the rest alone where that begins with the title again.

    text: as it is searched, title first. title: empty of a passage without.
    """
    name, rest = title.strip(), text[len(title) :].strip()
    if not name or not rest:
        return name or rest
    repeats = rest[: len(name)].casefold() == name.casefold() and not rest[len(name) : len(name) + 1].isalnum()
    return rest if repeats else f"{name} - {rest}"
