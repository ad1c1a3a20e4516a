"""
Reports that users of neighbouring tools filed, tried here: what went wrong there comes right, or is refused in words.

Each is a file or a run of the kind that the report is about, made for the test.
"""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest

from bench.errors import InputError
from bench.formats import qrels
from bench.formats.files import Content, read
from bench.instruments import quality
from bench.passages import loader
from bench.passages.exclusion import leave_out
from bench.passages.loader import Columns
from bench.run import imported, outside_run
from retrievers.registry import installed, parse
from tests.helpers.collections import beir_folder
from tests.helpers.tiny import tiny_set

pytestmark = pytest.mark.usefixtures("cache")

TEXTS = ("a cat purrs", "a dog barks", "a cow moos")


def table(folder, content, name="p.csv", **columns):
    """A table of passages beside two queries."""
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "q.jsonl").write_text('{"id": "q1", "text": "who purrs"}\n{"id": "q2", "text": "who barks"}\n')
    return loader.load(str(folder / name), columns=Columns(queries=str(folder / "q.jsonl"), **columns))


def judged(folder, content, name="judged.tsv"):
    (folder / name).write_text(content)
    return qrels.read(read(folder / name))


def imported_run(folder, lines, passage_set):
    """The one measurement of a run in six columns."""
    (folder / "theirs.run").write_text("".join(f"{line}\n" for line in lines))
    (found,) = imported.import_runs(
        [outside_run.read(folder / "theirs.run")], passage_set, 7, folder / "out", measures=("R@1", "nDCG@10", "AP")
    )
    return found


class TestTables:
    def test_a_long_field(self, tmp_path):
        """
        A field of more than 131,072 characters is a field like any other (NatLibFi/Annif#902, harelba/q#97).
        """
        long = "word " * 40_000

        found = table(tmp_path, f"id,text\na,{long}\nb,short\n")

        assert long == found.passages[0]

    def test_a_quotation_mark_that_stays_open(self, tmp_path):
        """
        An open quotation mark is named with its file and line, and swallows no rows (wireservice/csvkit#382).
        """
        with pytest.raises(InputError, match=r"p\.csv:\d+: expected a row of a table"):
            table(tmp_path, 'id,text\na,"a cat purrs\nb,a dog barks\n')

    @pytest.mark.parametrize("name", ["p.jsonl", "p.csv"])
    def test_a_byte_order_mark(self, tmp_path, name):
        """
        A byte order mark drops no row, of however few (infiniflow/ragflow#19179, langchain-ai/langchain-community#138).
        """
        rows = {"p.jsonl": '{"id": "a", "text": "a cat purrs"}\n', "p.csv": "id,text\na,a cat purrs\n"}

        found = table(tmp_path, b"\xef\xbb\xbf" + rows[name].encode(), name)

        assert (("a",), ("a cat purrs",)) == (found.passage_ids, found.passages)

    def test_line_separators_of_unicode(self, tmp_path):
        """
        A line of JSON ends at a newline alone, whatever stands in its strings (datalad/datalad#3523).
        """
        text = "one\u2028two\u2029three\x85four\x0bfive\x1cend"

        found = table(tmp_path, json.dumps({"id": "a", "text": text}, ensure_ascii=False) + "\n", "p.jsonl")

        assert (text,) == found.passages

    def test_no_passage(self, tmp_path):
        """
        A table without a row is refused before anything divides by how many there are (dorianbrown/rank_bm25#36).
        """
        with pytest.raises(InputError, match="expected at least one passage, found none"):
            table(tmp_path, "id,text\n")


class TestIds:
    def test_one_id_twice(self, tmp_path):
        """
        A passage that is repeated word for word counts once; one id of two texts is refused with both places
        (castorini/pyserini#1902).
        """
        line = '{"_id": "d1", "text": "a cat purrs"}\n'
        again = loader.load(beir_folder(tmp_path / "again", line * 2 + '{"_id": "d2", "text": "a dog"}\n'))

        assert ("d1", "d2") == again.passage_ids
        with pytest.raises(InputError, match=r"corpus\.jsonl:2: expected one text for the passage id 'd1'"):
            loader.load(beir_folder(tmp_path / "other", line + '{"_id": "d1", "text": "another"}\n'))

    def test_one_text_under_two_ids(self, tmp_path):
        """
        Passages of one text are one, and either is the right answer (embeddings-benchmark/mteb#4626).
        """
        corpus = "".join(json.dumps({"_id": name, "text": TEXTS[0]}) + "\n" for name in ("c91", "d1"))
        found = loader.load(beir_folder(tmp_path, corpus + json.dumps({"_id": "d2", "text": TEXTS[1]}) + "\n"))

        assert (("c91", "d2"), {"d1": "c91"}) == (found.passage_ids, found.merged)
        assert {"c91": 1} == found.qrels["q1"]

    def test_queries_of_one_id(self, tmp_path):
        """
        Two queries of one id are refused, since neither could be told from the other (kenn-io/msgvault#649).
        """
        with pytest.raises(InputError, match="expected one text for the query id 'q1'"):
            loader.load(
                beir_folder(
                    tmp_path, queries='{"_id": "q1", "text": "who purrs"}\n{"_id": "q1", "text": "who barks"}\n'
                )
            )

    def test_a_duplicate_beside_the_query_itself(self, tmp_path):
        """
        A query's own passage is known by its id, and not by its rank: one that is as near stays, in whatever order the
        two come (embeddings-benchmark/mteb#5376, #978).
        """
        whole = msgspec.structs.replace(
            tiny_set(), query_ids=("p0", *tiny_set().query_ids[1:]), qrels={"p0": {"p1": 1}}
        )
        for number, order in enumerate((("p0", "p1"), ("p1", "p0"))):
            lines = [f"p0 Q0 {passage} {rank} 1.0 t" for rank, passage in enumerate(order, start=1)]
            (tmp_path / str(number)).mkdir()

            found = imported_run(tmp_path / str(number), lines, leave_out(whole, "self"))

            assert (1.0, 1.0) == (found.quality["R@1"], found.quality["nDCG@10"])


class TestJudgments:
    @pytest.mark.parametrize("grade", ["0.5", "1.5", "2e0", "x", ""])
    def test_grades_that_are_no_integers(self, tmp_path, grade):
        """
        A grade that is no whole number is refused, and not cut to one (usnistgov/trec_eval#49, ireval/cwl#8).
        """
        with pytest.raises(InputError, match="grade"):
            judged(tmp_path, f"q1\td1\t{grade}\n")

    def test_another_shape(self, tmp_path):
        """
        Judgments in a shape of another tool's are refused with the shape that is read (garrytan/gbrain#4608).
        """
        content = json.dumps({"version": 1, "queries": [{"query": "who", "relevant_slugs": ["a"]}]})

        with pytest.raises(InputError, match=r"judged\.json, query 'version': expected a JSON object, \{query id: \{"):
            judged(tmp_path, content, "judged.json")

    def test_queries_that_a_run_has_not(self, tmp_path):
        """
        A judged query that a run does not answer scores 0 and is counted; what the run has beside is left out, which is
        said (AmenRa/ranx#27, opensearch-project/search-relevance#66).
        """
        whole = tiny_set(n_queries=2)

        found = imported_run(tmp_path, ["q0 Q0 p0 1 2.0 t", "stranger Q0 p1 1 2.0 t"], whole)

        assert (0.5, 1, 2) == (found.quality["R@1"], found.n_unanswered, found.n_judged)
        assert "queries left out because they are not in the set, or have no judgment: 1" in found.flags


class TestRuns:
    def test_equal_scores(self, tmp_path):
        """
        Equal scores of a run from elsewhere rank as trec_eval ranks them, and how many tie is said
        (usnistgov/trec_eval#22, cvangysel/pytrec_eval#56, beir-cellar/beir#105).
        """
        whole = msgspec.structs.replace(tiny_set(n_queries=1), qrels={"q0": {"p1": 1}})
        lines = [f"q0 Q0 {passage} 1 1.0 t" for passage in ("p0", "p1", "p2")]

        found = imported_run(tmp_path, lines, whole)

        assert (0.5, 1.0) == (found.quality["AP"], found.tie_rate)

    def test_one_passage_twice(self, tmp_path):
        """
        A passage that a query has twice is refused with its line (cvangysel/pytrec_eval#50).
        """
        with pytest.raises(InputError, match="line 2: passage 'p0' is there already for query 'q0'"):
            imported_run(tmp_path, ["q0 Q0 p0 1 2.0 t", "q0 Q0 p0 2 1.0 t"], tiny_set())


class TestRetrievers:
    @pytest.mark.parametrize("spelling", ["BM25() @ CSR()", "RankBM25()", "TfIdf() @ CSR()"])
    def test_passages_without_a_word(self, spelling):
        """
        Of passages that are all empty nothing is found, and nothing divides by their length
        (deepset-ai/haystack#11598).
        """
        retriever = parse(spelling, installed())

        retriever.index(["", " ", "..."])
        hits = retriever.search(["who purrs", ""], 2)

        assert (hits.rows == -1).all()

    def test_vectors_in_half_precision(self, tmp_path):
        """
        A null vector of float16 has no length, and makes no number that is none (MinishLab/model2vec#368).
        """
        vectors = np.array([[3e-4, 4e-4], [0, 0], [3, 4], [6e4, 6e4]], np.float16)
        np.save(tmp_path / "p.npy", vectors)
        encoder = parse(f'Vectors(passages="{tmp_path / "p.npy"}", queries="{tmp_path / "p.npy"}")', installed())
        texts = [f"text {row}" for row in range(4)]
        for role in ("passage", "query"):
            encoder.align(role, texts, range(4), 4, None)

        encoder.fit(texts)
        found = encoder.encode(texts, "passage")

        assert np.isfinite(found).all()
        assert vectors.astype(np.float32).tolist() == found.tolist()


def test_a_measure_has_its_values(tmp_path):
    """
    A grade above 4 gains what it is in nDCG, whatever scale a script was written for (terrierteam/ir_measures#50).
    """
    content = Content(tmp_path / "judged.tsv", b"q1\ta\t9\nq1\tb\t1\n")
    grades = {"q1": {passage: grade for _, passage, grade in qrels.read(content)}}
    hits = outside_run.no_hits(1, 2)
    hits.rows[0], hits.scores[0] = (1, 0), (2.0, 1.0)

    found = quality.measure(hits, ("a", "b"), ("q1",), grades, ["nDCG@10"])

    assert (1 + 9 / np.log2(3)) / (9 + 1 / np.log2(3)) == pytest.approx(found["nDCG@10"][0], abs=1e-9)
