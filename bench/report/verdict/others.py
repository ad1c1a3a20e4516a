"""What a verdict says beside quality and cost: of labels, of what ended badly, and of a set that nobody has judged."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from bench.analysis import disagreement, strata
from bench.analysis.evidence import Evidence
from bench.analysis.family import Family
from bench.analysis.standing import Rival
from bench.errors import InputError
from bench.instruments.stability import UNSTABLE
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.report.numbers import share
from bench.report.tables.lines import counted
from bench.report.text import printable
from bench.report.verdict.clauses import Clause, Wording
from bench.report.verdict.cost import extremes
from bench.statistics import paired

MOST_LABELS = 2  # that are named
SHEET = "sheet.csv"


# By label


def labels(run: Run, evidence: Evidence, top: Measurement, rival: Rival, words: Wording) -> Iterator[Clause]:
    """
    On queries of which label the cell that is compared with the best finds more, or where none leads, either does.

    Exploratory: no label was chosen before the run. p is adjusted over the labels (Holm).
    """
    measure, other = words.measure or "", rival.cell
    groups = strata.groups_of(run, run, top.passage_set, "label")
    mine, theirs = evidence.values(run, top, measure), evidence.values(run, other, measure)
    if len(groups.names) < 2 or mine is None or theirs is None or len(groups.of_query) != len(mine):
        return
    clusters, said = evidence.clusters(run, top), {}
    of_query = np.array(groups.of_query)
    for name in groups.names:
        inside = np.flatnonzero(of_query == name)
        within = None if clusters is None else [clusters[query] for query in inside.tolist()]
        said[name] = paired.paired(mine[inside], theirs[inside], within)
    family = Family(said.items(), "labels")
    told = []
    for name, found in said.items():
        conclusion = family.conclusion(name, found)
        if conclusion is None or found.interval is None or conclusion.verdict not in ("better", "worse"):
            continue
        is_reverse = conclusion.verdict == "better"
        if is_reverse or rival.standing != "behind":
            told.append((not is_reverse, -abs(found.difference), name, found))
    parts = []
    for _, _, name, found in sorted(told)[:MOST_LABELS] if any(not first for first, *_ in told) else []:
        more = other if found.difference > 0 else top
        size = words.figure(other.cell, f"label:{name}", found.difference, share(abs(found.difference)))
        n = words.figure(other.cell, f"n:{name}", found.n_queries, f"{found.n_queries:,}")
        which = "without a label" if name == strata.UNLABELLED else f'labelled "{printable(name)}"'
        parts.append(f"on the {n} queries {which} {words.name(more)} finds {size} more")
    if parts:
        text = "; ".join(parts)
        yield words.clause("labels", f"{text[0].upper()}{text[1:]} (exploratory; significant beside all labels).")


# What is not in it


def left_out(cells: Sequence[Measurement], words: Wording) -> Iterator[Clause]:
    """Cells that ended badly, and times that were not stable."""
    parts = []
    by_status: dict[str, list[str]] = {}
    for m in cells:
        if m.status != "ok":
            by_status.setdefault(m.status, []).append(words.name(m))
    parts += [f"{counted(names)} ({status})" for status, names in by_status.items()]
    said = [f"Not in this: {'; '.join(parts)}."] if parts else []
    timed = [m for m in cells if m.single is not None]
    n_unstable = sum(any(flag.startswith(UNSTABLE) for flag in m.flags) for m in timed)
    if n_unstable:
        of = "all cells" if n_unstable == len(timed) else f"{n_unstable} of {len(timed)} cells"
        said.append(f"Times of {of} were unstable: small differences of time say nothing.")
    if said:
        yield words.clause("left out", " ".join(said))


# Nobody has judged


def unjudged(run: Run, cells: Sequence[Measurement], words: Wording) -> Iterator[Clause]:
    """What a set without judgments lets one say: cost, how far its retrievers agree, and the next step."""
    one = cells[0]
    if one.n_distractors:
        said = f"Among {one.n_distractors:,} synthetic passages quality is not measured: this is cost alone."
    else:
        said = "Nobody has judged these queries: which retriever finds more is not known."
    yield words.clause("unjudged", said)
    if cost := extremes(cells, words):
        yield words.clause("cost", cost)
    if one.n_distractors:
        return
    yield from _agreement(run, one.passage_set, words)
    folder = shlex.quote(str(run.folder))
    yield words.clause("next", f"To know, judge some: sparring judge-sheet {folder} -o {SHEET}")


def _agreement(run: Run, passage_set: str, words: Wording) -> Iterator[Clause]:
    """How far the rankers agree, and the two that agree least."""
    try:
        found = disagreement.rankers(run, passage_set)
    except InputError:
        return
    if len(found) < 2:
        return
    pairs = {
        (one, other): float(disagreement.agreement([found[one].hits[0], found[other].hits[0]]).mean())
        for one, other in combinations(range(len(found)), 2)
    }
    (one, other), least = min(pairs.items(), key=lambda pair: pair[1])
    first, second = found[one].cells[0], found[other].cells[0]
    told = words.figure(second.cell, "agreement", least, share(least))
    most = "" if len(pairs) == 1 else " least"
    yield words.clause(
        "agreement",
        f"{words.name(first)} and {words.name(second)} agree{most}: {told} of the shorter first 10 is in the other's, "
        "which is no quality.",
    )
