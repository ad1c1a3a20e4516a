"""
Marks that are told apart without colour: shapes, full and open, the ends of an interval, and hatching.

All are given by the pixel of their middle, so that a picture read back tells the value that each stands for.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

from bench.report.charts.svg import Markup, element, number

Form: TypeAlias = Literal["circle", "square", "triangle", "diamond"]

AREA = 52.0  # of a mark, in pixels: all forms look alike large
CAP = 4.0  # half the height of an interval's end
HATCH = 6.0  # pixels from one line of a hatching to the next


def mark(form: Form, x: float, y: float, colour: str, *, full: bool = True, area: float = AREA) -> Markup:
    """
    A mark around a point.

    Args:
        form: its shape; a triangle points upwards.
        x, y: its middle.
        colour: a class of the style, without `-line`.
        full: filled; else the ground with a rim of the colour.
        area: in pixels.
    """
    fill = colour if full else "ground"
    how: dict[str, str | float | None] = {"class_": f"{fill} {colour}-line point {form}", "stroke_width": 1.6}
    side = math.sqrt(area)
    if form == "circle":
        return element("circle", cx=x, cy=y, r=math.sqrt(area / math.pi), **how)
    if form == "square":
        return element("rect", x=x - side / 2, y=y - side / 2, width=side, height=side, **how)
    corners = _diamond(side) if form == "diamond" else _triangle(area)
    return element("polygon", points=" ".join(f"{number(x + a)},{number(y + b)}" for a, b in corners), **how)


def _diamond(side: float) -> list[tuple[float, float]]:
    """The corners of a square that stands on one of them."""
    reach = side / math.sqrt(2)
    return [(0.0, -reach), (reach, 0.0), (0.0, reach), (-reach, 0.0)]


def _triangle(area: float) -> list[tuple[float, float]]:
    """The corners of one whose sides are alike."""
    side = math.sqrt(4 * area / math.sqrt(3))
    high = side * math.sqrt(3) / 2
    return [(0.0, -high * 2 / 3), (side / 2, high / 3), (-side / 2, high / 3)]


def interval(low: float, high: float, y: float, colour: str) -> Markup:
    """A level line from one pixel to another, with an end at each."""
    ends = "".join(f"M{number(x)},{number(y - CAP)}V{number(y + CAP)}" for x in (low, high))
    line = f"M{number(low)},{number(y)}H{number(high)}"
    return element("path", d=line + ends, class_=f"{colour}-line interval", fill="none", stroke_width=1.4)


def hatched(left: float, right: float, top: float, bottom: float, colour: str) -> Markup:
    """Slanting lines that fill a rectangle and leave it nowhere."""
    high, lines = bottom - top, []
    start = left - high
    while start < right:
        first, last = max(start, left), min(start + high, right)  # it rises by as much as it goes on
        if first < last:
            lines.append(
                f"M{number(first)},{number(bottom - (first - start))}L{number(last)},{number(bottom - (last - start))}"
            )
        start += HATCH
    return element("path", d="".join(lines), class_=f"{colour}-line hatching", fill="none", stroke_width=1.2)
