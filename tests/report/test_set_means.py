"""The mean over passage sets in a pivot."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from bench.records.decision import Decision
from bench.report.render import markdown
from bench.report.tables.marks import NO_BEST
from bench.report.tables.pivot import pivoted
from bench.report.tables.set_means import NOTE
from bench.report.view import Pivot, View
from bench.statistics.paired import interval_of_mean
from tests.helpers.records import failed, measurement, run_of, weight
from tests.helpers.run_folders import N, several_sets

LOW, HIGH = np.linspace(0.0, 0.5, N), np.linspace(0.3, 0.9, N)


def texts(grid):
    return [[field.text for field in line] for line in grid.lines]


@pytest.fixture
def run(folders):
    """Three retrievers on two sets: one that is best, one that nearly is, one that is not."""
    near = HIGH - np.tile([0.1, -0.09], N // 2)
    values = {"A()": LOW, "B()": HIGH, "C()": near}
    return several_sets(folders, "run", a=values, b={name: found[:20] for name, found in values.items()})


def test_sets_across_have_a_column(run):
    """
    With sets across the last column is their mean, each counted alike; its best is bold, what ties with it italic.
    """
    grid = pivoted([run], Pivot("passages"))

    assert "sets' mean" == grid.columns[-1].head
    assert f"{(HIGH.mean() + HIGH[:20].mean()) / 2:.3f}".lstrip("0") == grid.lines[1][-1].text
    assert ["", "bold green", "italic"] == [line[-1].style for line in grid.lines]
    assert NOTE in grid.notes
    assert "sets' mean" in markdown.table([run], View(pivot=Pivot("passages")))


def test_sets_down_have_a_line(run):
    """
    With sets down the last line is their mean; its best is that of the line.
    """
    grid = pivoted([run], Pivot("retriever"))

    assert ["a", "b", "mean of 2 sets"] == [line[0].text for line in grid.lines]
    assert ["", ""] == [field.text for field in grid.lines[-1][1:3]]
    assert ["", "bold green", "italic"] == [field.style for field in grid.lines[-1][3:]]


def test_measures_across_have_a_line_of_each_retriever(run):
    """
    With measures across every retriever has its line; the best is that of the column.
    """
    grid = pivoted([run], Pivot("measure"))

    means = [line for line in grid.lines if line[0].text == "mean of 2 sets"]
    assert ["A()", "B()", "C()"] == [line[3].text for line in means]
    at = [column.head for column in grid.columns].index("nDCG@10")
    assert ["", "bold green", "italic"] == [line[at].style for line in means]


def test_the_interval_adds_up_those_of_the_sets(run):
    """
    With intervals the mean has one: the squared distances of the sets' own ends, under a root, over their number.
    """
    grid = pivoted([run], Pivot("passages"), intervals=True)

    ends = [interval_of_mean(found) for found in (LOW, LOW[:20])]
    means = [LOW.mean(), LOW[:20].mean()]
    low = np.mean(means) - sum((m - low) ** 2 for m, (low, _) in zip(means, ends, strict=True)) ** 0.5 / 2
    high = np.mean(means) + sum((high - m) ** 2 for m, (_, high) in zip(means, ends, strict=True)) ** 0.5 / 2
    assert f"[{low:.3f}, {high:.3f}]".replace("0.", ".") == grid.lines[0][-1].interval


def test_who_lacks_a_set_has_no_mean(folders):
    """
    A mean over fewer sets is not the same thing: a retriever that lacks one, or failed there, has a dash.
    """
    run = several_sets(folders, "run", a={"A()": LOW, "B()": LOW, "C()": LOW}, b={"A()": HIGH, "B()": HIGH})
    broken = failed(cell="4", passage_set="b", passage_set_sha256="b", retriever="B()", encoder=None, storage=None)
    cells = (*run.measurements[:4], broken)

    grid = pivoted([type(run)(run.folder, run.record, run.environment, cells)], Pivot("passages"))

    assert [[".250", ".600", ".425"], [".250", "failed", "-"], [".250", "-", "-"]] == [line[1:] for line in texts(grid)]


def test_none_is_best_beside_one_that_was_stopped(run):
    """
    A retriever that was stopped on a set has no mean, and none of the others is the best for that.
    """
    known = {"baseline": "A()", "measure": "nDCG@10", "n_looks": 1, "planned_looks": 2, "level": 0.975}
    better = Decision(**known, verdict="better", n_asked=10, difference=0.5, interval=(0.3, 0.7))
    cells = list(run.measurements)
    at = next(place for place, m in enumerate(cells) if m.retriever == "B()")
    cells[at] = msgspec.structs.replace(cells[at], quality=None, decision=better)

    grid = pivoted([type(run)(run.folder, run.record, run.environment, tuple(cells))], Pivot("passages"))

    assert [("", "-"), ("", "")] == [
        (grid.lines[0][-1].style, grid.lines[1][-1].text),
        (grid.lines[2][-1].style, grid.lines[2][-3].style),
    ]
    assert NO_BEST in grid.notes


@pytest.mark.parametrize(
    ("cells", "measure"),
    [
        ([{"passage_set": "a"}], "nDCG@10"),
        ([{"passage_set": "a"}, {"passage_set": "a", "passage_set_sha256": "11"}], "nDCG@10"),
        ([{"passage_set": "a"}, {"passage_set": "b", "passage_set_sha256": "11"}], "ledger_bytes"),
    ],
)
def test_there_is_none_of_one_set(cells, measure):
    """
    One set, one name of two contents, and what is no measure have no mean.
    """
    run = run_of(*(measurement(cell=str(n), storage_weight=weight(5), **known) for n, known in enumerate(cells)))

    grids = [pivoted([run], Pivot(axis, measure)) for axis in ("passages", "retriever")]

    shown = [field for grid in grids for line in texts(grid) for field in line]
    assert not any("mean" in field for field in [*shown, *(column.head for grid in grids for column in grid.columns)])
