"""The verdict over several passage sets: what finds most on average, and whether the sets agree on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bench.analysis.evidence import Evidence, ties_over_sets
from bench.analysis.standing import Standings
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.report.numbers import share
from bench.report.tables.picture_cells import several_of
from bench.report.verdict.clauses import Clause, Wording
from bench.statistics import over_sets

NOT_KEPT = "since the values of each query are not on disk, or they were asked in looks"


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
    cells = {name: [(run, m) for m in found] for name, found in whole.items()}
    tied = dict(zip(whole, ties_over_sets(evidence, list(cells.values()), measure), strict=True))
    best, *others = sorted(means, key=lambda name: -means[name])
    mean = words.figure(whole[best][0].cell, f"mean:{measure}", means[best], share(means[best]))
    n_all = len({m.retriever for m in run.measurements})
    of = "" if n_all == len(whole) else f"Of the {len(whole)} of {n_all} retrievers that ran on all sets "
    said = f"{of}{best} finds most on average: {measure} {mean}"
    if any(is_tied is None for is_tied in tied.values()):
        untested = [name for name, is_tied in tied.items() if is_tied is None]
        return f"{said}; not tested beside it, {NOT_KEPT}: {several_of(untested)}."
    beside = [name for name in others if tied[name]]
    if not beside:
        return f"{said}, significantly more than every other of these."
    return f"{said}, but not significantly more than {_less(evidence, cells, best, beside[0], words)}{_more(beside)}."


def _more(names: Sequence[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""


def _less(
    evidence: Evidence, cells: Mapping[str, Sequence[tuple[Run, Measurement]]], best: str, other: str, words: Wording
) -> str:
    """A retriever with by how much less it finds than the best, over sets."""
    measure, sets = words.measure or "", []
    for (run, top), (_, own) in zip(cells[best], cells[other], strict=True):
        old, new = evidence.values(run, own, measure), evidence.values(run, top, measure)
        if old is None or new is None:
            return other
        sets.append(over_sets.SetValues(old, new, evidence.clusters(run, top)))
    found, cell = over_sets.over_sets(sets), cells[other][0][1].cell
    less = words.figure(cell, f"mean_lead:{measure}", found.difference, share(found.difference))
    if found.interval is None:
        return f"{other} ({less} less)"
    ends = zip(("mean_lead_low", "mean_lead_high"), found.interval, strict=True)
    low, high = (words.figure(cell, f"{key}:{measure}", end, share(end)) for key, end in ends)
    return f"{other} ({less} less [{low}, {high}])"


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
    against = next(_contradictions(found), None)
    if against is None:
        return f"{said}; of those that lead none contradicts another significantly."
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
