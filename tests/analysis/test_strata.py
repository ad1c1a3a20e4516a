"""A comparison by stratum."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from bench.analysis.compare import compare
from bench.analysis.strata import BY, UNKNOWN, UNLABELLED, groups_of, stratified
from bench.commands.compare import STRATA
from bench.errors import InputError
from bench.passages.loader import load
from bench.statistics.paired import paired
from tests.helpers.records import failed
from tests.helpers.run_folders import N, cell
from tests.helpers.zoo import write_set

EVEN = np.tile([0.2, 0.1, 0.05, -0.05, 0.0, 0.3, -0.1, 0.1], 5)  # N differences


def labelled(folders, labels):
    folders.passage_set = msgspec.structs.replace(folders.passage_set, labels=tuple(labels))


def pair_of(folders, old_values, new_values, **changes):
    """Two runs of one cell, of these values of every query."""
    made = cell(quality=dict.fromkeys(new_values, 0.5), **changes)
    return folders.run("old", made, values=old_values), folders.run("new", made, values=new_values)


def by_label(old, new, **options):
    (pair,) = stratified(old, new, compare(old, new), "label", **options).pairs
    return pair


def test_each_label_is_compared_alone(folders):
    """
    Each label's queries are paired as a set of their own would be: the same means, interval and p.
    """
    labels = ["name", "number"] * (N // 2)
    labelled(folders, labels)
    clusters = tuple(f"article {query // 4}" for query in range(N))
    folders.passage_set = msgspec.structs.replace(folders.passage_set, clusters=clusters)
    before = np.linspace(0.2, 0.6, N)
    old, new = pair_of(folders, {"nDCG@10": before}, {"nDCG@10": before + EVEN})

    found = by_label(old, new).strata

    assert ["name", "number"] == [stratum.name for stratum in found]
    for stratum, start in zip(found, (0, 1), strict=True):
        expected = paired(before[start::2], (before + EVEN)[start::2], clusters[start::2])
        assert expected == stratum.difference.paired
        assert (20, 10) == (expected.n_queries, expected.n_clusters)


def test_a_label_is_scipys_and_its_p_statsmodels(folders):
    """
    Without clusters, and without skewness, a label's interval is scipy's of its differences; Holm's p is statsmodels'.
    """
    labelled(folders, ["a"] * 20 + ["b"] * 20)
    moved = np.concatenate([np.tile([0.4, 0.2, 0.1, -0.1, 0.3], 4), np.tile([-0.1, 0.1], 10) + 0.02])
    moved[:20] = 0.2 + np.tile([0.1, -0.1, 0.05, -0.05], 5)
    old, new = pair_of(folders, {"nDCG@10": np.zeros(N)}, {"nDCG@10": moved})

    found = [stratum.difference for stratum in by_label(old, new).strata]

    for d, part in zip(found, (moved[:20], moved[20:]), strict=True):
        expected = stats.ttest_1samp(part, 0.0).confidence_interval()
        assert pytest.approx((expected.low, expected.high), rel=1e-9) == d.interval
    adjusted = multipletests([d.p for d in found], method="holm")[1]
    assert pytest.approx(adjusted.tolist(), rel=1e-9) == [d.p_holm for d in found]
    assert ["better", "undecided"] == [d.verdict for d in found]


def test_the_family_is_all_labels_of_all_retrievers(folders):
    """
    p is adjusted over labels and retrievers together; a verdict that is taken away says so, and what is identical is
    no member.
    """
    labelled(folders, ["a"] * 20 + ["b"] * 20)
    won = np.where(np.arange(N) % 20 < 6, 1.0, 0.0)
    cells = [cell(cell=name, retriever=f"{name}()", quality={"nDCG@10": 0.5}) for name in "XYZ"]
    old = folders.run("old", *cells, values={"nDCG@10": np.zeros(N)})
    new = folders.run("new", *cells, values={"nDCG@10": won})
    np.savez(new.folder / "quality" / "Z.npz", **{"nDCG@10": np.zeros(N)})

    pairs = stratified(old, new, compare(old, new), "label").pairs

    tested = [stratum.difference for pair in pairs[:2] for stratum in pair.strata]
    assert {4 * d.p for d in tested} == {d.p_holm for d in tested}
    assert {("undecided", "not once adjusted for 4 strata and retrievers")} == {(d.verdict, d.why) for d in tested}
    assert [("identical", None)] * 2 == [(s.difference.verdict, s.difference.p_holm) for s in pairs[2].strata]


def test_a_label_of_one_query_is_undecided(folders):
    """
    One query, or one article, has no interval and no p, and takes no part in the family; queries without a label are a
    stratum too.
    """
    labelled(folders, ["rare", "", *["common"] * (N - 2)])
    old, new = pair_of(folders, {"nDCG@10": np.zeros(N)}, {"nDCG@10": np.full(N, 0.5) + EVEN})

    found = {stratum.name: stratum.difference for stratum in by_label(old, new).strata}

    assert ["common", UNLABELLED, "rare"] == list(found)
    assert (None, None, None, "undecided") == (
        found["rare"].interval,
        found["rare"].p,
        found["rare"].p_holm,
        found["rare"].verdict,
    )
    assert ("better", found["common"].p) == (found["common"].verdict, found["common"].p_holm)


def test_another_measure_is_compared_where_it_is_named(folders):
    """
    The primary measure, or the one that is named; one that no cell has is refused, with the nearest.
    """
    labelled(folders, ["a", "b"] * 20)
    values = {"nDCG@10": np.zeros(N), "R@10": np.ones(N)}
    old, new = pair_of(folders, values, values)

    assert {"nDCG@10"} == {s.difference.name for s in by_label(old, new).strata}
    assert {"R@10"} == {s.difference.name for s in by_label(old, new, measure="R@10").strata}
    with pytest.raises(InputError, match=r"--measure: expected one of nDCG@10, R@10, found 'R@1'\. Did you mean R@10"):
        by_label(old, new, measure="R@1")


@pytest.mark.parametrize(
    ("by", "said"), [("label", "its queries have no labels"), ("length", "no texts"), ("overlap", "no texts")]
)
def test_what_a_set_lacks_is_said(folders, by, said):
    """
    Without labels, or without the texts of what was searched, there are no strata, and it says why.
    """
    old, new = pair_of(folders, {"nDCG@10": np.zeros(N)}, {"nDCG@10": np.ones(N)})

    (pair,) = stratified(old, new, compare(old, new), by).pairs

    assert () == pair.strata
    assert pair.strata_said.startswith(f"no strata: {said}")


def test_pairs_that_are_not_compared_have_no_strata(folders):
    """
    A cell that failed has none, one without its values says so, and the others have theirs.
    """
    labelled(folders, ["a", "b"] * 20)
    cells = [cell(cell=name, retriever=f"{name}()", quality={"nDCG@10": 0.5}) for name in "XYZ"]
    old = folders.run("old", *cells, values={"nDCG@10": np.zeros(N)})
    new = folders.run("new", *cells, values={"nDCG@10": np.ones(N)})
    (new.folder / "quality" / "Y.npz").unlink()
    broken = failed(cell="X", retriever="X()", passage_set="tiny", cell_name="")

    found = stratified(old, new, compare(old, replace(new, measurements=(broken, *new.measurements[1:]))), "label")

    assert [0, 0, 2] == [len(pair.strata) for pair in found.pairs]
    assert "no strata: nDCG@10: no values of each query" in found.pairs[1].strata_said


class TestTexts:
    """Strata that are read from texts."""

    @pytest.fixture
    def read(self, folders):
        """The groups of a BEIR folder of these passages, queries and judgments."""

        def groups(by, passages, queries, qrels):
            collection = write_set(folders.root / "read", passages, queries, qrels)
            folders.passage_set = load(str(collection), columns=None)
            run = folders.run("run", cell(), passages=[str(collection)])
            return groups_of(run, run, "read", by)

        return groups

    def test_thirds_by_words(self, read):
        """
        Queries are parted at the lengths that a third and two thirds do not exceed; equal lengths stay together.
        """
        texts = ["one", "two", "one two", "one two three", "the one of the six", "one of two of three of four"]

        found = read(
            "length", {"p": "one"}, {f"q{n}": text for n, text in enumerate(texts)}, {f"q{n}": "p" for n in range(6)}
        )

        assert ("1", "2 to 3", "5 to 7") == found.names
        assert [0, 0, 1, 1, 2, 2] == [found.names.index(name) for name in found.of_query]

    def test_overlap_is_the_share_of_a_querys_terms(self, read):
        """
        Terms are stemmed, stop words are none; a query of stop words has no overlap that is known.
        """
        passages = {"p1": "the cats sat on mats", "p2": "dogs bark"}
        queries = {"q1": "a cat on the mat", "q2": "cat dog", "q3": "birds sing", "q4": "of the"}

        found = read("overlap", passages, queries, {"q1": "p1", "q2": "p1", "q3": "p2", "q4": "p2"})

        assert (".000", ".500", "1.000", UNKNOWN) == found.names
        assert ("1.000", ".500", ".000", UNKNOWN) == found.of_query

    def test_where_all_are_alike_there_is_one(self, read):
        """
        Queries of one length are one stratum.
        """
        found = read("length", {"p": "one"}, {"q1": "a b", "q2": "c d"}, {"q1": "p", "q2": "p"})

        assert ("2",) == found.names


def test_the_command_takes_every_kind():
    """
    What --by offers is what there is.
    """
    assert STRATA == BY
