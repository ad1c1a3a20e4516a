"""Files of queries and topics: what is taken, and what is refused with which words."""

from __future__ import annotations

import gzip

import pytest

from bench.errors import InputError
from bench.passages import loader
from bench.passages.loader import Columns
from tests.helpers.collections import (
    refusal,
    written,
)


@pytest.mark.parametrize("content", ["<TOP>\n<num> 1\n", '<topics>\n<topic number="1">x</topic>\n', "<?xml ?>\n"])
def test_topics_of_other_forms(tmp_path, content):
    """
    Marked-up files of topics that are no `<top>` are refused, and not read as a query a line.
    """
    docs = written(tmp_path / "docs.csv", "text\nit purrs\n")

    message = refusal(docs, Columns(queries=written(tmp_path / "topics.txt", content)))

    assert "expected a query on every line, or TREC topics (<top>), found '<" in message


@pytest.mark.parametrize(
    ("name", "content", "ids"),
    [
        ("topics.txt", "1048578\tcost of pears\n1048579\tapple pie\n", ("1048578", "1048579")),
        ("topics.txt", "cost of pears\napple pie\n", ("q1", "q2")),
        (
            "topics.trec.txt",
            "<top>\n<num> Number: 301\n<title> cost of pears\n</top>\n<top><num>302<title>apple pie</top>\n",
            ("301", "302"),
        ),
        (
            "topics.trec",
            "<top><num>301<title>cost of pears</top>\n<top><num>302<title>apple pie</top>\n",
            ("301", "302"),
        ),
    ],
)
def test_topics(tmp_path, name, content, ids):
    """
    Files of topics are read with their ids: TREC's tags, or an id and a tab before every query.
    """
    docs = written(tmp_path / "docs.csv", "text\nit purrs\n")

    found = loader.load(docs, columns=Columns(queries=written(tmp_path / name, content)))

    assert ids == found.query_ids
    assert ("cost of pears", "apple pie") == found.queries


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
    "content", ["q1\twho purrs\nwho barks\n", "1\tcats\tall about cats\n2\tdogs\tall about dogs\n", "who\n\tbarks\n"]
)
def test_queries_that_are_of_no_one_form(tmp_path, content):
    """
    Lines of which some have an id and a tab before the query, and some not, are refused: ids would become text.
    """
    (tmp_path / "p.csv").write_text("id,text\na,x\n")
    (tmp_path / "q.txt").write_text(content)

    with pytest.raises(InputError, match=r"q\.txt:\d: expected an id, a tab and a query on every line"):
        loader.load(str(tmp_path / "p.csv"), columns=Columns(queries=str(tmp_path / "q.txt")))
