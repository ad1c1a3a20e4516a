"""
A measure by word overlap: a line for each cell over tenths of the queries, and below it the gap of two cells.

Tenths stand side by side, as far apart whatever their overlap, which is written below each with its number of queries.
Sparse vectors, dense vectors and engines differ in shape and in colour, as on the frontier, and every line in its dash.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bench.report.charts import axes
from bench.report.charts.axes import Axis
from bench.report.charts.marks import COLOURS, SHOWN, shape
from bench.report.charts.svg import (
    LINE,
    MARGIN,
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
    wrapped,
)
from bench.report.numbers import bounds, four, share
from bench.report.tables.overlap import OverlapCurves, OverlapGap, OverlapLine, OverlapTenth
from bench.statistics.paired import Interval

FIELD, GAP_FIELD = 250, 120  # heights, in pixels
LEFT, RIGHT = 46, 14  # of a field, beside it
GLYPH = 40.0  # area of a mark, in pixels
CAP = 3  # half the length of an interval's end
BESIDE = 8  # pixels between the marks of two lines in one tenth
DASHES = (None, "7 3", "2 2.5", "9 3 2 3")
SWATCH = 30  # width of the piece of a line in the legend
LEAST_SPAN = 0.1  # of the vertical axes: a difference of .01 is not to look like one of .3
ROWS = 2  # of words below each tenth


class OverlapFigure(NamedTuple):
    """A value of one tenth and where it stands."""

    x: float
    y: float
    bar: tuple[float, float] | None  # the ends of its interval
    told: str


def svg(curves: OverlapCurves) -> str:
    """The picture."""
    head, top = _head(curves)
    bottom = top + FIELD
    ends = [end for line in curves.lines for end in _ends(line.values, line.intervals)]
    up = axes.linear(ends, bottom, top, least=LEAST_SPAN, within=(0.0, 1.0))
    field = [axes.beside(up, LEFT, WIDTH - RIGHT, axes.decimals(up))]
    for place, line in enumerate(curves.lines):
        shift = BESIDE * (place - (len(curves.lines) - 1) / 2)
        field.append(_line(line, _figures(curves, line.values, line.intervals, up, shift, line.name), DASHES[place]))
    parts, bottom = [element("g", *field, class_="measure")], bottom
    if curves.gap is not None:
        drawn, bottom = _gap(curves, curves.gap, bottom + 20)
        parts += drawn
    parts.append(_below(curves.tenths, bottom))
    said, height = _said(curves, bottom)
    return document("overlap", height, _title(curves), _about(curves), *head, *parts, *said)


def _title(curves: OverlapCurves) -> str:
    return f"{curves.passage_set}: {curves.measure} by word overlap"


def _about(curves: OverlapCurves) -> str:
    """The picture in words: every figure that it shows."""
    tenths = "; ".join(
        f"{share(tenth.mean)} ({share(tenth.low)} to {share(tenth.high)}; {tenth.n_queries:,} queries)"
        for tenth in curves.tenths
    )
    said = [f"Word overlap of each tenth of the queries: {tenths}."]
    said += [f"{line.name} ({SHOWN[line.vectors]}): {_listed(line.values, line.intervals)}." for line in curves.lines]
    if curves.gap is not None:
        gap = curves.gap
        said.append(f"{gap.better}, less {gap.other}: {_listed(gap.values, gap.intervals, '+')}.")
    return " ".join([*said, *(f"{remark}." for remark in (*curves.remarks, curves.conditions) if remark)])


def _listed(values: Sequence[float], intervals: Sequence[Interval | None], sign: str = "") -> str:
    return ", ".join(_told(*both, sign) for both in zip(values, intervals, strict=True))


def _told(value: float, interval: Interval | None, sign: str = "") -> str:
    around = "" if interval is None else f" {bounds(interval, lambda end: four(end, sign))}"
    return f"{four(value, sign)}{around}"


# Above and below the fields


def _head(curves: OverlapCurves) -> tuple[list[Markup], float]:
    """Title and legend; and where the field begins."""
    title = wrapped(_title(curves), WIDTH - 2 * MARGIN, TITLE, bold=True)
    drawn, y = paragraph(TITLE + MARGIN, title, size=TITLE, weight="bold")
    entries = []
    for line, dash in zip(curves.lines, DASHES, strict=False):
        colour = COLOURS[line.vectors]
        swatch = element("line", x1=MARGIN, x2=MARGIN + SWATCH, y1=y - 4, y2=y - 4, class_=f"{colour}-line",
                         stroke_width=1.8, stroke_dasharray=dash)  # fmt: skip
        glyph = element("g", _glyph(line), transform=f"translate({number(MARGIN + SWATCH / 2)},{number(y - 4)})")
        name = f"{line.name}: {four(line.whole)} over all; {SHOWN[line.vectors]}"
        words = wrapped(name, WIDTH - 2 * MARGIN - SWATCH - 8, SMALL, after=SPELLED)
        entries += [swatch, glyph]
        entries += [
            text(MARGIN + SWATCH + 8, y + row * SMALL * LINE, part, size=SMALL) for row, part in enumerate(words)
        ]
        y += len(words) * SMALL * LINE + 3
    y += 8
    entries.append(text(MARGIN, y, f"{curves.measure} (up is better)"))
    return [*drawn, element("g", *entries, class_="legend")], y + 18


def _below(tenths: Sequence[OverlapTenth], bottom: float) -> Markup:
    """Below each tenth the mean of its overlap, and its number of queries."""
    parts = []
    for place, tenth in enumerate(tenths):
        x, y = _across(place, len(tenths)), bottom + SMALL * LINE
        parts.append(text(x, y, share(tenth.mean), size=SMALL, anchor="middle", class_="ink overlap-mean"))
        queries = f"{tenth.n_queries:,}"
        parts.append(text(x, y + SMALL * LINE, queries, size=SMALL, anchor="middle", class_="faint queries"))
    said = "word overlap, mean of each tenth (right: more shared words); below: queries"
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, bottom + (ROWS + 1.3) * SMALL * LINE, said, anchor="middle"))
    return element("g", *parts, class_="tenths")


def _said(curves: OverlapCurves, bottom: float) -> tuple[list[Markup], float]:
    """What is said under the fields, and the height of the picture."""
    bars = "bars: 95 % intervals, over clusters of queries; lines only guide the eye from tenth to tenth"
    words = [bars, *curves.remarks, curves.conditions]
    lines = [line for said in words for line in wrapped(said, WIDTH - 2 * MARGIN, SMALL)]
    return paragraph(bottom + (ROWS + 2.8) * SMALL * LINE, lines, size=SMALL, class_="faint")


# The fields


def _across(place: int, n: int) -> float:
    """Where a tenth stands."""
    return LEFT + (WIDTH - RIGHT - LEFT) * (place + 0.5) / n


def _ends(values: Sequence[float], intervals: Sequence[Interval | None]) -> list[float]:
    return [*values, *(end for interval in intervals for end in interval or ())]


def _figures(
    curves: OverlapCurves,
    values: Sequence[float],
    intervals: Sequence[Interval | None],
    up: Axis,
    shift: float,
    name: str,
    sign: str = "",
) -> list[OverlapFigure]:
    """Each tenth's value, and where it stands; shift: to the right, in pixels."""
    found = []
    for place, (tenth, value, interval) in enumerate(zip(curves.tenths, values, intervals, strict=True)):
        bar = None if interval is None else (up.place(interval[0]), up.place(interval[1]))
        told = f"{name}: {_told(value, interval, sign)} at word overlap {share(tenth.mean)}"
        found.append(OverlapFigure(_across(place, len(values)) + shift, up.place(value), bar, told))
    return found


def _glyph(line: OverlapLine) -> Markup:
    colour = COLOURS[line.vectors]
    return shape(line.vectors, GLYPH, class_=f"{colour} {colour}-line glyph")


def _line(line: OverlapLine, figures: Sequence[OverlapFigure], dash: str | None) -> Markup:
    """The line of a cell, its marks and the intervals of these."""
    colour = COLOURS[line.vectors]
    steps = "L".join(f"{number(figure.x)},{number(figure.y)}" for figure in figures)
    path = element("path", d=f"M{steps}", class_=f"{colour}-line curve", fill="none", stroke_width=1.8,
                   stroke_dasharray=dash)  # fmt: skip
    marks = [_mark(figure, _glyph(line), f"{colour}-line") for figure in figures]
    return element("g", path, *marks, class_=f"cell {line.vectors}")


def _mark(figure: OverlapFigure, glyph: Markup, colour: str) -> Markup:
    parts = [element("title", escaped(figure.told))]
    if figure.bar is not None:
        low, high = (end - figure.y for end in figure.bar)
        bar = f"M0,{number(low)}V{number(high)}" + "".join(f"M{-CAP},{number(y)}H{CAP}" for y in (low, high))
        parts.append(element("path", d=bar, class_=f"{colour} interval", fill="none", stroke_width=1.3))
    where = f"translate({number(figure.x)},{number(figure.y)})"
    return element("g", *parts, glyph, transform=where, class_="mark")


def _gap(curves: OverlapCurves, gap: OverlapGap, y: float) -> tuple[list[Markup], float]:
    """The gap of two cells in each tenth, around a line at none; and where its field ends."""
    words = wrapped(f"{gap.better}, less {gap.other}", WIDTH - 2 * MARGIN, after=SPELLED)
    head, y = paragraph(y + 10, words)
    top, bottom = y, y + GAP_FIELD
    ends = _ends(gap.values, gap.intervals)
    middle = max(0.0, LEAST_SPAN - (max(*ends, 0.0) - min(*ends, 0.0))) / 2
    up = axes.linear([0.0, -middle, middle, *ends], bottom, top)
    figures = _figures(curves, gap.values, gap.intervals, up, 0.0, "gap", "+")
    glyph = element("circle", r=3.5, class_="ink glyph")
    drawn = [
        axes.beside(up, LEFT, WIDTH - RIGHT, axes.decimals(up, "+")),
        element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=up.place(0), y2=up.place(0), class_="ink-line none"),
        *(_mark(figure, glyph, "ink-line") for figure in figures),
    ]
    return [element("g", *head, *drawn, class_="gap")], bottom
