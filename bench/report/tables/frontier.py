"""What the frontier of a passage set is made of: quality, time and index size of each cell, and what is lacking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.analysis.evidence import Evidence, ties
from bench.analysis.prices import Prices
from bench.analysis.representation import Vectors, vectors
from bench.errors import InputError
from bench.records.run_folder import Run
from bench.report import costs, doubts
from bench.report import rows as flat
from bench.report.costs import COSTS, DEFAULT, Cost
from bench.report.rows import Row
from bench.report.significance import around
from bench.report.tables.picture_cells import cells_of, measure_of, refuse_other_hardware, remarks_of, several_of

INTERVAL, COST_INTERVAL, TIED = "interval", "cost interval", "tied"  # keys of a row beside those of its cell


@dataclass(frozen=True)
class Point:
    """One cell."""

    name: str
    vectors: Vectors
    quality: float
    cost: float  # above 0
    bytes: int | None  # of its index; None where it was not weighed
    interval: tuple[float, float] | None = None  # of the quality
    cost_interval: tuple[float, float] | None = None
    is_tied: bool = False  # not told apart from the best, or the best itself
    is_new: bool = False  # its time is that of new queries


@dataclass(frozen=True)
class Frontier:
    """What is told of one passage set."""

    passage_set: str
    measure: str
    points: tuple[Point, ...]
    cost: Cost = COSTS[DEFAULT]
    remarks: tuple[str, ...] = ()  # what was left out, and what a reader must know
    conditions: str = ""  # what the numbers hold for
    is_claimed: bool = True  # False: a cell was stopped, whose quality is unknown and may lie above any of the points


def read(
    runs: Sequence[Run],
    passage_set: str | None = None,
    measure: str | None = None,
    cost_name: str | None = None,
    prices: Prices | None = None,
) -> Frontier:
    """
    What runs tell of a passage set.

    InputError where set or measure have to be named, for a cost that is none, where no cell has both a quality and that
    cost, and for runs that do not go together: of other passages under one name, or timed on other hardware.
    """
    cost, found = costs.named(cost_name, prices), cells_of(runs, passage_set, "frontier")
    if cost.is_time:
        refuse_other_hardware(found, "frontier")
    name, cells = found.passage_set, found.cells
    key = measure_of(found.runs, measure, "frontier")
    evidence = Evidence()
    tied = ties(evidence, [(run, m) for _, run, m in cells], key)
    rows = [
        {
            "run": run_name,
            INTERVAL: around(evidence, run, m, key),
            COST_INTERVAL: around(evidence, run, m, cost.key),
            TIED: is_tied,
        }
        | flat.row(m, [key])
        | flat.of_price(m, run, prices)
        for (run_name, run, m), is_tied in zip(cells, tied, strict=True)
    ]
    points, remarks = points_of(rows, key, cost)
    if not points:
        lacking = "; ".join(remarks)
        raise InputError(f"frontier of {name}: expected cells with {key} and {cost.short}, found none: {lacking}")
    if evidence.is_missing:
        remarks += ("no interval where the run does not keep the value of each query",)
    if any(m.decision is not None and not m.is_stopped for _, _, m in cells):
        remarks += ("no interval of a cell that was asked in looks",)
    stopped = any(m.is_stopped for _, _, m in cells)
    remarks += (f"no frontier: a cell was stopped before its last query, and its {key} is unknown",) if stopped else ()
    return Frontier(name, key, points, cost, remarks, found.conditions, is_claimed=not stopped)


def points_of(
    rows: Sequence[Row], measure: str, cost: Cost = COSTS[DEFAULT]
) -> tuple[tuple[Point, ...], tuple[str, ...]]:
    """
    The cells that have a quality and a cost, and a remark for each kind of those that lack something.

    rows: as `bench.report.rows` makes them, of one passage set; INTERVAL and COST_INTERVAL bound the two figures where
    that is known, and TIED says what is not told apart from the best.
    """
    several = {key: len({row.get(key) for row in rows}) > 1 for key in ("run", "threads")}
    points: list[Point] = []
    lacking: dict[str, list[str]] = {}
    stopped: dict[str, list[str]] = {}  # what was decided -> cells
    for row in rows:
        name = _name(row, several)
        point = _point(name, row, measure, cost)
        if point is None and row.get("stopped"):
            stopped.setdefault(_decided(row), []).append(name)
            continue
        if point is None:
            lacking.setdefault(f"not drawn, {_why(row, measure, cost)}", []).append(name)
            continue
        points.append(point)
        if point.bytes is None:
            lacking.setdefault("index not weighed", []).append(name)
        if row.get("unstable") and cost.is_time:
            lacking.setdefault("times unstable", []).append(name)
        if point.is_new:
            lacking.setdefault("time of new queries, since repeated ones are answered faster", []).append(name)
    decided = "; ".join(f"{what}: {several_of(names)}" for what, names in stopped.items())
    remarks = [f"not drawn, stopped: {decided}"] if decided else []
    return tuple(points), (*remarks, *remarks_of(lacking))


def _point(name: str, row: Row, measure: str, cost: Cost) -> Point | None:
    """A cell as it stands on the frontier's axes; None where it lacks one of the two figures."""
    quality, value = _positive(row.get(measure), zero=True), _positive(doubts.value(row, cost.key))
    if row["status"] != "ok" or quality is None or value is None:
        return None
    weight = row.get("ledger_bytes")
    return Point(
        name,
        vectors(row.get("encoder"), row.get("nonzeros"), str(row.get("resolved", ""))),
        quality,
        value,
        weight if isinstance(weight, int) else None,
        _ends(row.get(INTERVAL)),
        _ends(row.get(COST_INTERVAL)) or _bounds(row, cost.key),
        is_tied=bool(row.get(TIED)),
        is_new=doubts.mark(row, cost.key).startswith(doubts.NEW_MARK),
    )


def _bounds(row: Row, key: str) -> tuple[float, float] | None:
    """The interval of a figure whose ends have keys of their own, as prices do."""
    low, high = row.get(f"{key}_low"), row.get(f"{key}_high")
    return (low, high) if isinstance(low, float) and isinstance(high, float) else None


def _ends(interval: object) -> tuple[float, float] | None:
    return (float(interval[0]), float(interval[1])) if isinstance(interval, tuple) else None


def _positive(value: object, *, zero: bool = False) -> float | None:
    """A number above 0, or 0 where that is one too; None of anything else."""
    return float(value) if isinstance(value, int | float) and (value > 0 or (zero and value == 0)) else None


def _why(row: Row, measure: str, cost: Cost) -> str:
    """Why a cell is no point."""
    if row["status"] != "ok":
        return str(row["status"])
    if row.get(measure) is None:
        return f"no {measure}"
    is_zero = doubts.value(row, cost.key) == 0
    return f"{cost.short} 0, which a logarithmic axis lacks" if is_zero else f"no {cost.short}"


def _decided(row: Row) -> str:
    return f"{row['decision']} after {row['n_asked']:,} of {row['n_judged']:,} judged queries"


def _name(row: Row, several: Mapping[str, bool]) -> str:
    """What a cell is called: with its run and its threads where they tell it from another."""
    before = f"{row['run']}: " if several["run"] else ""
    after = f", threads {row['threads']}" if several["threads"] else ""
    return f"{before}{row['retriever']}{after}"
