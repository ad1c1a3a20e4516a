"""The verdict on a passage set that is judged: what finds most, what it costs, what is undecided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.analysis.representation import Vectors, vectors_of
from bench.analysis.standing import Rival, Standings
from bench.records.schema import Measurement
from bench.report.numbers import share
from bench.report.verdict.clauses import (
    ALIKE,
    INDEX,
    NOT_TOLD,
    TIME,
    Clause,
    Wording,
    about,
    p50,
    phrase,
    shown,
    weight,
    written,
)
from bench.report.verdict.cost import cheapness, compared, extremes, is_faster
from bench.statistics.paired import MARGINS, SATURATED


@dataclass(frozen=True)
class Sides:
    """The two cells that a verdict is about: of the best, and of what is not told from it, those that answer first."""

    top: Measurement  # the best, or what finds just the same and answers first
    choice: Measurement  # answers first of those that are not told from the best
    contrast: Rival | None  # what the top is compared with: the choice, where that is another; else the next of its own

    @property
    def cells(self) -> tuple[Measurement, ...]:
        """Those that the verdict is about: one where nothing else was measured, or all find the same."""
        return (self.top,) if self.contrast is None else (self.top, self.contrast.cell)


def sides(found: Standings) -> Sides:
    """The two cells that most depends on."""
    identical = [found.best, *(rival.cell for rival in found.rivals if rival.standing == "identical")]
    top = min(identical, key=cheapness)
    held = [rival for rival in found.rivals if rival.standing != "identical"]
    open_cells = [top, *(rival.cell for rival in held if rival.standing != "behind")]
    choice = min(open_cells, key=cheapness)
    if choice.cell != top.cell:
        return Sides(top, choice, next(rival for rival in held if rival.cell.cell == choice.cell))
    others = [rival for rival in held if rival.cell.encoder is None or rival.cell.encoder != top.encoder]
    return Sides(top, choice, next(iter(others or held), None))


def clauses(found: Standings, words: Wording) -> Iterator[Clause]:
    """What may be said of the cells of one set."""
    pair = sides(found)
    yield words.clause("best", _best(found, pair, words))
    yield words.clause("cost", _cost(found, pair, words))
    kinds = _other_kinds(found, pair)
    for rival in kinds:
        yield words.clause("kind", _of_kind(rival, pair, words))
    if said := _cheaper(found, [*pair.cells, *(rival.cell for rival in kinds)], words):
        yield words.clause("cheaper", said)
    if said := _undecided(pair, kinds, words):
        yield words.clause("undecided", said)


# What finds most


def _best(found: Standings, pair: Sides, words: Wording) -> str:
    held = [rival for rival in found.rivals if rival.standing != "identical"]
    n_same = len(found.rivals) - len(held)
    mean = words.mean(pair.top, found.interval)
    if not found.rivals and not found.unknown:
        return f"{words.name(pair.top)}: {mean}; nothing was measured beside it."
    if not held and not found.unknown:
        return f"All {n_same + 1} cells find the same: {mean}."
    same = f" (as {n_same} more that {'find' if n_same > 1 else 'finds'} just the same)" if n_same else ""
    said = f"{words.name(pair.top)}{same} finds most: {mean}"
    if found.unknown:
        return f"{said}; {_not_told(found, words)}."
    return f"{said}{_how_sure(held, pair, words)}.{_saturated(found, held, words)}"


def _not_told(found: Standings, words: Wording) -> str:
    """Why nothing is said of how sure it is; of cells that were asked in looks what these decided."""
    in_looks = [(m, m.decision) for m in (found.best, *found.unknown) if m.decision is not None]
    if not in_looks:
        return NOT_TOLD
    told = [f"{words.name(m)} is {decision.verdict} beside {decision.baseline}" for m, decision in in_looks]
    return "by the looks at their queries " + ", ".join(told)


def _how_sure(held: Sequence[Rival], pair: Sides, words: Wording) -> str:
    """What is said of all that find something else, first of what the best is compared with."""
    held = sorted(held, key=lambda rival: rival is not pair.contrast)
    of = {name: [rival for rival in held if rival.standing == name] for name in ("undecided", "equivalent", "behind")}
    parts = []
    if (rivals := of["undecided"]) and (first := rivals[0]):
        told = f"{words.name(first.cell)} ({words.less(first)}, {words.p(first)})"
        parts.append(f"but not significantly more than {told}{_more(rivals)}")
    if (rivals := of["equivalent"]) and (first := rivals[0]):
        finds = "find" if len(rivals) > 1 else "finds"
        told = f"{words.name(first.cell)} ({words.less(first)}){_more(rivals)}"
        parts.append(f"{told} {finds} as much, within {share(MARGINS.equivalent)}")
    if rivals := of["behind"]:
        first = min(rivals, key=lambda rival: rival.paired.difference)
        told = f"{words.name(first.cell)} ({words.less(first)}, {words.p(first)}){_more(rivals)}"
        parts.append(f"{told} {'find' if len(rivals) > 1 else 'finds'} significantly less")
    return "".join((", " if part.startswith("but") else "; ") + part for part in parts)


def _more(rivals: Sequence[Rival]) -> str:
    return f" and {len(rivals) - 1} more" if len(rivals) > 1 else ""


def _saturated(found: Standings, held: Sequence[Rival], words: Wording) -> str:
    """That the queries are too easy to rank by."""
    n = sum(rival.paired.saturated for rival in held)
    if not n:
        return ""
    cells = f"{words.name(found.best)} and {n} more"
    return f" {cells} find nearly all there is (above {share(SATURATED)}): these queries are too easy to rank by."


# What it costs


def _cost(found: Standings, pair: Sides, words: Wording) -> str:
    """Of the two sides; where all find the same, of what answers first and last, and of the smallest."""
    if pair.contrast is None and found.rivals:
        return extremes([found.best, *(rival.cell for rival in found.rivals)], words)
    return " ".join(compared(pair.cells, words))


# What else is there, for whom


def _other_kinds(found: Standings, pair: Sides) -> list[Rival]:
    """The best of the sparse, dense and fused cells that none of both sides is."""
    told = {vectors_of(m) for m in pair.cells}
    firsts: dict[Vectors, Rival] = {}
    for rival in found.rivals:
        kind = vectors_of(rival.cell)
        if kind not in told and kind != "engine":
            firsts.setdefault(kind, rival)
    return list(firsts.values())


def _of_kind(rival: Rival, pair: Sides, words: Wording) -> str:
    """What a kind of retriever that no side is finds, and what it costs beside the side that answers first."""
    first = min(pair.cells, key=cheapness)
    beside = words.costs(rival.cell, first)
    kind = vectors_of(rival.cell).capitalize()
    said = f"{kind}: {words.name(rival.cell)} finds {_beside(rival, words)}"
    return f"{said}: {beside}, beside {words.name(first)}." if beside else f"{said}."


def _cheaper(found: Standings, named: Sequence[Measurement], words: Wording) -> str:
    """What answers first, and what is smallest, where it is none of the cells that are named before."""
    beside = {rival.cell.cell: rival for rival in found.rivals}
    cells = [m for m in (found.best, *(rival.cell for rival in found.rivals)) if m not in named and m.cell in beside]
    told: dict[str, list[str]] = {}
    timed = [m for m in cells if p50(m) is not None]
    if timed and all(is_faster(first := min(timed, key=cheapness), m) for m in named if p50(m) is not None):
        key, value = shown(first, TIME), p50(first) or 0.0
        time = phrase(TIME, words.figure(first.cell, key, value, written(TIME, value)), first)
        told[first.cell] = [f"fastest ({time})"]
    weighed, sizes = [m for m in cells if weight(m) is not None], [size for m in named if (size := weight(m))]
    if weighed and sizes:
        least = min(weighed, key=lambda m: (weight(m), cheapness(m)))
        value = weight(least) or 0.0
        if value * ALIKE < min(sizes):
            smallest = words.figure(least.cell, INDEX, value, written(INDEX, value))
            told.setdefault(least.cell, []).append(f"smallest (index {smallest})")
    return " ".join(
        f"{words.name(beside[cell].cell)} is {' and '.join(what)} and finds {_beside(beside[cell], words)}."
        for cell, what in told.items()
    )


def _beside(rival: Rival, words: Wording) -> str:
    """How much a cell finds beside the best, as strong as the statistic is."""
    if rival.standing == "identical":
        return "just what the best does"
    if rival.standing == "equivalent":
        return f"as much as the best, within {share(MARGINS.equivalent)} ({words.less(rival)})"
    not_so = "" if rival.standing == "behind" else ", not significantly"
    return f"{words.less(rival)} than the best{not_so} ({words.p(rival)})"


# What is undecided


def _undecided(pair: Sides, kinds: Sequence[Rival], words: Wording) -> str:
    """What these queries do not tell, of the cells that clauses are about, and how many more would."""
    about_them = [pair.contrast, *kinds] if pair.contrast is not None else kinds
    open_rivals = [rival for rival in about_them if rival is not None and rival.standing == "undecided"]
    if not open_rivals:
        return ""
    top = words.name(pair.top)
    return f"Undecided: whether {top} finds more than {' and than '.join(_open(one, words) for one in open_rivals)}."


def _open(rival: Rival, words: Wording) -> str:
    name = words.name(rival.cell)
    if rival.n_more is None:
        return name
    cell, sought = rival.cell.cell, max(abs(rival.paired.difference), MARGINS.equivalent)
    more = words.figure(cell, "n_more", rival.n_more, about(rival.n_more))
    lead = words.figure(cell, "lead_sought", sought, share(sought))
    return f"{name} (about {more} more judged queries would tell a lead of {lead}, at 80 % power)"
