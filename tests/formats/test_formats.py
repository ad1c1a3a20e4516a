"""File formats: what each reader takes, and what it refuses with which words."""

from __future__ import annotations

import contextlib
import csv
import gzip
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import InputError
from bench.formats import files, qrels
from bench.instruments import quality
from bench.passages import loader
from bench.passages.loader import Columns
from retrievers.contract import Hits

CORPUS = '{"_id": "d1", "title": "Cats", "text": "purr"}\n{"_id": "d2", "title": "", "text": "Dogs bark"}\n'
QUERIES = '{"_id": "q1", "text": "who purrs"}\n{"_id": "q2", "text": "who barks"}\n{"_id": "q3", "text": "who sings"}\n'
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t2\n"
SQUAD = {
    "data": [
        {"title": "Pets", "paragraphs": [{"context": "Cats purr.", "qas": [{"id": "a", "question": "Who purrs?"}]}]},
        {
            "title": "Farm",
            "paragraphs": [
                {"context": "Dogs bark.", "qas": [{"id": "b", "question": "Who barks?"}]},
                {"context": "Cows moo.", "qas": [{"id": "c", "question": "Who?"}, {"id": 4, "question": "Moo?"}]},
            ],
        },
    ]
}


def beir_folder(
    folder: Path, corpus: str | bytes = CORPUS, queries: str = QUERIES, judgments: str | None = QRELS
) -> str:
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_bytes(corpus if isinstance(corpus, bytes) else corpus.encode())
    (folder / "queries.jsonl").write_text(queries)
    if judgments is not None:
        (folder / "qrels" / "test.tsv").write_text(judgments)
    return str(folder)


def written(path: Path, content: str | bytes) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def refusal(name: str, columns: Columns | None = None) -> str:
    with pytest.raises(InputError) as refused:
        loader.load(name, columns=columns)
    return str(refused.value)


def table_refusal(folder: Path, table: str, columns: Columns, suffix: str = ".csv") -> str:
    queries = written(folder / "queries.txt", "one\n")
    return refusal(written(folder / f"docs{suffix}", table), Columns(**{**fields_of(columns), "queries": queries}))


def fields_of(columns: Columns) -> dict[str, str | None]:
    return {name: getattr(columns, name) for name in Columns.__struct_fields__}


# BEIR


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
        ('{"_id": "d1"}\n', ["corpus.jsonl:1", "missing required field `text`"]),
        ('{"text": "x"}\n', ["corpus.jsonl:1", "missing required field `_id`"]),
        ('{"_id": "d1", "text": 3}\n', ["corpus.jsonl:1", "Expected `str`, got `int`", "$.text"]),
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


# Qrels


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tsv", "query-id\tcorpus-id\tscore\nq1\td 1\t1\nq2\td2\t-1\n"),
        ("a.tsv", "q1\td 1\t1\r\n\r\nq2\td2\t-1"),
        ("a.csv", "query_id,corpus_id,score\nq1,d 1,1\nq2,d2,-1\n"),
        ("a.txt", "q1\t0\td 1\t1\nq2 0 d2 -1\n"),
    ],
)
def test_qrels_shapes(tmp_path, name, content):
    """
    Qrels are read in BEIR's three columns, with or without a header, and in TREC's four.
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
    ("content", "words"),
    [
        ("q1\td1\t1\nq1\td2\n", ["q.tsv:2", "expected query id, passage id and grade", "['q1', 'd2']"]),
        ("q1\td1\t1\nq1\t\t1\n", ["q.tsv:2", "['q1', '', '1']"]),
        (
            "q1\td1\thigh\n",
            ["q.tsv:1", "a grade that is an integer, found 'high': a line of qrels is query id, passage id and grade"],
        ),
        ("q1\td1\t1.0\n", ["q.tsv:1", "found '1.0'"]),
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


# SQuAD


def test_measures_of_a_set_with_unknown_judgments(tmp_path):
    """
    Recall counts the unknown passages among what there was to find, as trec_eval does.
    """
    some = loader.load(beir_folder(tmp_path, judgments="q1\td1\t1\nq1\td9\t1\nq9\td1\t1\nq3\td9\t1\n"))
    hits = Hits(np.array([[0, 1], [0, 1]]), np.array([[2, 1], [2, 1]], np.float32))

    values = quality.measure(hits, some.passage_ids, some.query_ids, some.qrels, ["R@2", "RR@2"])

    assert {"R@2": [0.5, 0.0], "RR@2": [1.0, 0.0]} == {name: found.tolist() for name, found in values.items()}


def test_squad(tmp_path):
    """
    In a SQuAD-style file contexts are passages, and a question's paragraph is its one relevant passage and its cluster.
    """
    found = loader.load(written(tmp_path / "pets.json", json.dumps(SQUAD)))

    assert ("0-0", "1-0", "1-1") == found.passage_ids
    assert ("Cats purr.", "Dogs bark.", "Cows moo.") == found.passages
    assert ("a", "b", "c", "4") == found.query_ids
    assert {"a": {"0-0": 1}, "b": {"1-0": 1}, "c": {"1-1": 1}, "4": {"1-1": 1}} == found.qrels
    assert ("0-0", "1-0", "1-1", "1-1") == found.clusters
    assert "pets" == found.name


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (json.dumps(SQUAD)[:-20], ["pets.json", "truncated"]),
        ("[]", ["pets.json", "Expected `object`, got `array`"]),
        ('{"data": [{"title": "x"}]}', ["pets.json", "missing required field `paragraphs`"]),
        ('{"data": []}', ["pets.json", "expected at least one passage"]),
        ('{"data": [{"paragraphs": [{"context": "x", "qas": []}]}]}', ["pets.json", "expected at least one query"]),
        (
            json.dumps(SQUAD).replace('"id": "b"', '"id": "a"'),
            ["pets.json: article 1, paragraph 0", "query id 'a'", "article 0, paragraph 0"],
        ),
    ],
)
def test_broken_squad(tmp_path, content, words):
    """
    A broken SQuAD-style file is refused with what was expected and found.
    """
    message = refusal(written(tmp_path / "pets.json", content))

    assert [] == [word for word in words if word not in message]


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-9], lambda data: b"no gzip", lambda data: data[:40] + data[41:]]
)
def test_damaged_gzip(tmp_path, damage):
    """
    A truncated or damaged .gz is refused whole.
    """
    path = written(tmp_path / "pets.json.gz", damage(gzip.compress(json.dumps(SQUAD).encode(), mtime=0)))

    assert "pets.json.gz: expected a whole gzip file" in refusal(path)


# Tables


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("docs.csv", 'key,head,body\n7,Cats,"they\npurr, ""softly"""\n\n9,,bark\n'),
        ("docs.csv", '\ufeffkey,head,body\r\n7,Cats,"they\npurr, ""softly"""\r\n9,,bark'),
        ("docs.jsonl", '{"key": 7, "head": "Cats", "body": "they\\npurr, \\"softly\\""}\n{"key": "9", "body": "bark"}'),
    ],
)
def test_table(tmp_path, name, content):
    """
    A table is read by its named columns, whatever it is kept in.
    """
    queries = written(tmp_path / "queries.csv", "id,query\nx,soft\ny,loud\n")
    judgments = written(tmp_path / "judged.tsv", "y\t9\t1\n")

    found = loader.load(
        written(tmp_path / name, content),
        columns=Columns(text="body", title="head", id="key", queries=queries, qrels=judgments, language="de"),
    )

    assert ("7", "9") == found.passage_ids
    assert ('Cats they\npurr, "softly"', "bark") == found.passages
    assert (("y",), ("loud",), {"y": {"9": 1}}) == (found.query_ids, found.queries, found.qrels)
    assert ("docs", "de") == (found.name, found.language)


def test_null_is_an_empty_text(tmp_path):
    """
    Null as a text is an empty one, as the empty cell of a CSV is; as an id it is refused.
    """
    table = written(tmp_path / "docs.jsonl", '{"key": 7, "text": null}\n{"key": 8, "text": "cats"}\n')
    queries = written(tmp_path / "q.jsonl", '{"text": null}\n{"text": "who purrs"}\n')
    nameless = written(tmp_path / "nameless.jsonl", '{"key": null, "text": "cats"}\n')

    found = loader.load(table, columns=Columns(id="key", queries=queries))

    assert (("", "cats"), ("", "who purrs")) == (found.passages, found.queries)
    assert "expected text in the column 'key', found None" in refusal(nameless, Columns(id="key", queries=queries))


def test_tsv_quotation_marks(tmp_path):
    """
    In a TSV a quotation mark is a character like any other.
    """
    queries = written(tmp_path / "queries.txt", "who?\n")

    found = loader.load(written(tmp_path / "docs.tsv", 'text\n"so\nhe said "no\n'), columns=Columns(queries=queries))

    assert ('"so', 'he said "no') == found.passages


@pytest.mark.parametrize(
    ("name", "content", "ids"),
    [
        ("q.txt", "\ufeffwho purrs\n\n who barks \n", ("q1", "q2")),
        ("q.csv", "text\nwho purrs\nwho barks\n", ("q1", "q2")),
        ("q.tsv.gz", gzip.compress(b"_id\tquery\nm\twho purrs\nn\twho barks\n", mtime=0), ("m", "n")),
        ("q.jsonl", '{"id": 3, "text": "who purrs"}\n{"id": 4, "text": "who barks"}\n', ("3", "4")),
    ],
)
def test_queries(tmp_path, name, content, ids):
    """
    Queries come from lines of text or from a table; without ids they are q1, q2 ..., and passages are numbered from 1.
    """
    columns = Columns(queries=written(tmp_path / name, content))

    found = loader.load(written(tmp_path / "docs.csv", "text\ncats\ndogs\n"), columns=columns)

    assert (ids, ("who purrs", "who barks"), None) == (found.query_ids, found.queries, found.qrels)
    assert ("1", "2") == found.passage_ids


def test_query_columns(tmp_path):
    """
    The columns of queries can be named, and a column called label is kept.
    """
    queries = written(tmp_path / "q.csv", "id,no,text,ask,label\n1,x,t,who,rare\n")

    found = loader.load(
        written(tmp_path / "docs.csv", "text\ncats\n"),
        columns=Columns(queries=queries, query_text="ask", query_id="no"),
    )

    assert (("x",), ("who",), ("rare",)) == (found.query_ids, found.queries, found.labels)


def test_table_without_queries(tmp_path):
    """
    A table without queries is refused with the option that names them, and with what to name where there is none.
    """
    message = refusal(written(tmp_path / "docs.csv", "text\ncats\n"))

    assert "docs.csv: expected a file of queries" in message
    assert "name one with --queries" in message
    assert "where there is no such option, name a run folder made from it" in message


@pytest.mark.parametrize(
    ("table", "columns", "words"),
    [
        (
            "a,b\n1,2\n",
            Columns(text="body"),
            ["docs.csv:1:", "expected a column 'body', found a, b: name one with --text"],
        ),
        (
            "a,text\n1,2\n",
            Columns(title="head"),
            ["docs.csv:1:", "column 'head', found a, text: name one with --title"],
        ),
        ("a,text\n1,2\n", Columns(id="key"), ["docs.csv:1:", "expected a column 'key'", "--id"]),
        ("a,text\n1,2\n3\n", Columns(), ["docs.csv:3", "expected 2 fields as in the header, found 1"]),
        ("\na,b\n1,2\n", Columns(text="body"), ["docs.csv:2:", "expected a column 'body'"]),
        ("id;text\n1;x\n", Columns(), ["docs.csv:1:", "found id;text: separated by semicolons? expected commas"]),
        ("id;text\n1;x, y\n", Columns(), ["docs.csv:2:", "found 2: separated by semicolons? expected commas"]),
        ("a,a,text\n1,2,3\n", Columns(), ["docs.csv:1", "found again: a"]),
        ('text\nx\n"open\nand on\n', Columns(), ["docs.csv:4", "unexpected end of data"]),
        ('text\n"a"b\n', Columns(), ["docs.csv:2", "expected a row of a table"]),
        ("text\n", Columns(), ["docs.csv", "expected at least one passage"]),
        ("", Columns(), ["docs.csv", "expected at least one passage"]),
        ("id,text\n1,a\n1,b\n", Columns(id="id"), ["docs.csv:3", "another at", "docs.csv:2"]),
    ],
)
def test_broken_table(tmp_path, table, columns, words):
    """
    A table without a named column, with a broken row, or without any is refused, with the columns it has.
    """
    message = table_refusal(tmp_path, table, columns)

    assert [] == [word for word in words if word not in message]


@pytest.mark.parametrize(
    ("table", "columns", "words"),
    [
        ('{"text": 5}\n', Columns(), ["docs.jsonl:1", "expected text in the column 'text', found 5"]),
        ('{"text": "x", "no": true}\n', Columns(id="no"), ["docs.jsonl:1", "column 'no', found True"]),
        ('{"text": "x"}\n{"txt": "y"}\n', Columns(), ["docs.jsonl:2", "expected a column 'text', found txt: name"]),
        ('{"text": "x"}\n"y"\n', Columns(), ["docs.jsonl:2", "Expected `object`, got `str`"]),
    ],
)
def test_broken_json_table(tmp_path, table, columns, words):
    """
    A JSON row of another shape is refused with its line.
    """
    message = table_refusal(tmp_path, table, columns, ".jsonl")

    assert [] == [word for word in words if word not in message]


def test_json_table_without_titles(tmp_path):
    """
    Where no JSON row has the title that was named, it is the file that lacks it, no line.
    """
    message = table_refusal(tmp_path, '{"text": "x"}\n{"text": "y"}\n', Columns(title="head"), ".jsonl")

    assert "docs.jsonl: expected a column 'head', found text: name one with --title" in message


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({}, "q.csv:1: expected a column 'text' or 'query', found qid, question: name one with --query-text"),
        ({"query_text": "ask"}, "q.csv:1: expected a column 'ask', found qid, question: name one with --query-text"),
        (
            {"query_text": "question", "query_id": "no"},
            "q.csv:1: expected a column 'no', found qid, question: name one with --query-id",
        ),
    ],
)
def test_queries_without_a_column(tmp_path, columns, words):
    """
    A file of queries without the column that is wanted is refused at its header, with the option that names another.
    """
    queries = written(tmp_path / "q.csv", "qid,question\nx1,who?\n")

    message = refusal(written(tmp_path / "docs.csv", "text\ncats\n"), Columns(queries=queries, **columns))

    assert words in message


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({}, "queries here are q1, q2 (no --query-id); passages are 1, 2, ... (no --id)"),
        ({"query_id": "no"}, "queries here are x, y; passages are 1, 2, ... (no --id)"),
        ({"query_id": "no", "id": "key"}, "queries here are x, y; passages are a, b, ..."),
    ],
)
def test_judgments_of_other_ids(tmp_path, columns, words):
    """
    Where qrels fit nothing, the set's own first ids are shown, and the options of a table that would give others.
    """
    queries = written(tmp_path / "q.csv", "no,text\nx,who?\ny,what?\n")
    judgments = written(tmp_path / "qrels.tsv", "z\ta\t1\n")
    table = written(tmp_path / "docs.csv", "key,text\na,cats\nb,dogs\nc,birds\n")

    message = refusal(table, Columns(queries=queries, qrels=judgments, **columns))

    assert message.endswith(words)


def test_large_field(tmp_path):
    """
    A field may be longer than the csv module's default limit, and the limit is left as it was.
    """
    limit = csv.field_size_limit()
    queries = written(tmp_path / "queries.txt", "who?\n")

    found = loader.load(
        written(tmp_path / "docs.csv", "text\n" + "x" * 200_000 + "\n"), columns=Columns(queries=queries)
    )

    assert 200_000 == len(found.passages[0])
    assert limit == csv.field_size_limit()


def test_unknown_table(tmp_path):
    """
    A file of another kind is refused with the kinds there are.
    """
    passages = refusal(written(tmp_path / "docs.pdf", "x"))
    queries = refusal(written(tmp_path / "docs.csv", "text\nx\n"), Columns(queries=written(tmp_path / "q.xls", "x")))

    known = "a BEIR folder, a SQuAD-style .json, a table (.csv, .tsv, .jsonl, .parquet) or vectors (.hdf5)"
    assert f"docs.pdf: expected {known}" in passages
    assert "q.xls: expected a table that ends in .csv, .tsv, .jsonl" in queries


def test_options_without_effect(tmp_path):
    """
    An option of tables is refused where it would have no effect.
    """
    message = refusal(beir_folder(tmp_path / "pets"), Columns(text="body"))

    assert "expected no option but qrels, language, found text" in message


# Damage

damages = st.tuples(
    st.sampled_from(["cut", "flip", "insert", "drop"]),
    st.floats(0, 1, exclude_max=True),
    st.binary(min_size=1, max_size=8),
)


def damaged(data: bytes, damage: tuple[str, float, bytes]) -> bytes:
    kind, place, junk = damage
    at = int(place * len(data))
    match kind:
        case "cut":
            return data[:at]
        case "flip":
            return data[:at] + bytes([data[at] ^ (junk[0] or 1)]) + data[at + 1 :]
        case "insert":
            return data[:at] + junk + data[at:]
        case _:
            return data[:at] + data[at + len(junk) :]


def loads_or_refuses(name: str, columns: Columns | None = None) -> None:
    with contextlib.suppress(InputError):
        found = loader.load(name, columns=columns)
        assert found.passages
        assert len(found.queries) == len(found.query_ids) > 0


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(which=st.sampled_from(["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"]), damage=damages)
def test_damaged_beir(which, damage):
    """
    A damaged BEIR folder loads or is refused with an InputError; nothing else happens.
    """
    with tempfile.TemporaryDirectory() as folder:
        name = beir_folder(Path(folder) / "pets")
        path = Path(name) / which
        path.write_bytes(damaged(path.read_bytes(), damage))

        loads_or_refuses(name)


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(damage=damages, compressed=st.booleans())
def test_damaged_squad(damage, compressed):
    """
    So does a damaged SQuAD-style file, compressed or not.
    """
    data = json.dumps(SQUAD).encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("pets.json.gz" if compressed else "pets.json")
        path.write_bytes(damaged(gzip.compress(data, mtime=0) if compressed else data, damage))

        loads_or_refuses(str(path))


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(damage=damages, suffix=st.sampled_from([".csv", ".tsv"]))
def test_damaged_table(damage, suffix):
    """
    So does a damaged table.
    """
    separator = "," if suffix == ".csv" else "\t"
    data = separator.join(["id", "text"]) + "\n" + separator.join(["1", '"Cats\npurr"' if suffix == ".csv" else "Cats"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"docs{suffix}"
        path.write_bytes(damaged((data + "\n").encode(), damage))

        loads_or_refuses(str(path), Columns(id="id", queries=written(Path(folder) / "q.txt", "who?\n")))
