"""What a verdict says of cost: of two cells beside each other, or of the least and the most of several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.records.schema import Measurement
from bench.report import doubts
from bench.report.numbers import share
from bench.report.rows import row
from bench.report.verdict.clauses import ALIKE, COSTS, INDEX, TIME, Wording, apart, number, p50, shown, weight, written


def cheapness(m: Measurement) -> tuple[float, float]:
    """What answers first comes first; what was not timed last."""
    ms, size = p50(m), weight(m)
    return (float("inf") if ms is None else ms, float("inf") if size is None else size)


def cheapest(cells: Sequence[Measurement]) -> Measurement:
    """What answers first; of those whose times are not told apart from it the one with the smallest index."""
    first = min(cells, key=cheapness)
    alike = [m for m in cells if m is first or (p50(m) is not None and p50(first) is not None and not apart(first, m))]
    return min(alike, key=lambda m: (cheapness(m)[1], cheapness(m)[0]))


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
        costs = words.costs(second, first) or "what it costs was not measured"
        yield f"{words.name(first)}{faster}: {words.costs(first)}; {words.name(second)}: {costs}."
    yield from filter(None, (approximate(m, words).strip() for m in named))


def approximate(m: Measurement, words: Wording) -> str:
    """That a cell is approximate, and what it finds of exact search where that is known; empty of one that is not."""
    if m.exact is not False:
        return ""
    if m.overlap_with_exact is None:
        return f" {words.name(m)} is approximate, and what it loses against exact search was not measured."
    told = words.figure(m.cell, "overlap_with_exact", m.overlap_with_exact, share(m.overlap_with_exact))
    return f" {words.name(m)} is approximate: it finds {told} of the first 10 of exact search."


def is_faster(one: Measurement, other: Measurement) -> bool:
    """Whether it answers in less time by more than little, the intervals of both p50 apart and nothing against them."""
    mine, theirs = p50(one), p50(other)
    if mine is None or theirs is None or mine * ALIKE >= theirs or not apart(one, other):
        return False
    return not any(doubts.is_doubtful(row(m), shown(m, TIME)) for m in (one, other))


def extremes(cells: Sequence[Measurement], words: Wording) -> str:
    """What answers first and what is smallest, each with all that it costs."""
    timed = sorted((m for m in cells if p50(m) is not None), key=lambda m: p50(m) or 0.0)
    weighed = sorted((m for m in cells if weight(m) is not None), key=lambda m: weight(m) or 0.0)
    if not timed and not weighed:
        return "What they cost was not measured."
    parts = []
    if timed:
        first, last = timed[0], timed[-1]
        fastest = " answers fastest" if len(timed) > 1 and all(is_faster(first, m) for m in timed[1:]) else ""
        parts.append(f"{words.name(first)}{fastest}: {words.costs(first)}.")
        if last is not first:
            parts.append(f"{words.name(last)}: {words.costs(last, first)}.")
    least = (
        weighed[0] if weighed and (len(weighed) == 1 or (weight(weighed[1]) or 0) > (weight(weighed[0]) or 0)) else None
    )
    if least is not None and least not in (*timed[:1], *timed[-1:]):
        value = weight(least) or 0.0
        told = words.figure(least.cell, INDEX, value, written(INDEX, value))
        parts.append(f"{words.name(least)} has the smallest index ({told}).")
    return " ".join(parts)
