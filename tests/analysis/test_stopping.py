"""Where the queries of finished runs could have been left off."""

from __future__ import annotations

import numpy as np
import pytest

from bench.analysis.compare import compare
from bench.analysis.stopping import with_stopping
from bench.report.tables.comparison_stopping import stopping_grid
from bench.statistics import sequential_quality
from tests.helpers.run_folders import N, cell

BETTER = np.linspace(0.7, 0.9, N)


def of_cells(folders, *names: str, seed: int = 7):
    """An old run and a new one of cells with these names, each better by as much; where they stop."""
    cells = [cell(cell=str(number), retriever=name) for number, name in enumerate(names)]
    old = folders.run("old", *cells, values={"nDCG@10": np.zeros(N)}, primary="nDCG@10")
    new = folders.run("new", *cells, values={"nDCG@10": BETTER}, primary="nDCG@10", seed=seed)
    return [pair.stopping for pair in with_stopping(old, new, compare(old, new)).pairs]


def test_a_clear_difference_needs_a_part(folders):
    """
    A retriever that is better on every query is decided at the first look, in the order that the new run's seed gives.
    """
    (found,) = of_cells(folders, "A()", seed=3)

    stop = found.stop

    assert ("better", 20, N, 0.5, 1, 2) == (
        *(stop.verdict, stop.n_queries, stop.total, stop.share),
        *(stop.n_looks, stop.planned_looks),
    )
    assert (1, 3) == (found.n_retrievers, found.seed)
    assert pytest.approx(BETTER[sequential_quality.order(N, 3)[:20]].mean()) == stop.difference


def test_retrievers_share_what_may_err(folders):
    """
    Of two retrievers each gets half of what may err: its first look takes half of 5 %, halved.
    """
    stops = of_cells(folders, "A()", "B()")

    assert [2, 2] == [one.n_retrievers for one in stops]
    assert pytest.approx(1 - 0.05 / 2 / 2) == stops[0].stop.level


def test_rounding_is_no_gain(folders):
    """
    What rounding leaves of equal values is no change: the first look sees what one of exact values would.
    """
    stops = []
    old = folders.run("old", cell(), values={"nDCG@10": np.full(N, 0.5)}, primary="nDCG@10")
    for noise in (0.0, 1e-15):
        values = np.append(np.full(N - 1, 0.5 + noise), 1.0)
        new = folders.run(f"new-{noise}", cell(), values={"nDCG@10": values}, primary="nDCG@10")
        (pair,) = with_stopping(old, new, compare(old, new)).pairs
        stops.append(pair.stopping.stop)

    exact, rounded = stops
    assert exact == rounded


def test_identical_values_have_no_stop(folders):
    """
    Where no query differs nothing is to be decided, and no table says so.
    """
    old = folders.run("old", cell(), values={"nDCG@10": BETTER}, primary="nDCG@10")

    (pair,) = with_stopping(old, old, compare(old, old)).pairs

    assert pair.stopping is None
    assert () == stopping_grid("tiny", [pair]).lines
