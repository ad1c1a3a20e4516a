"""One measure of many cells: passage sets down, retrievers (or encoders, or storages) across."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from bench.errors import InputError
from bench.record import Measurement
from bench.report import rows as flat
from bench.report.fields import BEST, FIELDS, MISSING, STATUS_STYLE, Cell, Column, Field, Grid, share
from bench.store import Run

Axis: TypeAlias = Literal["retriever", "encoder", "storage"]


class Pivot(NamedTuple):
    """What stands across, and what is told of each cell."""

    axis: Axis
    measure: str | None = None  # a measure of the runs or a key of the table's own columns; None: the primary measure


class _Line(NamedTuple):
    """What the cells of one line share."""

    passage_set: str
    sha256: str
    language: str
    n_queries: int
    rest: str  # the part that does not stand across: the storage of an encoder, the encoder of a storage


_Lines: TypeAlias = dict[tuple[str, _Line], dict[str, Measurement]]  # names of runs, and what they share -> by head


def pivoted(runs: Sequence[Run], pivot: Pivot) -> Grid:
    """
    The table: one line a passage set, the best of each line marked.

    Where the cells of a set differ in the part that does not stand across, each has its line; runs have one of their
    own where they have the same cell, or their times are not to be compared. An engine stands across by its own name.
    InputError for a measure that the runs do not have.
    """
    found = [(name, m) for name, run in zip(flat.names(runs), runs, strict=True) for m in run.measurements]
    field = _field(runs, pivot.measure)
    lines = _lines(found, pivot.axis, apart=field.time and bool(flat.hardware(runs)))
    heads = list(dict.fromkeys(_parts(m, pivot.axis)[0] for _, m in found))
    rests = list(dict.fromkeys(line.rest for _, line in lines if line.rest))
    ceilings = any((m.ceilings or {}).get(field.key) is not None for _, m in found)
    columns = [
        *([Column("run", right=False)] if len(runs) > 1 else []),
        Column("passages", right=False),
        Column("language", right=False),
        Column("queries"),
        *([Column(_other(pivot.axis), right=False, code=True)] if len(rests) > 1 else []),
        *([Column("ceiling")] if ceilings else []),
        *(Column(head, drop=1, opens=index == 0) for index, head in enumerate(heads)),
    ]
    body = []
    for (name, line), cells in lines.items():
        named = [Cell(line.passage_set), Cell(line.language), Cell(f"{line.n_queries:,}")]
        if len(runs) > 1:
            named.insert(0, Cell(name))
        if len(rests) > 1:
            named.append(Cell(line.rest))
        if ceilings:
            known = [m.ceilings[field.key] for m in cells.values() if m.ceilings and field.key in m.ceilings]
            named.append(Cell(share(known[0]) if known else MISSING))
        body.append((*named, *_values([cells.get(head) for head in heads], field)))
    storage = f", {rests[0]}" if len(rests) == 1 else ""
    title = f"{field.key} by {pivot.axis}{storage}"
    notes = tuple(_unjudged(found)) if field.key in flat.measures(runs) else ()
    return Grid(title, tuple(columns), tuple(body), notes, goes_on=True, best_of="line")


def _lines(found: Sequence[tuple[str, Measurement]], axis: Axis, *, apart: bool) -> _Lines:
    """The lines by their runs. apart: no line has cells of two runs."""
    groups: dict[_Line, dict[str, dict[str, Measurement]]] = {}  # -> run -> what stands across
    for name, m in found:
        across, rest = _parts(m, axis)
        line = _Line(m.passage_set, m.passage_set_sha256, m.language, m.n_queries, rest)
        groups.setdefault(line, {}).setdefault(name, {})[across] = m
    lines: _Lines = {}
    for line, by_run in groups.items():
        together = {across: m for cells in by_run.values() for across, m in cells.items()}
        if apart or len(together) < sum(map(len, by_run.values())):
            lines |= {(name, line): cells for name, cells in by_run.items()}
        else:
            lines[", ".join(by_run), line] = together
    return lines


def _unjudged(found: Sequence[tuple[str, Measurement]]) -> list[str]:
    """Why a line of quality has no number: a note for each set that nobody has judged."""
    judged = {m.passage_set_sha256: m.n_judged is not None for _, m in found if m.status == "ok"}
    names = {m.passage_set: None for _, m in found if judged.get(m.passage_set_sha256) is False}
    return [f"{name}: no judgments, so no quality" for name in names]


def _parts(m: Measurement, axis: Axis) -> tuple[str, str]:
    """What stands across, and the rest of the retriever; an engine has no rest."""
    if axis == "retriever" or m.encoder is None or m.storage is None:
        return m.retriever, ""
    return (m.encoder, m.storage) if axis == "encoder" else (m.storage, m.encoder)


def _other(axis: Axis) -> str:
    return "storage" if axis == "encoder" else "encoder"


def _field(runs: Sequence[Run], measure: str | None) -> Field:
    """How the values of a measure read, and which is best."""
    if measure is None:
        measure = next((name for run in runs if (name := flat.primary(run)) is not None), "")
    named = flat.measures(runs)
    known = {name: Field(name, Column(name), share, "high") for name in named} | {field.key: field for field in FIELDS}
    if measure not in known:
        near = difflib.get_close_matches(measure, known, n=1, cutoff=0.4)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise InputError(f"--measure: expected one of {', '.join(known)}, found {measure!r}.{hint}")
    return known[measure]


def _values(cells: Sequence[Measurement | None], field: Field) -> list[Cell]:
    """One field a cell: its value, its status where it did not end well, the best one marked unless all read alike."""
    values: list[float | None] = []
    for m in cells:
        value = flat.row(m).get(field.key) if m is not None and m.status == "ok" else None
        values.append(value if isinstance(value, int | float) else None)
    texts = [MISSING if value is None else field.text(value) for value in values]
    measured = [value for value in values if value is not None]
    best = {"high": max, "low": min}[field.better](measured) if field.better and measured else None
    marked = field.text(best) if best is not None and len(set(texts) - {MISSING}) > 1 else None
    return [
        Cell(m.status, STATUS_STYLE.get(m.status, "red"))
        if m is not None and m.status != "ok"
        else Cell(text, BEST if text == marked else "dim" if text == MISSING else "")
        for m, text in zip(cells, texts, strict=True)
    ]
