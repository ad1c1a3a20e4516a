"""Axes: where a value stands, which values are written beside it, and how both are drawn."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench.report.charts.svg import WORDS, Markup, element, text
from bench.report.numbers import sized, without_zero

MOST_TICKS = 6
STEPS = (1, 2, 2.5, 5, 10)  # what ticks go by, times a power of ten
LADDER = (1, 2, 5)  # ticks of a logarithmic axis, times a power of ten
DECADES = 2.5  # from so many on the powers of ten alone
ROOM = 1.3  # how many times as far as its values a logarithmic axis reaches at least
TICK_GAP, LABEL_GAP = 6, 18


@dataclass(frozen=True)
class Axis:
    """Values and where they stand, in pixels."""

    low: float
    high: float
    start: float  # where the low end stands
    end: float
    ticks: tuple[float, ...]
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value stands."""
        scale = math.log if self.log else float
        low, high, at = scale(self.low), scale(self.high), scale(value)
        return self.start + (self.end - self.start) * (at - low) / (high - low)


def linear(
    values: Sequence[float],
    start: float,
    end: float,
    *,
    least: float = 0.0,
    within: tuple[float, float] = (-math.inf, math.inf),
    tight: bool = False,
) -> Axis:
    """
    A linear axis over some values.

    Args:
        values: what is to stand on it; none: 0 to 1.
        start, end: of the axis, in pixels.
        least: what it spans at least, so that a small difference is not drawn as a large one.
        within: what it never goes beyond.
        tight: whether it ends at the values, and not at the ticks beyond them.
    """
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    more = max(least - (high - low), 0.0) / 2 or (0.5 if low == high else 0.0)
    low, high = max(low - more, within[0]), min(high + more, within[1])
    step = _step((high - low) / (MOST_TICKS - 1))
    first, last = math.floor(round(low / step, 9)), math.ceil(round(high / step, 9))
    ticks = tuple(round(index * step, 12) for index in range(first, last + 1))
    if tight:
        return Axis(low, high, start, end, tuple(tick for tick in ticks if low <= tick <= high))
    kept = tuple(tick for tick in ticks if within[0] <= tick <= within[1])
    return Axis(kept[0], kept[-1], start, end, kept)


def _step(least: float) -> float:
    """The smallest round number that is not below."""
    power = float(f"1e{math.floor(math.log10(least))}")
    return next(step * power for step in STEPS if round(step * power, 12) >= round(least, 12))


def logarithmic(values: Sequence[float], start: float, end: float, ticks: Sequence[float] = ()) -> Axis:
    """
    A logarithmic axis over some values above 0, from a round number to a round number, also of a single value.

    Args:
        values: what is to stand on it; none: 1 to 10.
        start, end: of the axis, in pixels.
        ticks: what is written beside it; left out, round numbers.
    """
    low, high = (min(values) / ROOM, max(values) * ROOM) if values else (1.0, 10.0)
    if low <= 0:
        raise ValueError(f"expected values above 0 for a logarithmic axis, found {min(values)}")
    if ticks:
        return Axis(low, high, start, end, tuple(ticks), log=True)
    rungs = list(_rungs(low, high))
    first = max(rung for rung in rungs if rung <= low)
    last = min(rung for rung in rungs if rung >= high)
    shown = [rung for rung in rungs if first <= rung <= last]
    tens = [rung for rung in shown if f"{rung:e}".startswith("1.0")]
    return Axis(first, last, start, end, tuple(tens if math.log10(last / first) > DECADES else shown), log=True)


def _rungs(low: float, high: float) -> Iterator[float]:
    """The ladder's numbers around two values and between them."""
    for power in range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2):
        yield from (float(f"{step}e{power}") for step in LADDER)


def below(axis: Axis, top: float, bottom: float, label: str, written: Callable[[float], str]) -> Markup:
    """A horizontal axis below a field that reaches from `top` to `bottom`: grid, ticks and what it is of."""
    parts = [
        element("line", x1=axis.place(tick), x2=axis.place(tick), y1=top, y2=bottom, class_="grid-line")
        for tick in axis.ticks
    ]
    parts += [
        text(axis.place(tick), bottom + LABEL_GAP, written(tick), anchor="middle", class_="faint tick")
        for tick in axis.ticks
    ]
    middle = (axis.start + axis.end) / 2
    parts.append(text(middle, bottom + 2.2 * LABEL_GAP, label, anchor="middle"))
    return element("g", *parts, class_="x-axis")


def beside(axis: Axis, left: float, right: float, written: Callable[[float], str]) -> Markup:
    """A vertical axis left of a field that reaches from `left` to `right`: grid and ticks."""
    parts = [
        element("line", x1=left, x2=right, y1=axis.place(tick), y2=axis.place(tick), class_="grid-line")
        for tick in axis.ticks
    ]
    parts += [
        text(left - TICK_GAP, axis.place(tick) + WORDS / 3, written(tick), anchor="end", class_="faint tick")
        for tick in axis.ticks
    ]
    return element("g", *parts, class_="y-axis")


def below_or_at(value: float) -> float:
    """The largest round number of a logarithmic axis that is not above a value, itself above 0."""
    return max(rung for rung in _rungs(value, value) if rung <= value)


def decimals(axis: Axis, sign: str = "") -> Callable[[float], str]:
    """How an axis of shares is written: as many decimals as its ticks need, without the leading zero: .65, 1.00."""
    places = next(n for n in range(13) if n == 12 or all(round(tick, n) == tick for tick in axis.ticks))
    return lambda value: without_zero(f"{value:{sign if value else ''}.{places}f}")


def rounded(size: float) -> str:
    """Bytes that are a round number, without the decimals of one that is not: 5 MB."""
    return re.sub(r"\.0+ ", " ", sized(size))
