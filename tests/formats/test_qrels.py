"""Qrels: what is taken, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.errors import InputError
from bench.formats import files, qrels
from bench.instruments import quality
from bench.passages import loader
from retrievers.contract import Hits
from tests.helpers.collections import (
    beir_folder,
    refusal,
    written,
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tsv", "query-id\tcorpus-id\tscore\nq1\td 1\t1\nq2\td2\t-1\n"),
        ("a.tsv", "q1\td 1\t1\r\n\r\nq2\td2\t-1"),
        ("a.csv", "query_id,corpus_id,score\nq1,d 1,1\nq2,d2,-1\n"),
        ("a.txt", "q1\t0\td 1\t1\nq2 0 d2 -1\n"),
        ("a.tsv", "query-id\tcorpus-id\tscore\nq1\td 1\t1.0\nq2\td2\t-1.00\n"),
    ],
)
def test_qrels_shapes(tmp_path, name, content):
    """
    Qrels are read in BEIR's three columns, with or without a header, and in TREC's four; 1.0 is an integer.
    """
    found = qrels.read(files.read(Path(written(tmp_path / name, content))))

    assert [("q1", "d 1", 1), ("q2", "d2", -1)] == found


def test_qrels_as_a_dictionary(tmp_path):
    """
    Qrels may be a dictionary in JSON, as `sparring export --format json` writes it; each pair stands there once, and
    its grade is an integer.
    """
    good = written(tmp_path / "qrels.json", '{"q1": {"d 1": 1}, "q2": {"d2": -1, "d3": 10000}}')
    bad = {
        '{"q1": {"d1": 1.5}}': "qrels.json: query 'q1': expected a grade that is an integer, found '1.5'",
        '{"q1": {"d1": 1, "d1": 2}}': "qrels.json, query 'q1': expected each passage once, found 'd1' again",
        '[["q1", "d1", 1]]': "qrels.json: expected a JSON object",
        "{}": "qrels.json: expected at least one judgment",
    }

    assert [("q1", "d 1", 1), ("q2", "d2", -1), ("q2", "d3", 10000)] == qrels.read(files.read(Path(good)))
    for content, words in bad.items():
        with pytest.raises(InputError) as refused:
            qrels.read(files.read(Path(written(tmp_path / "qrels.json", content))))
        assert words in str(refused.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.jsonl", '{"query-id": "q1", "corpus-id": "d1", "score": 1}\n{"qid": "q2", "docno": 7, "rel": 2.0}\n'),
        ("q.csv", "query-id,corpus-id,score\nq1,d1,1\nq2,7,2\n"),
        ("q.csv", "qid;docid;rel\nq1;d1;1\nq2;7;2\n"),
        ("q.tsv", "Query-ID\tCorpus-ID\tScore\nq1\td1\t1.0\nq2\t7\t2.0\n"),
        ("q.qrels", "q1 0 d1 1\nq2 0 7 2\n"),
    ],
)
def test_forms(tmp_path, name, content):
    """
    Judgments are the same in whatever form they are kept.
    """
    assert [("q1", "d1", 1), ("q2", "7", 2)] == qrels.read(files.read(Path(written(tmp_path / name, content))))


def test_nothing_relevant(tmp_path):
    """
    A query without passages in a dictionary is judged, as one is whose passages have grade 0.
    """
    found = qrels.read(files.read(Path(written(tmp_path / "q.json", '{"q1": {"d1": 1}, "q2": {}}'))))

    assert [("q1", "d1", 1), ("q2", None, 0)] == found


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("q1\td1\t1\nq1\td2\n", ["q.tsv:2", "expected query id, passage id and grade", "['q1', 'd2']"]),
        ("q1\td1\t1\nq1\t\t1\n", ["q.tsv:2", "['q1', '', '1']"]),
        (
            "q1\td1\thigh\n",
            ["q.tsv:1", "expected a judgment, or a header that names query-id", "found ['q1', 'd1', 'high']"],
        ),
        (
            "q1\td1\t1\nq1\td2\thigh\n",
            ["q.tsv:2", "a grade that is an integer, found 'high': a line of qrels is query id, passage id and grade"],
        ),
        ("asked\tdocno\trelevance\nq1\td1\t1\n", ["q.tsv:1", "or a header that names query-id", "rename its columns"]),
        ("q1\td1\t1.5\n", ["q.tsv:1", "found '1.5'"]),
        ("q1\td1\t10000\nq1\td2\t10001\n", ["q.tsv:2", "expected a grade of at most 10000, found 10001"]),
        ("q1\td1\t1\nquery-id\tcorpus-id\tscore\n", ["q.tsv:2", "found 'score'"]),
        ("q1\td1\t1\nq1\td1\t2\n", ["q.tsv:2", "expected one grade", "found 2 after 1"]),
        ("query-id\tcorpus-id\tscore\n", ["q.tsv", "expected at least one judgment"]),
    ],
)
def test_broken_qrels(tmp_path, content, words):
    """
    A broken line of qrels is refused with its number.
    """
    with pytest.raises(InputError) as refused:
        qrels.read(files.read(Path(written(tmp_path / "q.tsv", content))))

    assert [] == [word for word in words if word not in str(refused.value)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.tsv", "qid\trel\tdocid\nq1\t1\t7\n"),
        ("q.tsv", "query_id\tdoc_id\trelevance\tannotator\nq1\t7\t1\t3\n"),
        ("q.csv", "annotator;Query-ID;Corpus-ID;Score\nx;q1;7;1\n"),
        ("q.csv", '"q1","7",1\n'),
        ("q.csv", "q1\t7\t1\n"),
        ("q.jsonl", '{"query_id": "q1", "passage_id": "7", "relevance": 1}\n'),
    ],
)
def test_columns_wherever_they_are(tmp_path, name, content):
    """
    A header says which column is which, whatever else there is; a .csv is separated and quoted as any table.
    """
    found = qrels.read(files.read(Path(written(tmp_path / name, content))))

    assert [("q1", "7", 1)] == found


def test_unknown_judgments(tmp_path):
    """
    Judgments of unknown passages and queries are counted. Such a passage stays, and so does a query that has no other:
    nothing found is 0, not one query less. Of an unknown query there is nothing to ask. Where all are unknown the set
    is refused.
    """
    some = loader.load(beir_folder(tmp_path / "some", judgments="q1\td1\t1\nq1\td9\t1\nq9\td1\t1\nq3\td9\t1\n"))
    message = refusal(beir_folder(tmp_path / "all", judgments="q8\td1\t1\nq1\td9\t1\n"))

    assert ("q1", "q3") == some.query_ids
    assert ({"q1": {"d1": 1, "d9": 1}, "q3": {"d9": 1}}, 3) == (some.qrels, some.unknown_judgments)
    assert "'all': expected qrels of its passages and queries, found none among 2" in message
    assert "query 'q8', passage 'd1'" in message
    assert message.endswith("queries here are q1, q2, ...; passages are d1, d2")


def test_measures_of_a_set_with_unknown_judgments(tmp_path):
    """
    Recall counts the unknown passages among what there was to find, as trec_eval does.
    """
    some = loader.load(beir_folder(tmp_path, judgments="q1\td1\t1\nq1\td9\t1\nq9\td1\t1\nq3\td9\t1\n"))
    hits = Hits(np.array([[0, 1], [0, 1]]), np.array([[2, 1], [2, 1]], np.float32))

    values = quality.measure(hits, some.passage_ids, some.query_ids, some.qrels, ["R@2", "RR@2"])

    assert {"R@2": [0.5, 0.0], "RR@2": [1.0, 0.0]} == {name: found.tolist() for name, found in values.items()}
