"""The names of marks, beside them: where each mark stands, what no name may cover, and how a name is drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from bench.report.charts import labels
from bench.report.charts.axes import Axis
from bench.report.charts.labels import Anchor, Box, Surroundings
from bench.report.charts.marks import EXTENT
from bench.report.charts.svg import LINE, SMALL, Markup, element, text, width
from bench.report.model import broken
from bench.report.numbers import sized
from bench.report.tables.frontier import Point

RADIUS = 6  # around that, what no label covers
SIZED = 12  # cells; of more the labels are names alone, and the areas smaller
WORTH = 4.0  # of a label on the frontier, where others are worth 1
BESIDE = 12  # from a mark's edge: a label that is nearer needs no leader, unless other marks are as near
CAP = 4  # half the length of an interval's end


class Place(NamedTuple):
    """A point and how it is drawn."""

    point: Point
    x: float
    y: float
    on: bool  # whether it is on the frontier
    area: float  # of its index, in pixels; 0 where that was not weighed

    def square(self) -> Box:
        """What it takes: its area, or what stands in the middle of it."""
        reach = max(RADIUS, math.sqrt(self.area) * EXTENT[self.point.vectors])
        return Box(self.x - reach, self.y - reach, self.x + reach, self.y + reach)


def end_of(axis: Axis, value: float) -> float:
    """Where the end of an interval stands: within the field."""
    return axis.place(min(max(value, axis.low), axis.high))


def named(places: Sequence[Place], around: Surroundings) -> tuple[list[Markup], list[str]]:
    """A label for each cell, those of the frontier first; and the names of those without room for one."""
    order = sorted(places, key=lambda place: (not place.on, -place.point.quality, place.x, place.point.name))
    lines = [_label(place.point, sizes=len(places) <= SIZED) for place in order]
    anchors = [_anchor(place, label, places) for place, label in zip(order, lines, strict=True)]
    found = labels.place(anchors, around)
    drawn = [
        _labelled(place, anchor, label, box)
        for place, anchor, label, box in zip(order, anchors, lines, found, strict=True)
        if box is not None
    ]
    return drawn, [place.point.name for place, box in zip(order, found, strict=True) if box is None]


def _label(point: Point, *, sizes: bool) -> list[str]:
    """The name, on several lines where it is long, and below it the size of the index, where there is room for it."""
    size = [sized(point.bytes)] if sizes and point.bytes is not None else []
    return [*broken(point.name).split("\n"), *size]


def _anchor(place: Place, label: Sequence[str], places: Sequence[Place]) -> Anchor:
    """What a label belongs to; where marks lie upon one another every label needs a leader."""
    square = place.square()
    reach = square.right - place.x
    is_alone = not any(square.meets(other.square()) for other in places if other is not place)
    return Anchor(
        place.x,
        place.y,
        radius=RADIUS,
        reach=reach,
        near=(reach if is_alone else RADIUS) + BESIDE,
        weight=WORTH if place.on else 1.0,
        width=max(width(line, SMALL, bold=place.on) for line in label),
        height=len(label) * SMALL * LINE,
    )


def covered(place: Place, across: Axis, up: Axis) -> list[Box]:
    """What no label may hide: the mark, and the bars of its intervals."""
    boxes = [Box(place.x - RADIUS, place.y - RADIUS, place.x + RADIUS, place.y + RADIUS)]
    if place.point.interval is not None:
        low, high = (end_of(up, end) for end in place.point.interval)
        boxes.append(Box(place.x - CAP, high, place.x + CAP, low))
    if place.point.cost_interval is not None:
        low, high = (end_of(across, end) for end in place.point.cost_interval)
        boxes.append(Box(low, place.y - CAP, high, place.y + CAP))
    return boxes


def _labelled(place: Place, anchor: Anchor, label: Sequence[str], box: Box) -> Markup:
    """A label in its box, on the side of what it names, with a line to it where it is far."""
    at_left = box.right <= place.x
    parts = []
    if (led := labels.leader(anchor, box)) is not None:
        parts.append(element("line", x1=led.x1, y1=led.y1, x2=led.x2, y2=led.y2, class_="faint-line", stroke_width=0.8))
    for row, line in enumerate(label):
        is_size = place.point.bytes is not None and line == sized(place.point.bytes)
        parts.append(
            text(
                box.right if at_left else box.left,
                box.top + SMALL + row * SMALL * LINE,
                line,
                size=SMALL,
                anchor="end" if at_left else None,
                weight="bold" if place.on and not is_size else None,
                class_="faint" if is_size else "ink",
                halo=True,
            )
        )
    return element("g", *parts, class_="label")
