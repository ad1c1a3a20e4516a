"""Hits that do not count are asked for beside those that do, and are in no number."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest

from bench.analysis.reproduce import command_of
from bench.passages import loader
from bench.passages.exclusion import leave_out
from bench.passages.loader import Columns
from bench.records import run_folder
from bench.run.suite import CellGroup, Suite
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


def among_themselves(n: int = 30):
    """Each query is one of the passages, and the passage before it is its answer, which shares a word with it."""
    texts = tuple(f"own{i} and shared{i} and shared{i + 1}" for i in range(n))
    ids = tuple(f"d{i}" for i in range(n))
    qrels = {f"d{i}": {f"d{i - 1}": 1} for i in range(1, 21)}
    return msgspec.structs.replace(
        tiny_set(n), passage_ids=ids, passages=texts, query_ids=ids[1:21], queries=texts[1:21], qrels=qrels
    )


@pytest.mark.slow
class TestOwnPassages:
    @pytest.fixture(scope="class")
    def found(self, tmp_path_factory):
        """The same retriever, with each query's own passage among its hits and without, timed; and the run folders."""
        folder = tmp_path_factory.mktemp("self")
        measured, cells = {}, suite("BM25() @ CSR()", "BM25() @ COO()", modes=("single", "batch"))
        for name, exclude in (("with", None), ("without", "self")):
            asked = msgspec.structs.replace(cells, exclude=exclude)
            measured[name] = run(asked, folder / name, leave_out(among_themselves(), exclude))
        return folder, measured

    def test_the_answer_stands_first_without_it(self, found):
        """
        With its own passage first, a query finds its answer second, which is said; without it the answer is first.
        """
        _, measured = found
        for retriever in ("BM25() @ CSR()", "BM25() @ COO()"):
            with_it, without = measured["with"][retriever], measured["without"][retriever]
            assert ("ok", "ok") == (with_it.status, without.status), (with_it.reason, without.reason)
            assert (0.0, 0.5) == (with_it.quality["R@1"], with_it.quality["RR@10"])
            assert without.quality["RR@10"] >= 0.75
            assert any(flag.startswith("self: 20 of 20 queries found") for flag in with_it.flags)
            assert not any(flag.startswith("self:") for flag in without.flags)

    def test_it_is_in_no_file(self, found):
        """
        No hit that is kept is a query's own passage, and as many are kept as were to be.
        """
        folder, measured = found
        cell = measured["without"]["BM25() @ CSR()"]

        hits = run_folder.read_hits(folder / "without", cell.cell)

        assert (20, 100) == hits.rows.shape
        assert not (hits.rows == np.arange(1, 21)[:, None]).any()

    def test_the_command_makes_it_again(self, found):
        """
        What makes a cell again leaves out the same.
        """
        folder, measured = found

        line, _ = command_of(run_folder.read(folder / "without"), measured["without"]["BM25() @ CSR()"])

        assert "--exclude self" in line


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
    assert {"11", "21"} == set(log.read_text().split())
    assert (10, 20) == tuple(
        run_folder.read_timed(tmp_path / "run", found.cell, k, apart=k == 10).rows.shape[1] for k in (10, 20)
    )


@pytest.mark.slow
class TestParts:
    @pytest.fixture(scope="class")
    def parts(self, tmp_path_factory):
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
        A document is found once, by its best part; so many more are asked for that there are documents enough.
        """
        cells = Suite(
            name="parts",
            passages=(parts.name,),
            cells=(CellGroup(retrievers=("BM25() @ CSR()", "BM25() @ Flat()")),),
            measures=("R@1", "R@3"),
            primary="R@1",
            k=3,
            depth=5,
            rounds=1,
            modes=("single",),
        )

        for found in run(cells, tmp_path / "run", parts).values():
            assert ("ok", {"R@1": 1.0, "R@3": 1.0}) == (found.status, found.quality), found.reason
            for hits in (
                run_folder.read_hits(tmp_path / "run", found.cell),
                run_folder.read_timed(tmp_path / "run", found.cell, 3, apart=True),
            ):
                for rows in hits.rows.tolist():
                    documents = [parts.passage_ids[row] for row in rows if row >= 0]
                    assert len(documents) == len(set(documents)) >= 3


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
    assert "few-hits: 20 of 20 queries have fewer than 10" in few.flags
    assert (0, False) == (full.facts["n_few_hits"], any(flag.startswith("few-hits") for flag in full.flags))
