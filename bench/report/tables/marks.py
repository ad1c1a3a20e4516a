"""Letters beside the lines of a table, and the footnotes that they stand for."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence

from bench.records.schema import Measurement
from bench.report import doubts
from bench.report.columns import Field
from bench.report.conditions import IMPORTED
from bench.report.model import Column, TableCell
from bench.report.numbers import bounds, four
from bench.report.rows import Row
from bench.report.tables.lines import RunCell, names_of

# How many cells a footnote counts, where a flag is called otherwise than by the words before its colon.
KINDS = {
    "unstable": "unstable times",
    "remembers": "repeated queries answered faster",
    "contention": "CPU contention",
    "threads": "more threads at work than declared",
    "batch": "a query alone has another vector than in a batch",
    "ledger": "resident growth unlike the ledger",
    "mapped": "files that are said to be mapped, and are not",
    "memory": "memory taken once weighed, or a deployment not weighed",
    "few-hits": "queries with fewer hits than were asked for",
    "self": "queries that find the passage of their own id first (--exclude self leaves it out)",
    "stale": "files changed since the passages were encoded",
    "storage": "resident growth of the storage below its ledger, withheld",
    "engine": "resident growth of the engine below its ledger, withheld",
    "encoder": "resident growth of the encoder below its ledger, withheld",
}
SHARE = re.compile(r"^[\d.]+% of ")  # how a flag begins that has a figure of its own
LOOKS = "asked in looks"  # what a remark on a decision is about, whatever its verdict and its number of queries
DECIDED = re.compile(r"^[a-z-]+(, decided)? after ")  # how such a remark begins
MOST_TOLD = 4  # cells of which a footnote says what was decided, where they differ in it
NO_BEST = (
    "no best of a measure is marked beside a cell that was stopped before its last query: its means over all queries "
    "are unknown"
)


def letter(index: int) -> str:
    """a, b ... z, aa, ab ..."""
    before, last = divmod(index, len(string.ascii_lowercase))
    return (letter(before - 1) if before else "") + string.ascii_lowercase[last]


class Marks:
    """Gives the same letter for the same words, and keeps them as notes."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def mark(self, why: str) -> TableCell:
        if not why:
            return TableCell("")
        return TableCell(self._letters.setdefault(why, letter(len(self._letters))), "dim")

    def notes(self) -> list[str]:
        return [f"{mark}: {why}" for why, mark in self._letters.items()]


def remarks(m: Measurement) -> list[str]:
    """What a reader must know before taking the numbers of a cell as they stand: a sentence each, its flags first."""
    found = [] if m.origin is None else [IMPORTED]
    found += m.flags
    found += decisions(m)
    if m.n_unanswered:
        found.append(f"judged queries with no hits (scored 0): {m.n_unanswered:,} of {m.n_judged or m.n_queries:,}")
    return found


def decisions(m: Measurement) -> list[str]:
    """What the looks at a cell came to, in place of a test of all queries; nothing where it was asked all at once."""
    decision = m.decision
    if decision is None:
        return []
    n_judged, measure = f"{m.n_judged:,} judged queries", decision.measure
    beside = f"{four(decision.difference, '+')} {bounds(decision.interval, lambda value: four(value, '+'))}"
    told = f"{beside} beside {decision.baseline}, bounds of all looks"
    if not m.is_stopped:
        return [f"{decision.verdict} after all {n_judged}, asked in looks: {measure} {told}"]
    of = f"{measure} {four(decision.means.get(measure))} over these"
    return [f"{decision.verdict}, decided after {decision.n_asked:,} of {n_judged}: {of}, {told}"]


def decisions_note(cells: Sequence[RunCell]) -> str:
    """The decisions on some cells in one line: of those that differ each by its name, of many the first few."""
    told = dict.fromkeys(said for _, _, m in cells for said in decisions(m))
    if len(told) == 1:
        return next(iter(told))
    baselines = " / ".join(dict.fromkeys(m.decision.baseline for _, _, m in cells if m.decision is not None))
    named = zip(names_of(cells), cells, strict=True)
    said = [f"{name} {_in_short(m)}" for name, (_, _, m) in list(named)[:MOST_TOLD]]
    said += [f"and {len(cells) - MOST_TOLD} more: --json has each"] if len(cells) > MOST_TOLD else []
    return f"asked in looks beside {baselines}, bounds of all looks: {'; '.join(said)}"


def _in_short(m: Measurement) -> str:
    """A decision without what it shares with those on other cells."""
    decision = m.decision
    if decision is None:
        return ""
    asked = f"{decision.n_asked:,} of {m.n_judged:,}" if m.is_stopped else f"all {m.n_judged:,}"
    beside = f"{four(decision.difference, '+')} {bounds(decision.interval, lambda value: four(value, '+'))}"
    return f"{decision.verdict} after {asked} judged queries, {decision.measure} {beside}"


def no_best(fields: Sequence[Field], cells: Sequence[Measurement]) -> list[str]:
    """A note that says why no best of a measure is marked in a table of these cells, where one of them was stopped."""
    has_quality = any(field.quality for field in fields)
    return [NO_BEST] if has_quality and any(m.is_stopped for m in cells) else []


def kind(remark: str) -> str:
    """What a remark is about: the words before its colon; of one without, all of it but a figure at its beginning."""
    if DECIDED.match(remark):
        return LOOKS
    beginning, colon, _ = remark.partition(": ")
    return KINDS.get(beginning, beginning) if colon else SHARE.sub("", remark)


def add_remarks(
    cells: Sequence[RunCell],
    columns: list[Column],
    lines: Sequence[list[TableCell]],
    told: Callable[[Measurement], list[str]] = remarks,
) -> list[str]:
    """
    Give each line the letters of the remarks on its cell, in a column of their own; returns one note a kind.

    Args:
        cells: one a line.
        columns: gets the column of the letters, where there is a remark.
        lines: changed in place.
        told: the remarks on a cell.
    """
    by_kind: dict[str, dict[int, list[str]]] = {}  # kind -> line -> remarks
    for index, (_, _, m) in enumerate(cells):
        for remark in told(m):
            by_kind.setdefault(kind(remark), {}).setdefault(index, []).append(remark)
    if by_kind:
        columns.append(Column("", opens=True))
        for index, line in enumerate(lines):
            marks = [letter(number) for number, found in enumerate(by_kind.values()) if index in found]
            line.append(TableCell(" ".join(marks), "dim"))
    notes = [
        decisions_note([cells[index] for index in found]) if name == LOOKS else _note(name, found, len(cells))
        for name, found in by_kind.items()
    ]
    return [f"{letter(number)}: {note}" for number, note in enumerate(notes)]


def figure_notes(fields: Sequence[Field], rows: Sequence[Row]) -> list[str]:
    """What speaks against single figures of a table, one note a kind; each such figure has a mark beside it."""
    by_kind: dict[str, dict[int, list[str]]] = {}  # kind -> line -> sentences
    for index, row in enumerate(rows):
        for said in dict.fromkeys(filter(None, (doubts.figure_flag(row, field.key) for field in fields))):
            by_kind.setdefault(kind(said), {}).setdefault(index, []).append(said)
    return [f"{doubts.FLAG_MARK}: {_note(name, found, len(rows))}" for name, found in by_kind.items()]


def _note(name: str, found: dict[int, list[str]], n_cells: int) -> str:
    """All remarks of one kind: themselves where every cell has the same ones, else how many cells have any."""
    sentences = {tuple(remarks) for remarks in found.values()}
    if len(sentences) > 1:
        return f"{name}: {len(found)} of {n_cells} cells; --json has each"
    first, *others = next(iter(sentences))
    return "; ".join([first, *(other.partition(": ")[2] or other for other in others)])
