"""The verdict over several passage sets: what finds most on average, and whether the sets agree on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bench.analysis.evidence import Evidence, ties_over_sets
from bench.analysis.standing import Standings
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.report.numbers import share
from bench.report.verdict.clauses import NOT_TOLD, Clause, Wording


def clauses(run: Run, evidence: Evidence, found: Mapping[str, Standings], measure: str) -> Iterator[Clause]:
    """found: how the cells of each set stand. Of the retrievers that ran well on all of them."""
    words = Wording(measure, {m.cell: m.retriever for m in run.measurements})
    whole = _on_all(run, list(found), measure)
    if len(whole) > 1:
        yield words.clause("sets", _on_average(run, evidence, whole, measure, words))
    if said := _by_set(found):
        yield words.clause("sets", said)


def _on_all(run: Run, sets: Sequence[str], measure: str) -> dict[str, list[Measurement]]:
    """The cells of each retriever that has the measure on every set, in the order of the sets."""
    cells: dict[tuple[str, int], dict[str, Measurement]] = {}
    for m in run.measurements:
        if m.status == "ok" and (m.quality or {}).get(measure) is not None:
            cells.setdefault((m.retriever, m.threads), {})[m.passage_set] = m
    found: dict[str, list[Measurement]] = {}
    for (retriever, _), by_set in cells.items():
        if all(name in by_set for name in sets):
            found.setdefault(retriever, [by_set[name] for name in sets])
    return found


def _on_average(
    run: Run, evidence: Evidence, whole: Mapping[str, list[Measurement]], measure: str, words: Wording
) -> str:
    means = {name: sum((m.quality or {})[measure] or 0.0 for m in cells) / len(cells) for name, cells in whole.items()}
    tied = ties_over_sets(evidence, [[(run, m) for m in cells] for cells in whole.values()], measure)
    best = max(means, key=means.__getitem__)
    beside = [name for name, is_tied in zip(whole, tied, strict=True) if is_tied and name != best]
    mean = words.figure(whole[best][0].cell, f"mean:{measure}", means[best], share(means[best]))
    said = f"{best} finds most on average: {measure} {mean}"
    if not any(tied):
        return f"{said}; {NOT_TOLD}."
    if not beside:
        return f"{said}, significantly more than every other."
    more = f" and {len(beside) - 1} more" if len(beside) > 1 else ""
    return f"{said}, but not significantly more than {beside[0]}{more}."


def _by_set(found: Mapping[str, Standings]) -> str:
    """What leads on each set where several were measured, and whether two sets contradict each other."""
    found = {name: one for name, one in found.items() if one.rivals or one.unknown}
    if len(found) < 2:
        return ""
    leads: dict[str, list[str]] = {}
    for name, one in found.items():
        leads.setdefault(one.best.retriever, []).append(name)
    said = "; ".join(f"{retriever} finds most on {', '.join(names)}" for retriever, names in leads.items())
    if len(leads) == 1:
        return f"{said}."
    if any(one.unknown for one in found.values()):
        return f"{said}; {NOT_TOLD}."
    against = next(_contradictions(found), None)
    if against is None:
        return f"{said}; no set contradicts another significantly."
    here, there, winner, loser = against
    return f"{said}. The sets disagree: {winner} finds significantly more than {loser} on {here}, and less on {there}."


def _contradictions(found: Mapping[str, Standings]) -> Iterator[tuple[str, str, str, str]]:
    """Two sets, and two retrievers of which each is significantly behind the other, the best, on one of them."""
    behind = {
        name: {rival.cell.retriever for rival in one.rivals if rival.standing == "behind"}
        for name, one in found.items()
    }
    for name, one in found.items():
        for other, its in found.items():
            if its.best.retriever in behind[name] and one.best.retriever in behind[other]:
                yield name, other, one.best.retriever, its.best.retriever
