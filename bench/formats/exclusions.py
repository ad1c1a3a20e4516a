"""Pairs of a query and a passage that is none of its answers: two columns of ids, or any file of qrels."""

from __future__ import annotations

from bench.errors import InputError
from bench.formats import csv_rows, qrels
from bench.formats.files import Content, kind
from bench.formats.names import PASSAGE_NAMES, QUERY_NAMES, first


def read(content: Content) -> list[tuple[str, str]]:
    """
    The pairs of a file, in its order: two columns, or whatever `qrels.read` takes.

    Of two columns the first is the query's id, unless a header says otherwise.

    Raises InputError for a line of another number of columns, an empty id, and where there is no pair.
    """
    found = list(csv_rows.fields(content)) if kind(content.path) in ("", ".txt", ".tsv", ".csv") else []
    if not found or len(found[0][1]) != 2:
        return [(query, passage) for query, passage, _ in qrels.read(content) if passage is not None]
    query, passage = (first(found[0][1], known) for known in (QUERY_NAMES, PASSAGE_NAMES))
    swapped = found[0][1][0] == passage != query or (passage is None and found[0][1][1] == query)
    if query is not None or passage is not None:
        del found[0]
    for place, fields in found:
        if len(fields) != 2 or not all(fields):
            raise InputError(f"{place}: expected query id and passage id as in the first line, found {fields}")
    return [(of[1], of[0]) if swapped else (of[0], of[1]) for _, of in found]
