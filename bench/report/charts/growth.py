"""
A cost against the number of passages, on logarithmic axes: a line for each retriever, with a mark at each size.

The area along a line is the 95 % interval. Where the order of two lines turns stands a vertical line, and below the
field what turns there: between which measured sizes, and whether that is sure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bench.report.charts import axes, series
from bench.report.charts.axes import Axis
from bench.report.charts.series import LineStyle, Listed
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
from bench.report.costs import Cost
from bench.report.numbers import bounds, significant, whole
from bench.report.tables.growth import Growth, GrowthCurve, GrowthStep, SizeCrossing
from bench.report.tables.picture_cells import several_of

FIELD = 300  # height of the field, in pixels
LEFT, RIGHT = 46, 24  # of the field, beside it: at least
ABOVE, BELOW = 24, 66  # of the field: what stands on its vertical axis, and its horizontal axis
NAMED = 6  # crossings that are drawn and told; of the others the number
MILLION = 1e6
SURELY = "surely: exact figures, or 95 % intervals that are apart at both sizes"


def svg(growth: Growth) -> str:
    """The picture."""
    title = _title(growth)
    head, y = paragraph(TITLE + MARGIN, wrapped(title, WIDTH - 2 * MARGIN, TITLE, bold=True), size=TITLE, weight="bold")
    top = y + ABOVE
    bottom = top + FIELD
    curves = growth.curves[: series.MOST]
    across, up = _axes(curves, growth.cost, top, bottom)
    entries = [Listed(series.style(index), curve.name, _span(curve, growth.cost)) for index, curve in enumerate(curves)]
    listed, y = series.legend(entries, bottom + BELOW)
    remarks = [*_shown(curves), *_remarks(growth), growth.conditions]
    said = [line for words in remarks for line in wrapped(words, WIDTH - 2 * MARGIN, SMALL)]
    below, height = paragraph(y + SMALL / 2, said, size=SMALL, class_="faint")
    return document(
        "growth",
        height,
        title,
        _about(growth),
        *head,
        text(MARGIN, top - ABOVE / 2, f"{growth.cost.label} (down is better)"),
        axes.beside(up, across.start, WIDTH - RIGHT, _ticks(growth.cost)),
        axes.below(across, top, bottom, f"passages ({growth.n_real:,} real, the others synthetic)", _count),
        *(_crossing(turn, across, top, bottom) for turn in _crossings(growth)[:NAMED]),
        *(_curve(curve, series.style(index), growth.cost, across, up) for index, curve in enumerate(curves)),
        element("g", *listed, class_="legend"),
        *below,
    )


def _title(growth: Growth) -> str:
    return f"{growth.passage_set}: {growth.cost.heading}, by the number of passages"


# In words


def _about(growth: Growth) -> str:
    """The picture in words: every figure that it shows."""
    said = [
        f"{curve.name}: {'; '.join(_told(step, growth.cost) for step in curve.steps)}."
        for curve in growth.curves[: series.MOST]
    ]
    said += [f"{remark}." for remark in (*_remarks(growth), growth.conditions) if remark]
    return " ".join(said)


def _told(step: GrowthStep, cost: Cost) -> str:
    """The figure of a size."""
    around = "" if step.interval is None else f" {bounds(step.interval, significant)}"
    return f"{step.n_passages:,} passages {cost.written(step.value)}{around}"


def _span(curve: GrowthCurve, cost: Cost) -> str:
    """The figures at the ends of a curve, for the list."""
    ends = dict.fromkeys(cost.written(step.value) for step in (curve.steps[0], curve.steps[-1]))
    return " to ".join(ends)


def _shown(curves: Sequence[GrowthCurve]) -> list[str]:
    """What the areas of the picture are, where it has any."""
    has_intervals = any(step.interval for curve in curves for step in curve.steps)
    return ["areas and bars: 95 % interval, over rounds and queries"] if has_intervals else []


def _remarks(growth: Growth) -> Iterator[str]:
    """What is said under the field, and of it in words: the crossings first."""
    crossings = _crossings(growth)
    if len(growth.curves) > 1 and not crossings:
        yield "no two cross at the sizes that were measured; nothing is told of others"
    yield from map(_turn, crossings[:NAMED])
    if len(crossings) > NAMED:
        yield f"and {len(crossings) - NAMED} more crossings, not drawn"
    if any(turn.is_sure for turn in crossings[:NAMED]):
        yield SURELY
    if unseen := [curve.name for curve in growth.curves[series.MOST :]]:
        yield f"not drawn, more than {series.MOST} lines: {several_of(unseen)}"
    yield from growth.remarks


def _crossings(growth: Growth) -> list[SizeCrossing]:
    """The crossings of lines that are drawn."""
    drawn = {curve.name for curve in growth.curves[: series.MOST]}
    return [turn for turn in growth.crossings if {turn.cheaper, turn.other} <= drawn]


def _turn(turn: SizeCrossing) -> str:
    """A crossing."""
    low, high = turn.between
    certainty = "surely" if turn.is_sure else "not surely"
    about = whole(float(f"{turn.about:.3g}"))
    return f"{turn.cheaper} goes above {turn.other} between {low:,} and {high:,} passages, about {about}, {certainty}"


# The field


def _axes(curves: Sequence[GrowthCurve], cost: Cost, top: float, bottom: float) -> tuple[Axis, Axis]:
    """Passages across and the cost upwards; what is written beside the latter is where the former begins."""
    steps = [step for curve in curves for step in curve.steps]
    up = axes.logarithmic([value for step in steps for value in (step.value, *(step.interval or ()))], bottom, top)
    left = max(LEFT, *(axes.TICK_GAP + MARGIN / 2 + width(_ticks(cost)(tick)) for tick in up.ticks))
    return axes.logarithmic([step.n_passages for step in steps], left, WIDTH - RIGHT), up


def _ticks(cost: Cost) -> Callable[[float], str]:
    """How the vertical axis is written."""
    return (lambda value: f"{value:,g}") if cost.unit else axes.rounded


def _count(passages: float) -> str:
    """A number of passages that is a round one, short enough to stand beside others: 500, 20,000, 2M."""
    return whole(passages) if passages < MILLION else f"{passages / MILLION:,g}M"


def _curve(curve: GrowthCurve, look: LineStyle, cost: Cost, across: Axis, up: Axis) -> Markup:
    """A line with its marks and the areas of its intervals; an interval whose neighbours have none is a bar."""
    places = [(across.place(step.n_passages), up.place(step.value)) for step in curve.steps]
    parts = [_interval(run, look) for run in _intervals(curve, across, up)]
    parts += [series.line(places, look)] if len(places) > 1 else []
    parts += [
        series.mark(at, look, f"{curve.name}: {_told(step, cost)}", full=not step.is_doubtful)
        for at, step in zip(places, curve.steps, strict=True)
    ]
    return element("g", *parts, class_="curve")


def _intervals(curve: GrowthCurve, across: Axis, up: Axis) -> Iterator[list[tuple[float, float, float]]]:
    """The intervals of a curve in pixels, those that stand side by side together."""
    run: list[tuple[float, float, float]] = []
    for step in curve.steps:
        if step.interval is None:
            if run:
                yield run
            run = []
        else:
            low, high = map(up.place, step.interval)
            run.append((across.place(step.n_passages), low, high))
    if run:
        yield run


def _interval(run: Sequence[tuple[float, float, float]], look: LineStyle) -> Markup:
    return series.band(run, look) if len(run) > 1 else series.bar(*run[0], look)


def _crossing(turn: SizeCrossing, across: Axis, top: float, bottom: float) -> Markup:
    """A vertical line at a size: of dashes where the crossing is sure, else of dots."""
    x = across.place(turn.about)
    dash = "6 4" if turn.is_sure else "1.5 4"
    line = element("line", x1=x, x2=x, y1=top, y2=bottom, class_="faint-line", stroke_width=1.2, stroke_dasharray=dash)
    return element("g", element("title", escaped(_turn(turn))), line, class_="crossing")
