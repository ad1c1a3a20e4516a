"""
Training curves: dev recall on the way, every seed, and what more negatives bring on the test set.

What is drawn are plain values: whoever has records of trainings makes them (`tests/benchmarks/towers/page.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.report.charts import axes
from bench.report.charts.axes import Axis
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
    number,
    paragraph,
    text,
    width,
    wrapped,
)
from bench.report.numbers import four

FIELD = 260  # height of a field, in pixels
LEFT, RIGHT = 46, 14  # of a field, beside it
DASHES = ("", "6 3", "2 2.5")  # with SERIES as many lines as can be told apart
CAP = 4  # half the length of an interval's end
LIST, SWATCH = 166, 22  # widths: of the list of variants beside the curves, and of the piece of a line in it
BELOW = 62  # of a field: its axis


@dataclass(frozen=True)
class DevCurve:
    """One training."""

    variant: str
    seed: int
    points: tuple[tuple[int, float], ...]  # step and dev recall, in order


@dataclass(frozen=True)
class Gain:
    """What so many negatives bring, beside the fewest."""

    negatives: int
    difference: float  # of means over seeds
    interval: tuple[float, float] | None  # of it, 95 %
    seeds: tuple[float, ...]  # the difference of each


@dataclass(frozen=True)
class Trainings:
    """What is drawn."""

    title: str
    measure: str
    curves: tuple[DevCurve, ...]
    fewest: int | None = None  # negatives that the gains are beside
    gains: tuple[Gain, ...] = ()


def svg(training: Trainings) -> str:
    """The picture: gains above, where there are any, and curves below."""
    body, y = paragraph(
        TITLE + MARGIN, wrapped(training.title, WIDTH - 2 * MARGIN, TITLE, bold=True), size=TITLE, weight="bold"
    )
    for field in (_gains, _curves):
        parts, y = field(training, y)
        body += parts
    return document("training", y, training.title, _about(training), *body)


def _about(training: Trainings) -> str:
    """The picture in words."""
    said = [
        f"{gain.negatives:,} negatives: {four(gain.difference, '+')}"
        + ("" if gain.interval is None else f" [{', '.join(four(end, '+') for end in gain.interval)}]")
        for gain in training.gains
    ]
    parts = [f"Test {training.measure}, more than with {training.fewest} negatives: {'; '.join(said)}."] if said else []
    last = [f"{name} {four(mean[-1][1])}" for name, mean in means(training.curves).items()]
    parts += [f"Dev {training.measure} at the end, mean of the seeds: {'; '.join(last)}."] if last else []
    return " ".join(parts) or "Nothing was trained."


def means(curves: Sequence[DevCurve]) -> dict[str, list[tuple[int, float]]]:
    """Of each variant the mean over its seeds, at the steps that all of them have; those without any left out."""
    by_variant: dict[str, list[dict[int, float]]] = {}
    for curve in curves:
        by_variant.setdefault(curve.variant, []).append(dict(curve.points))
    made = {}
    for variant, seeds in by_variant.items():
        steps = sorted(set.intersection(*map(set, seeds)))
        if steps:
            made[variant] = [(step, sum(seed[step] for seed in seeds) / len(seeds)) for step in steps]
    return made


# What more negatives bring


def _gains(training: Trainings, y: float) -> tuple[list[Markup], float]:
    """Mean, interval and seeds at each number of negatives, and a line at no gain."""
    if not training.gains:
        return [], y
    lines = [
        f"Test {training.measure}, more than with {training.fewest} negatives",
        "mean with its 95 % interval; small marks are seeds",
    ]
    head, top = _headed(lines, y)
    bottom = top + FIELD
    across = axes.logarithmic(
        [gain.negatives for gain in training.gains],
        LEFT,
        WIDTH - RIGHT,
        ticks=[gain.negatives for gain in training.gains],
    )
    ends = [0.0, *(end for gain in training.gains for end in (gain.difference, *(gain.interval or ()), *gain.seeds))]
    up = axes.linear(ends, bottom, top)
    middle = [(across.place(gain.negatives), up.place(gain.difference)) for gain in training.gains]
    drawn = [
        axes.beside(up, LEFT, WIDTH - RIGHT, axes.decimals(up, "+")),
        axes.below(across, top, bottom, "negatives of a query", lambda value: f"{value:,.0f}"),
        element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=up.place(0), y2=up.place(0), class_="faint-line"),
        _path(middle, class_=f"{SERIES[0]}-line", stroke_width=2.0),
        *(_gain(gain, training.measure, across, up) for gain in training.gains),
    ]
    return [*head, element("g", *drawn, class_="gains")], bottom + BELOW


def _gain(gain: Gain, measure: str, across: Axis, up: Axis) -> Markup:
    x, colour = across.place(gain.negatives), SERIES[0]
    said = f"{gain.negatives:,} negatives: {measure} {four(gain.difference, '+')}"
    parts = [element("title", escaped(said))]
    if gain.interval is not None:
        low, high = (up.place(end) for end in gain.interval)
        bar = f"M{number(x)},{number(low)}V{number(high)}"
        bar += "".join(f"M{number(x - CAP)},{number(end)}H{number(x + CAP)}" for end in (low, high))
        parts.append(element("path", d=bar, class_=f"{colour}-line interval", fill="none", stroke_width=1.5))
    parts += [
        element("circle", cx=x, cy=up.place(seed), r=2.5, class_="ground ink-line seed") for seed in sorted(gain.seeds)
    ]
    parts.append(element("circle", cx=x, cy=up.place(gain.difference), r=4.5, class_=f"{colour} mean"))
    return element("g", *parts, class_="gain")


# Recall on the way


def _curves(training: Trainings, y: float) -> tuple[list[Markup], float]:
    """A line a seed, over them their mean, and beside the field the variants by what they come to."""
    head, top = _headed(
        [f"Dev {training.measure} on the way", "thin: seeds; thick: their mean, whose end is listed"], y
    )
    found = means(training.curves)
    looks = {
        variant: (SERIES[row % len(SERIES)], DASHES[row // len(SERIES) % len(DASHES)] or None)
        for row, variant in enumerate(dict.fromkeys(curve.variant for curve in training.curves))
    }
    listed, end = _listed(found, looks, top)
    bottom = max(top + FIELD, end)
    right = WIDTH - RIGHT - LIST
    steps = [step for curve in training.curves for step, _ in curve.points]
    across = axes.linear(steps, LEFT, right, tight=True)
    recalls = [recall for curve in training.curves for _, recall in curve.points]
    up = axes.linear(recalls, bottom, top, within=(0.0, 1.0))

    def placed(points: Sequence[tuple[int, float]]) -> list[tuple[float, float]]:
        return [(across.place(step), up.place(recall)) for step, recall in points]

    drawn = [
        axes.beside(up, LEFT, right, axes.decimals(up)),
        axes.below(across, top, bottom, "step", lambda step: f"{step:,g}"),
    ]
    drawn += [
        _path(placed(curve.points), class_=f"{looks[curve.variant][0]}-line seed", stroke_opacity=0.4)
        for curve in training.curves
    ]
    for variant, points in found.items():
        colour, dash = looks[variant]
        drawn.append(_path(placed(points), class_=f"{colour}-line mean", stroke_width=2.0, stroke_dasharray=dash))
    return [*head, element("g", *drawn, *listed, class_="curves")], bottom + BELOW


def _listed(
    found: Mapping[str, Sequence[tuple[int, float]]], looks: Mapping[str, tuple[str, str | None]], top: float
) -> tuple[list[Markup], float]:
    """Each variant with a piece of its line and where it ends, the best above; and where the list ends."""
    left, drawn, y = WIDTH - RIGHT - LIST + 14, [], top + SMALL / 2
    value = WIDTH - RIGHT
    for variant in sorted(found, key=lambda variant: (-found[variant][-1][1], variant)):
        colour, dash = looks[variant]
        name = wrapped(variant, value - width(".0000", SMALL) - left - SWATCH - 12, SMALL, after=SPELLED)
        line = element("line", x1=left, x2=left + SWATCH, y1=y, y2=y, class_=f"{colour}-line", stroke_width=2.0,
                       stroke_dasharray=dash)  # fmt: skip
        words = [
            text(left + SWATCH + 6, y + SMALL / 3 + row * SMALL * LINE, part, size=SMALL)
            for row, part in enumerate(name)
        ]
        last = text(value, y + SMALL / 3, four(found[variant][-1][1]), size=SMALL, anchor="end", class_="faint")
        drawn.append(element("g", line, *words, last, class_="label"))
        y += max(len(name), 1) * SMALL * LINE + 2
    return drawn, y


def _headed(lines: Sequence[str], y: float) -> tuple[list[Markup], float]:
    """What a field is of; and where it begins."""
    first, y = paragraph(y + 6, lines[:1], weight="bold")
    second, y = paragraph(y, lines[1:], class_="faint")
    return [*first, *second], y


def _path(points: Sequence[tuple[float, float]], **how: str | float | None) -> Markup:
    steps = "L".join(f"{number(x)},{number(y)}" for x, y in points)
    return element("path", d=f"M{steps}" if points else "", fill="none", **how)
