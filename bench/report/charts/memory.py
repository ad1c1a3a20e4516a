"""
Memory of each cell: a bar of the parts that add up, beside it the deployment, and a bar of the passage text.

Bars stand on one linear axis, so that a small part is seen to be small; each figure is written below its bar. Parts
differ in filling, and not in colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.report.charts import axes, glyphs
from bench.report.charts.axes import Axis
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
    paragraph,
    text,
    width,
    wrapped,
)
from bench.report.numbers import sized
from bench.report.tables.memory import CellMemory, Component, Memories, MemoryPart

COLOURS: dict[Component, str] = {"index": "series-1", "encoder": "series-2", "libraries": "series-5"}
DEPLOYMENT, TEXT = "ink", "series-3"
MB = 1e6  # bytes
LEFT, RIGHT = 20, 22  # of the axis: half of its first and of its last tick's words
BAR, GAP = 13, 12  # height of a bar, and below a cell
SWATCH = 16  # of the legend
AXIS = 52  # below the last bar: ticks, and what they are of
AXIS_TITLE = "MB (10^6 bytes)"
ADDED = "A bar adds up what one process holds of index, encoder and libraries, each weighed apart."
OF_LIBRARIES = "libraries: the larger of the figures of both parts, since both may import the same ones"
NOT_ADDED = (
    "deployment: high-water mark of one process from text to ids, not the sum of the bar: interpreter, working memory "
    "and libraries of both parts are in it"
)
APART = "passage text: of the set, the same for every cell; no part of index or encoder unless an engine keeps it"


def svg(memories: Memories) -> str:
    """The picture; also of one cell."""
    drawn, y = _head(memories)
    ends = [0.0, memories.text_bytes / MB]
    ends += [size / MB for cell in memories.cells for size in (cell.sum, cell.deployment_bytes or 0)]
    across = axes.linear(ends, LEFT, WIDTH - RIGHT, within=(0.0, math.inf))
    rows, bottom = [], y
    for cell in memories.cells:
        row, bottom = _row(cell, across, bottom)
        rows.append(row)
    row, bottom = _text_row(memories.text_bytes, across, bottom)
    below = axes.below(across, y, bottom, AXIS_TITLE, lambda size: f"{size:,g}")
    said = [*_explained(memories), *memories.remarks, memories.conditions]
    lines = [line for words in said for line in wrapped(words, WIDTH - 2 * MARGIN, SMALL)]
    notes, height = paragraph(bottom + AXIS + 4, lines, size=SMALL, class_="faint")
    title, about = _title(memories), _about(memories)
    return document("memory", height, title, about, *drawn, below, *rows, row, *notes)


def _title(memories: Memories) -> str:
    return f"{memories.passage_set}: memory"


def _explained(memories: Memories) -> list[str]:
    has_deployment = any(cell.deployment_bytes is not None for cell in memories.cells)
    has_libraries = any(part.component == "libraries" for cell in memories.cells for part in cell.parts)
    return [*([OF_LIBRARIES] if has_libraries else []), *([NOT_ADDED] if has_deployment else []), APART]


def _about(memories: Memories) -> str:
    """The picture in words: every figure that it shows."""
    said = [f"{_told(cell)}." for cell in memories.cells]
    said.append(f"Passage text: {sized(memories.text_bytes)}.")
    said += [f"{remark}." for remark in (*memories.remarks, memories.conditions) if remark]
    return " ".join(said)


def _told(cell: CellMemory) -> str:
    """The figures of a cell."""
    return f"{cell.name}: {'; '.join(_figures(cell))}"


def _figures(cell: CellMemory) -> list[str]:
    parts = [f"{_figure(part)}" for part in cell.parts]
    return parts + ([] if cell.deployment_bytes is None else [f"deployment {sized(cell.deployment_bytes)}"])


def _figure(part: MemoryPart) -> str:
    return f"{part.component} {sized(part.bytes)}" + (f" ({part.said})" if part.said else "")


def _head(memories: Memories) -> tuple[list[Markup], float]:
    """Title, what adds up, and the legend; and where the first cell begins."""
    room = WIDTH - 2 * MARGIN
    drawn, y = paragraph(TITLE + MARGIN, wrapped(_title(memories), room, TITLE, bold=True), size=TITLE, weight="bold")
    said, y = paragraph(y, wrapped(ADDED, room))
    entries: list[Markup] = []
    x = float(MARGIN)
    for component in COLOURS:
        if any(part.component == component for cell in memories.cells for part in cell.parts):
            entries += [*_filled(component, x, x + SWATCH, y - BAR + 2), text(x + SWATCH + 5, y, component)]
            x += SWATCH + 5 + width(component) + 14
    if any(cell.deployment_bytes is not None for cell in memories.cells):
        entries += [glyphs.mark("diamond", x + 5, y - 4, DEPLOYMENT), text(x + 15, y, "deployment")]
    return [*drawn, *said, element("g", *entries, class_="legend")], y + 8


def _filled(component: Component, left: float, right: float, top: float) -> list[Markup]:
    """A part of a bar: the index full, the encoder hatched, libraries empty."""
    colour = COLOURS[component]
    size = {"x": left, "y": top, "width": right - left, "height": BAR}
    if component == "index":
        return [element("rect", **size, class_=f"{colour} part")]
    rim = {"stroke_width": 1.0, "fill_opacity": 0.15}
    made = [element("rect", **size, class_=f"{colour} {colour}-line part", **rim)]
    return made + ([glyphs.hatched(left, right, top, top + BAR, colour)] if component == "encoder" else [])


# A bar and its figures


def _row(cell: CellMemory, across: Axis, y: float) -> tuple[Markup, float]:
    """A cell: its name, its bar with the deployment, and its figures; and where the next one begins."""
    named, y = _lines([cell.name], y, weight="bold", after=SPELLED)
    left, parts = 0.0, [element("title", escaped(_told(cell)))]
    for part in cell.parts:
        right = left + part.bytes / MB
        parts += _filled(part.component, across.place(left), across.place(right), y)
        left = right
    if cell.deployment_bytes is not None:
        at = across.place(cell.deployment_bytes / MB)
        parts.append(glyphs.mark("diamond", at, y + BAR / 2, DEPLOYMENT))
    figures, y = _lines(wrapped("; ".join(_figures(cell)), WIDTH - 2 * MARGIN, SMALL), y + BAR)
    return element("g", *parts, *named, *figures, class_="cell"), y + GAP


def _text_row(size: int, across: Axis, y: float) -> tuple[Markup, float]:
    """The passage text: a bar of its own."""
    said = f"passage text {sized(size)}"
    named, y = _lines(["passage text, in no bar"], y, weight="bold")
    left, right = across.place(0.0), across.place(size / MB)
    bar = element("rect", x=left, y=y, width=right - left, height=BAR, class_=f"ground {TEXT}-line part",
                  stroke_width=1.4, stroke_dasharray="3 2")  # fmt: skip
    figures, y = _lines([sized(size)], y + BAR)
    return element("g", element("title", escaped(said)), bar, *named, *figures, class_="passage-text"), y + GAP


def _lines(
    words: Sequence[str], y: float, *, weight: str | None = None, after: str = " "
) -> tuple[list[Markup], float]:
    """Lines from the left margin on, below a place; and where what follows begins."""
    room = WIDTH - 2 * MARGIN
    lines = [line for line_of in words for line in wrapped(line_of, room, SMALL, bold=weight is not None, after=after)]
    drawn = [
        text(MARGIN, y + SMALL + row * SMALL * LINE, line, size=SMALL, weight=weight, halo=True)
        for row, line in enumerate(lines)
    ]
    return drawn, y + len(lines) * SMALL * LINE + 3
