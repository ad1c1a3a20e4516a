"""
Runs as dictionaries in JSON, as ranx and pytrec_eval have them: {query id: {passage id: score}}.

A dictionary has no order: both tools rank it by score, and break ties by passage id, descending.
"""

from __future__ import annotations

import json
import math

from bench.errors import InputError
from bench.formats.files import Content, text

SHAPE = "{query id: {passage id: score}}"


class _Object(list[tuple[str, object]]):
    """A JSON object as its pairs: a dictionary would keep the last of two equal keys without a word."""


def parse(content: Content) -> dict[str, dict[str, float]]:
    """
    The scores of a run: query id -> passage id -> score, in the order of the file.

    Raises InputError with the file, and the line or the query: no JSON, not UTF-8, another shape, a score that is no
    finite number, a query or a query's passage that is there twice.
    """
    try:
        found = json.loads(text(content), object_pairs_hook=_Object)
    except json.JSONDecodeError as error:
        raise InputError(f"{content.path}, line {error.lineno}: expected JSON, {SHAPE}, found: {error.msg}") from error
    except (ValueError, RecursionError) as error:  # a whole number of thousands of digits; thousands of brackets
        raise InputError(f"{content.path}: expected JSON, {SHAPE}, found what no reader takes: {error}") from error
    run: dict[str, dict[str, float]] = {}
    for query, passages in _pairs(found, str(content.path)):
        place = f"{content.path}, query {query!r}"
        if query in run:
            raise InputError(f"{place}: expected each query once, found it again: keep one of its objects")
        run[query] = {}
        for passage, score in _pairs(passages, place):
            if passage in run[query]:
                raise InputError(f"{place}: expected each passage once, found {passage!r} again: keep one score")
            run[query][passage] = _finite(score, f"{place}, passage {passage!r}")
    return run


def _pairs(found: object, place: str) -> _Object:
    if not isinstance(found, _Object):
        raise InputError(f"{place}: expected a JSON object, {SHAPE}, found {type(found).__name__}")
    for key, _ in found:
        if "\0" in key or any("\ud800" <= character <= "\udfff" for character in key):
            raise InputError(f"{place}: expected ids that have a UTF-8 form and no NUL, found {key!r}")
    return found


def _finite(score: object, place: str) -> float:
    try:
        value = float(score) if isinstance(score, int | float) and not isinstance(score, bool) else math.nan
    except OverflowError:  # a whole number beyond every float
        value = math.inf
    if not math.isfinite(value):
        raise InputError(f"{place}: score: expected a finite number, found {score!r:.40}")
    return value
