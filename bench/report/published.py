"""Figures from outside beside ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from bench.records.run_folder import Run
from bench.report.model import STOPPED
from bench.report.rows import names
from bench.run.suite import Published

ROUNDING = 1e-9  # a difference of decimal figures is held to a decimal limit: 0.6501 - 0.6451 is within 0.005


@dataclass(frozen=True)
class Figure:
    """A figure from outside beside ours."""

    run: str
    published: Published
    ours: float | None  # None: the cell did not run, was stopped, or lacks the measure
    is_stopped: bool = False  # once it was decided beside the baseline: it has no means over all queries

    @property
    def difference(self) -> float | None:
        value = self.published.value
        return None if self.ours is None or value is None else self.ours - value

    @property
    def verdict(self) -> str:
        """`ok`, `missed`, `stopped` or `not run`; `-` where the suite allows any difference."""
        if self.ours is None:
            return STOPPED if self.is_stopped else "not run"
        tests = []
        if self.published.within is not None and self.difference is not None:
            tests.append(abs(self.difference) <= self.published.within + ROUNDING)
        if self.published.at_least is not None:
            tests.append(self.ours >= self.published.at_least - ROUNDING)
        if not tests:
            return "-"
        return "ok" if all(tests) else "missed"


def figures(runs: Sequence[Run]) -> list[Figure]:
    """Every published figure that the runs' suites name, in their order, with ours."""
    found = []
    for name, run in zip(names(runs), runs, strict=True):
        cells = {(m.passage_set, m.retriever): m for m in run.measurements if m.status == "ok"}
        for published in msgspec.convert(run.record.suite.get("published", []), list[Published]):
            m = cells.get((published.passage_set, published.retriever))
            ours = None if m is None else (m.quality or {}).get(published.measure)
            found.append(Figure(name, published, ours, m is not None and m.is_stopped))
    return found
