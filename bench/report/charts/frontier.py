"""
The frontier of a passage set: quality against the time of a query, the area of a mark the bytes of its index.

Sparse vectors, dense vectors and engines differ in shape and in colour. A line goes by the cells that no other beats in
quality and in time at once; what a cell lacks is said below.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bench.analysis.representation import Vectors
from bench.report.charts import axes, labels
from bench.report.charts.axes import Axis
from bench.report.charts.labels import Anchor, Box, Segment, Surroundings
from bench.report.charts.svg import (
    LINE,
    MARGIN,
    SMALL,
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
from bench.report.model import broken
from bench.report.numbers import four, significant, sized
from bench.report.tables.frontier import Frontier, Point, several_of
from bench.statistics import pareto

COLOURS: Mapping[Vectors, str] = {"sparse": "series-1", "dense": "series-2", "engine": "series-3"}
SHOWN: Mapping[Vectors, str] = {"sparse": "sparse vectors", "dense": "dense vectors", "engine": "engine"}
LEAST_SPAN = 0.1  # of the quality axis: a difference of .01 is not to look like one of .3
FIELD = 320  # height of the field, in pixels
LEFT, RIGHT = 46, 14  # of the field, beside it
LARGEST, GLYPH = 1600.0, 44.0  # areas in pixels: of the largest index, and of what stands in the middle of each
EXTENT: Mapping[Vectors, float] = {"sparse": 0.57, "dense": 0.5, "engine": 0.76}  # from the middle, of the area's root
RADIUS = 6  # around that, what no label covers
SIZED = 12  # cells; of more the labels are names alone, and the areas smaller
WORTH = 4.0  # of a label on the frontier, where others are worth 1
AROUND = 0.07  # of the vertical axis beyond its values: what a mark takes
BESIDE = 12  # from a mark's edge: a label that is nearer needs no leader, unless other marks are as near
CAP = 4  # half the length of an interval's end
GAP, HIGH = 16, 34  # between entries of the legend, and from it to the name of the vertical axis


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


def svg(frontier: Frontier) -> str:
    """The picture; also of no point, or of one."""
    largest = max((point.bytes or 0 for point in frontier.points), default=0)
    per_byte = LARGEST * min(1.0, SIZED / max(len(frontier.points), 1)) / max(largest, 1)
    head, top = _head(frontier, largest, per_byte)
    bottom = top + FIELD
    across = axes.logarithmic([point.ms for point in frontier.points], LEFT, WIDTH - RIGHT)
    ends = [end for point in frontier.points for end in (point.quality, *(point.interval or ()))]
    more = AROUND * max(max(ends, default=0.0) - min(ends, default=0.0), LEAST_SPAN)
    reached = [end + side for end in ends for side in (-more, more)]
    up = axes.linear(reached, bottom, top, least=LEAST_SPAN, within=(0.0, 1.0))
    on = pareto.frontier([point.quality for point in frontier.points], [point.ms for point in frontier.points])
    places = [
        Place(
            point,
            across.place(point.ms),
            up.place(point.quality),
            frontier.is_claimed and is_on,
            per_byte * (point.bytes or 0),
        )
        for point, is_on in zip(frontier.points, on, strict=True)
    ]
    stairs = _stairs(places, bottom)
    around = Surroundings(
        Box(LEFT, top, WIDTH - RIGHT, bottom),
        obstacles=[box for place in places for box in _covered(place, up)],
        areas=[place.square() for place in places],
        lines=stairs,
    )
    named, unnamed = _named(places, around)
    bars = f"bars: 95 % interval of {frontier.measure}, over clusters of queries"
    told = [bars] if any(point.interval for point in frontier.points) else []
    remarks = [*told, *frontier.remarks, *([f"no room for the name: {several_of(unnamed)}"] if unnamed else [])]
    below, height = _below(remarks, frontier.conditions, bottom)
    return document(
        "frontier",
        height,
        _title(frontier),
        _about(frontier, places),
        *head,
        axes.beside(up, LEFT, WIDTH - RIGHT, axes.decimals(up)),
        axes.below(across, top, bottom, "p50 of one query, text to ids, in ms (left is faster)", lambda ms: f"{ms:,g}"),
        *([_line(stairs)] if frontier.is_claimed else []),
        *(_mark(place, frontier.measure, up) for place in _largest_first(places)),
        *named,
        *below,
    )


def _title(frontier: Frontier) -> str:
    return f"{frontier.passage_set}: {frontier.measure} against the time of a query"


def _about(frontier: Frontier, places: Sequence[Place]) -> str:
    """The picture in words: every figure that it shows."""
    on, off = (
        [_told(place.point, frontier.measure) for place in places if place.on is is_on] for is_on in (True, False)
    )
    said = [f"On the frontier: {'; '.join(on) or 'nothing'}."] if frontier.is_claimed else []
    said += [f"{'Below it' if frontier.is_claimed else 'Cells'}: {'; '.join(off)}."] if off else []
    said += [f"{remark}." for remark in (*frontier.remarks, frontier.conditions) if remark]
    return " ".join(said)


def _told(point: Point, measure: str) -> str:
    """The figures of a cell."""
    around = "" if point.interval is None else f" [{four(point.interval[0])}, {four(point.interval[1])}]"
    weight = "index not weighed" if point.bytes is None else f"index {sized(point.bytes)}"
    return f"{point.name}: {measure} {four(point.quality)}{around}, p50 {significant(point.ms)} ms, {weight}"


# Above and below the field


def _head(frontier: Frontier, largest: int, per_byte: float) -> tuple[list[Markup], float]:
    """Title, legend and what stands on the vertical axis; and where the field begins."""
    title = wrapped(_title(frontier), WIDTH - 2 * MARGIN, TITLE, bold=True)
    drawn, y = paragraph(TITLE + MARGIN, title, size=TITLE, weight="bold")
    entries, x = [], float(MARGIN)
    for vectors, colour in COLOURS.items():
        if any(point.vectors == vectors for point in frontier.points):
            glyph = _shape(vectors, GLYPH, class_=colour)
            entries += [element("g", glyph, transform=_at(x + 5, y)), text(x + 15, y + 4, SHOWN[vectors])]
            x += 15 + width(SHOWN[vectors]) + GAP
    if frontier.is_claimed:
        entries += [element("line", x1=x, x2=x + 18, y1=y, y2=y, class_="ink-line", stroke_width=1.5)]
        entries += [text(x + 23, y + 4, "frontier (full marks)")]
    y += HIGH
    entries.append(text(MARGIN, y, f"{frontier.measure} (up is better)"))
    if largest > 0:
        size = axes.below_or_at(largest)
        radius, said = math.sqrt(per_byte * size / math.pi), f"index of {axes.rounded(size)}"
        x = WIDTH - RIGHT - width(said)
        entries.append(element("circle", cx=x - radius - 5, cy=y - 8, r=radius, class_="faint-line", fill="none"))
        entries.append(text(x, y - 4, said))
    return [*drawn, element("g", *entries, class_="legend")], y + 18


def _below(remarks: Sequence[str], conditions: str, bottom: float) -> tuple[list[Markup], float]:
    """What is said under the field, and the height of the picture."""
    said = [line for words in (*remarks, conditions) for line in wrapped(words, WIDTH - 2 * MARGIN, SMALL)]
    drawn, y = paragraph(bottom + 62, said, size=SMALL, class_="faint")
    return drawn, y


# The field


def _at(x: float, y: float) -> str:
    return f"translate({number(x)},{number(y)})"


def _shape(vectors: Vectors, area: float, **how: str | float) -> Markup:
    """A mark of an area around the origin."""
    if vectors == "sparse":
        return element("circle", r=math.sqrt(area / math.pi), **how)
    side = math.sqrt(area)
    if vectors == "dense":
        return element("rect", x=-side / 2, y=-side / 2, width=side, height=side, **how)
    side = math.sqrt(4 * area / math.sqrt(3))
    high = side * math.sqrt(3) / 2
    corners = ((0, -high * 2 / 3), (side / 2, high / 3), (-side / 2, high / 3))
    return element("polygon", points=" ".join(f"{number(x)},{number(y)}" for x, y in corners), **how)


def _mark(place: Place, measure: str, up: Axis) -> Markup:
    """A cell: the interval of its quality, the area of its index, and in the middle a mark, full on the frontier."""
    point, colour = place.point, COLOURS[place.point.vectors]
    parts = [element("title", escaped(_told(point, measure)))]
    if point.interval is not None:
        low, high = (up.place(min(max(end, up.low), up.high)) - place.y for end in point.interval)
        bar = f"M0,{number(low)}V{number(high)}" + "".join(f"M{-CAP},{number(y)}H{CAP}" for y in (low, high))
        parts.append(element("path", d=bar, class_=f"{colour}-line interval", fill="none", stroke_width=1.5))
    if place.area:
        parts.append(_shape(point.vectors, place.area, class_=f"{colour} {colour}-line area", fill_opacity=0.2))
    fill = colour if place.on else "ground"
    parts.append(_shape(point.vectors, GLYPH, class_=f"{fill} {colour}-line glyph", stroke_width=1.8))
    return element("g", *parts, transform=_at(place.x, place.y), class_=f"mark {point.vectors}")


def _largest_first(places: Sequence[Place]) -> list[Place]:
    """So that a small mark is not hidden by a large one."""
    return sorted(places, key=lambda place: -(place.point.bytes or 0))


def _stairs(places: Sequence[Place], bottom: float) -> list[Segment]:
    """The best quality within each time: up from the floor at the fastest cell, and on to the right from the best."""
    made: list[Segment] = []
    x, y = 0.0, bottom
    for place in sorted((place for place in places if place.on), key=lambda place: place.x):
        made += [Segment(x, y, place.x, y)] if made else []
        made.append(Segment(place.x, y, place.x, place.y))
        x, y = place.x, place.y
    return [*made, Segment(x, y, WIDTH - RIGHT, y)] if made else []


def _line(stairs: Sequence[Segment]) -> Markup:
    steps = "".join(f"L{number(step.x2)},{number(step.y2)}" for step in stairs)
    start = f"M{number(stairs[0].x1)},{number(stairs[0].y1)}" if stairs else ""
    return element("path", d=start + steps, class_="ink-line frontier-line", fill="none", stroke_width=1.5)


def _named(places: Sequence[Place], around: Surroundings) -> tuple[list[Markup], list[str]]:
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


def _covered(place: Place, up: Axis) -> list[Box]:
    """What no label may hide: the mark, and the bar of its interval."""
    boxes = [Box(place.x - RADIUS, place.y - RADIUS, place.x + RADIUS, place.y + RADIUS)]
    if place.point.interval is not None:
        low, high = (up.place(end) for end in place.point.interval)
        boxes.append(Box(place.x - CAP, high, place.x + CAP, low))
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
