"""What the picture of labels is made of: a measure by what the queries test, with the interval of each mean."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.analysis.evidence import Evidence
from bench.analysis.strata import UNLABELLED
from bench.errors import InputError
from bench.instruments import quality
from bench.passages.passage_set import PassageSet
from bench.records.run_folder import Run, read_set, set_file
from bench.records.schema import Measurement
from bench.report.tables.picture_cells import cells_of, measure_of, remarks_of
from bench.statistics import paired
from bench.statistics.paired import Interval

NAME = "labels"
MOST_MEANS = 1_000  # of a picture: it is some 15,000 pixels high then
SAME = 1e-9  # a mean made again from the values on disk is the record's, but for the last bits
LONGEST = 80  # characters of a label that are shown
NOT_ON_DISK = "no interval, the value and the label of each query not on disk (folders quality and sets of the run)"
OTHER_VALUES = "no interval, the values on disk are not those of the record"
IN_LOOKS = "no interval, asked in looks"


@dataclass(frozen=True)
class LabelMean:
    """The mean of a measure over the queries of one label, of one cell."""

    mean: float
    interval: Interval | None = None  # 95 %, over clusters of queries


@dataclass(frozen=True)
class LabelledQueries:
    """The queries of one label."""

    label: str
    n_queries: int  # that are judged
    means: tuple[LabelMean | None, ...]  # one a cell; None where a cell lacks this label


@dataclass(frozen=True)
class LabelMeans:
    """What is drawn of one passage set."""

    passage_set: str
    measure: str
    names: tuple[str, ...]  # of the cells
    labels: tuple[LabelledQueries, ...]  # by name
    remarks: tuple[str, ...] = ()
    conditions: str = ""


@dataclass
class KeptValues:
    """What the folders of some runs keep of each query; a set is read once."""

    evidence: Evidence = field(default_factory=Evidence)
    sets: dict[tuple[int, str], PassageSet | None] = field(default_factory=dict)

    def set_of(self, run: Run, name: str) -> PassageSet | None:
        """A set with its labels; None where the run does not keep it. InputError for one that is damaged."""
        key = id(run), name
        if key not in self.sets:
            self.sets[key] = read_set(run.folder, name) if set_file(run.folder, name).is_file() else None
        return self.sets[key]


def read(runs: Sequence[Run], passage_set: str | None = None, measure: str | None = None) -> LabelMeans:
    """
    A measure by label, of the cells of one passage set.

    InputError where set or measure have to be named, where no cell has the measure by label, for more than MOST_MEANS
    means, and for runs of other passages under one name. Machines may differ: nothing here was timed.
    """
    found = cells_of(runs, passage_set, NAME)
    key = measure_of(found.runs, measure, NAME)
    kept = KeptValues()
    names: list[str] = []
    by_cell: list[dict[str, LabelMean]] = []
    counts: dict[str, int] = {}
    lacking: dict[str, list[str]] = {}
    for name, (_, run, m) in zip(found.names, found.cells, strict=True):
        why = _why_not(m, key)
        if why:
            lacking.setdefault(why, []).append(name)
            continue
        means, said = means_of(kept, run, m, key)
        names.append(name)
        by_cell.append(means)
        counts |= m.label_counts or {}
        for each in said:
            lacking.setdefault(each, []).append(name)
    remarks = remarks_of(lacking)
    _check(found.passage_set, key, len(names), len(counts), remarks)
    labels = tuple(
        LabelledQueries(_shown(label), n, tuple(means.get(label) for means in by_cell))
        for label, n in sorted(counts.items())
    )
    return LabelMeans(found.passage_set, key, tuple(names), labels, remarks, found.conditions)


def means_of(kept: KeptValues, run: Run, m: Measurement, measure: str) -> tuple[dict[str, LabelMean], list[str]]:
    """
    The mean of each label, with its interval where the values of its queries are on disk; and why there is none.

    An interval is that of a mean over clusters of queries, each label's by itself; None too where a label has one
    cluster alone, or one value between 0 and 1.
    """
    recorded = {label: means[measure] for label, means in (m.quality_by_label or {}).items() if measure in means}
    without = {label: LabelMean(mean) for label, mean in recorded.items()}
    if m.decision is not None:
        return without, [IN_LOOKS]
    values, of_set = kept.evidence.values(run, m, measure), kept.set_of(run, m.passage_set)
    if values is None or of_set is None:
        return without, [NOT_ON_DISK]
    judged = np.flatnonzero(quality.judged(of_set.query_ids, of_set.qrels or {}))
    if len(of_set.labels or ()) != len(of_set.query_ids) or len(judged) != len(values):
        return without, [OTHER_VALUES]
    labels, clusters = np.array(of_set.labels, object)[judged], kept.evidence.clusters(run, m)
    found = {}
    for label, mean in recorded.items():
        own = np.flatnonzero(labels == label)
        if len(own) != (m.label_counts or {}).get(label) or not math.isclose(values[own].mean(), mean, abs_tol=SAME):
            return without, [OTHER_VALUES]
        inside: list[Hashable] | None = None if clusters is None else [clusters[query] for query in own.tolist()]
        found[label] = LabelMean(mean, paired.interval_of_mean(values[own], inside))
    return found, []


def _why_not(m: Measurement, measure: str) -> str:
    """Why a cell is not drawn; empty where it is."""
    if m.status != "ok":
        return f"not drawn, {m.status}"
    if m.is_stopped:
        return "not drawn, stopped before its last query"
    if not m.label_counts or not m.quality_by_label:
        return "not drawn, no labels"
    return "" if any(measure in means for means in m.quality_by_label.values()) else f"not drawn, no {measure}"


def _check(name: str, measure: str, n_cells: int, n_labels: int, remarks: Sequence[str]) -> None:
    """InputError where there is nothing to draw, or too much."""
    if not n_cells:
        raise InputError(
            f"{NAME} of {name}: expected cells with {measure} by label, found none: {'; '.join(remarks)}; a set has "
            "labels where its queries do"
        )
    if n_cells * n_labels > MOST_MEANS:
        raise InputError(
            f"{NAME} of {name}: expected at most {MOST_MEANS:,} means in a picture, found {n_labels:,} labels of "
            f"{n_cells:,} cells: read `sparring table --labels`"
        )


def _shown(label: str) -> str:
    """A label as it is shown: on one line, and no longer than a reader takes."""
    line = " ".join(label.split())
    return (line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…") or UNLABELLED
