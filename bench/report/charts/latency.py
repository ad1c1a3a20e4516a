"""
Times of single queries: above how they are spread, below p50, p95 and the stages of each cell, on one logarithmic axis.

A curve is the share of the queries that end within a time; a number on it is that of a cell, which the list below
names. Cells without raw times on disk are in the list alone. A field has at most MOST curves: of more cells the picture
goes on below with another field and its list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bench.report.charts import axes, glyphs
from bench.report.charts.axes import Axis
from bench.report.charts.storages import evenly
from bench.report.charts.svg import (
    LINE,
    MARGIN,
    SERIES,
    SMALL,
    SPELLED,
    TITLE,
    WIDTH,
    Markup,
    document,
    element,
    escaped,
    number,
    paragraph,
    text,
    width,
    wrapped,
)
from bench.report.charts.training import DASHES
from bench.report.numbers import bounds, significant
from bench.report.tables.latency import Latencies, QueryTimes

MOST = 8  # curves of a field
FIELD = 220  # height of a field, in pixels
LEFT, RIGHT = 46, 18  # beside it
PERCENTS = (0, 25, 50, 75, 95)  # ticks of the vertical axis: p50 and p95 among them
NUMBERED = ((0.06, 0.45), (0.56, 0.9))  # shares at which numbers stand on curves: away from the marks at .50 and .95
SWATCH, GAP = 24, 8  # width of the piece of a line in the list, and around it
TRACK = 11  # height of a line of marks in the list
ABOVE, TICKS, AXIS = 16, 26, 52  # above a field what its axis is of, below it ticks; below a list ticks and a title
SPREAD = "Curves: share of queries that end within a time, median over rounds; a number is that of the list."
SERVICE = "one query after the other: service times, not latencies under load"
BARS = "bars: 95 % interval, over rounds and queries"
STAGES = "encode and search are timed apart: their p50 do not add up to that of the whole"
AXIS_TITLE = "time of one query, text to ids, in ms (left is faster)"


class NumberedCell(NamedTuple):
    """A cell, its number, and how its curve and its marks look."""

    number: int
    times: QueryTimes
    colour: str
    dash: str | None


def svg(latencies: Latencies) -> str:
    """The picture; also of one cell."""
    across = axes.logarithmic(_values(latencies.cells), LEFT, WIDTH - RIGHT)
    body, y = _head(latencies)
    numbered = list(enumerate(latencies.cells, start=1))
    for part in evenly(numbered, MOST):
        shown = [_looking(row, number, times) for row, (number, times) in enumerate(part)]
        block, y = _block(shown, across, y)
        body += block
    has_bars = any(times.p50_interval or times.p95_interval for times in latencies.cells)
    has_stages = any(times.encode is not None or times.search is not None for times in latencies.cells)
    said = [SERVICE, *([BARS] if has_bars else []), *([STAGES] if has_stages else [])]
    said += [*latencies.remarks, latencies.conditions]
    lines = [line for words in said for line in wrapped(words, WIDTH - 2 * MARGIN, SMALL)]
    notes, y = paragraph(y + 4, lines, size=SMALL, class_="faint")
    return document("latency", y, _title(latencies), _about(latencies), *body, *notes)


def _title(latencies: Latencies) -> str:
    return f"{latencies.passage_set}: time of one query"


def _values(cells: Sequence[QueryTimes]) -> list[float]:
    """Every time that has a place on the axis."""
    found: list[float] = []
    for times in cells:
        found += [ms for ms in (times.p50, times.p95, times.encode, times.search) if ms is not None]
        found += [*(times.p50_interval or ()), *(times.p95_interval or ()), *(ms for _, ms in times.curve)]
    return found


def _looking(row: int, number: int, times: QueryTimes) -> NumberedCell:
    """The look of a line of a field: those next to each other differ in colour and in dashes."""
    return NumberedCell(number, times, SERIES[row % len(SERIES)], DASHES[row % len(DASHES)] or None)


def _about(latencies: Latencies) -> str:
    """The picture in words: every figure of the list, and from where to where the curves go."""
    said = [f"{row} {_told(times)}." for row, times in enumerate(latencies.cells, start=1)]
    said += [f"{remark}." for remark in (*latencies.remarks, latencies.conditions) if remark]
    return " ".join(said)


def _told(times: QueryTimes) -> str:
    """The figures of a cell."""
    of_new = " of new queries" if times.is_new else ""
    parts = [f"p50{of_new} {_with_bounds(times.p50, times.p50_interval)}"]
    parts += [f"p95{of_new} {_with_bounds(times.p95, times.p95_interval)}"] if times.p95 is not None else []
    stages = (("encode", times.encode), ("search", times.search))
    parts += [f"{name} p50 {significant(ms)} ms" for name, ms in stages if ms is not None]
    if times.curve:
        ends = (f"{share:.0%} within {significant(ms)} ms" for share, ms in (times.curve[0], times.curve[-1]))
        parts.append(f"curve from {' to '.join(ends)}")
    return f"{times.name}: {', '.join(parts)}"


def _with_bounds(ms: float, interval: tuple[float, float] | None) -> str:
    return f"{significant(ms)} ms" + ("" if interval is None else f" {bounds(interval, significant)}")


def _head(latencies: Latencies) -> tuple[list[Markup], float]:
    """Title, what the curves are, and the legend of the marks; and where the first field begins."""
    room = WIDTH - 2 * MARGIN
    title = wrapped(_title(latencies), room, TITLE, bold=True)
    drawn, y = paragraph(TITLE + MARGIN, title, size=TITLE, weight="bold")
    if any(times.curve for times in latencies.cells):
        said, y = paragraph(y, wrapped(SPREAD, room))
        drawn += said
    entries: list[Markup] = []
    x = float(MARGIN)
    for part, said_of in (("p50", "p50"), ("p95", "p95"), ("encode", "encode p50"), ("search", "search p50")):
        if any(getattr(times, part) is not None for times in latencies.cells):
            entries += [_point(part, x + 5, y - 4, "ink"), text(x + 15, y, said_of)]
            x += 15 + width(said_of) + 2 * GAP
    return [*drawn, element("g", *entries, class_="legend")], y + 14


def _point(part: str, x: float, y: float, colour: str) -> Markup:
    """The mark of a figure; which one it is shows without colour."""
    if part == "p50":
        return glyphs.mark("circle", x, y, colour)
    if part == "p95":
        return glyphs.mark("square", x, y, colour, full=False)
    if part == "encode":
        return glyphs.mark("triangle", x, y, colour, full=False)
    return glyphs.mark("diamond", x, y, colour)


# A field and its list


def _block(shown: Sequence[NumberedCell], across: Axis, y: float) -> tuple[list[Markup], float]:
    """Some cells: their curves, where any has one, and their list; and where the next ones begin."""
    drawn = []
    if any(cell.times.curve for cell in shown):
        y += ABOVE
        drawn.append(_field(shown, across, y))
        y += FIELD + TICKS
    rows, heights = [], y
    for cell in shown:
        row, heights = _row(cell, across, heights)
        rows.append(row)
    bottom = heights + GAP / 2
    below = axes.below(across, y, bottom, AXIS_TITLE, lambda ms: f"{ms:,g}")
    return [*drawn, element("g", below, *rows, class_="list")], bottom + AXIS


def _field(shown: Sequence[NumberedCell], across: Axis, top: float) -> Markup:
    """The curves of some cells, with their numbers on them."""
    bottom = top + FIELD
    up = Axis(0.0, 100.0, bottom, top, tuple(map(float, PERCENTS)))
    curved = [cell for cell in shown if cell.times.curve]
    parts = [
        axes.beside(up, LEFT, WIDTH - RIGHT, lambda percent: f"{percent:g}"),
        axes.below(across, top, bottom, "", lambda ms: f"{ms:,g}"),
        text(MARGIN, top - 6, "% of queries"),
        *(_curve(cell, across, up) for cell in curved),
        *(_number(cell, row, len(curved), across, up) for row, cell in enumerate(curved)),
    ]
    return element("g", *parts, class_="field")


def _curve(cell: NumberedCell, across: Axis, up: Axis) -> Markup:
    """How the times of a cell are spread, and on it p50 and p95."""
    places = [(across.place(ms), up.place(100 * share)) for share, ms in cell.times.curve]
    steps = "L".join(f"{number(x)},{number(y)}" for x, y in places)
    line = element("path", d=f"M{steps}", class_=f"{cell.colour}-line spread", fill="none", stroke_width=1.8,
                   stroke_dasharray=cell.dash)  # fmt: skip
    points = [_point("p50", across.place(cell.times.p50), up.place(50), cell.colour)]
    if cell.times.p95 is not None:
        points.append(_point("p95", across.place(cell.times.p95), up.place(95), cell.colour))
    return element("g", element("title", escaped(_told(cell.times))), line, *points, class_="curve")


def _number(cell: NumberedCell, row: int, n: int, across: Axis, up: Axis) -> Markup:
    """The number of a cell on its curve: each curve's at another height, so that none hides another."""
    wanted = _share(row, n, cell.times.curve[0][0], cell.times.curve[-1][0])
    share, ms = min(cell.times.curve, key=lambda point: abs(point[0] - wanted))
    x, y = across.place(ms), up.place(100 * share) + SMALL / 3
    return text(x, y, str(cell.number), size=SMALL, anchor="middle", weight="bold", halo=True)


def _share(row: int, n: int, low: float, high: float) -> float:
    """Where on its curve the number of one of n cells stands, of a curve that goes from one share to another."""
    parts = [(max(start, low), min(end, high)) for start, end in NUMBERED if max(start, low) < min(end, high)]
    left = (row + 0.5) / n * sum(end - start for start, end in parts)
    for start, end in parts:
        if left <= end - start:
            return start + left
        left -= end - start
    return (low + high) / 2


def _row(cell: NumberedCell, across: Axis, y: float) -> tuple[Markup, float]:
    """A cell of the list: number, name and p50, and below that its marks; and where the next one begins."""
    times = cell.times
    figure = f"{significant(times.p50)} ms"
    left = MARGIN + width(str(cell.number), SMALL, bold=True) + GAP + (SWATCH + GAP if times.curve else 0)
    room = WIDTH - MARGIN - width(figure, SMALL, bold=True) - GAP - left
    first = y + SMALL + 4
    parts = [element("title", escaped(_told(times)))]
    parts.append(text(MARGIN, first, str(cell.number), size=SMALL, weight="bold", halo=True))
    if times.curve:
        parts.append(
            element(
                "line",
                x1=left - GAP - SWATCH,
                x2=left - GAP,
                y1=first - 4,
                y2=first - 4,
                class_=f"{cell.colour}-line",
                stroke_width=1.8,
                stroke_dasharray=cell.dash,
            )
        )
    parts.append(text(WIDTH - MARGIN, first, figure, size=SMALL, anchor="end", weight="bold", halo=True))
    lines = wrapped(times.name, room, SMALL, after=SPELLED)
    parts += [text(left, first + row * SMALL * LINE, line, size=SMALL, halo=True) for row, line in enumerate(lines)]
    at = first + (max(len(lines), 1) - 1) * SMALL * LINE + TRACK
    for track in (("p50",), ("p95",), ("encode", "search")):
        found = [(part, ms) for part in track if (ms := getattr(times, part)) is not None]
        if not found:
            continue
        around = getattr(times, f"{track[0]}_interval", None)
        if around is not None:
            parts.append(glyphs.interval(across.place(around[0]), across.place(around[1]), at, cell.colour))
        parts += [_point(part, across.place(ms), at, cell.colour) for part, ms in found]
        at += TRACK
    return element("g", *parts, class_="row"), at + 2
