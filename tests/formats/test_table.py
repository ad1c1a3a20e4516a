"""Tables of passages and files of queries: what is taken, and what is refused with which words."""

from __future__ import annotations

import csv

import pytest

from bench.passages import loader
from bench.passages.loader import Columns
from tests.helpers.collections import (
    beir_folder,
    refusal,
    table_refusal,
    written,
)


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
    A table is read by its named columns, whatever it is kept in; queries that nobody judged are kept.
    """
    queries = written(tmp_path / "queries.csv", "id,query\nx,soft\ny,loud\n")
    judgments = written(tmp_path / "judged.tsv", "y\t9\t1\n")

    found = loader.load(
        written(tmp_path / name, content),
        columns=Columns(text="body", title="head", id="key", queries=queries, qrels=judgments, language="de"),
    )

    assert ("7", "9") == found.passage_ids
    assert ('Cats they\npurr, "softly"', "bark") == found.passages
    assert (("x", "y"), ("soft", "loud"), {"y": {"9": 1}}) == (found.query_ids, found.queries, found.qrels)
    assert ("docs", "de") == (found.name, found.language)


def test_an_empty_row_of_one_column(tmp_path):
    """
    A quoted empty cell is a row, as null is in other formats, so that the numbers of rows are the same; a line of
    nothing is none.
    """
    queries = written(tmp_path / "q.txt", "beta\n")
    docs = written(tmp_path / "docs.csv", 'text\nalpha\n""\n\nbeta\n')
    lines = written(tmp_path / "docs.jsonl", '{"text": "alpha"}\n{"text": null}\n{"text": "beta"}\n')

    found = [loader.load(path, columns=Columns(queries=queries)) for path in (docs, lines)]

    assert [("alpha", "", "beta")] * 2 == [one.passages for one in found]


@pytest.mark.parametrize(
    ("name", "content", "delimiter"),
    [
        ("docs.csv", "id;text\na;it purrs, softly\nb;it barks\n", None),
        ("docs.csv", '\ufeffid\ttext\na\t"it purrs, softly"\nb\tit barks\n', None),
        ("docs.csv", "\n\nid|text\na|it purrs, softly\nb|it barks\n", None),
        ("docs.csv", ',,id,text\n0,0,a,"it purrs, softly"\n1,1,b,it barks\n', None),  # indexes of pandas
        ("docs.csv", "id~text\na~it purrs, softly\nb~it barks\n", "~"),
        ("docs.tsv", "id;text\na;it purrs, softly\nb;it barks\n", ";"),
    ],
)
def test_what_separates_columns(tmp_path, name, content, delimiter):
    """
    A .csv may be separated as a spreadsheet does it; anything else is said. Columns without a name are passed over.
    """
    queries = written(tmp_path / "queries.txt", "who?\n")

    found = loader.load(written(tmp_path / name, content), columns=Columns(queries=queries, delimiter=delimiter))

    assert (("a", "b"), ("it purrs, softly", "it barks")) == (found.passage_ids, found.passages)


def test_one_column_with_a_sign_in_its_name(tmp_path):
    """
    A comma in the first line decides; so does a quoted name.
    """
    queries = written(tmp_path / "queries.txt", "who?\n")
    quoted = written(tmp_path / "docs.csv", '"te;xt"\nit purrs\n')

    assert ("it purrs",) == loader.load(quoted, columns=Columns(text="te;xt", queries=queries)).passages


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n"])
def test_no_separator(tmp_path, delimiter):
    """
    Columns are separated by one character.
    """
    message = refusal(
        written(tmp_path / "docs.csv", "id;text\na;b\n"),
        Columns(queries=written(tmp_path / "q.txt", "who?\n"), delimiter=delimiter),
    )

    assert f"--delimiter: expected one character (or tab) that separates columns, found {delimiter!r}" in message


def test_columns_by_number(tmp_path):
    """
    Of a file without a header columns are named by their places, and its first row is a row; a column that is called
    by a number is that column.
    """
    docs = written(tmp_path / "docs.tsv", "0\tThe presence of apples.\n1\tPear trees grow.\n")
    queries = written(tmp_path / "queries.tsv", "7\tapple\n9\tpear\n")
    called = written(tmp_path / "called.csv", "2,1\nx,y\n")

    found = loader.load(docs, columns=Columns(text="2", id="1", queries=queries, query_text="2", query_id="1"))
    named = loader.load(called, columns=Columns(text="2", queries=queries, query_text="2"))

    assert (("0", "1"), ("The presence of apples.", "Pear trees grow.")) == (found.passage_ids, found.passages)
    assert (("7", "9"), ("apple", "pear")) == (found.query_ids, found.queries)
    assert (("x",), ("q1", "q2")) == (named.passages, named.query_ids)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"text": "x", "title": NaN}', "JSON has no NaN: write null"),
        ('{"text": "x", "title": -Infinity}', "JSON has no NaN: write null"),
        ('{"text": None}', "that is Python's spelling: write null, true and false"),
        (r'{"text": "a\ud83d b"}', "half of a character stands alone"),
        (r'{"text": "a\ude00 b"}', "half of a character stands alone"),
    ],
)
def test_what_other_programs_take_for_json(tmp_path, line, words):
    """
    What other programs write in place of JSON is refused in words.
    """
    docs = written(tmp_path / "docs.jsonl", f"{line}\n")

    message = refusal(docs, Columns(queries=written(tmp_path / "q.txt", "who?\n")))

    assert "docs.jsonl:1: expected a JSON object of its format" in message
    assert words in message


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
        ("a,text\n1,2\n3\n", Columns(), ["docs.csv:3", "expected 2 fields as in the first row, found 1"]),
        ("\na,b\n1,2\n", Columns(text="body"), ["docs.csv:2:", "expected a column 'body'"]),
        ("0,a b\n1,c\n", Columns(), ["docs.csv:1:", "by its number (--text 2) where the file has no header"]),
        ("0,a b\n1,c\n", Columns(text="3"), ["docs.csv:1:", "expected a column '3', found 1, 2"]),
        ("0,a b\n1,c\n", Columns(id="1"), ["docs.csv:1:", "expected a column 'text', found 1, 2"]),
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
