"""A comparison over several passage sets."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from bench.analysis.compare import compare, of_retrievers
from bench.analysis.several_sets import with_means
from bench.statistics.over_sets import SetValues, over_sets
from tests.helpers.records import failed
from tests.helpers.run_folders import N, cell, several_sets

LOW, HIGH = np.zeros(N), np.linspace(0.0, 1.0, N)
WON = np.where(np.arange(N) < 6, 1.0, 0.0)


def means(old, new):
    """Of each retriever over sets, by its name now."""
    return {one.new: one for one in with_means(old, new, compare(old, new)).over_sets}


def test_the_mean_is_of_the_sets_that_both_have(folders):
    """
    What is said over sets is said of the values of each query; a set that one side alone ran on is named.
    """
    old = several_sets(folders, "old", a={"A()": LOW}, b={"A()": HIGH[:9]}, c={"A()": LOW})
    new = several_sets(folders, "new", a={"A()": HIGH}, b={"A()": LOW[:9]}, d={"A()": LOW})

    found = means(old, new)["A()"]

    assert over_sets([SetValues(LOW, HIGH), SetValues(HIGH[:9], LOW[:9])]) == found.mean
    assert (("a", "b"), ("c", "d")) == (found.passage_sets, found.left_out)
    assert ("nDCG@10", True, 1, 1) == (found.measure, found.primary, found.mean.wins, found.mean.losses)


def test_one_set_has_no_mean(folders):
    """
    One set that both ran on, and one content under two names, are nothing to take a mean over.
    """
    old = several_sets(folders, "old", a={"A()": LOW}, b={"A()": LOW})
    new = several_sets(folders, "new", a={"A()": HIGH}, c={"A()": HIGH})
    twice = [folders.run(name, cell(cell="0"), cell(cell="1", passage_set="copy")) for name in ("one", "two")]

    assert ({}, {}) == (means(old, new), means(*twice))


def test_content_under_two_names_is_not_left_out(folders):
    """
    A set that was compared under another name is one of those that were, and is not named as left out.
    """
    runs = [several_sets(folders, side, a={"A()": LOW}, b={"A()": LOW}, copy={"A()": LOW}) for side in ("old", "new")]
    alike = {"passage_set_sha256": "a"}
    old, new = (
        type(run)(
            run.folder,
            run.record,
            run.environment,
            (*run.measurements[:2], msgspec.structs.replace(run.measurements[2], **alike)),
        )
        for run in runs
    )

    (found,) = with_means(old, new, compare(old, new)).over_sets

    assert (("a", "b"), ()) == (found.passage_sets, found.left_out)


def test_a_cell_that_cannot_be_compared_is_left_out(folders):
    """
    A cell that failed takes its set out of its retriever's mean, and out of no other's.
    """
    sets = {name: {"A()": LOW, "B()": LOW} for name in "abc"}
    old = several_sets(folders, "old", **sets)
    new = several_sets(folders, "new", **sets)
    broken = failed(passage_set="c", passage_set_sha256="c", retriever="A()", cell="4")
    new = type(new)(new.folder, new.record, new.environment, (*new.measurements[:4], broken, new.measurements[5]))

    found = means(old, new)

    assert (("a", "b"), ("c",)) == (found["A()"].passage_sets, found["A()"].left_out)
    assert (("a", "b", "c"), ()) == (found["B()"].passage_sets, found["B()"].left_out)


def test_two_retrievers_of_one_run(folders):
    """
    One retriever against another is one question, over the sets that both ran on.
    """
    run = several_sets(folders, "run", a={"A()": LOW, "B()": HIGH}, b={"A()": LOW, "B()": HIGH}, c={"A()": LOW})

    (found,) = with_means(run, run, of_retrievers(run, run, "A()", "B()")).over_sets

    assert ("A()", "B()", ("a", "b"), ("c",)) == (found.old, found.new, found.passage_sets, found.left_out)
    assert ("better", found.mean.p) == (found.verdict, found.p_holm)


def test_p_is_adjusted_over_the_retrievers(folders):
    """
    Holm's p over retrievers is statsmodels'; a verdict that it takes away says so; what is identical is no member.
    """
    little = np.where(np.arange(N) < 8, 1.0, np.where(np.arange(N) < 11, -1.0, 0.0))
    names = [f"R{number}()" for number in range(5)]
    changed = [WON, little, little, little, LOW]
    old = several_sets(folders, "old", **{name: dict.fromkeys(names, LOW) for name in "ab"})
    new = several_sets(folders, "new", **{name: dict(zip(names, changed, strict=True)) for name in "ab"})

    found = means(old, new)

    tested = [found[name] for name in names[:4]]
    expected = multipletests([one.mean.p for one in tested], method="holm")[1]
    assert pytest.approx(expected.tolist(), rel=1e-9) == [one.p_holm for one in tested]
    assert ["better", "undecided"] == [one.verdict for one in tested[:2]]
    assert ("better", "not once adjusted for 4 retrievers") == (tested[1].mean.verdict, tested[1].why)
    assert ("identical", None) == (found["R4()"].verdict, found["R4()"].p_holm)


def test_a_retriever_under_several_threads_has_one_mean(folders):
    """
    Threads change no quality: of one retriever under several there is one mean.
    """
    run = several_sets(folders, "run", a={"A()": LOW}, b={"A()": LOW})
    more = [type(m)(**{f: getattr(m, f) for f in m.__struct_fields__} | {"threads": 2}) for m in run.measurements]
    both = type(run)(run.folder, run.record, run.environment, (*run.measurements, *more))

    assert ["A()"] == list(means(both, both))
    assert 2 == means(both, both)["A()"].mean.n_sets
