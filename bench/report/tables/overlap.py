"""What a picture of word overlap is made of: a measure in each tenth of the queries, and the gap of two cells."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.analysis.evidence import Evidence
from bench.analysis.overlap import TENTHS, OverlapShare, group_means, overlap_of, share_of
from bench.analysis.representation import Vectors, vectors_of
from bench.errors import InputError
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.report import rows as flat
from bench.report.overlap_words import noted, share_said
from bench.report.tables.lines import RunCell, names_of
from bench.report.tables.picture_cells import conditions_of, measure_of, passage_set_of, several_of
from bench.statistics import paired
from bench.statistics.clusters import Floats
from bench.statistics.paired import Interval
from bench.statistics.quantile_groups import quantile_groups

PICTURE = "overlap"
MOST_LINES = 4  # cells; more cannot be told apart
KINDS: tuple[Vectors, ...] = ("sparse", "dense", "fused", "engine")


@dataclass(frozen=True)
class OverlapTenth:
    """The queries of one tenth, from the fewest shared words to the most."""

    mean: float  # of their word overlap
    low: float
    high: float
    n_queries: int


@dataclass(frozen=True)
class OverlapLine:
    """One cell, and what its measure is in each tenth."""

    name: str
    vectors: Vectors
    values: tuple[float, ...]
    intervals: tuple[Interval | None, ...]
    whole: float  # over all judged queries


@dataclass(frozen=True)
class OverlapGap:
    """The better of two cells less the other one, in each tenth."""

    better: str
    other: str
    values: tuple[float, ...]
    intervals: tuple[Interval | None, ...]
    share: OverlapShare


@dataclass(frozen=True)
class OverlapCurves:
    """What is told of one passage set."""

    passage_set: str
    measure: str
    tenths: tuple[OverlapTenth, ...]
    lines: tuple[OverlapLine, ...]
    gap: OverlapGap | None = None  # None: no sparse vectors beside dense ones
    remarks: tuple[str, ...] = ()
    conditions: str = ""


@dataclass(frozen=True, eq=False)
class Judged:
    """A cell and the measure of each of its judged queries."""

    name: str
    vectors: Vectors
    values: Floats
    clusters: Sequence[Hashable] | None
    encoder: str | None = None

    @property
    def mean(self) -> float:
        return float(self.values.mean())


def read(runs: Sequence[Run], passage_set: str | None = None, measure: str | None = None) -> OverlapCurves:
    """
    What runs tell of a passage set by word overlap.

    InputError where set or measure have to be named, for runs of other passages under one name, where no cell has the
    value of each query, and where no overlap was kept and the texts are not there.
    """
    name = passage_set_of(runs, passage_set, PICTURE)
    cells: list[RunCell] = [
        (run_name, run, m)
        for run_name, run in zip(flat.names(runs), runs, strict=True)
        for m in run.measurements
        if m.passage_set == name
    ]
    used = list({id(run): run for _, run, _ in cells}.values())
    hashes = {m.passage_set_sha256 for _, _, m in cells}
    if len(hashes) > 1:
        raise InputError(f"{PICTURE} of {name}: expected the same passages in every run, found others of that name")
    key = measure_of(used, measure, PICTURE)
    judged, lacking = _judged(cells, key)
    if not judged:
        raise InputError(f"{PICTURE} of {name}: expected the value of each query, found none: {'; '.join(lacking)}")
    overlap, said = overlap_of(used, name, hashes.pop())
    if overlap is None:
        raise InputError(f"{PICTURE} of {name}: expected word overlap kept with a run, or the texts, found {said}")
    if len(overlap) != len(judged[0].values) or np.isnan(overlap).all():
        raise InputError(f"{PICTURE} of {name}: expected judged queries whose word overlap is known, found none")
    conditions = "; ".join(dict.fromkeys(map(conditions_of, used)))
    return curves(name, key, judged, overlap, remarks=lacking, conditions=conditions)


def curves(
    passage_set: str,
    measure: str,
    judged: Sequence[Judged],
    overlap: NDArray[np.float64],
    *,
    remarks: Sequence[str] = (),
    conditions: str = "",
) -> OverlapCurves:
    """The same of cells with the values of the same queries: (n_judged,) as their overlap."""
    groups = quantile_groups(overlap, TENTHS)
    distinct = _distinct(judged)
    shown = _shown([cell for cell, _ in distinct])
    gap = _gap(judged, overlap, groups)
    said = [*remarks]
    twins = [(cell.name, *alike) for cell, alike in distinct if alike and cell in shown]
    said += [f"drawn once, alike on every query: {several_of(names)}" for names in twins]
    if more := [name for cell, alike in distinct if cell not in shown for name in (cell.name, *alike)]:
        said.append(f"not drawn, since {MOST_LINES} lines can be told apart: {several_of(more)}")
    if n_unknown := int((groups < 0).sum()):
        said.append(f"queries without a word, or with nothing relevant, in no tenth: {n_unknown:,}")
    if gap is not None:
        said += [f"{gap.better}, less {gap.other}: {share_said(gap.share)}", *noted([gap.share])]
    tenths = tuple(_tenths(overlap, groups))
    lines = tuple(_line(cell, groups) for cell in shown)
    return OverlapCurves(passage_set, measure, tenths, lines, gap, tuple(said), conditions)


def _judged(cells: Sequence[RunCell], measure: str) -> tuple[list[Judged], list[str]]:
    """The cells that have the value of each query, and a remark for each kind of those that lack it."""
    evidence, found = Evidence(), []
    lacking: dict[str, list[str]] = {}
    for name, (_, run, m) in zip(names_of(cells), cells, strict=True):
        values = evidence.values(run, m, measure)
        if values is None:
            lacking.setdefault(f"not drawn, {_why(m, measure)}", []).append(name)
        else:
            found.append(Judged(name, vectors_of(m), values, evidence.clusters(run, m), m.encoder))
    alike = [cell for cell in found if len(cell.values) == len(found[0].values)]
    return alike, [f"{why}: {several_of(names)}" for why, names in lacking.items()]


def _why(m: Measurement, measure: str) -> str:
    """Why a cell has no values."""
    if m.status != "ok":
        return m.status
    if m.decision is not None:
        return "asked in looks"
    return f"no {measure}" if (m.quality or {}).get(measure) is None else "the value of each query is not on disk"


def _distinct(judged: Sequence[Judged]) -> list[tuple[Judged, list[str]]]:
    """The cells of which no earlier one has the same vectors and values, each with the names of those alike."""
    found: list[tuple[Judged, list[str]]] = []
    for cell in judged:
        twins = [
            alike
            for first, alike in found
            if first.vectors == cell.vectors and np.array_equal(first.values, cell.values)
        ]
        if twins:
            twins[0].append(cell.name)
        else:
            found.append((cell, []))
    return found


def _shown(judged: Sequence[Judged]) -> list[Judged]:
    """The cells that are drawn, the best first: the best of each kind of vectors, of other encoders, and of all."""
    ranked = sorted(judged, key=lambda cell: -cell.mean)
    of_kinds = [best for kind in KINDS if (best := _best(ranked, kind)) is not None]
    encoders = {cell.encoder for cell in of_kinds if cell.encoder is not None}
    rest = sorted((cell for cell in ranked if cell not in of_kinds), key=lambda cell: cell.encoder in encoders)
    return sorted([*of_kinds, *rest][:MOST_LINES], key=lambda cell: -cell.mean)


def _best(judged: Sequence[Judged], vectors: Vectors) -> Judged | None:
    """The best cell of a kind, of equal ones the first."""
    return max((cell for cell in judged if cell.vectors == vectors), key=lambda cell: cell.mean, default=None)


def _tenths(overlap: NDArray[np.float64], groups: NDArray[np.int64]) -> Iterator[OverlapTenth]:
    for group in range(int(groups.max()) + 1):
        own = overlap[groups == group]
        yield OverlapTenth(float(own.mean()), float(own.min()), float(own.max()), len(own))


def _line(cell: Judged, groups: NDArray[np.int64]) -> OverlapLine:
    means = group_means(cell.values, groups, cell.clusters)
    values, intervals = zip(*means, strict=True)
    return OverlapLine(cell.name, cell.vectors, values, intervals, cell.mean)


def _gap(judged: Sequence[Judged], overlap: NDArray[np.float64], groups: NDArray[np.int64]) -> OverlapGap | None:
    """The best sparse and the best dense cell, the better one less the other; None where one of them is not there."""
    sparse, dense = (_best(judged, kind) for kind in KINDS[:2])
    if sparse is None or dense is None:
        return None
    better, other = (dense, sparse) if dense.mean > sparse.mean else (sparse, dense)
    means = group_means(better.values - other.values, groups, better.clusters, paired.interval)
    values, intervals = zip(*means, strict=True)
    share = share_of((other.vectors, other.values), (better.vectors, better.values), overlap, better.clusters)
    return OverlapGap(better.name, other.name, values, intervals, share)
