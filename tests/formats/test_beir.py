"""BEIR folders: what is taken, and what is refused with which words."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from bench.passages import loader
from bench.passages.loader import Columns
from tests.helpers.collections import (
    CORPUS,
    beir_folder,
    refusal,
    written,
)


def test_beir_folder(tmp_path):
    """
    A BEIR folder is its passages, title and text joined where there is a title, and the judged queries of its split.
    """
    found = loader.load(beir_folder(tmp_path / "pets"))

    assert ("d1", "d2") == found.passage_ids
    assert ("Cats purr", "Dogs bark") == found.passages
    assert ("q1", "q2") == found.query_ids
    assert ("who purrs", "who barks") == found.queries
    assert {"q1": {"d1": 1}, "q2": {"d2": 2}} == found.qrels
    assert ("pets", "en", None, None, 0) == (
        found.name,
        found.language,
        found.labels,
        found.clusters,
        found.unknown_judgments,
    )


def test_beir_without_qrels(tmp_path):
    """
    A BEIR folder without qrels has every query and no judgments.
    """
    found = loader.load(beir_folder(tmp_path / "pets", judgments=None))

    assert found.qrels is None
    assert ("q1", "q2", "q3") == found.query_ids


def test_beir_other_split(tmp_path):
    """
    Qrels of another split than test are not taken unasked, and are taken when named.
    """
    folder = beir_folder(tmp_path / "pets", judgments=None)
    path = written(tmp_path / "pets" / "qrels" / "dev.tsv", "q3\td1\t1\n")

    message = refusal(folder)
    found = loader.load(folder, columns=Columns(qrels=path, language="de"))

    assert "expected qrels/test.tsv, found dev.tsv" in message
    assert (("q3",), "de") == (found.query_ids, found.language)


def test_beir_compressed(tmp_path):
    """
    A .gz beside the name is the same file: the set has the same hash.
    """
    folder = beir_folder(tmp_path / "pets")
    plain = loader.load(folder)
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"):
        path = tmp_path / "pets" / name
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()

    assert plain == loader.load(folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("test.jsonl", '{"query-id": "q1", "corpus-id": "d1", "score": 1}\n'),
        ("test.csv", "query-id,corpus-id,score\nq1,d1,1\n"),
        ("test.csv.gz", gzip.compress(b"query-id,corpus-id,score\nq1,d1,1\n", mtime=0)),
    ],
)
def test_qrels_of_other_forms(tmp_path, name, content):
    """
    The folder of qrels may keep them in other forms; BEIR's own is taken where both are there.
    """
    pets = Path(beir_folder(tmp_path / "pets"))
    (pets / "qrels" / "test.tsv").rename(pets / "own.tsv")
    written(pets / "qrels" / name, content)

    assert {"q1": {"d1": 1}} == loader.load(str(pets)).qrels

    (pets / "own.tsv").rename(pets / "qrels" / "test.tsv")

    assert {"q1": {"d1": 1}, "q2": {"d2": 2}} == loader.load(str(pets)).qrels


@pytest.mark.parametrize("line", ['{"_id": "d1", "title": "Cats", "text": null}', '{"_id": "d1", "title": "Cats"}'])
def test_a_title_alone(tmp_path, line):
    """
    Null as a text is an empty one, as in a table, and so is none; of a query too.
    """
    pets = beir_folder(tmp_path / "pets", corpus=f'{line}\n{{"_id": "d2", "text": "bark"}}\n')
    queries = Path(pets) / "queries.jsonl"
    queries.write_text('{"_id": "q1", "text": null}\n{"_id": "q2", "text": "who barks"}\n')

    found = loader.load(pets)

    assert (("Cats", "bark"), ("", "who barks")) == (found.passages, found.queries)


def test_beir_labels_and_integer_ids(tmp_path):
    """
    A query's label is kept, an id may be a number, and keys of no concern are left alone.
    """
    folder = beir_folder(
        tmp_path / "pets",
        corpus='{"_id": 1, "text": "cat", "metadata": {"url": "x"}}\n',
        queries='{"_id": 7, "text": "cat?", "label": "rare word"}\n{"_id": 8, "text": "dog?"}\n',
        judgments=None,
    )

    found = loader.load(folder)

    assert (("1",), ("7", "8"), ("rare word", "")) == (found.passage_ids, found.query_ids, found.labels)


def test_marks_and_blank_lines(tmp_path):
    """
    A byte order mark, blank lines and Windows line ends are no part of the text; U+2028 ends no line.
    """
    corpus = '\ufeff\r\n{"_id": "d1", "title": "", "text": "one\u2028line"}\r\n\r\n  \n'

    found = loader.load(beir_folder(tmp_path / "pets", corpus=corpus, judgments=None))

    assert ("one\u2028line",) == found.passages


def test_repeated_line(tmp_path):
    """
    One id twice with the same content counts once.
    """
    found = loader.load(beir_folder(tmp_path / "pets", corpus=CORPUS + CORPUS.splitlines()[0]))

    assert (("d1", "d2"), {}) == (found.passage_ids, found.merged)


@pytest.mark.parametrize(
    ("corpus", "words"),
    [
        (CORPUS + '{"_id": "d3", "text": "cut of', ["corpus.jsonl:3", "expected a JSON object", "truncated"]),
        (CORPUS + "[1, 2]\n", ["corpus.jsonl:3", "expected a JSON object", "found '[1, 2]'"]),
        ('{"_id": "d1", "title": "cats"}\n', ["corpus.jsonl: expected a `text` in its lines, found none in any"]),
        ('{"text": "x"}\n', ["corpus.jsonl:1", "missing required field `_id`"]),
        ('{"_id": "d1", "text": 3}\n', ["corpus.jsonl:1", "got `int`", "$.text"]),
        ('{"_id": "", "text": "x"}\n', ["corpus.jsonl:1", "expected an id"]),
        (CORPUS + '{"_id": "d1", "text": "other"}\n', ["corpus.jsonl:3", "'d1'", "another at", "corpus.jsonl:1"]),
        ("\n\n", ["corpus.jsonl", "expected at least one passage, found none"]),
        (b'{"_id": "d1", "text": "x"}\n{"_id": "d2", "text": "\xe9"}\n', ["corpus.jsonl:2", "UTF-8", "0xe9"]),
        (CORPUS + "\0", ["corpus.jsonl:3", "NUL byte"]),
        ('{"_id": "d1", "text": "\\ud800"}\n', ["corpus.jsonl:1"]),
        ('{"_id": "d1", "text": "", "x": ' + "[" * 100_000, ["corpus.jsonl:1", "expected a JSON object"]),
    ],
)
def test_broken_passages(tmp_path, corpus, words):
    """
    A broken line is refused with its file, its number, and what was expected and found.
    """
    message = refusal(beir_folder(tmp_path / "pets", corpus=corpus))

    assert [] == [word for word in words if word not in message]


def test_missing_file(tmp_path):
    """
    A missing file is refused by its path; a folder without those of a BEIR folder as what it was taken for.
    """
    (tmp_path / "pets").mkdir()

    folder = refusal(str(tmp_path / "pets"))
    judgments = refusal(beir_folder(tmp_path / "zoo"), Columns(qrels=str(tmp_path / "nowhere.tsv")))

    assert f"{tmp_path / 'pets'}: expected a BEIR folder with corpus.jsonl and queries.jsonl" in folder
    assert "found a folder without corpus.jsonl and queries.jsonl: name such a folder, or one file" in folder
    assert f"{tmp_path / 'nowhere.tsv'}: expected a file that can be read" in judgments


def test_no_queries(tmp_path):
    """
    A set without queries is refused.
    """
    message = refusal(beir_folder(tmp_path / "pets", queries=""))

    assert "queries.jsonl: expected at least one query, found none" in message
