"""
Lines of several series that are told apart in black and white too, and the list that names them.

A series has a colour, a dash and a mark. The first five have marks of their own; no two of MOST share mark and dash, or
mark and colour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bench.report.charts.svg import (
    LINE,
    MARGIN,
    SERIES,
    SMALL,
    SPELLED,
    WIDTH,
    Markup,
    element,
    escaped,
    number,
    text,
    width,
    wrapped,
)

DASHES = (None, "7 3", "2 2.5")
SHAPES = {  # corners around the origin, one pixel from it or so; a circle has none
    "circle": (),
    "square": ((-0.95, -0.95), (0.95, -0.95), (0.95, 0.95), (-0.95, 0.95)),
    "triangle": ((0.0, -1.3), (1.2, 0.9), (-1.2, 0.9)),
    "diamond": ((0.0, -1.35), (1.35, 0.0), (0.0, 1.35), (-1.35, 0.0)),
    "plus": (
        *((-0.45, -1.25), (0.45, -1.25), (0.45, -0.45), (1.25, -0.45), (1.25, 0.45), (0.45, 0.45)),
        *((0.45, 1.25), (-0.45, 1.25), (-0.45, 0.45), (-1.25, 0.45), (-1.25, -0.45), (-0.45, -0.45)),
    ),
}
MOST = len(SERIES) * len(DASHES)
RADIUS = 4.5  # of a mark, in pixels
SWATCH = 34  # width of the piece of a line in the list
CAP = 4  # half the length of an interval's end
BETWEEN = 3  # pixels between entries of the list

Place = tuple[float, float]  # in pixels


class LineStyle(NamedTuple):
    """How one series is drawn."""

    colour: str  # a class of the pictures' style
    dash: str | None
    shape: str


class Listed(NamedTuple):
    """A series in the list: how it is drawn, what it is called and what is told of it."""

    style: LineStyle
    name: str
    figures: str


def style(index: int) -> LineStyle:
    """How the series at an index, from 0, is drawn; from MOST on they repeat."""
    block, colour = divmod(index, len(SERIES))
    shape = (colour + block) % len(SHAPES)
    return LineStyle(SERIES[colour], DASHES[(shape + block) % len(DASHES)], tuple(SHAPES)[shape])


def line(points: Sequence[Place], look: LineStyle) -> Markup:
    """A line by some points, without their marks."""
    steps = "L".join(f"{number(x)},{number(y)}" for x, y in points)
    return element(
        "path", d=f"M{steps}", class_=f"{look.colour}-line series", fill="none", stroke_width=1.8,
        stroke_dasharray=look.dash,
    )  # fmt: skip


def mark(at: Place, look: LineStyle, told: str, *, full: bool = True, radius: float = RADIUS) -> Markup:
    """
    A mark, and what it says to one who points at it.

    full: False of a figure that is not to be relied on: the mark is open.
    """
    glyph = _shape(look.shape, radius, class_=f"{look.colour if full else 'ground'} {look.colour}-line glyph")
    where = f"translate({number(at[0])},{number(at[1])})"
    return element("g", element("title", escaped(told)), glyph, transform=where, class_="mark")


def _shape(shape: str, radius: float, *, class_: str) -> Markup:
    if not SHAPES[shape]:
        return element("circle", r=radius, class_=class_, stroke_width=1.6)
    corners = " ".join(f"{number(x * radius)},{number(y * radius)}" for x, y in SHAPES[shape])
    return element("polygon", points=corners, class_=class_, stroke_width=1.6)


def bar(x: float, low: float, high: float, look: LineStyle, *, cap: float = CAP) -> Markup:
    """An interval, upright. cap: half the length of its ends, in pixels."""
    ends = "".join(f"M{number(x - cap)},{number(y)}H{number(x + cap)}" for y in (low, high))
    shape = f"M{number(x)},{number(low)}V{number(high)}{ends}"
    return element("path", d=shape, class_=f"{look.colour}-line interval", fill="none", stroke_width=1.3)


def band(intervals: Sequence[tuple[float, float, float]], look: LineStyle) -> Markup:
    """Intervals, each (x, low, high) in pixels, as one area along a line."""
    around = [(x, high) for x, _, high in intervals] + [(x, low) for x, low, _ in reversed(intervals)]
    corners = " ".join(f"{number(x)},{number(y)}" for x, y in around)
    return element("polygon", points=corners, class_=f"{look.colour} band", fill_opacity=0.16)


def legend(entries: Sequence[Listed], y: float) -> tuple[list[Markup], float]:
    """The list, from the left margin down, the first entry with its baseline at y; and where a next one would stand."""
    drawn = []
    for entry in entries:
        rows = list(_lines(entry))
        middle = y - SMALL / 3
        swatch = line([(MARGIN, middle), (MARGIN + SWATCH, middle)], entry.style)
        at = f"translate({number(MARGIN + SWATCH / 2)},{number(middle)})"
        glyph = element(
            "g", _shape(entry.style.shape, RADIUS - 0.5, class_=f"{entry.style.colour} glyph"), transform=at
        )
        words = [
            text(MARGIN + SWATCH + 8, y + row * SMALL * LINE, part, size=SMALL, class_="ink" if is_name else "faint")
            for row, (part, is_name) in enumerate(rows)
        ]
        drawn.append(element("g", swatch, glyph, *words, class_="entry"))
        y += len(rows) * SMALL * LINE + BETWEEN
    return drawn, y


def _lines(entry: Listed) -> Iterator[tuple[str, bool]]:
    """The lines of an entry, and whether each is of the name; name and figures on one where there is room."""
    room = WIDTH - 2 * MARGIN - SWATCH - 8
    both = f"{entry.name}: {entry.figures}" if entry.figures else entry.name
    if width(both, SMALL) <= room:
        yield both, True
        return
    yield from ((part, True) for part in wrapped(entry.name, room, SMALL, after=SPELLED))
    yield from ((part, False) for part in wrapped(entry.figures, room, SMALL))
