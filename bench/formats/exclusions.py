"""Pairs of a query and a passage that is no answer to it: a line each, their ids first, whatever follows."""

from __future__ import annotations

from bench.errors import InputError
from bench.formats import qrels
from bench.formats.files import Content, kind, lines

SHAPE = "a line is query id and passage id, separated by a tab (by a comma in a .csv)"


def read(content: Content) -> list[tuple[str, str]]:
    """
    The pairs of a file, in its order; a header as qrels have it is skipped, and any file of qrels is one of pairs.

    Raises InputError for a line of fewer fields, and where there is none.
    """
    if kind(content.path) not in ("", ".txt", ".tsv", ".csv"):
        return [(query, passage) for query, passage, _ in qrels.read(content) if passage is not None]
    found: list[tuple[str, str]] = []
    for place, line in lines(content):
        comma = "," if kind(content.path) == ".csv" else None
        fields = [field.strip() for field in line.split("\t" if "\t" in line else comma)]
        if len(fields) == 4:
            del fields[1]  # TREC's iteration
        if len(fields) < 2 or not all(fields[:2]):
            raise InputError(f"{place}: expected query id and passage id, found {fields}: {SHAPE}")
        if found or fields[0].lower() not in qrels.HEADERS:
            found.append((fields[0], fields[1]))
    if not found:
        raise InputError(f"{content.path}: expected at least one pair of a query and a passage, found none: {SHAPE}")
    return found
