"""The verdict on a passage set that is judged: what finds most, what it costs, what is undecided."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bench.analysis.representation import vectors_of
from bench.analysis.standing import Rival, Standings
from bench.records.schema import Measurement
from bench.report.numbers import share
from bench.report.verdict.clauses import INDEX, NOT_TOLD, TIME, Clause, Wording, about, number_of, shown, written
from bench.report.verdict.cost import approximate, cheapness, compared, extremes
from bench.report.verdict.sides import Sides
from bench.statistics import pareto
from bench.statistics.paired import MARGINS, SATURATED

LISTED = 4  # cells of a frontier that are named
ALIKE_ON_AVERAGE = 0.0005  # a lead that is written as .000
WITHIN = share(MARGINS.equivalent)


def clauses(
    found: Standings,
    pair: Sides,
    stopped: Sequence[Measurement],
    words: Wording,
    price: Callable[[Sequence[Measurement]], str],
) -> Iterator[Clause]:
    """
    What may be said of the cells of one set.

    Args:
        found: how they stand.
        pair: the two that most of it is about.
        stopped: cells that were decided before their last query, and have no mean.
        words: what writes it.
        price: what is said of prices.
    """
    yield words.clause("best", f"{_best(found, pair, stopped, words)}{_decided(stopped, words)}")
    sides = sorted(pair.cells, key=cheapness)
    yield words.clause("cost", " ".join(filter(None, [_cost(pair, words), price(sides)])))
    kinds = pair.other_kinds()
    others = [*(_of_kind(rival, pair, words) for rival in kinds), _frontiers(pair, words)]
    if said := " ".join(filter(None, others)):
        yield words.clause("others", said)
    if said := _undecided(found, pair, kinds, words):
        yield words.clause("undecided", said)


# What finds most


def _best(found: Standings, pair: Sides, stopped: Sequence[Measurement], words: Wording) -> str:
    held = list(pair.held)
    n_same = len(pair.beside) - len(held)
    mean = words.mean(pair.top, found.interval)
    if not held and not found.unknown:
        if n_same:
            return f"All {n_same + 1} cells find the same: {mean}."
        alone = "no other was asked all queries" if stopped else "nothing was measured beside it"
        return f"{words.name(pair.top)}: {mean}; {alone}."
    same = f" (as {n_same} more that {'find' if n_same > 1 else 'finds'} just the same)" if n_same else ""
    of = "Of the cells that were asked all queries " if stopped else ""
    twin = next((rival for rival in held if _is_twin(rival)), None)
    if twin is not None:
        held.remove(twin)
        both = f"{words.name(pair.top)}{same} and {words.name(twin.cell)}"
        said = f"{of}{both} find as much on average, on other queries: {mean}"
        said += f" (the difference is within {words.interval(twin)}, {words.p(twin)})"
    else:
        said = f"{of}{words.name(pair.top)}{same} finds most: {mean}"
    return f"{said}{_how_sure(held, pair, words)}{_untested(found, words)}.{_saturated(pair, words)}"


def _is_twin(rival: Rival) -> bool:
    return rival.standing == "undecided" and abs(rival.paired.difference) < ALIKE_ON_AVERAGE


def _how_sure(held: Sequence[Rival], pair: Sides, words: Wording) -> str:
    """What is said of all that find something else, first of what the best is compared with."""
    if held and all(rival.p is None for rival in held):
        return "; one query, or one cluster of them, tells nothing apart"
    held = sorted(held, key=lambda rival: rival is not pair.rival)
    of = {name: [rival for rival in held if rival.standing == name] for name in ("undecided", "equivalent", "behind")}
    parts = []
    if (rivals := of["undecided"]) and (first := rivals[0]):
        told = f"{words.name(first.cell)} ({words.less(first)}, {words.p(first)})"
        parts.append(f", but not significantly more than {told}{_more(rivals)}")
    if (rivals := of["equivalent"]) and (first := rivals[0]):
        told = f"{words.name(first.cell)} ({words.less(first)}){_more(rivals)}"
        parts.append(f"; {told} {'find' if len(rivals) > 1 else 'finds'} as much, within {WITHIN}")
    if rivals := of["behind"]:
        first = next((rival for rival in rivals if rival is pair.rival), rivals[0])
        told = f"{words.name(first.cell)} ({words.less(first)}, {words.p(first)}){_more(rivals)}"
        parts.append(f"; {told} {'find' if len(rivals) > 1 else 'finds'} significantly less")
    return "".join(parts)


def _more(rivals: Sequence[Rival]) -> str:
    return f" and {len(rivals) - 1} more" if len(rivals) > 1 else ""


def _untested(found: Standings, words: Wording) -> str:
    """The means of cells that nothing is tested of, and why."""
    if not found.unknown:
        return ""
    measure = found.measure
    looked = [m for m in (found.best, *found.unknown) if m.decision is not None]
    means = ", ".join(
        f"{words.name(m)} {words.figure(m.cell, measure, value, share(value))}"
        for m in sorted(found.unknown, key=lambda m: -((m.quality or {})[measure] or 0.0))[:LISTED]
        if (value := (m.quality or {})[measure]) is not None
    )
    if not looked:
        return f"; beside it {means}, and {NOT_TOLD}"
    told = [
        f"{words.name(m)} {m.decision.verdict} than {m.decision.baseline}" for m in looked if m.decision is not None
    ]
    return f"; beside it {means}, which were asked in looks that decided: {', '.join(told[:LISTED])}"


def _decided(stopped: Sequence[Measurement], words: Wording) -> str:
    """What was decided of cells before their last query."""
    said = ""
    for m in stopped[:LISTED]:
        if m.decision is not None:
            n = words.figure(m.cell, "n_asked", m.decision.n_asked, f"{m.decision.n_asked:,}")
            more = words.figure(m.cell, "decision_difference", m.decision.difference, share(m.decision.difference))
            beside = f"{words.name(m)} was decided {m.decision.verdict} beside {m.decision.baseline}"
            said += f" {beside} after {n} queries (by {more} on these)."
    return said


def _saturated(pair: Sides, words: Wording) -> str:
    """That the queries are too easy to rank by, where nothing is told apart for all that."""
    n = sum(rival.paired.saturated for rival in pair.held)
    if not n or any(rival.standing == "behind" for rival in pair.held):
        return ""
    cells = f"{words.name(pair.top)} and {n} more"
    return f" {cells} find nearly all there is (above {share(SATURATED)}): these queries are too easy to rank by."


# What it costs


def _cost(pair: Sides, words: Wording) -> str:
    """Of the two sides; where all find the same, of what answers first and last, and of the smallest."""
    if pair.contrast is None and pair.beside:
        return extremes([pair.top, *(rival.cell for rival in pair.beside)], words)
    return " ".join(compared(pair.cells, words))


# What else is there, for whom


def _of_kind(rival: Rival, pair: Sides, words: Wording) -> str:
    """What a kind of retriever that no side is finds, and what it costs beside the side that answers first."""
    first = min(pair.cells, key=cheapness)
    said = f"{vectors_of(rival.cell).capitalize()}: {words.name(rival.cell)} finds {_beside(rival, pair, words)}"
    costs = words.costs(rival.cell, first)
    return f"{said}; beside {words.name(first)}: {costs}.{approximate(rival.cell, words)}" if costs else f"{said}."


def _beside(rival: Rival, pair: Sides, words: Wording) -> str:
    """How much a cell finds beside the best, as strong as the statistic is."""
    top = words.name(pair.top)
    if rival.standing == "identical":
        return f"just what {top} does"
    if rival.standing == "equivalent":
        return f"as much as {top}, within {WITHIN} ({words.less(rival)})"
    how = "significantly" if rival.standing == "behind" else "not significantly"
    return f"{words.less(rival)} than {top}, {how} ({words.p(rival)})"


def _frontiers(pair: Sides, words: Wording) -> str:
    """What no other beats in the mean and in time, or in size, at once; of three cells and more."""
    measure, parts = words.measure or "", list[str]()
    for key, name in ((TIME, "p50"), (INDEX, "index size")):
        known = [(m, value) for m in pair.means if (value := number_of(m, key)) is not None]
        if len(known) < 3:
            continue
        means = [(m.quality or {})[measure] or 0.0 for m, _ in known]
        on = pareto.frontier(means, [value for _, value in known])
        chosen = sorted(
            ((value, m, mean) for (m, value), mean, is_on in zip(known, means, on, strict=True) if is_on),
            key=lambda one: (one[0], words.name(one[1])),
        )
        listed = [
            f"{words.name(m)} ({words.figure(m.cell, measure, mean, share(mean))}, "
            f"{words.figure(m.cell, shown(m, key), value, written(key, value))})"
            for value, m, mean in chosen[-LISTED:]
        ]
        parts.append(f"{'and ' if parts else ''}of {measure} and {name}: {', '.join(listed)}")
    return f"By means alone the frontier {'; '.join(parts)}." if parts else ""


# What is undecided


def _undecided(found: Standings, pair: Sides, kinds: Sequence[Rival], words: Wording) -> str:
    """What these queries do not tell, of the cells that clauses are about, and how many more would."""
    asked = [pair.rival, *kinds] if pair.rival is not None else kinds
    open_rivals = [rival for rival in asked if rival.standing == "undecided" and not _is_twin(rival) and rival.p]
    if not open_rivals:
        return ""
    is_clustered = found.n_clusters is not None and found.n_clusters < (found.best.n_judged or 0)
    told = " and than ".join(_open(rival, is_clustered=is_clustered, words=words) for rival in open_rivals)
    return f"Undecided: whether {words.name(pair.top)} finds more than {told}."


def _open(rival: Rival, *, is_clustered: bool, words: Wording) -> str:
    name = words.name(rival.cell)
    if rival.n_more is None:
        return f"{name} (these queries do not tell how many would)"
    cell, sought = rival.cell.cell, max(abs(rival.paired.difference), MARGINS.equivalent)
    more = words.figure(cell, "n_more", rival.n_more, about(rival.n_more))
    lead = words.figure(cell, "lead_sought", sought, share(sought))
    where = " of new clusters" if is_clustered else ""
    return f"{name} (about {more} more judged queries{where} would tell a lead of {lead}, at 80 % power)"
