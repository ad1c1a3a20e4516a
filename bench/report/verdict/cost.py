"""What a verdict says of cost: of two cells beside each other, or of the least and the most of several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.records.schema import Measurement
from bench.report.numbers import share
from bench.report.rows import row
from bench.report.verdict.clauses import COSTS, INDEX, Wording, apart, number, p50, weight, written


def cheapness(m: Measurement) -> tuple[float, float]:
    """What answers first comes first; what was not timed last."""
    ms, size = p50(m), weight(m)
    return (float("inf") if ms is None else ms, float("inf") if size is None else size)


def compared(cells: Sequence[Measurement], words: Wording) -> Iterator[str]:
    """Sentences on what one cell costs, or two, the second beside the one that answers first."""
    named = sorted(cells, key=cheapness)
    if all(number(row(m), key) is None for m in named for key in COSTS):
        yield f"What {'they cost' if len(named) > 1 else 'it costs'} was not measured."
        return
    if len(named) == 1:
        yield f"{words.name(named[0])}: {words.costs(named[0])}."
    else:
        first, second = named
        faster = " answers faster" if is_faster(first, second) else ""
        yield f"{words.name(first)}{faster}: {words.costs(first)}; {words.name(second)}: {words.costs(second, first)}."
    for m in named:
        if m.exact is False and m.overlap_with_exact is not None:
            told = words.figure(m.cell, "overlap_with_exact", m.overlap_with_exact, share(m.overlap_with_exact))
            yield f"{words.name(m)} is approximate: it finds {told} of the first 10 of exact search."


def is_faster(one: Measurement, other: Measurement) -> bool:
    """Whether it answers in less time, the intervals of both p50 apart."""
    mine, theirs = p50(one), p50(other)
    return mine is not None and theirs is not None and mine < theirs and apart(one, other)


def extremes(cells: Sequence[Measurement], words: Wording) -> str:
    """What answers first and what is smallest, each with all that it costs."""
    timed = sorted((m for m in cells if p50(m) is not None), key=lambda m: p50(m) or 0.0)
    weighed = sorted((m for m in cells if weight(m) is not None), key=lambda m: weight(m) or 0.0)
    if not timed and not weighed:
        return "What they cost was not measured."
    parts = []
    if timed:
        first, last = timed[0], timed[-1]
        fastest = " answers fastest" if all(apart(first, m) for m in timed[1:]) and len(timed) > 1 else ""
        parts.append(f"{words.name(first)}{fastest}: {words.costs(first)}.")
        if last is not first:
            parts.append(f"{words.name(last)}: {words.costs(last, first)}.")
    if weighed and (least := weighed[0]) not in (*timed[:1], *timed[-1:]):
        value = weight(least) or 0.0
        told = words.figure(least.cell, INDEX, value, written(INDEX, value))
        parts.append(f"{words.name(least)} has the smallest index ({told}).")
    return " ".join(parts)
