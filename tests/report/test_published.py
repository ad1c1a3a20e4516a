"""Our figures against those from outside."""

from __future__ import annotations

import pytest

from bench.records.decision import Decision
from bench.report.published import figures
from bench.report.render import markdown
from bench.report.view import View
from tests.helpers.records import failed, measurement, run_of
from tests.helpers.tables import drawn


def published(**changes) -> dict[str, object]:
    return {
        "passage_set": "primer",
        "retriever": "BM25() @ CSR()",
        "measure": "nDCG@10",
        "source": "Somewhere 2020",
        "value": None,
        "within": None,
        "at_least": None,
    } | changes


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [
        ({"value": 0.6451, "within": 0.005}, "ok"),  # 0.6501 - 0.6451 is 0.005 and a little in binary
        ({"value": 0.6450, "within": 0.005}, "missed"),
        ({"value": 0.6552, "within": 0.005}, "missed"),
        ({"at_least": 0.6501}, "ok"),
        ({"at_least": 0.66}, "missed"),
        ({"value": 0.65, "within": 0.01, "at_least": 0.66}, "missed"),
        ({"value": 0.1}, "-"),
        ({"value": 0.65, "within": 0.01, "measure": "P@5"}, "not run"),
        ({"value": 0.65, "within": 0.01, "passage_set": "scifact"}, "not run"),
        ({"value": 0.65, "within": 0.01, "retriever": "BM25() @ Flat()"}, "not run"),
    ],
)
def test_verdict_on_a_published_figure(figure, verdict):
    """
    Ours meets a published figure within what is allowed, misses it, or did not run; a cell that failed did not run.
    """
    cells = (measurement(quality={"nDCG@10": 0.6501}), failed(retriever="BM25() @ Flat()"))

    (found,) = figures([run_of(*cells, published=[published(**figure)])])

    assert verdict == found.verdict


def test_a_published_figure_of_a_cell_that_was_stopped():
    """
    Beside a cell that ran and was stopped, once decided, a published figure says so.
    """
    known = {"baseline": "A()", "measure": "nDCG@10", "n_looks": 1, "planned_looks": 3, "level": 0.975}
    worse = Decision(**known, verdict="worse", n_asked=20, difference=-0.4, interval=(-0.6, -0.2))
    cell = measurement(quality=None, decision=worse)

    (found,) = figures([run_of(cell, published=[published(value=0.65, within=0.01)])])

    assert "stopped" == found.verdict


def test_published_figures_have_a_table():
    """
    Ours, the published figure, their difference and what is allowed stand side by side, the source below.
    """
    figures = [
        published(value=0.6451, within=0.005),
        published(measure="R@1", at_least=0.9),
        published(retriever="RankBM25()", value=0.5, source="Elsewhere 2021"),
    ]
    run = run_of(measurement(quality={"nDCG@10": 0.6439, "R@1": 1.0}), published=figures)

    lines = [" ".join(line.split()) for line in drawn(run).splitlines()]

    at = lines.index("Against published figures")
    assert [
        "set retriever measure ours published difference allowed",
        "primer BM25() @ CSR() nDCG@10 .6439 .6451 -.0012 ±0.005 ok a",
        "primer BM25() @ CSR() R@1 1.0000 - - ≥ 0.9 ok a",
        "primer RankBM25() nDCG@10 - .5000 - - not run b",
        "a: Somewhere 2020",
        "b: Elsewhere 2021",
    ] == [lines[at + 1], *lines[at + 3 : at + 8]]


def test_published_figures_alone():
    """
    Figures from outside can be had without the tables of the cells.
    """
    run = run_of(measurement(), published=[published(value=0.5, within=0.01)])

    text = markdown.table([run], View(published=True))

    assert text.startswith("**Against published figures**")
    assert "150 passages" not in text
