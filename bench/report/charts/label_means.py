"""
A measure by what the queries test: labels down, in each a mark for each cell with the interval of its mean.

A cell has a number, which stands before each of its marks and in the list above, and a shape and a colour. Of many
cells the picture is high, and its axis is drawn again below every panel of labels.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.charts import axes, glyphs
from bench.report.charts.axes import Axis
from bench.report.charts.glyphs import Form
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
    paragraph,
    text,
    width,
    wrapped,
)
from bench.report.numbers import four, share
from bench.report.tables.label_means import LabelledQueries, LabelMean, LabelMeans

FORMS: tuple[Form, ...] = ("circle", "square", "triangle", "diamond")
LEAST_SPAN = 0.1  # of the axis: a difference of .01 is not to look like one of .3
NAMES = 132  # width of the labels' names, in pixels
NUMBERS = 18  # of the cells' numbers beside them
VALUES = 38  # of the means at the right
LEFT, RIGHT = MARGIN + NAMES + NUMBERS + 6, MARGIN + VALUES + 6  # of the axis, from the picture's sides
ROW, GAP = 15, 9  # height of a cell's line, and between labels
PANEL = 44  # lines of a panel, about
AXIS = 54
GLYPH = 42.0  # area of a mark, in pixels
BARS = "bars: 95 % interval of a mean over clusters of queries, each by itself: where two overlap the cells may differ"
EXPLORATORY = "by label: exploratory; sparring compare --by label tests the differences"


def svg(found: LabelMeans) -> str:
    """The picture; also of one cell, or of one label."""
    ends = [
        end
        for label in found.labels
        for mean in label.means
        if mean is not None
        for end in (mean.mean, *(mean.interval or ()))
    ]
    across = axes.linear(ends, LEFT, WIDTH - RIGHT, least=LEAST_SPAN, within=(0.0, 1.0))
    body, y = _head(found)
    for panel in _panels(found):
        drawn, y = _panel(panel, found, across, y)
        body.append(drawn)
    has_bars = any(mean is not None and mean.interval for label in found.labels for mean in label.means)
    said = [*([BARS] if has_bars else []), EXPLORATORY, *found.remarks, found.conditions]
    lines = [line for words in said for line in wrapped(words, WIDTH - 2 * MARGIN, SMALL)]
    notes, y = paragraph(y + 4, lines, size=SMALL, class_="faint")
    return document("labels", y, _title(found), _about(found), *body, *notes)


def _title(found: LabelMeans) -> str:
    return f"{found.passage_set}: {found.measure} by what the queries test"


def _about(found: LabelMeans) -> str:
    """The picture in words: every figure that it shows."""
    said = []
    for label in found.labels:
        means = zip(found.names, label.means, strict=True)
        told = [_told(name, mean) for name, mean in means if mean is not None]
        said.append(f"{label.label} ({label.n_queries:,} queries): {'; '.join(told)}.")
    said += [f"{remark}." for remark in (*found.remarks, found.conditions) if remark]
    return " ".join(said)


def _told(name: str, mean: LabelMean) -> str:
    """The figures of a mark."""
    around = "" if mean.interval is None else f" [{four(mean.interval[0])}, {four(mean.interval[1])}]"
    return f"{name} {four(mean.mean)}{around}"


def _look(row: int) -> tuple[Form, str]:
    return FORMS[row % len(FORMS)], SERIES[row % len(SERIES)]


def _head(found: LabelMeans) -> tuple[list[Markup], float]:
    """Title, and the list of the cells with their numbers and marks; and where the first panel begins."""
    room = WIDTH - 2 * MARGIN
    title = wrapped(_title(found), room, TITLE, bold=True)
    drawn, y = paragraph(TITLE + MARGIN, title, size=TITLE, weight="bold")
    left = MARGIN + width("00", SMALL, bold=True) + 22
    entries: list[Markup] = []
    for row, name in enumerate(found.names):
        entries.append(text(MARGIN, y, str(row + 1), size=SMALL, weight="bold"))
        form, colour = _look(row)
        entries.append(glyphs.mark(form, left - 12, y - SMALL / 3, colour, area=GLYPH))
        lines = wrapped(name, WIDTH - MARGIN - left, SMALL, after=SPELLED)
        entries += [text(left, y + at * SMALL * LINE, line, size=SMALL) for at, line in enumerate(lines)]
        y += max(len(lines), 1) * SMALL * LINE
    return [*drawn, element("g", *entries, class_="legend")], y - SMALL + 4


def _panels(found: LabelMeans) -> list[list[LabelledQueries]]:
    """The labels in parts of about PANEL lines, each of which has an axis."""
    at_once = max(PANEL // max(len(found.names), 1), 1)
    return [list(found.labels[first : first + at_once]) for first in range(0, len(found.labels), at_once)]


def _panel(labels: Sequence[LabelledQueries], found: LabelMeans, across: Axis, y: float) -> tuple[Markup, float]:
    """Some labels with their axis; and where the next ones begin."""
    top, groups = y, []
    for label in labels:
        group, y = _label(label, found.names, across, y)
        groups.append(group)
    written = axes.decimals(across)
    below = axes.below(across, top, y, f"{found.measure} (right is better)", written)
    return element("g", below, *groups, class_="panel"), y + AXIS


def _label(label: LabelledQueries, names: Sequence[str], across: Axis, y: float) -> tuple[Markup, float]:
    """A label, how many queries it has, and a line a cell; and where the next one begins."""
    words = [
        *wrapped(label.label, NAMES - 6, SMALL, bold=True),
        f"{label.n_queries:,} {'query' if label.n_queries == 1 else 'queries'}",
    ]
    rule = element("line", x1=MARGIN, x2=WIDTH - MARGIN, y1=y, y2=y, class_="grid-line")
    parts = [
        text(MARGIN, y + SMALL + 4 + row * SMALL * LINE, line, size=SMALL,
             weight=None if row == len(words) - 1 else "bold", class_="faint" if row == len(words) - 1 else "ink")
        for row, line in enumerate(words)
    ]  # fmt: skip
    drawn = [(row, name, mean) for row, (name, mean) in enumerate(zip(names, label.means, strict=True)) if mean]
    for line, (row, name, mean) in enumerate(drawn):
        parts.append(_mean(row, f"{label.label}: {_told(name, mean)}", mean, across, y + GAP / 2 + (line + 0.5) * ROW))
    high = max(len(drawn) * ROW, len(words) * SMALL * LINE)
    return element("g", rule, *parts, class_="label"), y + high + GAP


def _mean(row: int, told: str, mean: LabelMean, across: Axis, y: float) -> Markup:
    """A cell's number, its mark with the interval, and the mean in figures."""
    form, colour = _look(row)
    parts = [
        element("title", escaped(told)),
        text(LEFT - 8, y + SMALL / 3, str(row + 1), size=SMALL, anchor="end", weight="bold"),
    ]
    if mean.interval is not None:
        low, high = (across.place(min(max(end, across.low), across.high)) for end in mean.interval)
        parts.append(glyphs.interval(low, high, y, colour))
    parts.append(glyphs.mark(form, across.place(min(max(mean.mean, across.low), across.high)), y, colour, area=GLYPH))
    parts.append(text(WIDTH - MARGIN, y + SMALL / 3, share(mean.mean), size=SMALL, anchor="end", class_="ink"))
    return element("g", *parts, class_="mean")
