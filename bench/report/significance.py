"""
What the values of every query let a table say: what ties with the best, and what differs from the baseline.

Both are of paired differences over whole clusters (`bench.statistics`), and adjusted for how many are compared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from bench.analysis.evidence import Evidence, ties
from bench.analysis.family import Family
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.report import doubts
from bench.report import rows as flat
from bench.report.columns import Field
from bench.report.model import BEST, TIED, TableCell
from bench.report.numbers import bounds
from bench.statistics import paired
from bench.statistics.paired import Paired

DAGGER = "†"
INTERVALS = "[ ]: 95 % interval, over clusters of queries."
INTERVALS_OF_TIMES = "[ ]: 95 % interval, of a measure over clusters of queries, of a time over rounds and queries."
NOT_ON_DISK = (
    "the values of each query are not on disk (folders quality and sets of the run): ties with the best, differences "
    "from the baseline and intervals are unknown"
)
IN_LOOKS = (
    "a cell that was asked in looks has no †, no interval and no tie with the best, and where it is the best nothing "
    "ties with it: beside the looks such a test would err more often than it says"
)


def daggers(evidence: Evidence, cells: Sequence[tuple[Run, Measurement]]) -> list[bool]:
    """
    Which cells of one passage set differ from their run's baseline on its primary measure, p < ALPHA of a verdict.

    p is that of a comparison's verdict: the greater of sign flips' and of the interval's, adjusted over the retrievers
    of the run on this set.
    """
    marked = [False] * len(cells)
    for run in {id(run): run for run, _ in cells}.values():
        measure, name = flat.primary(run) or "", flat.baseline(run)
        own = [place for place, (of, _) in enumerate(cells) if of is run]
        first = next((place for place in own if cells[place][1].retriever == name), None)
        old = None if first is None else evidence.values(*cells[first], measure)
        if first is None or old is None:
            continue
        clusters = evidence.clusters(*cells[first])
        said: dict[str, Paired] = {}  # by retriever: under several numbers of threads it is still one
        for place in own:
            m = cells[place][1]
            new = evidence.values(run, m, measure) if m.retriever not in (name, *said) else None
            if new is not None and len(new) == len(old):
                said[m.retriever] = paired.paired(old, new, clusters)
        family = Family(said.items(), "retrievers")
        for place in own:
            retriever = cells[place][1].retriever
            found = family.conclusion(retriever, said.get(retriever))
            marked[place] = found is not None and found.p < paired.ALPHA
    return marked


def explained(runs: Sequence[Run]) -> str:
    """What a dagger means in a table of these runs."""
    held = " / ".join(dict.fromkeys(f"{flat.primary(run)} of {flat.baseline(run)}" for run in runs))
    return f"{DAGGER}: differs from {held}, p < .05 (sign flips of clusters and the interval, both adjusted by Holm)."


class MarkNotes(NamedTuple):
    """What stands under a table about the marks in it."""

    notes: list[str]
    legend: tuple[str, ...]


def judge(
    cells: Sequence[tuple[Run, Measurement]],
    fields: Sequence[Field],
    lines: Sequence[list[TableCell]],
    *,
    intervals: Collection[str],
) -> MarkNotes:
    """
    Mark what ties with the best of a measure and what differs from the baseline, and add the intervals.

    lines: one a cell; the fields are their last. They are changed in place. intervals: keys of the fields that get one.
    """
    evidence = Evidence()
    others = daggers(evidence, cells)
    measures = {name for _, m in cells for name in m.quality or ()}
    for at, field in enumerate(fields, start=-len(fields)):
        tied = ties(evidence, cells, field.key) if field.key in measures else [False] * len(cells)
        has_best = any(line[at].style == BEST for line in lines)
        for line, (run, m), is_tied, is_other in zip(lines, cells, tied, others, strict=True):
            interval = around(evidence, run, m, field.key) if field.key in intervals else None
            line[at] = line[at]._replace(
                style=TIED if is_tied and has_best and line[at].style != BEST else line[at].style,
                mark=DAGGER if is_other and field.key == flat.primary(run) else line[at].mark,
                interval="" if interval is None else bounds(interval, field.text),
            )
    runs = list({id(run): run for run, _ in cells}.values())
    timed = any(field.time for field in fields if field.key in intervals)
    in_looks = any(field.quality for field in fields) and any(m.decision is not None for _, m in cells)
    shown = [cell for line in lines for cell in line]
    return notes_on_marks(evidence, runs, shown, timed=timed, in_looks=in_looks)


def notes_on_marks(
    evidence: Evidence, runs: Sequence[Run], shown: Iterable[TableCell], *, timed: bool, in_looks: bool
) -> MarkNotes:
    """
    What to say under a table about the marks in it.

    Args:
        evidence: what the marks were made from.
        runs: of the table.
        shown: its figures.
        timed: some interval is that of a time.
        in_looks: some measure is of a cell that was asked in looks.
    """
    cells = list(shown)
    legend = [explained(runs)] if any(cell.mark == DAGGER for cell in cells) else []
    if any(cell.interval for cell in cells):
        legend.append(INTERVALS_OF_TIMES if timed else INTERVALS)
    notes = [NOT_ON_DISK] if evidence.is_missing else []
    return MarkNotes([*notes, *([IN_LOOKS] if in_looks else [])], tuple(legend))


def around(evidence: Evidence, run: Run, m: Measurement, key: str) -> paired.Interval | None:
    """The 95 % interval of one figure by its key: of a measure's mean over queries, or of a percentile."""
    if key not in (m.quality or {}):
        return percentile(m, key)
    values = evidence.values(run, m, key)
    return None if values is None else paired.interval_of_mean(values, evidence.clusters(run, m))


def percentile(m: Measurement, key: str) -> paired.Interval | None:
    """
    The 95 % interval of a percentile by its key (`single_p50_ms`); None of any other figure, and of no interval.

    Where a table shows the time of new queries in place of another, it is that one's.
    """
    stage, _, rest = doubts.key_shown(m.flags, key).partition("_")
    latency = {"single": m.single, "encode": m.encode, "search": m.search, "new": m.new}.get(stage)
    return None if latency is None else {"p50_ms": latency.p50_interval, "p95_ms": latency.p95_interval}.get(rest)
