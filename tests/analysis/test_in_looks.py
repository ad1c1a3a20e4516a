"""Comparisons with a cell whose queries were asked in looks."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from bench.analysis.changed_queries import changes
from bench.analysis.compare import compare, of_retrievers
from bench.analysis.difference import values
from bench.analysis.several_sets import with_means
from bench.analysis.stopping import with_stopping
from bench.analysis.strata import stratified
from bench.errors import InputError
from bench.records.decision import Decision
from bench.records.run_folder import ASKED, CLUSTERS
from bench.report.tables.comparison import grids
from bench.statistics import sequential_quality
from bench.statistics.sequential_quality import Look
from tests.helpers.run_folders import N, cell, found

VALUES = np.random.default_rng(4).uniform(0.8, 1.0, N)
WORSE = VALUES - 0.8


def decision(n_asked: int, **changes) -> Decision:
    known = {"baseline": "A()", "measure": "nDCG@10", "verdict": "worse", "n_asked": n_asked, "n_looks": 1}
    known |= {"planned_looks": 2, "difference": -0.2, "interval": (-0.3, -0.1), "level": 0.975}
    known |= {"means": {"nDCG@10": 0.1}}
    return Decision(**known | changes)


def whole(folders, name: str, of_queries=VALUES, **changes):
    """A run of a cell that was asked all."""
    return folders.run(name, cell(**changes), values={"nDCG@10": of_queries}, primary="nDCG@10")


def part(name: str, n_asked: int = 20, measures=("nDCG@10",), **changes):
    """A cell that was stopped after so many queries; name: of the file of its values."""
    known = {"decision": decision(n_asked, means=dict.fromkeys(measures, 0.1)), "quality": None}
    return cell(**known | {"files": {"quality_asked": f"quality/{name}.npz"}} | changes)


def keep(run, name: str, n_asked: int = 20, seed: int = 7, **of_queries) -> None:
    """Keep each measure's values of the queries that were asked, in the order of a seed."""
    asked = np.sort(sequential_quality.order(N, seed)[:n_asked])
    of_asked = {measure: values[asked] for measure, values in of_queries.items()}
    np.savez(run.folder / "quality" / f"{name}.npz", **of_asked, **{ASKED: asked, CLUSTERS: np.arange(N)})


def stopped(folders, name: str, of_queries=WORSE, n_asked: int = 20, seed: int = 7, **changes):
    """A run of a cell that was stopped after so many queries, in the order of a seed."""
    run = folders.run(name, part(name, n_asked, seed=seed, **changes), primary="nDCG@10")
    keep(run, name, n_asked, seed, **{"nDCG@10": of_queries})
    return run


def beside_baseline(folders, level: float, **changes):
    """A run of A(), its baseline, and B(), which was stopped after 20 queries by bounds of that level."""
    b = part("b", decision=decision(20, level=level), cell="1", retriever="B()", **changes)
    run = folders.run("run", cell(retriever="A()"), b, values={"nDCG@10": VALUES}, primary="nDCG@10", baseline="A()")
    keep(run, "b", **{"nDCG@10": WORSE})
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
    assert pytest.approx((max(-1.0, float(low)), float(high))) == d.interval
    assert (None, None, None, "worse") == (d.p, d.p_holm, d.paired, d.verdict)
    assert pytest.approx((VALUES[drawn[:20]].mean(), WORSE[drawn[:20]].mean())) == (d.old, d.new)
    assert 0.975 == d.level
    assert "over 20 of 40 judged queries, by bounds of all looks: 97.5 %, not 95 %" == d.why


def test_retrievers_compared_share_what_may_err(folders):
    """
    Where two retrievers are compared on the set, the bounds are those of half of what may err.
    """
    cells = [cell(cell=str(number), retriever=f"{number}()", decision=decision(N)) for number in range(2)]
    old = folders.run("old", *cells, values={"nDCG@10": VALUES}, primary="nDCG@10")
    new = folders.run("new", *cells, values={"nDCG@10": WORSE}, primary="nDCG@10")

    (first, _) = compare(old, new).pairs

    *_, (_, low, high) = sequential_quality.bounds(WORSE - VALUES, np.ones(N), 0.025)
    assert pytest.approx((max(-1.0, float(low)), float(high))) == first.differences[0].interval


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
    assert pytest.approx((max(-1.0, float(low)), float(high))) == d.interval
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


def test_the_recorded_level_beside_its_own_baseline(folders):
    """
    Beside the baseline of its run a cell has the level of its decision, which shared 5 % with the run's other cells:
    the bounds are those that the record shows.
    """
    run = beside_baseline(folders, level=0.995)

    d, turned = (found(of_retrievers(run, run, *names), "nDCG@10") for names in (("A()", "B()"), ("B()", "A()")))

    first = sequential_quality.order(N, 7)[:20]
    look = Look(20, 0.995)
    low, high = sequential_quality.bounds_at(look, (WORSE - VALUES)[first], np.ones(20), is_last=False)
    assert (0.995, 0.995) == (d.level, turned.level)
    assert pytest.approx((max(-1.0, float(low)), float(high))) == d.interval
    assert pytest.approx((-float(high), min(1.0, -float(low)))) == turned.interval
    assert d.why.endswith("by bounds of all looks: 99.5 %, not 95 %")


def test_a_baseline_of_another_run_shares_anew(folders):
    """
    Beside the same retriever of another run the level is that of this comparison, not the recorded one.
    """
    old = whole(folders, "old", retriever="A()")

    d = found(of_retrievers(old, beside_baseline(folders, level=0.995), "A()", "B()"), "nDCG@10")

    assert 0.975 == d.level


def test_what_was_not_asked_in_looks_has_the_rest_of_what_may_err(folders):
    """
    Of three retrievers two were asked in looks, which leaves a third of 5 %: the p of the other counts three times.
    """
    cells = [cell(cell=str(n), retriever=f"{n}()", decision=decision(N) if n else None) for n in range(3)]
    better = VALUES + np.tile([0.1, -0.045], N // 2)
    old = folders.run("old", *cells, values={"nDCG@10": VALUES}, primary="nDCG@10")
    new = folders.run("new", *cells, values={"nDCG@10": better}, primary="nDCG@10")

    (d, *_) = (pair.differences[0] for pair in compare(old, new).pairs)

    assert 0 < d.p < 0.05 < d.p_holm
    assert pytest.approx(3 * d.p) == d.p_holm
    assert ("better", "undecided") == (d.paired.verdict, d.verdict)
    assert "not once adjusted for 1 retrievers beside those asked in looks" == d.why


def test_bounds_of_a_measure_end_at_1(folders):
    """
    A loss of nearly all has bounds that no difference of values from 0 to 1 lies beyond.
    """
    lost = np.where(np.arange(N) % 10 == 0, 0.9, 0.0)

    d = found(compare(whole(folders, "old", np.ones(N)), stopped(folders, "new", lost)), "nDCG@10")

    assert -1.0 == d.interval[0]


def test_a_measure_that_one_side_has(folders):
    """
    A measure that one side alone has is shown as not compared, and which run it is missing from.
    """
    old = whole(folders, "old", quality={"nDCG@10": 0.9, "R@1": 0.5})
    new = stopped(folders, "new", decision=decision(20, means={"nDCG@10": 0.1, "RR@10": 0.2}))

    told = [found(compare(old, new), name) for name in ("nDCG@10", "R@1", "RR@10")]

    assert ["worse", "not compared", "not compared"] == [d.verdict for d in told]
    assert ["not measured in the new run", "not measured in the old run"] == [d.why for d in told[1:]]


def test_a_measure_of_all_hits_at_another_depth(folders):
    """
    A measure without a cut-off looks at all hits, so that of another depth it is not compared; others are.
    """
    both = {"nDCG@10": 0.9, "RR": 0.9}
    old = folders.run("old", cell(quality=both, depth=50), values={"nDCG@10": VALUES, "RR": VALUES}, primary="nDCG@10")
    new = folders.run("new", part("new", measures=tuple(both)), primary="nDCG@10")
    keep(new, "new", **{"nDCG@10": WORSE, "RR": WORSE})

    told = [found(compare(old, new), name) for name in both]

    assert ["worse", "not compared"] == [d.verdict for d in told]
    assert "it looks at all hits, and depth differs: 50 / 100" == told[1].why


def test_saturated_in_looks(folders):
    """
    Where both means lie above .98 it is said, as of an ordinary comparison.
    """
    high = np.full(N, 0.99)

    d = found(compare(whole(folders, "old", high), stopped(folders, "new", high + 0.005)), "nDCG@10")

    assert d.why.endswith("; saturated: both above 0.98")


def test_identical_beside_its_own_baseline(folders):
    """
    A cell that was asked all its queries, and finds what the baseline of its run finds, is identical.
    """
    same = cell(cell="1", retriever="B()", decision=decision(N, verdict="identical"))
    run = folders.run("run", cell(retriever="A()"), same, values={"nDCG@10": VALUES}, primary="nDCG@10", baseline="A()")

    d = found(of_retrievers(run, run, "A()", "B()"), "nDCG@10")

    assert "identical" == d.verdict
