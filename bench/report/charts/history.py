"""
A measure run after run and, in a field below it, the p50 of a query: a line for each cell, the oldest run at the left.

Runs stand side by side in their order, not by the days between them. Figures that are not compared are not joined;
where hardware, passages or libraries changed stands a vertical line, and below the fields what changed there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from bench.report.charts import axes, series
from bench.report.charts.axes import Axis
from bench.report.charts.series import Listed, Place
from bench.report.charts.svg import (
    MARGIN,
    SMALL,
    TITLE,
    WIDTH,
    Markup,
    document,
    element,
    escaped,
    paragraph,
    text,
    width,
    wrapped,
)
from bench.report.columns import field_of
from bench.report.numbers import bounds
from bench.report.tables.history import written
from bench.report.tables.over_time import TIME, History, HistoryBreak, Moment
from bench.report.tables.picture_cells import several_of

FIELD = 190  # height of a field, in pixels
SIDES = 46, 14  # pixels left and right of a field, at least
HEADED = 19  # pixels from what a field is of to the field
ABOVE, BETWEEN, BELOW = 36, 50, 66  # pixels above the first field, to the second, and below the last: its axis
LEAST_SPAN = 0.02  # of the axis of a share: a difference of .001 is not to look like one of .1
AROUND = 0.07  # of that axis beyond its values
DODGE = 8.0  # pixels at most from one cell's figure to the next one's in one run, so that bars stand side by side
MARKED = 3.0  # pixels from one run to the next for each of a mark's radius
NAMED = 8  # changes between runs that are told, the newest; of the others the number
APART = 14  # pixels from the number of a change to that of the next


class Panel(NamedTuple):
    """One of the two fields."""

    kind: str  # the class of its group
    key: str  # of its figures
    heading: str
    top: float
    up: Axis
    tick: Callable[[float], str]
    cells: tuple[tuple[Moment, ...], ...]  # as the history has them

    def told(self, moment: Moment) -> str:
        """A figure with its interval."""
        around = "" if moment.interval is None else f" {bounds(moment.interval, self.figure)}"
        return f"{self.figure(moment.value)}{around}"

    def figure(self, value: float) -> str:
        return written(self.key, value)


def svg(history: History) -> str:
    """The picture."""
    title = f"{history.passage_set}: {_head(history)} run after run"
    head, y = paragraph(TITLE + MARGIN, wrapped(title, WIDTH - 2 * MARGIN, TITLE, bold=True), size=TITLE, weight="bold")
    panels = _panels(history, y)
    bottom = panels[-1].top + FIELD
    across = _across(history, panels)
    listed, y = series.legend(_listed(history, panels), bottom + BELOW)
    said = [
        line for words in (*_shown(panels), *_remarks(history)) for line in wrapped(words, WIDTH - 2 * MARGIN, SMALL)
    ]
    below, height = paragraph(y + SMALL / 2, said, size=SMALL, class_="faint")
    return document(
        "history",
        height,
        title,
        _about(history, panels),
        *head,
        *(_break(number, one, across, panels) for number, one in _numbered(history, across)),
        *(_panel(panel, history, across) for panel in panels),
        axes.below(across, bottom, bottom, "run, by the date it was made (UTC)", lambda at: history.dates[round(at)]),
        element("g", *listed, class_="legend"),
        *below,
    )


def _head(history: History) -> str:
    """What the measure is called."""
    return field_of(history.measure).column.head


def _panels(history: History, y: float) -> list[Panel]:
    """The measure's field and, below it, that of p50, as far as there are figures."""
    cells = history.cells[: series.MOST]
    found: list[Panel] = []
    for kind, key, heading, own in (
        ("values", history.measure, _head(history) + _better(history), tuple(cell.values for cell in cells)),
        ("times", TIME.key, f"{TIME.label} (down is better)", tuple(cell.times for cell in cells)),
    ):
        if any(own):
            y += BETWEEN if found else ABOVE
            up = _up(own, y, is_share=kind == "values" and history.is_share)
            tick = axes.decimals(up) if not up.log and history.is_share else _number(key)
            found.append(Panel(kind, key, heading, y, up, tick, own))
            y += FIELD
    return found


def _better(history: History) -> str:
    better = "high" if history.is_share else field_of(history.measure).better
    return "" if better is None else f" ({'up' if better == 'high' else 'down'} is better)"


def _up(cells: Sequence[Sequence[Moment]], top: float, *, is_share: bool) -> Axis:
    """The vertical axis of some figures: linear of shares, logarithmic of what is above 0 otherwise."""
    ends = [end for own in cells for moment in own for end in (moment.value, *(moment.interval or ()))]
    if not is_share and min(ends) > 0:
        return axes.logarithmic(ends, top + FIELD, top)
    more = AROUND * max(max(ends) - min(ends), LEAST_SPAN)
    reached = [end + side for end in ends for side in (-more, more)]
    if not is_share:
        return axes.linear(reached, top + FIELD, top)
    return axes.linear(reached, top + FIELD, top, least=LEAST_SPAN, within=(0.0, 1.0))


def _number(key: str) -> Callable[[float], str]:
    """How an axis of figures of a key is written, as their heading says: bytes in MB."""
    unit = 1e6 if key.endswith("_bytes") else 1.0
    return lambda value: f"{value / unit:,g}"


# In words


def _about(history: History, panels: Sequence[Panel]) -> str:
    """The picture in words: every figure that it shows."""
    said = [
        f"{cell.name}: {_name(panel, history)} "
        + "; ".join(f"{history.dates[moment.place]} {panel.told(moment)}" for moment in panel.cells[index])
        + "."
        for index, cell in enumerate(history.cells[: series.MOST])
        for panel in panels
        if panel.cells[index]
    ]
    return " ".join([*said, *(f"{remark}." for remark in _remarks(history))])


def _name(panel: Panel, history: History) -> str:
    return _head(history) if panel.kind == "values" else f"{TIME.name} in {TIME.unit}"


def _listed(history: History, panels: Sequence[Panel]) -> list[Listed]:
    """Each cell with its first and last figure of each field."""
    made = []
    for index, cell in enumerate(history.cells[: series.MOST]):
        told = []
        for panel in panels:
            if own := panel.cells[index]:
                ends = dict.fromkeys(panel.figure(moment.value) for moment in (own[0], own[-1]))
                told.append(f"{_name(panel, history)} {' to '.join(ends)}")
        made.append(Listed(series.style(index), cell.name, ", ".join(told)))
    return made


def _shown(panels: Sequence[Panel]) -> Iterator[str]:
    """What the bars and the gaps of the picture are, where it has any."""
    if any(moment.interval for panel in panels for own in panel.cells for moment in own):
        yield "bars: 95 % interval, of a measure over clusters of queries, of a time over rounds and queries"
    if not all(moment.is_joined for panel in panels for own in panel.cells for moment in own[1:]):
        yield "figures that are not compared with each other are not joined"


def _remarks(history: History) -> Iterator[str]:
    """What is said under the fields, and of them in words: the changes first."""
    for number, one in enumerate(history.breaks[-NAMED:], start=1):
        yield f"{number}, from {history.dates[one.place]} on ({history.names[one.place]}): {one.changed}"
    if len(history.breaks) > NAMED:
        yield f"and {len(history.breaks) - NAMED} older changes"
    if unseen := [cell.name for cell in history.cells[series.MOST :]]:
        yield f"not drawn, more than {series.MOST} lines: {several_of(unseen)}"
    yield from history.remarks
    if history.conditions:
        yield history.conditions


# The fields


def _across(history: History, panels: Sequence[Panel]) -> Axis:
    """The axis of the runs; as many have their date below them as there is room for, the last one among them."""
    widest = max(map(width, history.dates))
    ticks = [width(panel.tick(at)) for panel in panels for at in panel.up.ticks]
    left = max(SIDES[0], widest / 2, axes.TICK_GAP + MARGIN / 2 + max(ticks))
    right = WIDTH - max(SIDES[1], widest / 2)
    count = len(history.dates)
    step = math.ceil(count * (widest + SMALL) / (right - left))
    return Axis(-0.5, count - 0.5, left, right, tuple(map(float, range((count - 1) % step, count, step))))


def _numbered(history: History, across: Axis) -> Iterator[tuple[str, HistoryBreak]]:
    """The changes with their numbers, as far as there is room for these; those that are not told have none."""
    first, last = len(history.breaks) - NAMED, -APART + 0.0
    for index, one in enumerate(history.breaks):
        x = across.place(one.place - 0.5)
        has_number = index >= first and x - last >= APART
        last = x if has_number else last
        yield str(index - max(first, 0) + 1) if has_number else "", one


def _break(number: str, one: HistoryBreak, across: Axis, panels: Sequence[Panel]) -> Markup:
    """A vertical line in each field: of dashes where times on its two sides are not compared, else of dots."""
    x, dash = across.place(one.place - 0.5), "6 4" if one.parts else "1.5 4"
    lines = [
        element(
            "line", x1=x, x2=x, y1=panel.top, y2=panel.top + FIELD, class_="faint-line", stroke_width=1.2,
            stroke_dasharray=dash,
        )
        for panel in panels
    ]  # fmt: skip
    words = [text(x, panels[0].top - 3, number, size=SMALL, anchor="middle", class_="faint")] if number else []
    return element("g", element("title", escaped(one.changed)), *lines, *words, class_="break")


def _panel(panel: Panel, history: History, across: Axis) -> Markup:
    """A field with its axis and the lines in it."""
    apart = (across.end - across.start) / len(history.dates)
    count = len(panel.cells)
    dodge = min(DODGE, apart / (2 * count))
    radius = min(series.RADIUS, apart / MARKED)
    drawn = [
        text(MARGIN, panel.top - HEADED, panel.heading),
        axes.beside(panel.up, across.start, across.end, panel.tick),
    ]
    for index, (cell, own) in enumerate(zip(history.cells, panel.cells, strict=False)):
        aside = dodge * (index - (count - 1) / 2)
        at = [(across.place(moment.place) + aside, panel.up.place(moment.value)) for moment in own]
        said = [f"{cell.name}, {history.dates[moment.place]}: {panel.told(moment)}" for moment in own]
        drawn.append(_line(own, at, said, panel.up, index, radius))
    return element("g", *drawn, class_=panel.kind)


def _line(
    own: Sequence[Moment], at: Sequence[Place], said: Sequence[str], up: Axis, index: int, radius: float
) -> Markup:
    """The figures of a cell: their intervals, what joins them, and a mark each."""
    look = series.style(index)
    parts = [
        series.bar(x, up.place(moment.interval[0]), up.place(moment.interval[1]), look, cap=min(series.CAP, radius))
        for moment, (x, _) in zip(own, at, strict=True)
        if moment.interval is not None
    ]
    parts += [series.line(piece, look) for piece in _pieces(own, at) if len(piece) > 1]
    parts += [
        series.mark(place, look, words, full=not moment.is_doubtful, radius=radius)
        for moment, place, words in zip(own, at, said, strict=True)
    ]
    return element("g", *parts, class_="cell")


def _pieces(own: Sequence[Moment], at: Sequence[Place]) -> list[list[Place]]:
    """The figures of a cell that are joined."""
    pieces: list[list[Place]] = []
    for moment, place in zip(own, at, strict=True):
        if moment.is_joined and pieces:
            pieces[-1].append(place)
        else:
            pieces.append([place])
    return pieces
