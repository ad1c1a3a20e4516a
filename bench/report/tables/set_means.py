"""The mean of a measure over passage sets, as tables have it: what is best, what ties with it, and how sure it is."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from bench.analysis.evidence import Evidence, ties_over_sets
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.report import significance
from bench.report.columns import Field
from bench.report.model import BEST, TIED, TableCell
from bench.report.numbers import bounds
from bench.statistics import over_sets

Key = TypeVar("Key", bound=Hashable)
ACROSS = "sets' mean"  # a column of them
NOTE = "mean over sets: each counts alike, and its interval is of these very sets; none where one is missing"


def line_name(cells: Mapping[Key, Sequence[tuple[Run, Measurement]]], measure: str) -> str:
    """What a line of means over sets is called."""
    return f"mean of {len(_sets(cells, measure))} sets"


def set_means(
    evidence: Evidence,
    cells: Mapping[Key, Sequence[tuple[Run, Measurement]]],
    field: Field,
    *,
    intervals: bool,
) -> dict[Key, TableCell]:
    """
    The mean over sets of some retrievers that are compared, each with its cells; none of one that lacks a set.

    Empty where there are fewer than two sets.
    """
    sets = _sets(cells, field.key)
    known = {key: {m.passage_set_sha256: (run, m) for run, m in found} for key, found in cells.items()}
    whole = {
        key: [by_set[sha256] for sha256 in sets]
        for key, by_set in known.items()
        if all(sha256 in by_set and _value(by_set[sha256][1], field.key) is not None for sha256 in sets)
    }
    if len(sets) < 2 or not whole:
        return {}
    means = {key: float(np.mean([_value(m, field.key) for _, m in found])) for key, found in whole.items()}
    tied = dict(zip(whole, ties_over_sets(evidence, list(whole.values()), field.key), strict=True))
    texts = {key: field.text(mean) for key, mean in means.items()}
    stopped = any(m.is_stopped for found in cells.values() for _, m in found)  # such a one may well be better
    best = texts[max(means, key=means.__getitem__)] if len(set(texts.values())) > 1 and not stopped else ""
    shown = {}
    for key, found in whole.items():
        style = TIED if best and tied[key] else ""
        style = BEST if texts[key] == best else style
        around = [significance.around(evidence, run, m, field.key) for run, m in found] if intervals else []
        interval = over_sets.of_mean([_value(m, field.key) or 0.0 for _, m in found], around) if around else None
        shown[key] = TableCell(texts[key], style, interval="" if interval is None else bounds(interval, field.text))
    return shown


def _sets(cells: Mapping[Key, Sequence[tuple[Run, Measurement]]], measure: str) -> list[str]:
    """The sets on which any of them has the measure."""
    found = (m.passage_set_sha256 for of in cells.values() for _, m in of if _value(m, measure) is not None)
    return list(dict.fromkeys(found))


def _value(m: Measurement, measure: str) -> float | None:
    return (m.quality or {}).get(measure) if m.status == "ok" else None
