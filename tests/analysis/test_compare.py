"""Two runs side by side."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from bench.analysis.compare import compare, of_retrievers
from bench.errors import InputError
from tests.helpers.records import failed, weight
from tests.helpers.run_folders import N, cell, found

# Which cells


def test_cells_match_by_name_before_spelling(folders):
    """
    A cell is compared with the one of its name, however that is spelled; then with the one of its spelling; a cell
    that the other run has not is named.
    """
    old = folders.run("old", cell(cell="1", cell_name="lexical"), cell(cell="2", retriever="A()"))
    changed = cell(cell="3", cell_name="lexical", retriever="BM25(k1=1.2) @ CSR()")
    new = folders.run("new", changed, cell(cell="4", retriever="BM25() @ CSR()"))

    both = compare(old, new)

    assert [("1", "3")] == [(pair.old.cell, pair.new.cell) for pair in both.pairs]
    assert (["2"], ["4"]) == ([m.cell for m in both.only_old], [m.cell for m in both.only_new])


def test_cells_under_several_threads_match_each_its_own(folders):
    """
    One spelling under two numbers of threads is two cells; where only the other number was run, that is compared.
    """
    one, two = cell(cell="1", threads=1), cell(cell="2", threads=2)
    old, new, four = folders.run("old", one, two), folders.run("new", two, one), cell(cell="4", threads=4)

    assert [("2", "2"), ("1", "1")] == [(pair.old.cell, pair.new.cell) for pair in compare(old, new).pairs]
    assert [("1", "4")] == [(p.old.cell, p.new.cell) for p in compare(old, folders.run("four", four)).pairs]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"passage_set_sha256": "11"}, "other passages, queries or judgments under the same name"),
        ({"n_distractors": 1_000}, "synthetic passages differ: 0 / 1,000"),
        ({"status": "failed", "reason": "it broke"}, "new: failed: it broke"),
    ],
)
def test_what_cannot_be_compared_says_why(folders, changes, problem):
    """
    Of other content, of a cell that failed and of a set grown otherwise nothing is compared; the other cells are.
    """
    fine = cell(cell="2", retriever="A()")
    old = folders.run("old", cell(cell="1"), fine)
    new = folders.run("new", failed(**msgspec.structs.asdict(cell(cell="1")) | changes), fine)

    bad, good = compare(old, new).pairs

    assert (problem, ()) == (bad.problem, bad.differences)
    assert ("", True) == (good.problem, bool(good.differences))


def test_two_retrievers_of_one_run(folders):
    """
    Two retrievers of one run are compared on each set that both ran on, and no environment differs.
    """
    run = folders.run("run", cell(cell="1"), cell(cell="2", retriever="TfIdf() @ CSR()"))

    both = of_retrievers(run, run, "BM25()@CSR()", "TfIdf() @ CSR()")

    assert [("tiny", "1", "2")] == [(p.passage_set, p.old.cell, p.new.cell) for p in both.pairs]
    assert () == both.environment


def test_a_retriever_that_is_none_of_the_runs_names_the_nearest(folders):
    """
    A retriever that was not run is an error that says which were, and which was meant.
    """
    run = folders.run("run", cell())

    with pytest.raises(InputError, match=r"BM25\(\) @ CSR\(\).*found 'BM25\(\) @ CSC\(\)'.*Did you mean"):
        of_retrievers(run, run, "BM25() @ CSR()", "BM25() @ CSC()")


# Quality


def test_quality_is_paired_by_query(folders):
    """
    Every query .1 better is better by .1, whatever the queries' own spread; nobody loses.
    """
    before = np.linspace(0.1, 0.8, N)
    after = before + 0.1 + np.where(np.arange(N) % 2, 0.01, -0.01)
    old = folders.run("old", cell(), values={"nDCG@10": before})
    new = folders.run("new", cell(), values={"nDCG@10": after})

    quality = found(compare(old, new), "nDCG@10")

    assert ("better", True) == (quality.verdict, quality.primary)
    assert 0.1 == pytest.approx(quality.paired.difference)
    assert 0.09 < quality.interval[0] < 0.1 < quality.interval[1] < 0.11
    assert (N, 0, 0) == (quality.paired.wins, quality.paired.ties, quality.paired.losses)


def test_only_judged_queries_and_their_clusters_count(folders):
    """
    Queries without judgments have no value, and of the clusters only those of judged queries are read.
    """
    judged = {query: grades for query, grades in folders.passage_set.qrels.items() if query not in ("q0", "q1")}
    clusters = tuple(f"paragraph {index // 2}" for index in range(N))
    folders.passage_set = msgspec.structs.replace(folders.passage_set, qrels=judged, clusters=clusters)
    old = folders.run("old", cell(), values={"nDCG@10": np.zeros(N - 2)})
    new = folders.run("new", cell(), values={"nDCG@10": np.ones(N - 2)})

    quality = found(compare(old, new), "nDCG@10")

    assert (N - 2, N // 2 - 1) == (quality.paired.n_queries, quality.paired.n_clusters)
    assert ("better", "") == (quality.verdict, quality.why)


def test_holm_is_over_the_pairs_of_a_set_measure_by_measure(folders):
    """
    p of a measure is adjusted for all pairs of the set; pairs that are identical are none.
    """
    values = np.linspace(0.0, 1.0, N)
    cells = [cell(cell=name, retriever=f"{name}()", quality={"nDCG@10": 0.5, "R@1": 0.5}) for name in "AB"]
    old = folders.run("old", *cells, values={"nDCG@10": values, "R@1": values})
    new = folders.run("new", *cells, values={"nDCG@10": values[::-1] + 0.1, "R@1": values})

    both = compare(old, new)

    (primary, other), _ = ([d for d in pair.differences if d.kind == "quality"] for pair in both.pairs)
    assert min(1.0, 2 * primary.p) == primary.p_holm
    assert (False, None, "identical") == (other.primary, other.p_holm, other.verdict)


def test_a_verdict_agrees_with_the_adjusted_p(folders):
    """
    What alone would be better is undecided where so many are compared that its adjusted p is not small, and says why.
    """
    won = np.where(np.arange(N) < 6, 1.0, 0.0)
    names = [str(number) for number in range(4)]
    cells = [cell(cell=name, retriever=f"R{name}()", quality={"nDCG@10": 0.5}) for name in names]
    old = folders.run("old", *cells, values={"nDCG@10": np.zeros(N)})
    new = folders.run("new", *cells, values={"nDCG@10": won})
    alone = folders.run("alone", cells[0], values={"nDCG@10": won})

    told = found(compare(old, alone), "nDCG@10")
    many = [pair.differences[0] for pair in compare(old, new).pairs]

    assert ("better", "", told.p) == (told.verdict, told.why, told.p_holm)
    assert {("undecided", "not once adjusted for 4 retrievers")} == {(d.verdict, d.why) for d in many}
    assert {4 * told.p} == {d.p_holm for d in many}


def test_what_is_identical_costs_the_others_nothing(folders):
    """
    Retrievers that found the same before and after are no members of the family whose p is adjusted.
    """
    won = np.where(np.arange(N) < 6, 1.0, 0.0)
    cells = [cell(cell=name, retriever=f"{name}()", quality={"nDCG@10": 0.5}) for name in "ABC"]
    old = folders.run("old", *cells, values={"nDCG@10": np.zeros(N)})
    new = folders.run("new", *cells, values={"nDCG@10": np.zeros(N)})
    np.savez(new.folder / "quality" / "A.npz", **{"nDCG@10": won})

    one, *others = (pair.differences[0] for pair in compare(old, new).pairs)

    assert ("better", one.p) == (one.verdict, one.p_holm)
    assert [("identical", None)] * 2 == [(d.verdict, d.p_holm) for d in others]


def test_holm_counts_a_retriever_once_however_many_threads(folders):
    """
    One retriever under two numbers of threads is one question: its p is not adjusted as if it were two.
    """
    values = np.linspace(0.0, 1.0, N)
    cells = [cell(cell=str(threads), threads=threads) for threads in (1, 2)] + [cell(cell="3", retriever="A()")]
    old = folders.run("old", *cells, values={"nDCG@10": values})
    new = folders.run("new", *cells, values={"nDCG@10": values[::-1] + 0.1})

    both = compare(old, new)

    primaries = [pair.differences[0] for pair in both.pairs]
    assert [min(1.0, 2 * d.p) for d in primaries] == [d.p_holm for d in primaries]
    assert 2 * primaries[0].p < 1


def test_quality_without_its_values_is_named_and_the_rest_is_compared(folders):
    """
    Where the file of values is gone the means are shown and not compared; bytes still are.
    """
    weighed = cell(storage_weight=weight(100))
    old = folders.run("old", weighed, values={"nDCG@10": np.zeros(N)})
    new = folders.run("new", weighed, values={"nDCG@10": np.zeros(N)})
    (new.folder / "quality" / "0.npz").unlink()

    both = compare(old, new)

    quality = found(both, "nDCG@10")
    assert (0.5, 0.5, "not compared") == (quality.old, quality.new, quality.verdict)
    assert "no values of each query" in quality.why
    assert "identical" == found(both, "ledger_bytes").verdict


def test_measures_of_other_cuts_are_not_compared(folders):
    """
    A measure that only one has, and one that looks at all hits where they were kept to another depth, are named.
    """
    values = {"nDCG@10": np.zeros(N), "AP": np.zeros(N)}
    old = folders.run("old", cell(quality={"nDCG@10": 0.0, "AP": 0.0}, depth=100), values=values)
    new = folders.run("new", cell(quality={"nDCG@10": 0.0, "AP": 0.0, "R@1": 0.0}, depth=50), values=values)

    both = compare(old, new)

    assert "identical" == found(both, "nDCG@10").verdict
    assert "it looks at all hits, and depth differs: 100 / 50" == found(both, "AP").why
    assert "not measured in the old run" == found(both, "R@1").why


def test_agreement_of_hits(folders):
    """
    The share of queries with the same passages in the same order, and how many of ten both have.
    """
    same, swapped = np.tile(np.arange(10), (N, 1)), np.tile(np.arange(10), (N, 1))
    swapped[0, :2] = [1, 0]
    swapped[1, 0] = 20
    old, new = folders.run("old", cell(), rows=same), folders.run("new", cell(), rows=swapped)

    (pair,) = compare(old, new).pairs

    assert 1 - 2 / N == pair.same_top
    assert 1 - 0.1 / N == pytest.approx(pair.overlap)
