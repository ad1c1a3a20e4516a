"""
The frontier of a passage set: quality against a cost, the area of a mark the bytes of its index.

Sparse vectors, dense vectors, what is fused and engines differ in shape and in colour. A line goes by the cells that no
other beats in quality and in that cost at once, and a band holds those that are not told apart from the best; what a
cell lacks is said below.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.report.charts import axes
from bench.report.charts.axes import Axis
from bench.report.charts.labels import Box, Segment, Surroundings
from bench.report.charts.mark_names import CAP, SIZED, Place, covered, end_of, named
from bench.report.charts.marks import COLOURS, SHOWN, shape
from bench.report.charts.svg import (
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
from bench.report.numbers import bounds, four, significant, sized
from bench.report.tables.frontier import Frontier, Point
from bench.report.tables.picture_cells import several_of
from bench.statistics import pareto

LEAST_SPAN = 0.1  # of the quality axis: a difference of .01 is not to look like one of .3
FIELD = 320  # height of the field, in pixels
LEFT, RIGHT = 46, 20  # of the field, beside it: half a tick's label on the right
LARGEST, GLYPH = 1600.0, 44.0  # areas in pixels: of the largest index, and of what stands in the middle of each
AROUND = 0.07  # of the vertical axis beyond its values: what a mark takes
BAND = 3  # of the band beyond the marks in it, in pixels
GAP, HIGH = 16, 34  # between entries of the legend, and from it to the name of the vertical axis


def svg(frontier: Frontier) -> str:
    """The picture; also of no point, or of one."""
    largest = max((point.bytes or 0 for point in frontier.points), default=0)
    per_byte = LARGEST * min(1.0, SIZED / max(len(frontier.points), 1)) / max(largest, 1)
    head, top = _head(frontier, largest, per_byte)
    bottom = top + FIELD
    costs = [end for point in frontier.points for end in (point.cost, *(point.cost_interval or ())) if end > 0]
    across = axes.logarithmic(costs, LEFT, WIDTH - RIGHT)
    ends = [end for point in frontier.points for end in (point.quality, *(point.interval or ()))]
    more = AROUND * max(max(ends, default=0.0) - min(ends, default=0.0), LEAST_SPAN)
    reached = [end + side for end in ends for side in (-more, more)]
    up = axes.linear(reached, bottom, top, least=LEAST_SPAN, within=(0.0, 1.0))
    on = pareto.frontier([point.quality for point in frontier.points], [point.cost for point in frontier.points])
    places = [
        Place(
            point,
            across.place(point.cost),
            up.place(point.quality),
            frontier.is_claimed and is_on,
            per_byte * (point.bytes or 0),
        )
        for point, is_on in zip(frontier.points, on, strict=True)
    ]
    stairs = _stairs(places, bottom)
    around = Surroundings(
        Box(LEFT, top, WIDTH - RIGHT, bottom),
        obstacles=[box for place in places for box in covered(place, across, up)],
        areas=[place.square() for place in places],
        lines=stairs,
    )
    labelled, unnamed = named(places, around)
    remarks = [
        *_legend(frontier),
        *frontier.remarks,
        *([f"no room for the name: {several_of(unnamed)}"] if unnamed else []),
    ]
    below, height = _below(remarks, frontier.conditions, bottom)
    return document(
        "frontier",
        height,
        _title(frontier),
        _about(frontier, places),
        *head,
        *_band(frontier, up),
        axes.beside(up, LEFT, WIDTH - RIGHT, axes.decimals(up)),
        axes.below(across, top, bottom, f"{frontier.cost.label} (left is less)", frontier.cost.tick),
        *([_line(stairs)] if frontier.is_claimed else []),
        *(_mark(place, frontier, across, up) for place in _largest_first(places)),
        *labelled,
        *below,
    )


def _title(frontier: Frontier) -> str:
    return f"{frontier.passage_set}: {frontier.measure} against {frontier.cost.title}"


def _about(frontier: Frontier, places: Sequence[Place]) -> str:
    """The picture in words: every figure that it shows."""
    on, off = ([_told(place.point, frontier) for place in places if place.on is is_on] for is_on in (True, False))
    said = [f"On the frontier: {'; '.join(on) or 'nothing'}."] if frontier.is_claimed else []
    said += [f"{'Below it' if frontier.is_claimed else 'Cells'}: {'; '.join(off)}."] if off else []
    tied = [point.name for point in frontier.points if point.is_tied]
    said += [f"Not told apart from the best: {', '.join(tied)}."] if len(tied) > 1 else []
    said += [f"{remark}." for remark in (*frontier.remarks, frontier.conditions) if remark]
    return " ".join(said)


def _told(point: Point, frontier: Frontier) -> str:
    """The figures of a cell."""
    cost = frontier.cost
    quality = four(point.quality) + ("" if point.interval is None else f" {bounds(point.interval, four)}")
    value = cost.written(point.cost) + (
        "" if point.cost_interval is None else f" {bounds(point.cost_interval, significant)}"
    )
    parts = [f"{frontier.measure} {quality}", cost.told(value, is_new=point.is_new)]
    if cost.key != "ledger_bytes":
        parts.append("index not weighed" if point.bytes is None else f"index {sized(point.bytes)}")
    return f"{point.name}: {', '.join(parts)}"


def _legend(frontier: Frontier) -> list[str]:
    """What the bars and the band are, where there are some."""
    bars = [f"of {frontier.measure} over clusters of queries"] if any(p.interval for p in frontier.points) else []
    bars += ["of times over rounds and queries"] if any(p.cost_interval for p in frontier.points) else []
    found = [f"bars: 95 % interval, {', '.join(bars)}"] if bars else []
    tied = [point for point in frontier.points if point.is_tied]
    if len(tied) < 2:
        return found
    inside = [p for p in frontier.points if not p.is_tied and p.quality >= min(point.quality for point in tied)]
    apart = f"; told apart, or not tested: {several_of([p.name for p in inside])}" if inside else ""
    return [*found, f"band: {len(tied)} cells that are not told apart from the best{apart}"]


def _band(frontier: Frontier, up: Axis) -> list[Markup]:
    """From the best to the lowest of the cells that are not told apart from it; nothing where it stands alone."""
    tied = [up.place(point.quality) for point in frontier.points if point.is_tied]
    if len(tied) < 2:
        return []
    top, bottom = max(min(tied) - BAND, up.end), min(max(tied) + BAND, up.start)
    return [
        element(
            "rect",
            x=LEFT,
            y=top,
            width=WIDTH - RIGHT - LEFT,
            height=bottom - top,
            class_="faint band",
            fill_opacity=0.13,
        )
    ]


# Above and below the field


def _head(frontier: Frontier, largest: int, per_byte: float) -> tuple[list[Markup], float]:
    """Title, legend and what stands on the vertical axis; and where the field begins."""
    title = wrapped(_title(frontier), WIDTH - 2 * MARGIN, TITLE, bold=True)
    drawn, y = paragraph(TITLE + MARGIN, title, size=TITLE, weight="bold")
    entries, x = [], float(MARGIN)
    for vectors, colour in COLOURS.items():
        if any(point.vectors == vectors for point in frontier.points):
            glyph = shape(vectors, GLYPH, class_=colour)
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


def _mark(place: Place, frontier: Frontier, across: Axis, up: Axis) -> Markup:
    """A cell: the intervals of both figures, the area of its index, and in the middle a mark, full on the frontier."""
    point, colour = place.point, COLOURS[place.point.vectors]
    parts = [element("title", escaped(_told(point, frontier)))]
    if point.interval is not None:
        low, high = (end_of(up, end) - place.y for end in point.interval)
        bar = f"M0,{number(low)}V{number(high)}" + "".join(f"M{-CAP},{number(y)}H{CAP}" for y in (low, high))
        parts.append(element("path", d=bar, class_=f"{colour}-line interval", fill="none", stroke_width=1.5))
    if point.cost_interval is not None:
        low, high = (end_of(across, end) - place.x for end in point.cost_interval)
        bar = f"M{number(low)},0H{number(high)}" + "".join(f"M{number(x)},{-CAP}V{CAP}" for x in (low, high))
        parts.append(element("path", d=bar, class_=f"{colour}-line cost-interval", fill="none", stroke_width=1.5))
    if place.area:
        parts.append(shape(point.vectors, place.area, class_=f"{colour} {colour}-line area", fill_opacity=0.2))
    fill = colour if place.on else "ground"
    parts.append(shape(point.vectors, GLYPH, class_=f"{fill} {colour}-line glyph", stroke_width=1.8))
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
