"""The queries that changed most between two runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec

from bench.analysis.changed_queries import changes
from bench.analysis.compare import compare
from tests.helpers.records import failed
from tests.helpers.run_folders import N, cell
from tests.helpers.tiny import tiny_set
from tests.helpers.zoo import write_set


def test_queries_that_changed_most_come_first_with_their_texts(moved):
    """
    The query that lost most stands first, with what was found before and after; one that did not change is left out.
    """
    (pair,) = compare(*moved).pairs

    told = changes(*moved, pair, 5)

    assert (["q2", "q3"], 2, "") == ([change.query for change in told.queries], told.n_changed, told.said)
    lost = told.queries[0]
    assert ("barking dogs", 1.0, 0.0, 0.0) == (lost.text, lost.old.value, lost.new.value, lost.overlap)
    assert ("p2", "a dog barks at the cat", 1) == (lost.old.first, lost.old.text, lost.old.rank)
    assert ("p1", "the cat sat on the mat", None) == (lost.new.first, lost.new.text, lost.new.rank)


def test_without_the_collection_ids_are_told_and_why(moved):
    """
    Where the collection is no longer what was searched there are ids, and the reason why there are no texts.
    """
    old, new = moved
    write_set(Path(old.record.suite["passages"][0]), passages={"p1": "another"}, queries={"q1": "one"}, qrels=None)
    (pair,) = compare(old, new).pairs

    told = changes(old, new, pair, 1)

    assert [("q2", "", "p2", "")] == [(c.query, c.text, c.old.first, c.old.text) for c in told.queries]
    assert told.said.startswith("no texts: ")


def test_without_judgments_the_least_agreement_comes_first(folders):
    """
    Queries of a set without judgments stand by how little of their top ten both have.
    """
    folders.passage_set = tiny_set(N, 2, judged=False)
    known = cell(n_queries=2, n_judged=None, quality=None)
    old = folders.run("old", known, rows=[[0, 1], [2, 3]])
    new = folders.run("new", known, rows=[[0, 1], [4, 5]])
    (pair,) = compare(old, new).pairs

    told = changes(old, new, pair, 5)

    assert [("q1", 0.0, None)] == [(change.query, change.overlap, change.old.value) for change in told.queries]
    assert (0.5, 0.5) == (pair.same_top, pair.overlap)


def test_a_pair_that_is_not_compared_has_no_queries(moved):
    """
    Nothing is said of the queries of a cell that failed.
    """
    old, new = moved
    broken = replace(new, measurements=(failed(**msgspec.structs.asdict(new.measurements[0]) | {"status": "failed"}),))
    (pair,) = compare(old, broken).pairs

    assert ([], 0, "") == tuple(changes(old, broken, pair, 5))
