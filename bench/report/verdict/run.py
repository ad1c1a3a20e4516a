"""The verdict on a run: a few sentences for each passage set, before them one of all sets where there are several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from bench.analysis.evidence import Evidence
from bench.analysis.prices import Prices
from bench.analysis.standing import Standings, standings
from bench.errors import InputError
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.report import rows as flat
from bench.report.numbers import whole
from bench.report.rows import Row
from bench.report.tables.lines import names_of
from bench.report.verdict import judged, others, several_sets
from bench.report.verdict.clauses import Clause, Wording
from bench.report.verdict.price import prices_of
from bench.report.verdict.sides import sides_of

if TYPE_CHECKING:
    from pandas import DataFrame


class SetVerdict(msgspec.Struct, frozen=True):
    """What is said of one passage set, or of all together."""

    passage_set: str  # empty: all together
    about: str  # what it is on: measure and queries
    clauses: tuple[Clause, ...]


def verdict(run: Run, prices: Prices | None = None) -> tuple[SetVerdict, ...]:
    """
    What a run says: of all passage sets together where it has several, then of each. prices: what is paid, if known.

    InputError for a file of the run that is there and cannot be read.
    """
    evidence, measure = Evidence(), flat.primary(run)
    of_sets = {name: [m for m in run.measurements if m.passage_set == name] for name in _sets(run)}
    found = {
        name: None if measure is None else standings(evidence, [(run, m) for m in cells], measure)
        for name, cells in of_sets.items()
    }
    each = [_of_set(run, evidence, cells, found[name], prices) for name, cells in of_sets.items()]
    known = {name: one for name, one in found.items() if one is not None}
    together = [] if len(known) < 2 or measure is None else [several_sets.clauses(run, evidence, known, measure)]
    about = f"{measure} on {len(known)} passage sets, each counted alike"
    return (*(SetVerdict("", about, tuple(one)) for one in together), *each)


def _sets(run: Run) -> dict[str, None]:
    return dict.fromkeys(m.passage_set for m in run.measurements)


def _of_set(
    run: Run, evidence: Evidence, cells: Sequence[Measurement], found: Standings | None, prices: Prices | None
) -> SetVerdict:
    names = names_of([("", run, m) for m in cells])
    known = {m.cell: name for m, name in zip(cells, names, strict=True)}
    words = Wording(None if found is None else found.measure, known)
    ended_well = [m for m in cells if m.status == "ok"]
    if found is not None:
        said = list(_judged(run, evidence, cells, found, words, prices))
    elif ended_well and any(m.n_judged for m in ended_well):
        said = [words.clause("best", f"No cell has a mean of {flat.primary(run)} over all queries.")]
    else:
        said = list(others.unjudged(run, ended_well, words)) if ended_well else []
    return SetVerdict(cells[0].passage_set, _about(found), (*said, *others.left_out(cells, words)))


def _about(found: Standings | None) -> str:
    if found is None:
        return ""
    n, n_clusters = found.best.n_judged or 0, found.n_clusters
    queries = f"{whole(n)} judged {'query' if n == 1 else 'queries'}"
    if n_clusters is not None and n_clusters != n:
        queries += f" in {whole(n_clusters)} {'cluster' if n_clusters == 1 else 'clusters'}"
    is_tested = bool(found.rivals)
    return f"{found.measure}, {queries}" + ("; intervals are of one figure alone, p of all pairs" if is_tested else "")


def _judged(
    run: Run,
    evidence: Evidence,
    cells: Sequence[Measurement],
    found: Standings,
    words: Wording,
    prices: Prices | None,
) -> Iterator[Clause]:
    def price(sides: Sequence[Measurement]) -> str:
        return "" if prices is None else prices_of(run, sides, prices, words)

    pair = sides_of(found)
    stopped = [m for m in cells if m.status == "ok" and m.is_stopped]
    yield from judged.clauses(found, pair, stopped, words, price)
    if pair.rival is not None:
        yield from others.labels(run, evidence, pair.top, pair.rival, words)


def lines(run: Run) -> Iterator[str]:
    """The verdict as lines of text: a heading for each passage set, and a line for each clause."""
    for one in verdict(run):
        if one.clauses:
            subject = one.passage_set or "All sets"
            yield f"Verdict on {subject}" + (f" ({one.about})" if one.about else "")
            yield from (f"- {clause.text}" for clause in one.clauses)


def rows(runs: Sequence[Run], prices: Prices | None = None) -> list[Row]:
    """Every cell of some runs with the verdict on its passage set: a sentence an entry."""
    said: dict[tuple[int, str], list[str]] = {}
    for number, run in enumerate(runs):
        try:
            found = {one.passage_set: [clause.text for clause in one.clauses] for one in verdict(run, prices)}
        except InputError:  # a file that its table does not need
            found = {}
        said |= {(number, name): [*found.get("", []), *found.get(name, [])] for name in _sets(run)}
    numbers = [number for number, run in enumerate(runs) for _ in run.measurements]
    return [
        one | {"verdict": said.get((number, str(one["passage_set"])), [])}
        for number, one in zip(numbers, flat.rows(runs, prices), strict=True)
    ]


def frame(runs: Sequence[Run]) -> DataFrame:
    """The rows as a pandas DataFrame, one a cell; NaN or None where not measured."""
    import pandas

    return pandas.DataFrame(rows(runs))
