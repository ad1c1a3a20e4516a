"""Hits that do not count are asked for beside those that do, and are in no number."""

from __future__ import annotations

import json
import shutil

import msgspec
import numpy as np
import pytest

from bench.analysis import export
from bench.analysis.pooling import Holes, holes
from bench.analysis.reproduce import command_of
from bench.errors import InputError
from bench.passages import loader
from bench.passages.exclusion import leave_out
from bench.passages.loader import Columns
from bench.passages.passage_set import rehashed
from bench.records import run_folder
from bench.run import flags, imported, outside_run
from bench.run.suite import CellGroup, Suite
from retrievers.contract import Hits
from tests.helpers.dense_models import MINILM
from tests.helpers.places import KNOWN
from tests.helpers.tiny import registry, run, suite, tiny_set

NEAR = """
from pathlib import Path

import numpy as np
from retrievers.contract import Spelled, top_k


class Near(Spelled):
    'Looks at so many passages alone as it is asked for hits, and writes down for how many it was asked.'

    exact = False

    def __init__(self, log: str) -> None:
        self.log = log

    def build(self, vectors):
        self.vectors = vectors

    def search(self, queries, k):
        with Path(self.log).open("a") as file:
            file.write(f"{k}\\n")
        found = np.zeros((queries.shape[0], self.vectors.shape[0]), np.float32)
        found[:, :k] = (queries @ self.vectors[:k].T).toarray()
        return top_k(found, k, positive=True)
"""
CELL = suite("BM25() @ CSR()", modes=("single",))


def among_themselves(n: int = 30):
    """Each query is one of the passages, and the passage before it is its answer, which shares a word with it."""
    texts = tuple(f"own{i} and shared{i} and shared{i + 1}" for i in range(n))
    ids = tuple(f"d{i}" for i in range(n))
    qrels = {f"d{i}": {f"d{i - 1}": 1} for i in range(1, 21)}
    return msgspec.structs.replace(
        tiny_set(n), passage_ids=ids, passages=texts, query_ids=ids[1:21], queries=texts[1:21], qrels=qrels
    )


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """One retriever, with each query's own passage among its hits and without, timed; and the run folders."""
    folder = tmp_path_factory.mktemp("self")
    measured = {}
    for name, exclude in (("with", None), ("without", "self")):
        asked = msgspec.structs.replace(CELL, exclude=exclude)
        (measured[name],) = run(asked, folder / name, leave_out(among_themselves(), exclude)).values()
    return folder, measured


@pytest.mark.slow
class TestOwnPassages:
    def test_the_answer_stands_first_without_it(self, found):
        """
        With its own passage first, a query finds its answer second, which is said; without it the answer is first.
        """
        _, measured = found
        with_it, without = measured["with"], measured["without"]
        assert ("ok", "ok") == (with_it.status, without.status), (with_it.reason, without.reason)
        assert (0.0, 0.5) == (with_it.quality["R@1"], with_it.quality["RR@10"])
        assert without.quality["RR@10"] >= 0.75
        assert any(flag.startswith("self: 20 of 20 judged queries found") for flag in with_it.flags)
        assert not any(flag.startswith("self:") for flag in without.flags)

    def test_it_is_in_no_file(self, found):
        """
        No hit that is kept is a query's own passage, and as many are kept as were to be.
        """
        folder, measured = found

        hits = run_folder.read_hits(folder / "without", measured["without"].cell)

        assert (20, 100) == hits.rows.shape
        assert not (hits.rows == np.arange(1, 21)[:, None]).any()

    def test_the_command_makes_it_again(self, found):
        """
        What makes a cell again leaves out the same.
        """
        folder, measured = found

        line, text = command_of(run_folder.read(folder / "without"), measured["without"])

        assert "--exclude self" in line or 'exclude = "self"' in (text or "")

    def test_judgments_that_find_it_relevant(self, found, tmp_path):
        """
        Where judgments come that find a query's own passage relevant, what was said of it is said no longer.
        """
        folder = shutil.copytree(found[0] / "with", tmp_path / "with")
        one = among_themselves()
        qrels = {query: {query: 1} for query in one.query_ids}
        judged = rehashed(msgspec.structs.replace(one, qrels=qrels))

        (after,) = run(CELL, folder, judged).values()

        assert 1.0 == after.quality["R@1"]
        assert not any(flag.startswith("self:") for flag in after.flags)
        assert found[1]["with"].single == after.single


@pytest.mark.slow
def test_it_is_asked_for_beside_the_rest(tmp_path):
    """
    Of what finds others for each k, k and the depth are asked for and one more, timed and judged alike.
    """
    (tmp_path / "near.py").write_text(NEAR)
    log = tmp_path / "log"
    cells = msgspec.structs.replace(
        suite(f'TfIdf() @ Near(log="{log}")', modes=("single", "batch")), measures=("R@10",), primary="R@10", depth=20
    )

    (found,) = run(
        cells,
        tmp_path / "run",
        leave_out(among_themselves(), "self"),
        registry(tmp_path / "near.py"),
        (tmp_path / "near.py",),
    ).values()

    assert "ok" == found.status, found.reason
    asked = set(log.read_text().split())
    assert {"11", "21"} == asked - {"1"}  # one is for the warm-up
    assert (10, 20) == tuple(
        run_folder.read_timed(tmp_path / "run", found.cell, k, apart=k == 10).rows.shape[1] for k in (10, 20)
    )


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Six documents of four parts each, in a table; the answer is a document."""
    folder = tmp_path_factory.mktemp("parts")
    rows = [
        {"doc": f"d{doc}", "text": f"word{doc} part{part} {'end' * (part == 3)}"}
        for doc in range(6)
        for part in range(4)
    ]
    (folder / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "q.jsonl").write_text(
        "".join(json.dumps({"id": f"q{i}", "text": f"word{i} end"}) + "\n" for i in range(6))
    )
    (folder / "judged.tsv").write_text("".join(f"q{i}\td{i}\t1\n" for i in range(6)))
    columns = Columns(queries=str(folder / "q.jsonl"), qrels=str(folder / "judged.tsv"), parent="doc")
    return loader.load(str(folder / "p.jsonl"), columns=columns)


@pytest.mark.slow
class TestParts:
    def test_a_table_of_parts(self, parts):
        """
        Passages have the id of their document, which is judged; equal parts of two documents stay apart, and nothing is
        said of row numbers.
        """
        assert (24, 6, ()) == (len(parts.passages), len(set(parts.passage_ids)), parts.remarks)
        assert {"d0": 1} == parts.qrels["q0"]
        assert parts.has_parts

    def test_the_best_part_counts(self, parts, tmp_path):
        """
        A document is found once, where its best part is, and named by its first; so many more are asked for that there
        are documents enough.
        """
        cells = Suite(
            name="parts",
            passages=(parts.name,),
            cells=(CellGroup(retrievers=("BM25() @ Flat()",)),),
            measures=("R@1", "R@3"),
            primary="R@1",
            k=3,
            depth=5,
            rounds=1,
            modes=("single",),
        )

        (found,) = run(cells, tmp_path / "run", parts).values()

        assert ("ok", {"R@1": 1.0, "R@3": 1.0}) == (found.status, found.quality), found.reason
        assert (12, 6) == (found.facts["search_k"], found.facts["n_documents"])
        for hits in (
            run_folder.read_hits(tmp_path / "run", found.cell),
            run_folder.read_timed(tmp_path / "run", found.cell, 3, apart=True),
        ):
            for rows in hits.rows.tolist():
                found_rows = [row for row in rows if row >= 0]
                assert len(found_rows) == len(set(found_rows)) >= 3
                assert {0} == {row % 4 for row in found_rows}

    def test_another_rule_in_its_folder(self, parts, tmp_path):
        """
        A run folder whose cells left out other passages, or none, is not gone on with.
        """
        one = suite("BM25() @ CSR()")
        run(one, tmp_path / "run")

        with pytest.raises(InputError, match=r'expected exclude = null, as it was begun, found "self"'):
            run(msgspec.structs.replace(one, exclude="self"), tmp_path / "run")


def test_documents_of_many_parts():
    """
    Where documents have more parts than are asked for in place of one, too few hits for the depth are told too.
    """
    n, cells = 40, suite("BM25() @ CSR()")
    many = msgspec.structs.replace(tiny_set(n), passage_ids=("d0",) * 20 + tuple(f"d{i}" for i in range(20, n)))
    rows = np.full((20, cells.depth), -1)
    rows[:, :10] = [0, *range(20, 29)]
    found = Hits(rows, np.where(rows < 0, -np.inf, 1.0).astype(np.float32))

    (flag,) = flags.of_hits((found, found), many, cells, is_exact=True)

    assert flag.startswith("few-hits: 20 of 20 queries have fewer than 100 hits, the depth of measures: some documents")
    assert () == tuple(flags.of_hits((found, found), tiny_set(n), cells, is_exact=True))


def test_its_own_passage_without_judgments():
    """
    A query whose own passage is found first is told of where there are judgments, of the queries that have some.
    """
    one, cells = among_themselves(), suite("BM25() @ CSR()")
    rows = np.arange(1, 21)[:, None] + np.arange(10)
    found = Hits(rows, -np.arange(10, dtype=np.float32) * np.ones((20, 1), np.float32))
    few = msgspec.structs.replace(one, qrels={"d1": {"d0": 1}, "d2": {"d2": 1}})

    told = [flags.of_hits((found, found), each, cells, is_exact=False) for each in (one, few)]
    unjudged = flags.of_hits((found, found), msgspec.structs.replace(one, qrels=None), cells, is_exact=False)

    assert ["self: 20 of 20 judged", "self: 1 of 2 judged q"] == [flag[:21] for (flag,) in told]
    assert [] == unjudged


def test_retrievers_that_find_other_parts(parts, tmp_path):
    """
    Documents are judged and compared as such: a run from elsewhere that ranks documents agrees with one of parts.
    """
    documents = {f"q{i}": {f"d{(i + step) % 6}": 9.0 - step for step in range(3)} for i in range(6)}
    chunks = {
        query: {f"{name}#{i}": s - i / 9 for name, s in of.items() for i in (2, 0)} for query, of in documents.items()
    }
    for name, scores in (("documents", documents), ("chunks", chunks)):
        (tmp_path / f"{name}.json").write_text(json.dumps(scores))
    runs = [
        outside_run.read(tmp_path / "documents.json"),
        outside_run.read(tmp_path / "chunks.json", parent_separator="#"),
    ]

    first, second = imported.import_runs(runs, parts, 7, tmp_path / "out")

    assert first.quality == second.quality
    assert (1.0, 1.0) == (first.quality["R@1"], second.overlap_with_baseline)
    assert Holes({}, 0) == holes(run_folder.read(tmp_path / "out"), parts)
    with pytest.raises(InputError, match="expected passage ids with '/' in them"):
        outside_run.read(tmp_path / "chunks.json", parent_separator="/")
    with pytest.raises(InputError, match="expected passage ids with '' in them"):
        outside_run.read(tmp_path / "chunks.json", parent_separator="")
    with pytest.raises(InputError, match="found parts of documents"):
        export.export_set(parts, tmp_path / "exported")


@pytest.mark.slow
def test_few_hits_are_told(tmp_path):
    """
    How many queries have fewer than k hits is in the record, and said where they are more than a few.
    """
    (tmp_path / "near.py").write_text(NEAR)
    found = run(
        suite(f'TfIdf() @ Near(log="{tmp_path / "log"}")', "Constant() @ Flat()"),
        tmp_path / "run",
        tiny_set(),
        registry(KNOWN, tmp_path / "near.py"),
        (KNOWN, tmp_path / "near.py"),
    )

    few, full = found.values()
    assert 20 == few.facts["n_few_hits"]
    assert "few-hits: 20 of 20 queries have fewer than 10 hits" in few.flags
    assert (0, False) == (full.facts["n_few_hits"], any(flag.startswith("few-hits") for flag in full.flags))


@pytest.mark.slow
def test_queries_that_are_cut(tmp_path, cache):
    """
    Two queries that differ behind what a model reads have one vector: how many are cut is counted beside passages, also
    where their vectors were in the cache.
    """
    begin = "word " * 500
    asked = msgspec.structs.replace(
        tiny_set(n_queries=2), queries=(f"{begin} first", f"{begin} second"), qrels={"q0": {"p0": 1}, "q1": {"p1": 1}}
    )

    for folder in ("first", "again"):
        (found,) = run(suite(f'BiEncoder("{MINILM}") @ Flat()'), tmp_path / folder, asked).values()
        assert (1.0, 0.0) == (found.facts["queries_cut"], found.facts["passages_cut"]), found.reason
        assert "100.0% of queries are cut at the model's length" in found.flags
    assert found.reused_matrix
