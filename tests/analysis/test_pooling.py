"""What of a run goes into a judging sheet."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise

import msgspec
import pytest

from bench.analysis.pooling import Holes, Sheet, holes, sheet
from bench.errors import InputError
from bench.records import run_folder
from tests.helpers.pooled import pooled_run
from tests.helpers.zoo import QRELS

MANY = {f"p{number}": f"passage {number}" for number in range(30)}
ASKED = {f"q{number}": f"question {number}" for number in range(12)}


def pooled(found: Sheet) -> dict[str, set[str]]:
    """Query id -> the passages to be judged for it."""
    passages: dict[str, set[str]] = defaultdict(set)
    for pair in found.pairs:
        passages[pair.query_id].add(pair.passage_id)
    return dict(passages)


def test_the_first_k_of_all_each_once(tmp_path):
    """
    The pool of a query is the union of everyone's first k, approximate ones' too: nobody's first hits stay unjudged.
    """
    found = {"A() @ Flat()": [[0, 1, 2], [0], [3]], "A() @ HNSW()": [[0, 3], [0], [3]], "B()": [[1, 0], [2], []]}
    run = pooled_run(tmp_path, found, _1={"exact": False})

    made = sheet(run, k=2)

    assert {"q1": {"p1", "p2", "p4"}, "q2": {"p1", "p3"}, "q3": {"p4"}} == pooled(made)
    assert len(made.pairs) == sum(map(len, pooled(made).values()))
    assert (3, 3, 0, 0, False) == made[3:]


def test_a_pair_has_its_texts(tmp_path):
    """
    Beside the ids stand the question and the passage as a reader has it, its title once.
    """
    run = pooled_run(tmp_path, {"A()": [[0], [], []]})
    corpus = tmp_path / "zoo" / "corpus.jsonl"
    line = {"_id": "p1", "title": "the cat", "text": "sat on the mat"}  # joined it is the text that was searched
    corpus.write_text("\n".join([json.dumps(line), *corpus.read_text().splitlines()[1:]]))

    (pair,) = sheet(run).pairs

    assert ("q1", "p1", "cat on a mat", "the cat - sat on the mat") == pair


def test_queries_that_differ_most(tmp_path):
    """
    As many queries as were asked for, those first on whose first k the rankers agree least.
    """
    alike = [[row, row + 1] for row in range(12)]
    other = [*alike[:4], *([20, 21] for _ in range(2)), *([row, 22] for row in range(6, 9)), *alike[9:]]
    run = pooled_run(tmp_path, {"A()": alike, "B()": other}, passages=MANY, queries=ASKED)

    two, five = (set(pooled(sheet(run, n_queries=n))) for n in (2, 5))

    assert {"q4", "q5"} == two
    assert {"q4", "q5", "q6", "q7", "q8"} == five


def test_twins_do_not_decide_which_queries_differ(tmp_path):
    """
    Three indexes of one encoder have one voice: a query on which they alone differ is none that differs.
    """
    same = [[0, 1], [2, 3], [1, 2]]
    cut = [[0, 3], [2, 3], [1, 2]]
    found = {"A() @ Flat()": same, "A() @ IVF()": cut, "A() @ HNSW()": cut, "B()": [[0, 1], [2, 1], [1, 2]]}
    run = pooled_run(tmp_path, found, _1={"exact": False}, _2={"exact": False})

    assert {"q2"} == set(pooled(sheet(run, n_queries=1)))


def test_ties_and_orders_are_drawn_by_the_seed(tmp_path):
    """
    The same seed makes the same sheet, another another: which of equal queries, and the order of all that is in it.
    """
    rows = [[row, 29 - row, (row + 7) % 30] for row in range(12)]
    run = pooled_run(tmp_path, {"A()": rows}, passages=MANY, queries=ASKED)

    drawn = [tuple(pooled(sheet(run, n_queries=6, seed=seed))) for seed in range(20)]
    orders = {tuple(pair.passage_id for pair in sheet(run, seed=seed).pairs) for seed in range(5)}

    assert sheet(run, seed=3) == sheet(run, seed=3)
    assert len({frozenset(queries) for queries in drawn}) > 10
    assert len({queries[0] for queries in drawn}) > 4
    assert 5 == len(orders)


def test_the_order_tells_neither_who_nor_where(tmp_path):
    """
    A sheet is the same whichever retriever found what at which rank: only what was found decides it.
    """
    one, other = [[0, 1, 2], [3, 0, 1], [2]], [[3, 2, 0], [1, 2, 0], [0]]
    turned = [[[*reversed(rows)] for rows in found] for found in (other, one)]
    made = sheet(pooled_run(tmp_path / "a", {"A()": one, "B()": other}))
    again = sheet(pooled_run(tmp_path / "b", dict(zip(("Other()", "Names()"), turned, strict=True))))

    assert made.pairs == again.pairs


def test_the_pairs_of_a_query_stand_together(tmp_path):
    """
    A question is read once: its passages follow one another.
    """
    rows = [[row, 29 - row, (row + 7) % 30] for row in range(12)]
    made = sheet(pooled_run(tmp_path, {"A()": rows}, passages=MANY, queries=ASKED))

    queries = [pair.query_id for pair in made.pairs]
    assert len(set(queries)) == 1 + sum(one != other for one, other in pairwise(queries))


def test_judged_pairs_are_left_out(tmp_path):
    """
    What the run has judgments of is not asked again, unless it is wanted; a query with nothing left is passed over.
    """
    run = pooled_run(tmp_path, {"A()": [[0, 2], [1], [2, 3]]}, qrels=QRELS)

    made, whole = sheet(run, n_queries=2), sheet(run, again=True)

    assert ({"q1": {"p3"}, "q3": {"p4"}}, 2) == (pooled(made), made.n_queries)
    assert made.n_judged in (2, 3)  # q2 has nothing left, and may come behind the two
    assert ({"q1": {"p1", "p3"}, "q2": {"p2"}, "q3": {"p3", "p4"}}, 0) == (pooled(whole), whole.n_judged)


@pytest.mark.parametrize("at_random", [False, True])
def test_judged_queries_come_first(tmp_path, at_random):
    """
    What was begun is completed before more queries are begun, however far these are from agreement.
    """
    alike, other = [[row, row + 1] for row in range(12)], [[row, row + 9] for row in range(11)] + [[11, 12]]
    run = pooled_run(tmp_path, {"A()": alike, "B()": other}, passages=MANY, queries=ASKED)
    kept = run_folder.read_set(run.folder, "zoo")
    run_folder.write_set(run.folder, msgspec.structs.replace(kept, qrels={"q11": {"p11": 1}, "q4": {"p4": 1}}))

    made = [pooled(sheet(run, n_queries=n, seed=seed, at_random=at_random)) for n in (2, 3) for seed in range(4)]

    assert [{"q4", "q11"}] * 4 == [set(found) for found in made[:4]]
    assert ({"p5", "p13"}, {"p12"}) == (made[0]["q4"], made[0]["q11"])
    assert all(set(found) > {"q4", "q11"} for found in made[4:])


def test_passages_that_an_imported_run_alone_knows(tmp_path):
    """
    A passage that is not in the set has no text to be judged by: it is left out and counted.
    """
    made = sheet(pooled_run(tmp_path, {"A()": [[0, 4], [1], [2]]}))

    assert ({"p1"}, 1) == (pooled(made)["q1"], made.n_unknown)


def test_queries_at_random(tmp_path):
    """
    At random a query that all agree on is as likely as one that they do not.
    """
    alike = [[row] for row in range(12)]
    run = pooled_run(tmp_path, {"A()": alike, "B()": [[20], *alike[1:]]}, passages=MANY, queries=ASKED)

    drawn = [set(pooled(sheet(run, n_queries=3, seed=seed, at_random=True))) for seed in range(30)]

    assert 12 == len(set.union(*drawn))
    assert any("q0" not in queries for queries in drawn)


def two_sets(run):
    record = msgspec.structs.replace(run.record, passage_sets=run.record.passage_sets | {"other": "00"})
    (run.folder / run_folder.RUN).write_bytes(run_folder.pretty(record))


def other_texts(run):
    corpus = run.folder.parent / "zoo" / "corpus.jsonl"
    corpus.write_text(corpus.read_text().replace("cat", "cow"))


def no_texts(run):
    (run.folder.parent / "zoo" / "corpus.jsonl").unlink()


def no_hits(run):
    (run.folder / "hits" / "c0.npz").unlink()


def nothing(run): ...


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (two_sets, {}, "expected one passage set for a sheet, found zoo, other: name one with --passages"),
        (nothing, {"passage_set": "zo"}, "expected one of its passage sets zoo, found 'zo'. Did you mean zoo?"),
        (nothing, {"k": 101}, "zoo: -k: expected at most 100, the depth that its hits were kept to, found 101"),
        (other_texts, {}, "zoo: expected the texts that it searched, found no texts: .* has changed since the run"),
        (no_texts, {}, "zoo: expected the texts that it searched, found no texts: .*zoo: expected a BEIR folder"),
        (no_hits, {}, "expected the hits of cell c0, found none that can be read"),
    ],
)
def test_what_cannot_be_judged_is_refused(tmp_path, change, options, words):
    """
    A set, texts or hits that are not there are named, with what to do.
    """
    change(pooled_run(tmp_path, {"A()": [[0], [1], [2]]}))

    with pytest.raises(InputError, match=words):
        sheet(run_folder.read(tmp_path / "run"), **options)


@pytest.mark.parametrize(
    ("found", "cell", "qrels", "words"),
    [
        ([[], [], []], {}, None, "expected pairs to judge, found none: no retriever found anything"),
        (
            [[0], [1], [2]],
            {},
            QRELS,
            "found judgments of all 3: take more with -k .now 10., or judge them again with --",
        ),
        ([[0], [1], [2]], {"status": "failed"}, None, "expected a retriever that ended well, found none: see sparring"),
        (
            [[0], [1], [2]],
            {"n_distractors": 9},
            None,
            "expected real passages alone, found 9 synthetic ones among them",
        ),
    ],
)
def test_where_there_is_nothing_to_judge(tmp_path, found, cell, qrels, words):
    """
    No hits, none that are real, or none without a judgment: there is no sheet, and it is said why.
    """
    run = pooled_run(tmp_path, {"A()": found}, qrels=qrels, _0=cell)

    with pytest.raises(InputError, match=words):
        sheet(run)


class TestHoles:
    def test_they_are_counted(self, tmp_path):
        """
        Of each retriever how many of its first k have no judgment, over queries that have one, of how many; and on
        how many of these queries there is any.
        """
        run = pooled_run(tmp_path, {"A()": [[0, 2, 3], [1], [2]], "B()": [[0], [], [3, 1]]}, qrels=QRELS)
        kept = run_folder.read_set(run.folder, "zoo")
        judged = msgspec.structs.replace(kept, qrels={"q1": {"p1": 1, "p3": 0}, "q2": {"p2": 1}})

        assert ({"A()": (1, 4), "B()": (0, 1)}, 1) == holes(run, judged)
        assert ({"A()": (0, 3), "B()": (0, 1)}, 0) == holes(run, judged, k=2)

    def test_where_only_what_is_relevant_is_written_down(self, tmp_path):
        """
        Where no judgment says "not relevant", a passage without one says nothing, and nothing is counted.
        """
        run = pooled_run(tmp_path, {"A()": [[0, 2], [1], [2]]}, qrels=QRELS)

        assert Holes({}, 0) == holes(run, run_folder.read_set(run.folder, "zoo"))
