"""What `--prices` adds to a table of cells: columns, what they assume, and at which volume two cells cost the same."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import compress
from typing import NamedTuple

from bench.analysis.price_crossings import PriceCrossing, frontier_crossings
from bench.analysis.prices import Basis, Interval, Price, Prices, answers_on_gpu, core_time, encodes_on_gpu, price_of
from bench.errors import InputError
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.report.columns import PRICE, PRICED, Field
from bench.report.doubts import NEW_MARK, PRICES
from bench.report.model import TableCell
from bench.report.numbers import bounds, money, significant
from bench.report.rows import Row, primary
from bench.report.significance import MarkNotes
from bench.report.tables.lines import RunCell, names_of
from bench.report.tables.picture_cells import several_of
from bench.report.view import View
from bench.statistics import pareto

MOST_TOLD = 4  # volumes that a note names, those nearest to what is asked first
BOUNDS: Mapping[Basis, str] = {
    "wall time": "the price is an upper bound, of p50 times the declared threads, since CPU time was not measured",
    "new queries": f"{NEW_MARK} of a price: an upper bound, of the p50 of new queries times the cores at work",
}
INTERVALS = "[ ] of a price: within the 95 % interval of its p50; memory is weighed once."


def expanded(names: Sequence[str], prices: Prices | None) -> list[str]:
    """Names of columns, `price` being all that prices add; InputError for one of theirs where none are given."""
    if prices is None and (asked := next((name for name in names if _is_price(name)), None)) is not None:
        raise InputError(
            f"--columns: expected --prices FILE beside {asked!r}, found none: what a cell costs follows it"
        )
    keys = [field.key for field in PRICED]
    return [key for name in names for key in (keys if name.strip().casefold() == PRICE else [name])]


def _is_price(name: str) -> bool:
    return name.strip().casefold().startswith(PRICE)


def fields(rows: Sequence[Row]) -> list[Field]:
    """The columns; none without prices. No best is marked beside an upper bound: what it bounds may cost less."""
    if not any(PRICED[0].key in row for row in rows):
        return []
    if {row["price_basis"] for row in rows} <= {None, "CPU time"}:
        return list(PRICED)
    return [replace(field, better=None) if field.key in PRICES else field for field in PRICED]


class PricedCell(NamedTuple):
    """A cell of a table and what it costs."""

    name: str
    run: Run
    m: Measurement
    price: Price


def judge(
    cells: Sequence[RunCell], fields: Sequence[Field], lines: Sequence[list[TableCell]], view: View, *, apart: bool
) -> MarkNotes:
    """
    Give prices their intervals, and say what they assume and where they cross; nothing where none are shown.

    Args:
        cells: one a line.
        fields: the last of each line, which is changed in place.
        lines: of the table.
        view: with the prices, and the keys of the columns where these are chosen.
        apart: the cells ran on different machines, so that their prices do not meet.
    """
    prices = view.prices
    if prices is None or not (view.columns is None or any(map(_is_price, view.columns))):
        return MarkNotes([], ())
    named = zip(names_of(cells), cells, strict=True)
    priced = [PricedCell(name, run, m, price_of(m, run, prices)) for name, (_, run, m) in named]
    legend = [assumptions(prices)]
    if view.intervals and _add_intervals(priced, fields, lines):
        legend.append(INTERVALS)
    ok = [cell for cell in priced if cell.m.status == "ok"]
    notes = [*_unknown(ok, prices), *_bounds(ok), *_beyond_one(ok), "" if apart else _frontier(ok, prices)]
    return MarkNotes(list(filter(None, notes)), tuple(legend))


def assumptions(prices: Prices) -> str:
    """The prices, and what is taken to be paid for, in one line."""
    gpu = (
        ""
        if prices.gpu_hour is None
        else f"; a GPU {plain(prices.gpu_hour)} an hour where one was used, all month for queries"
    )
    return (
        f"Prices in {prices.currency}: a month is the memory of a deployment for {plain(prices.hours_a_month)} h at "
        f"{plain(prices.ram_gb_hour)} a GB-hour, and {plain(prices.queries_a_month)} queries, each the CPU time of the "
        f"median one at {plain(prices.core_hour)} a core-hour; price / 1,000: of these queries, memory included; price "
        f"index: once, index time on all cores that it had{gpu}."
    )


def plain(value: float) -> str:
    """A number as somebody wrote it: 0.005, 1,000,000."""
    return f"{value:,.12g}"


def _add_intervals(priced: Sequence[PricedCell], fields: Sequence[Field], lines: Sequence[list[TableCell]]) -> bool:
    """Put its interval beside each price that has one; whether any has."""
    found = False
    for at, field in enumerate(fields, start=-len(fields)):
        for line, cell in zip(lines, priced, strict=True):
            interval = _interval(cell.price, field.key)
            if interval is not None:
                line[at] = line[at]._replace(interval=bounds(interval, field.text))
                found = True
    return found


def _interval(price: Price, key: str) -> Interval | None:
    """The interval of one of PRICES; None of anything else, and where there is none."""
    if key not in PRICES or price.low is None or price.high is None:
        return None
    if key == "price_a_month":
        return price.low, price.high
    return (price.low / price.queries * 1000, price.high / price.queries * 1000) if price.queries else None


# What is said under the table


def _unknown(priced: Sequence[PricedCell], prices: Prices) -> Iterator[str]:
    """Why cells have no price, a note a reason."""
    without = prices.gpu_hour is None
    reasons = {
        "the memory of its deployment was not measured": [cell.m.deployment_bytes is None for cell in priced],
        "neither CPU time nor p50 was measured": [core_time(cell.m) is None for cell in priced],
        "queries were encoded on a GPU, and gpu_hour is not given": [
            without and answers_on_gpu(cell.m, cell.run) for cell in priced
        ],
        "passages were encoded on a GPU, and gpu_hour is not given": [
            without and encodes_on_gpu(cell.m) and not answers_on_gpu(cell.m, cell.run) for cell in priced
        ],
    }
    for why, holds in reasons.items():
        if any(holds):
            yield f"no price, {why}: {several_of([cell.name for cell in compress(priced, holds)])}"


def _bounds(priced: Sequence[PricedCell]) -> Iterator[str]:
    """Which prices are upper bounds."""
    for basis, why in BOUNDS.items():
        names = [cell.name for cell in priced if cell.price.basis == basis and cell.price.month is not None]
        if names:
            yield f"{why}: {several_of(names)}"


def _beyond_one(priced: Sequence[PricedCell]) -> Iterator[str]:
    """Which cells need more processes than the one whose memory is in their price."""
    names = [f"{cell.name} ({needs})" for cell in priced if (needs := _needs(cell, cell.price.queries))]
    if names:
        yield f"more than one process answers, and the memory of further ones is in no price: {several_of(names)}"


def _needs(cell: PricedCell, queries: float) -> str:
    """How many cores a volume keeps at work where that are more than the declared threads; empty where it is not."""
    cores = cell.price.cores_at(queries)
    return f"{significant(cores)} cores of {cell.m.threads}" if cores is not None and cores >= cell.m.threads else ""


def _frontier(priced: Sequence[PricedCell], prices: Prices) -> str:
    """What no other beats in quality and price at the month's volume, and where that changes; empty of one cell."""
    measures = {primary(cell.run) for cell in priced}
    measure = measures.pop() if len(measures) == 1 else None
    if measure is None or any(cell.m.is_stopped for cell in priced):  # what was stopped may lie above any of them
        return ""
    known: list[tuple[float, float, PricedCell]] = []  # quality, a month, of which cell
    for cell in priced:
        value, month = (cell.m.quality or {}).get(measure), cell.price.month
        if value is not None and month is not None:
            known.append((value, month, cell))
    if len(known) < 2:
        return ""
    on = pareto.frontier([value for value, _, _ in known], [month for _, month, _ in known])
    least_first = sorted((month, cell.name) for (_, month, cell), is_on in zip(known, on, strict=True) if is_on)
    listed = several_of([f"{name} ({money(month)})" for month, name in least_first])
    said = f"frontier of {measure} and price at {plain(prices.queries_a_month)} queries a month: {listed}"
    return f"{said}; {_changes([value for value, _, _ in known], [cell for _, _, cell in known], prices)}"


def _changes(quality: Sequence[float], cells: Sequence[PricedCell], prices: Prices) -> str:
    """At which volumes the frontier is another."""
    crossings = frontier_crossings(quality, [cell.price for cell in cells])
    if not crossings:
        return "it is the same at any volume"
    asked = math.log(max(prices.queries_a_month, 1.0))
    nearest = sorted(crossings, key=lambda found: abs(math.log(found[1].queries or 1.0) - asked))[:MOST_TOLD]
    in_order = sorted(nearest, key=lambda found: found[1].queries or 0.0)
    said = [_told(cells[pair[met.below]], cells[pair[met.above]], met) for pair, met in in_order]
    more = len(crossings) - len(said)
    return f"it changes {'; '.join(said)}{f'; and at {more} more volumes' if more > 0 else ''}"


def _told(below: PricedCell, above: PricedCell, met: PriceCrossing) -> str:
    """At which volume a cell begins to cost less than another."""
    queries = met.queries or 0.0
    cores = [significant(cell.price.cores_at(queries) or 0.0) for cell in (below, above)]
    is_beyond = any(_needs(cell, queries) for cell in (below, above))
    beyond = f" (beyond one process: {' and '.join(cores)} cores at work)" if is_beyond else ""
    return f"at {significant(queries)}{_within(met)}, from where {above.name} costs less than {below.name}{beyond}"


def _within(met: PriceCrossing) -> str:
    """The interval of a volume, in words."""
    if met.interval is None:
        return ""
    low, high = met.interval
    if high == math.inf:
        return f" (by their intervals {significant(low)} or more, or never)"
    return f" ({significant(low)} to {significant(high)})"
