"""
TREC run files: hits as text that trec_eval and its kin read. One line a hit: `query Q0 passage rank score tag`.

trec_eval ignores the rank and the order of the lines: it sorts by score, kept as a C float, and breaks ties by passage
id, descending. So the scores written here fall strictly as 32-bit floats, and any reader finds our ranking.
"""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.formats import files
from retrievers.contract import Hits
from retrievers.ranking import check_hits

FIELDS = "query Q0 passage rank score tag"
BYTE_ORDER_MARK = "\ufeff"


def write(path: Path, hits: Hits, passage_ids: Sequence[str], query_ids: Sequence[str], tag: str) -> None:
    """
    Write the hits of all queries; a query without hits has no line, and padding is never written.

    A score that ties with the one above it is written as the next lower 32-bit float, and so on down: the file ranks as
    the hits do, at the cost of the last bits of tied scores. The file appears whole or not at all.

    Raises InputError for an id or a tag with white space (it would add a field to the line), for a score that is not
    finite, and for hits that are not in order, best first.
    """
    scores = strictly_falling(path, hits, passage_ids, query_ids)
    _check_field(path, "tag", tag)
    for query in query_ids:
        _check_field(path, "query id", query)
    for row in np.unique(hits.rows[hits.rows >= 0]).tolist():
        _check_field(path, "passage id", passage_ids[row])

    found = zip(query_ids, hits.rows.tolist(), scores.tolist(), strict=True)
    # Nine significant digits read back to the same 32-bit float, by way of a 64-bit one too.
    lines = (
        f"{query} Q0 {passage_ids[row]} {rank} {score:.9g} {tag}\n"
        for query, rows, row_scores in found
        for rank, (row, score) in enumerate(zip(rows, row_scores, strict=True), start=1)
        if row >= 0  # padding is last
    )
    files.write_whole(path, (line.encode() for line in lines))


def strictly_falling(
    path: Path, hits: Hits, passage_ids: Sequence[str], query_ids: Sequence[str]
) -> NDArray[np.float32]:
    """
    The scores, each lowered to below the one above it where it is not already: (n_queries, k), padding -inf.

    Raises InputError, which names the file that they were meant for, for hits that are no ranking of these passages.
    """
    try:
        check_hits(hits, len(query_ids), None, len(passage_ids), names=query_ids, ties=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: {error}") from error
    scores = hits.scores.copy()
    with np.errstate(over="ignore"):  # below the lowest float is -inf, and is refused
        for rank in range(1, scores.shape[1]):
            below = np.nextafter(scores[:, rank - 1], np.float32(-np.inf))
            scores[:, rank] = np.minimum(scores[:, rank], below)
    lost = (hits.rows >= 0) & np.isinf(scores)
    if lost.any():
        query, rank = np.argwhere(lost)[0].tolist()
        raise InputError(
            f"{path}: expected scores that can fall strictly, found hit {rank + 1} of query {query_ids[query]!r} to "
            f"tie at the lowest 32-bit float there is"
        )
    return scores


def _check_field(path: Path, what: str, text: str) -> None:
    """InputError unless the text is one field of a line, in whatever language the line is split."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(f"{path}: cannot be written: {what} {text!r} has no UTF-8 form") from None
    if text.split() != [text] or "\0" in text or text.startswith(BYTE_ORDER_MARK):
        raise InputError(
            f"{path}: cannot be written: a {what} of a run file is one word, found {text!r}. Change the id in the "
            f"passage set: white space ends a field of {FIELDS!r}, and nothing escapes it"
        )


def read(path: Path) -> dict[str, dict[str, float]]:
    """The scores of a run file, plain or .gz, as in `parse`; InputError also where it cannot be read."""
    if not path.is_file():
        raise InputError(f"{path}: expected a run file, found {'a folder' if path.is_dir() else 'no such file'}")
    return parse(files.read(path))


def parse(content: files.Content) -> dict[str, dict[str, float]]:
    """
    The scores of a run file: query id -> passage id -> score, in the order of the lines.

    Fields end at ASCII white space, as trec_eval has it; the rank is ignored, also as trec_eval has it; blank lines
    are passed over. Raises InputError with the file and the line: not UTF-8, not six fields, a score that is no finite
    number, a passage named twice for one query.
    """
    run: dict[str, dict[str, float]] = {}
    for number, line in enumerate(io.BytesIO(content.data.removeprefix(BYTE_ORDER_MARK.encode())), start=1):
        fields = line.split()
        if fields:
            _add(run, fields, f"{content.path}, line {number}")
    return run


def _add(run: dict[str, dict[str, float]], fields: list[bytes], place: str) -> None:
    """Put one line into the run."""
    if len(fields) != len(FIELDS.split()):
        raise InputError(f"{place}: six fields were expected ({FIELDS}), found {len(fields)}")
    try:
        query, _, passage, _, score, _ = (field.decode() for field in fields)
    except UnicodeDecodeError as error:
        raise InputError(f"{place}: expected UTF-8, found the byte {error.object[error.start]:#04x}") from error
    try:
        value = math.nan if "_" in score else float(score)  # Python alone reads 1_000 as a number
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{place}: score: expected a finite number, found {score!r}")
    scores = run.setdefault(query, {})
    if passage in scores:
        raise InputError(f"{place}: passage {passage!r} is there already for query {query!r}: remove one of the lines")
    scores[sys.intern(passage)] = value  # one string a passage, not one a hit
