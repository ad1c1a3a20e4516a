"""Comparisons with a cell whose queries were asked in looks."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from bench.analysis.changed_queries import changes
from bench.analysis.compare import compare
from bench.analysis.difference import values
from bench.analysis.several_sets import with_means
from bench.analysis.stopping import with_stopping
from bench.analysis.strata import stratified
from bench.errors import InputError
from bench.records.decision import Decision
from bench.records.run_folder import ASKED, CLUSTERS
from bench.report.tables.comparison import grids
from bench.statistics import sequential_quality
from tests.helpers.run_folders import N, cell, found

VALUES = np.random.default_rng(4).uniform(0.8, 1.0, N)
WORSE = VALUES - 0.8


def decision(n_asked: int, **changes) -> Decision:
    known = {"baseline": "A()", "measure": "nDCG@10", "verdict": "worse", "n_asked": n_asked, "n_looks": 1}
    known |= {"planned_looks": 2, "difference": -0.2, "interval": (-0.3, -0.1), "level": 0.975}
    return Decision(**known | changes)


def whole(folders, name: str, of_queries=VALUES, **changes):
    """A run of a cell that was asked all."""
    return folders.run(name, cell(**changes), values={"nDCG@10": of_queries}, primary="nDCG@10")


def stopped(folders, name: str, of_queries=WORSE, n_asked: int = 20, seed: int = 7):
    """A run of a cell that was stopped after so many queries, in the order of a seed."""
    asked = np.sort(sequential_quality.order(N, seed)[:n_asked])
    part = cell(quality=None, seed=seed, decision=decision(n_asked), files={"quality_asked": f"quality/{name}.npz"})
    run = folders.run(name, part, primary="nDCG@10")
    of_asked = {"nDCG@10": of_queries[asked], ASKED: asked, CLUSTERS: np.arange(N)}
    np.savez(run.folder / "quality" / f"{name}.npz", **of_asked)
    return run


def test_bounds_of_the_look_alone(folders):
    """
    A cell that was stopped is compared over the queries that it was asked, by the bounds of that look: no p, no
    interval of as many queries.
    """
    old, new = whole(folders, "old"), stopped(folders, "new")

    d = found(compare(old, new), "nDCG@10")

    drawn = sequential_quality.order(N, 7)
    look, low, high = next(iter(sequential_quality.bounds((WORSE - VALUES)[drawn], np.ones(N))))
    assert 20 == look.n_clusters
    assert pytest.approx((float(low), float(high))) == d.interval
    assert (None, None, None, "worse") == (d.p, d.p_holm, d.paired, d.verdict)
    assert pytest.approx((VALUES[drawn[:20]].mean(), WORSE[drawn[:20]].mean())) == (d.old, d.new)
    assert "over 20 of 40 judged queries, by bounds of all looks" == d.why


def test_retrievers_compared_share_what_may_err(folders):
    """
    Where two retrievers are compared on the set, the bounds are those of half of what may err.
    """
    cells = [cell(cell=str(number), retriever=f"{number}()", decision=decision(N)) for number in range(2)]
    old = folders.run("old", *cells, values={"nDCG@10": VALUES}, primary="nDCG@10")
    new = folders.run("new", *cells, values={"nDCG@10": WORSE}, primary="nDCG@10")

    (first, _) = compare(old, new).pairs

    *_, (_, low, high) = sequential_quality.bounds(WORSE - VALUES, np.ones(N), 0.025)
    assert pytest.approx((float(low), float(high))) == first.differences[0].interval


def test_two_that_were_stopped(folders):
    """
    Of two the queries that both were asked count, by the look at the fewer; the whole is seen from either side.
    """
    old, new = stopped(folders, "old", VALUES), stopped(folders, "new")

    one, other = found(compare(old, new), "nDCG@10"), found(compare(new, old), "nDCG@10")

    assert ("worse", "better") == (one.verdict, other.verdict)
    assert pytest.approx(one.interval) == (-other.interval[1], -other.interval[0])


def test_other_orders_are_not_compared(folders):
    """
    What was asked in the order of another seed shares no look: it is not compared, and says why.
    """
    d = found(compare(stopped(folders, "old", VALUES, seed=3), stopped(folders, "new")), "nDCG@10")

    assert ("not compared", None) == (d.verdict, d.interval)
    assert "the seeds differ" in d.why


def test_a_cell_that_was_asked_all_in_looks(folders):
    """
    It is held to the bounds of the last look; where it finds the same, it is identical.
    """
    old, new = whole(folders, "old"), whole(folders, "new", WORSE, decision=decision(N))
    same = whole(folders, "same", decision=decision(N))

    d = found(compare(old, new), "nDCG@10")

    *_, (_, low, high) = sequential_quality.bounds(WORSE - VALUES, np.ones(N))
    assert pytest.approx((float(low), float(high))) == d.interval
    assert "identical" == found(compare(old, same), "nDCG@10").verdict


def test_what_needs_every_query_is_left_out(folders):
    """
    Means over sets, strata, queries that changed, agreement and `--sequential` need every query: they say so, or are
    left out.
    """
    old, new = whole(folders, "old"), stopped(folders, "new")
    comparison = compare(old, new)

    (pair,) = with_stopping(old, new, comparison).pairs
    (in_strata,) = stratified(old, new, comparison, "label").pairs

    assert (None, None, None) == (pair.stopping, pair.same_top, pair.overlap)
    assert () == with_means(old, new, comparison).over_sets
    assert in_strata.strata_said.startswith("no strata: nDCG@10: over 20 of 40")
    assert "not all were asked" in changes(old, new, pair, 5).said
    with pytest.raises(InputError, match="found those of 20 of 40: it was stopped once it was decided"):
        values(new, new.measurements[0])


def test_values_that_are_gone(folders):
    """
    Without the file of values the pair is not compared in quality, and says which file is missing.
    """
    old, new = whole(folders, "old"), stopped(folders, "new")
    (new.folder / "quality" / "new.npz").unlink()

    d = found(compare(old, new), "nDCG@10")

    assert "not compared" == d.verdict
    assert "no values of each query" in d.why


def test_the_table_shows_difference_and_bounds(folders):
    """
    A line without a p has its difference and its bounds all the same.
    """
    comparison = compare(whole(folders, "old"), stopped(folders, "new"))

    grid = next(grid for grid in grids(comparison, together=True) if "primary" in grid.title)

    line = dict(zip((column.head for column in grid.columns), (cell.text for cell in grid.lines[0]), strict=True))
    assert "-.8000" == line["difference"]
    assert line["95% interval"].startswith("[-")
    assert msgspec.json.encode(comparison.pairs)
