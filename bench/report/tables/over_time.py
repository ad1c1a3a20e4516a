"""What a picture of runs over time is made of: a measure and the p50 of each cell, and what changed between runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from bench.analysis.evidence import Evidence
from bench.analysis.history import Version, of_run
from bench.errors import InputError
from bench.records.comparability import HARDWARE, LIBRARY, differences, versioned
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.report import doubts
from bench.report import rows as flat
from bench.report.costs import COSTS
from bench.report.significance import around
from bench.report.tables.history import CONDITIONS, P50, TIMING, WORDS, Line, days, lines
from bench.report.tables.picture_cells import conditions_of, passage_set_of, several_of

TIME = COSTS["p50"]  # the second figure


@dataclass(frozen=True)
class Moment:
    """One figure of a cell in one version."""

    place: int  # of the version, 0 the oldest
    value: float
    interval: tuple[float, float] | None = None  # 95 %; None where there is none on disk
    is_joined: bool = False  # it is compared with the one before: a line joins them
    is_doubtful: bool = False  # a flag speaks against it


@dataclass(frozen=True)
class CellHistory:
    """One cell, the oldest version first."""

    name: str
    values: tuple[Moment, ...]  # of the measure
    times: tuple[Moment, ...]  # p50, ms; empty where the measure is p50 itself


@dataclass(frozen=True)
class HistoryBreak:
    """What changed from one version to the next."""

    place: int  # of the version that is the first of the new
    changed: str
    parts: bool  # times on its two sides are not compared


@dataclass(frozen=True)
class History:
    """What is told of one passage set."""

    passage_set: str
    measure: str  # its key
    is_share: bool  # it lies between 0 and 1, and more is better
    dates: tuple[str, ...]  # of the versions, the oldest first
    names: tuple[str, ...]  # their folders'
    cells: tuple[CellHistory, ...]
    breaks: tuple[HistoryBreak, ...] = ()
    remarks: tuple[str, ...] = ()  # what was left out, and what a reader must know
    conditions: str = ""  # what the newest figures hold for


def read(runs: Sequence[Run], passage_set: str | None = None, measure: str | None = None) -> History:
    """
    What runs tell of a measure and of p50 over time.

    Args:
        runs: in any order; they are drawn by the date they were made.
        passage_set: the one that is drawn; None: the only one.
        measure: a key of `sparring table --json` or its heading; None: the primary one.

    InputError for a set or a measure that has to be named or is none, and where nothing of the cells was measured.
    """
    name = passage_set_of(runs, passage_set, "history")
    versions = _versions(runs, name)
    found = lines(versions, measure)
    measures = list(dict.fromkeys(line.measure for line in found))
    if len(measures) != 1 or measures[0] is None:
        listed = ", ".join(map(str, measures)) or "no cell"
        raise InputError(f"history of {name}: expected one primary measure, found {listed}: name one with --measure")
    key = measures[0]
    evidence = Evidence()
    cells, remarks = _cells(versions, found, key, evidence)
    if not any(cell.values or cell.times for cell in cells):
        lacking = "; ".join(remarks)
        raise InputError(f"history of {name}: expected cells with {key} or p50, found none: {lacking}")
    missing = ("no interval where the run does not keep the value of each query",) if evidence.is_missing else ()
    return History(
        name,
        key,
        key in flat.measures([version.run for version in versions]),
        tuple(days([version.date for version in versions])),
        tuple(version.name for version in versions),
        cells,
        tuple(_breaks(versions)),
        (*remarks, *missing),
        f"newest: {conditions_of(versions[-1].run)}",
    )


def _versions(runs: Sequence[Run], passage_set: str) -> list[Version]:
    """The runs that have the passage set, with its cells alone, the oldest first."""
    kept = [
        replace(run, measurements=found)
        for run in runs
        if (found := tuple(m for m in run.measurements if m.passage_set == passage_set))
    ]
    try:
        return sorted(map(of_run, kept), key=lambda version: version.date)
    except ValueError as error:
        raise InputError(
            f"history of {passage_set}: expected runs with the date they were made, found {error}"
        ) from error


# The figures


class HistoryEntry(NamedTuple):
    """A cell in one version."""

    place: int
    run: Run
    m: Measurement
    line: Line


def _cells(
    versions: Sequence[Version], found: Sequence[Line], key: str, evidence: Evidence
) -> tuple[tuple[CellHistory, ...], tuple[str, ...]]:
    """
    The figures of each cell, and a remark for each kind of what is lacking.

    found: what `lines` tells of these versions, cell after cell.
    """
    of_cells: dict[tuple[str, int], list[tuple[int, Run, Measurement]]] = {}  # as `lines` knows them
    for place, version in enumerate(versions):
        for m in version.run.measurements:
            of_cells.setdefault((m.cell_name or m.retriever, m.threads), []).append((place, version.run, m))
    dates = days([version.date for version in versions])
    several = len({threads for _, threads in of_cells}) > 1
    rest, made, lacking = iter(found), list[CellHistory](), dict[str, list[str]]()
    for (_, threads), own in of_cells.items():
        entries = [HistoryEntry(*one, next(rest)) for one in own]
        last = entries[-1].line
        name = (f"{last.cell_name}: " if last.cell_name else "") + last.retriever
        name += f", threads {threads}" if several else ""
        for entry, before in zip(entries, [None, *entries], strict=False):
            for why in _lacking(entry, before, key):
                lacking.setdefault(why, []).append(f"{name} ({dates[entry.place]})")
        values, times = (tuple(_moments(entries, of, evidence)) for of in (key, P50))
        made.append(CellHistory(name, values, () if key == P50 else times))
    return tuple(made), tuple(f"{why}: {several_of(names)}" for why, names in lacking.items())


def _moments(entries: Sequence[HistoryEntry], key: str, evidence: Evidence) -> Iterator[Moment]:
    """One figure of a cell, of the versions that measured it; a time of new queries is joined to no other time."""
    before = None  # the key of the figure that the last one is
    for place, run, m, line in entries:
        value, change = _figure(line, key)
        if line.status == "ok" and value is not None and (key != P50 or value > 0):
            shown = doubts.key_shown(m.flags, key)
            is_joined = change is not None and shown == before
            yield Moment(place, value, around(evidence, run, m, key), is_joined, _is_doubtful(m, key))
            before = shown


def _figure(line: Line, key: str) -> tuple[float | None, float | None]:
    """A figure of a line, and its change; None where it is not compared with the one before."""
    return (line.single_p50_ms, line.single_p50_ms_change) if key == P50 else (line.value, line.value_change)


def _is_doubtful(m: Measurement, key: str) -> bool:
    """Whether a flag speaks against a figure, or against the one that is shown in its place."""
    return doubts.is_doubtful(flat.row(m), doubts.key_shown(m.flags, key))


def _lacking(entry: HistoryEntry, before: HistoryEntry | None, key: str) -> Iterator[str]:
    """What is said of a cell in one version."""
    line = entry.line
    if before is not None and before.line.retriever != line.retriever:
        yield "another spelling under one name"
    if line.status != "ok":
        yield f"not drawn, {line.status}"
        return
    if line.value is None:
        yield f"not drawn, no {key}" if line.reason is None else "not drawn, stopped once decided"
    if line.single_p50_ms is None and key != P50:
        yield "not drawn, no p50"
    if any(_figure(line, one)[0] is not None and _is_doubtful(entry.m, one) for one in (key, P50)):
        yield "open marks, a flag speaks against the figure"
    if line.remembers:
        yield "time of new queries, since repeated ones are answered faster"


# What changed


def _breaks(versions: Sequence[Version]) -> Iterator[HistoryBreak]:
    """Where hardware, passages or libraries are not those of the version before."""
    for place, (before, now) in enumerate(pairwise(versions), start=1):
        apart = differences(before.run.environment, now.run.environment)
        hardware = [name for name in HARDWARE if name in apart]
        told = [f"other hardware: {', '.join(hardware)}"] if hardware else []
        one, other = before.run.measurements[0], now.run.measurements[0]
        conditions = [name for name in (*CONDITIONS, *TIMING) if getattr(one, name) != getattr(other, name)]
        told += [WORDS[name] for name in conditions]
        libraries = [
            versioned(name, *pair).removeprefix(LIBRARY)
            for name, pair in apart.items()
            if name == "python" or name.startswith(LIBRARY)
        ]
        told += [several_of(libraries)] if libraries else []
        if told:
            yield HistoryBreak(place, "; ".join(told), bool(hardware or conditions))
