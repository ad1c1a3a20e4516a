"""Figures of many cells as one table, any axis of them across: retrievers, their parts, sets, measures, runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from bench.analysis.evidence import Evidence, ties
from bench.errors import InputError
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.report import doubts, significance
from bench.report import rows as flat
from bench.report.column_names import keys_of
from bench.report.columns import Field, best_of, field_of, text_of
from bench.report.model import BEST, STATUS_STYLE, STOPPED, TIED, Column, Grid, TableCell
from bench.report.numbers import MISSING, bounds, share
from bench.report.tables.lines import with_reuse
from bench.report.tables.marks import decisions_note, figure_notes, no_best
from bench.report.tables.set_means import ACROSS, NOTE, line_name, set_means
from bench.report.view import Axis, Pivot

DOWN: tuple[Axis, ...] = ("passages", "measure")  # across stands what is not compared: the best is that of a column
SHORT = 12  # characters of a hash, enough to tell two contents apart


class _Line(NamedTuple):
    """What the cells of one line share; empty or 0 where it stands across."""

    passage_set: str
    sha256: str
    language: str
    n_queries: int
    rest: str  # the retriever, or the part of it that does not stand across
    threads: int


class _Place(NamedTuple):
    """One figure: of which cell of which run, and how it reads."""

    name: str  # of the run
    run: Run
    m: Measurement
    row: flat.Row
    field: Field


_Lines: TypeAlias = dict[tuple[str, _Line], dict[str, _Place]]  # names of runs, and what they share -> by head


def pivoted(runs: Sequence[Run], pivot: Pivot, *, intervals: bool = False) -> Grid:
    """
    The table: one line a passage set, the best of each line marked; of each column within its set where sets or
    measures stand across.

    Where the cells of a set differ in a part that does not stand across, each has its line; runs have one of their
    own where they have the same cell, or their times are not to be compared. An engine stands across by its own name,
    a cell without a name by its retriever. InputError for a measure that the runs do not have.
    """
    axis = pivot.axis
    fields = _fields(runs, pivot)
    apart = flat.hardware(runs) if any(field.time for field in fields) else ""
    lines = _lines(runs, axis, fields, apart=bool(apart))
    heads = list(dict.fromkeys(head for cells in lines.values() for head in cells))
    shown, explained = _judged(lines, axis, apart=bool(apart), intervals=intervals)
    means = _means(runs, lines, axis, fields, intervals=intervals)
    heads = list(dict.fromkeys([*heads, *(head for _, head in means)]))
    lines |= {key: {} for key, _ in means if key not in lines}
    shown |= means
    columns, body = _named(lines, axis, several=len(runs) > 1)
    columns += [Column(head, drop=1, opens=index == 0) for index, head in enumerate(heads)]
    for key, named in zip(lines, body, strict=True):
        named += [shown.get((key, head), TableCell(MISSING, "dim")) for head in heads]
    rests = {line.rest for _, line in lines if line.rest}
    only = f", {next(iter(rests))}" if len(rests) == 1 and axis in ("encoder", "storage") else ""
    places = [place for cells in lines.values() for place in cells.values()]
    notes = list(_unjudged(m for run in runs for m in run.measurements)) if _is_quality(runs, fields) else []
    notes += figure_notes(fields, list({id(place.m): place.row for place in places}.values()))
    notes += [NOTE] if means else []
    notes += _stopped(places)
    if apart and axis == "run":
        notes.append(f"hardware differs ({apart}): times are not compared across runs")
    return Grid(
        f"{'quality' if axis == 'measure' else fields[0].column.head} by {axis}{only}",
        tuple(columns),
        tuple(map(tuple, body)),
        (*notes, *explained.notes),
        goes_on=True,
        best_of="column" if axis in DOWN else "line",
        figures=None if axis == "measure" else fields[0].column,
        legend=explained.legend,
    )


def _lines(runs: Sequence[Run], axis: Axis, fields: Sequence[Field], *, apart: bool) -> _Lines:
    """The lines by their runs. apart: no line has cells of two runs, but where runs stand across."""
    contents = {m.passage_set: m.passage_set_sha256 for run in runs for m in run.measurements}
    groups: dict[_Line, dict[str, dict[str, _Place]]] = {}  # -> run -> what stands across
    for name, run in zip(flat.names(runs), runs, strict=True):
        for m in run.measurements:
            part, rest = _parts(m, axis)
            is_other = contents[m.passage_set] != m.passage_set_sha256
            heads = {
                "passages": f"{m.passage_set} (content {m.passage_set_sha256[:SHORT]})" if is_other else m.passage_set,
                "threads": str(m.threads),
                "run": name,
            }
            line = _Line(m.passage_set, m.passage_set_sha256, m.language, m.n_queries, rest, m.threads)
            if axis == "passages":
                line = line._replace(passage_set="", sha256="", language="", n_queries=0)
            elif axis == "threads":
                line = line._replace(threads=0)
            row = {"run": name} | flat.row(m)
            cells = groups.setdefault(line, {}).setdefault("" if axis == "run" else name, {})
            for field in fields:
                cells[field.key if axis == "measure" else heads.get(axis, part)] = _Place(name, run, m, row, field)
    lines: _Lines = {}
    for line, by_run in groups.items():
        together = {head: place for cells in by_run.values() for head, place in cells.items()}
        if (apart and axis != "run") or len(together) < sum(map(len, by_run.values())):
            lines |= {(name, line): cells for name, cells in by_run.items()}
        else:
            lines[", ".join(by_run), line] = together
    return lines


def _parts(m: Measurement, axis: Axis) -> tuple[str, str]:
    """Of a retriever what stands across, and the rest of it; an engine has no parts."""
    if axis in ("name", "run"):  # by their names the cells of two runs are the same, however they are spelled
        named = m.cell_name or m.retriever
        return (named, "") if axis == "name" else ("", named)
    if axis not in ("retriever", "encoder", "storage"):
        return "", m.retriever
    if axis == "retriever" or m.encoder is None or m.storage is None:
        return m.retriever, ""
    return (m.encoder, m.storage) if axis == "encoder" else (m.storage, m.encoder)


def _named(lines: _Lines, axis: Axis, *, several: bool) -> tuple[list[Column], list[list[TableCell]]]:
    """The columns that say what a line is of, those that would say nothing left out, and their cells."""
    rest = {"encoder": "storage", "storage": "encoder"}.get(axis, "retriever")
    has_rests = len({line.rest for _, line in lines if line.rest}) > 1 or axis in ("measure", "passages", "run")
    has_threads = len({line.threads for _, line in lines}) > 1
    known = [_ceiling(cells.values()) for cells in lines.values()] if axis not in DOWN else []
    columns, body = [], []
    for (name, line), ceiling in zip(lines, known or [None] * len(lines), strict=True):
        parts = (
            (several and axis != "run", Column("run", right=False), name),
            (axis != "passages", Column("passages", right=False), line.passage_set),
            (axis != "passages", Column("language", right=False), line.language),
            (axis != "passages", Column("queries"), f"{line.n_queries:,}" if line.n_queries else ""),
            (has_rests, Column(rest, right=False, code=True), line.rest),
            (has_threads, Column("threads"), str(line.threads)),
            (
                any(value is not None for value in known),
                Column("ceiling"),
                MISSING if ceiling is None else share(ceiling),
            ),
        )
        columns = [column for is_told, column, _ in parts if is_told]
        body.append([TableCell(text) for is_told, _, text in parts if is_told])
    return columns, body


def _ceiling(places: Iterable[_Place]) -> float | None:
    known = [place.m.ceilings.get(place.field.key) for place in places if place.m.ceilings]
    return next((value for value in known if value is not None), None)


def _unjudged(cells: Iterable[Measurement]) -> list[str]:
    """Why a line of quality has no number: a note for each set that nobody has judged."""
    done = [m for m in cells if m.status == "ok"]
    judged = {m.passage_set_sha256: m.n_judged is not None for m in done}
    names = {m.passage_set: None for m in done if not judged[m.passage_set_sha256]}
    return [f"{name}: no judgments, so no quality" for name in names]


def _stopped(places: Sequence[_Place]) -> list[str]:
    """What was decided of the cells that have no measure since they were stopped, and that none is best beside them."""
    found = {id(place.m): (place.name, place.run, place.m) for place in places if _is_stopped(place)}
    said = [f"{STOPPED}: {decisions_note(list(found.values()))}"] if found else []
    return said + no_best([place.field for place in places], [m for _, _, m in found.values()])


def _is_stopped(place: _Place) -> bool:
    return place.field.quality and place.m.is_stopped


def _is_quality(runs: Sequence[Run], fields: Sequence[Field]) -> bool:
    return any(field.key in flat.measures(runs) for field in fields)


def _fields(runs: Sequence[Run], pivot: Pivot) -> list[Field]:
    """How what is shown reads, and which is best: one field, or all measures where they stand across."""
    named = {name: Field(name, Column(name), share, "high", quality=True) for name in flat.measures(runs)}
    if pivot.axis == "measure":
        if pivot.measure is not None:
            raise InputError(f"--pivot measure shows every measure: leave out --measure {pivot.measure}")
        return list(named.values())
    measure = pivot.measure
    if measure is None:
        measure = next((name for run in runs if (name := flat.primary(run)) is not None), "")
    (key,) = keys_of([measure], dict.fromkeys([*named, *(key for row in flat.rows(runs) for key in row)]), "--measure")
    return with_reuse([named.get(key) or field_of(key)], runs)


# What is marked

_At: TypeAlias = tuple[tuple[str, _Line], str]  # line and head


def _judged(
    lines: _Lines, axis: Axis, *, apart: bool, intervals: bool
) -> tuple[dict[_At, TableCell], significance.MarkNotes]:
    """Every figure as it is drawn: value or status, what is best of those that are compared, and what ties with it."""
    compared: dict[Hashable, dict[_At, _Place]] = defaultdict(dict)
    by_set: dict[tuple[str, str], dict[_At, _Place]] = defaultdict(dict)
    for key, cells in lines.items():
        for head, place in cells.items():
            alone = place.name if apart and (axis in DOWN or axis == "run") else ""
            within = (head, place.m.passage_set_sha256) if axis in DOWN else key
            compared[within, alone][key, head] = place
            by_set[place.m.passage_set_sha256, place.field.key][key, head] = place
    evidence = Evidence()
    shown: dict[_At, TableCell] = {}
    for places in compared.values():
        shown |= _marked(evidence, places)
    for (_, measure), places in by_set.items():
        is_primary = any(measure == flat.primary(place.run) for place in places.values())
        told = significance.daggers(evidence, [(place.run, place.m) for place in places.values()]) if is_primary else []
        others = told or [False] * len(places)
        for (at, place), is_other in zip(places.items(), others, strict=True):
            around = significance.around(evidence, place.run, place.m, place.field.key) if intervals else None
            shown[at] = shown[at]._replace(
                mark=significance.DAGGER if is_other and measure == flat.primary(place.run) else shown[at].mark,
                interval="" if around is None else bounds(around, place.field.text),
            )
    runs = {id(place.run): place.run for places in by_set.values() for place in places.values()}
    timed = any(place.field.time for places in by_set.values() for place in places.values())
    in_looks = any(p.field.quality and p.m.decision is not None for places in by_set.values() for p in places.values())
    used = list(runs.values())
    return shown, significance.notes_on_marks(evidence, used, shown.values(), timed=timed, in_looks=in_looks)


def _marked(evidence: Evidence, places: Mapping[_At, _Place]) -> dict[_At, TableCell]:
    """The figures that are compared with each other; all are of one field."""
    field = next(iter(places.values())).field
    best = best_of(field, [place.row for place in places.values()], [""] * len(places))
    tied = ties(evidence, [(place.run, place.m) for place in places.values()], field.key)
    found = {}
    for (at, place), is_best, is_tied in zip(places.items(), best, tied, strict=True):
        text = text_of(field, place.row)
        if place.m.status != "ok":
            found[at] = TableCell(place.m.status, STATUS_STYLE.get(place.m.status, "red"))
        elif _is_stopped(place):
            found[at] = TableCell(STOPPED, STATUS_STYLE[STOPPED])
        elif is_best:
            found[at] = TableCell(text, BEST)
        elif is_tied and any(best):
            found[at] = TableCell(text, TIED)
        else:
            found[at] = TableCell(text, "dim" if text == MISSING else "", mark=doubts.mark(place.row, field.key))
    return found


# Over several passage sets


def _means(
    runs: Sequence[Run], lines: _Lines, axis: Axis, fields: Sequence[Field], *, intervals: bool
) -> dict[_At, TableCell]:
    """
    The means over sets: a column of their own where sets stand across, else a line for all of one retriever.

    Of measures alone; none where one name stands for two contents, which are no two sets.
    """
    contents = {(m.passage_set, m.passage_set_sha256) for run in runs for m in run.measurements}
    if not _is_quality(runs, fields) or len({name for name, _ in contents}) < len(contents):
        return {}
    families: dict[Hashable, dict[_At, list[tuple[Run, Measurement]]]] = defaultdict(lambda: defaultdict(list))
    of_family: dict[Hashable, Field] = {}
    for (name, line), cells in lines.items():
        whole = line._replace(passage_set="", sha256="", language="", n_queries=0)
        for across, place in cells.items():
            at = (name, whole), "" if axis == "passages" else across
            family = across if axis == "measure" else "" if axis == "passages" else (name, whole)
            families[family][at].append((place.run, place.m))
            of_family[family] = place.field
    evidence, found = Evidence(), {}
    for key, compared in families.items():
        named = line_name(compared, of_family[key].key)
        for ((run, own), across), cell in set_means(evidence, compared, of_family[key], intervals=intervals).items():
            shown = own if axis == "passages" else own._replace(passage_set=named)
            found[(run, shown), across or ACROSS] = cell
    return found
