"""
TREC run files: hits as text that trec_eval and its kin read. One line a hit: `query Q0 passage rank score tag`. MS
MARCO's three columns, and columns behind a header, are read too.

trec_eval ignores the rank and the order of the lines: it sorts by score, kept as a C float, and breaks ties by passage
id, descending. So the scores written here fall strictly as 32-bit floats, and any reader finds our ranking.
"""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.formats import csv_rows, files
from bench.formats.names import PASSAGE_NAMES, QUERY_NAMES, RANK_NAMES, SCORE_NAMES, first
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
    check_field(path, "tag", tag)
    for query in query_ids:
        check_field(path, "query id", query)
    for row in np.unique(hits.rows[hits.rows >= 0]).tolist():
        check_field(path, "passage id", passage_ids[row])

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


def check_field(path: Path, what: str, text: str) -> None:
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


class _Columns(NamedTuple):
    """Which fields of a line say what."""

    n: int  # fields of a line
    query: int
    passage: int
    value: int
    is_rank: bool = False  # the value is a rank, from 1, and no score


TREC = _Columns(len(FIELDS.split()), 0, 2, 4)
MS_MARCO = _Columns(3, 0, 1, 2, is_rank=True)


def parse(content: files.Content) -> dict[str, dict[str, float]]:
    """
    The scores of a run file: query id -> passage id -> score, in the order of the lines.

    A line is TREC's, whose rank is ignored, as trec_eval does; MS MARCO's `query passage rank`, whose score is 1 /
    rank; or what a header before it says, by the names above. Fields end at ASCII white space, as trec_eval has it, at
    tabs alone where these make six (a tag may hold a blank) or a header has them; a .csv is read as any. Blank lines
    are passed over.

    Raises InputError with the file and the line: not UTF-8, another number of fields, a score that is no finite number,
    ranks that do not begin with 1, a passage named twice for one query.
    """
    run: dict[str, dict[str, float]] = {}
    layout = None
    for place, fields in _fields(content):
        if layout is None:
            layout, is_header = _layout(fields, place)
            if is_header:
                continue
        _add(run, layout, fields, place)
    return _by_rank(run, content.path) if layout is not None and layout.is_rank else run


def _fields(content: files.Content) -> Iterator[tuple[str, list[bytes]]]:
    """The fields of every line that is not blank, with its place."""
    if files.kind(content.path) == ".csv":
        for place, cells in csv_rows.rows(content, delimiter=csv_rows.separator(content)):
            yield place, [cell.strip().encode() for cell in cells]
        return
    has_header = None  # between tabs, where it has any: its lines may have blanks in a query's text
    for number, line in enumerate(io.BytesIO(content.data.removeprefix(BYTE_ORDER_MARK.encode())), start=1):
        if not line.strip():
            continue
        by_tabs = [field.strip() for field in line.split(b"\t")]
        if has_header is None:
            has_header = len(by_tabs) > 1 and _is_header([field.decode(errors="replace") for field in by_tabs])
        is_whole = has_header or (len(by_tabs) == TREC.n and all(by_tabs))
        yield f"{content.path}, line {number}", by_tabs if is_whole else line.split()


def _is_header(names: Sequence[str]) -> bool:
    return first(names, QUERY_NAMES) is not None and all(_number(name) is None for name in names)


def _layout(fields: list[bytes], place: str) -> tuple[_Columns, bool]:
    """What the first line tells of all, and whether it is a header."""
    names = [field.decode(errors="replace").lower() for field in fields]
    if not _is_header(names):
        return (MS_MARCO if len(fields) == MS_MARCO.n else TREC), False
    found = (first(names, known) for known in (QUERY_NAMES, PASSAGE_NAMES, SCORE_NAMES, RANK_NAMES))
    query, passage, score, rank = (None if name is None else names.index(name) for name in found)
    value = rank if score is None else score
    if query is None or passage is None or value is None:
        raise InputError(
            f"{place}: expected a header that names a query ({QUERY_NAMES[0]}), a passage ({PASSAGE_NAMES[0]}) and a "
            f"score or a rank, found {' '.join(names)}: rename its columns"
        )
    return _Columns(len(fields), query, passage, value, is_rank=score is None), True


def _add(run: dict[str, dict[str, float]], layout: _Columns, fields: list[bytes], place: str) -> None:
    """Put one line into the run."""
    if len(fields) != layout.n:
        of = {TREC: f"six fields ({FIELDS})", MS_MARCO: "three fields (query passage rank)"}
        expected = of.get(layout, f"{layout.n} fields as in the header")
        raise InputError(f"{place}: expected {expected}, found {len(fields)}")
    try:
        query, passage, said = (fields[at].decode() for at in (layout.query, layout.passage, layout.value))
    except UnicodeDecodeError as error:
        raise InputError(f"{place}: expected UTF-8, found the byte {error.object[error.start]:#04x}") from error
    value = _number(said)
    if value is None:
        what = "rank: expected a whole number from 1" if layout.is_rank else "score: expected a finite number"
        raise InputError(f"{place}: {what}, found {said!r}")
    scores = run.setdefault(query, {})
    if passage in scores:
        raise InputError(f"{place}: passage {passage!r} is there already for query {query!r}: remove one of the lines")
    scores[sys.intern(passage)] = value  # one string a passage, not one a hit


def _number(said: str) -> float | None:
    """A finite number, None for what is none; Python alone reads 1_000 as one."""
    try:
        value = math.nan if "_" in said else float(said)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _by_rank(run: dict[str, dict[str, float]], path: Path) -> dict[str, dict[str, float]]:
    """Scores that rank as the ranks do; InputError unless each query's are whole, apart, and begin with 1."""
    for query, ranks in run.items():
        found = ranks.values()
        if min(found) != 1 or len(set(found)) < len(found) or not all(rank.is_integer() for rank in found):
            raise InputError(
                f"{path}: query {query!r}: expected ranks from 1, each once, found {min(found):g} to {max(found):g}: "
                f"three columns are query, passage and rank; scores stand in TREC's six ({FIELDS}), or behind a header"
            )
    return {query: {passage: 1 / rank for passage, rank in ranks.items()} for query, ranks in run.items()}
