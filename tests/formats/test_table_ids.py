"""Which columns of a table are taken for ids, and what is said of it."""

from __future__ import annotations

import msgspec
import pytest

from bench.formats import table
from bench.passages import loader
from bench.passages.loader import Columns
from tests.helpers.collections import (
    refusal,
    written,
)


@pytest.mark.parametrize("name", table.PASSAGE_IDS)
def test_a_usual_column_of_ids(tmp_path, name):
    """
    Where nothing names the column of ids, the usual ones are it; an empty name numbers the rows.
    """
    docs = written(tmp_path / "docs.csv", f"text,{name}\nit purrs,a\nit barks,b\n")
    queries = written(tmp_path / "queries.txt", "who?\n")

    found = loader.load(docs, columns=Columns(queries=queries))
    numbered = loader.load(docs, columns=Columns(queries=queries, id=""))

    assert ("a", "b") == found.passage_ids
    assert ("1", "2") == numbered.passage_ids


def test_columns_in_other_letters(tmp_path):
    """
    Usual columns are known in whatever letters, of passages and of queries; ids lose the blanks round them.
    """
    docs = written(tmp_path / "docs.csv", "ID,text\n a ,it purrs\nb,it barks\n")
    queries = written(tmp_path / "queries.csv", "Query ID,Text\nx ,who?\n")
    judged = written(tmp_path / "judged.csv", "Query-ID,Corpus-ID,Score\nx,a,1\n")

    found = loader.load(docs, columns=Columns(queries=queries, qrels=judged))

    assert (("a", "b"), ("x",), {"x": {"a": 1}}) == (found.passage_ids, found.query_ids, found.qrels)


def test_several_columns_of_ids(tmp_path):
    """
    Where judgments may name either of two columns, one is to be named; without judgments the first is taken.
    """
    docs = written(tmp_path / "docs.csv", "id,doc_id,text\n1,3,gamma\n2,1,alpha\n")
    queries = written(tmp_path / "queries.csv", "id,topic,text\n1,q3,gamma\n2,q1,alpha\n")
    judged = written(tmp_path / "judged.csv", "query_id,doc_id,relevance\nq3,3,1\nq1,1,1\n")

    assert "expected one column of ids, found 'id' and 'doc_id': name the one of the judgments with --id" in refusal(
        docs, Columns(queries=queries, qrels=judged)
    )
    assert "found 'id' and 'topic': name the one of the judgments with --query-id" in refusal(
        docs, Columns(id="doc_id", queries=queries, qrels=judged)
    )
    assert ("1", "2") == loader.load(docs, columns=Columns(queries=queries)).passage_ids
    found = loader.load(docs, columns=Columns(id="doc_id", queries=queries, query_id="topic", qrels=judged))
    assert {"q3": {"3": 1}, "q1": {"1": 1}} == found.qrels


def test_queries_without_ids(tmp_path):
    """
    Where the queries have no known column of ids, and there are judgments, what these are taken to name is said.
    """
    docs = written(tmp_path / "docs.csv", "id,text\nd1,alpha\nd2,beta\n")
    queries = written(tmp_path / "queries.csv", "number,query\nq2,beta\nq1,alpha\n")
    judged = written(tmp_path / "judged.csv", "query-id,corpus-id,score\nq1,d1,1\nq2,d2,1\n")

    found = loader.load(docs, columns=Columns(queries=queries, qrels=judged))
    named = loader.load(docs, columns=Columns(queries=queries, query_id="number", qrels=judged))

    assert (table.NUMBERED_QUERIES,) == found.remarks
    assert ((), ("q2", "q1")) == (named.remarks, named.query_ids)
    assert () == loader.load(docs, columns=Columns(queries=queries)).remarks


def test_ids_that_may_be_rows(tmp_path):
    """
    Judgments by numbers that are both ids and rows are taken to name ids, and that is said with the way to rows.
    """
    docs = written(tmp_path / "docs.csv", "id,text\n0,alpha\n1,beta\n2,gamma\n")
    queries = written(tmp_path / "queries.tsv", "qid\ttext\nq1\tbeta\n")
    judged = written(tmp_path / "judged.tsv", "q1\t1\t1\n")

    found = loader.load(docs, columns=Columns(queries=queries, qrels=judged))

    assert ("judgments are taken to name the column 'id'; --id '' takes them to name rows",) == found.remarks
    assert () == loader.load(docs, columns=Columns(id="id", queries=queries, qrels=judged)).remarks


def test_one_part_of_two_documents(tmp_path):
    """
    A passage that is said to be a part of two documents is refused; a document's column is no column of passages' ids.
    """
    queries = written(tmp_path / "q.txt", "alpha\n")
    twice = written(tmp_path / "twice.csv", "id,doc,text\nc1,A,alpha\nc1,B,alpha\n")
    parts = written(tmp_path / "parts.csv", "doc_id,text\nA,alpha\nA,beta\nB,gamma\n")

    assert "expected passage 'c1' to be a part of one document, found 'A' and 'B'" in refusal(
        twice, Columns(parent="doc", queries=queries)
    )
    assert ("A", "A", "B") == loader.load(parts, columns=Columns(parent="doc_id", queries=queries)).passage_ids


def test_judgments_of_several_files(tmp_path):
    """
    Those of a judging sheet stand beside those of before; one pair with two grades is refused.
    """
    docs = written(tmp_path / "docs.csv", "id,text\na,alpha\nb,beta\n")
    queries = written(tmp_path / "q.tsv", "x\talpha\ny\tbeta\n")
    before = written(tmp_path / "before.tsv", "x 0 a 1\n")
    sheet = written(tmp_path / "sheet.csv", "query-id,passage-id,grade,query,text\ny,b,2,beta,beta\nx,b,0,a,b\n")
    other = written(tmp_path / "other.tsv", "x 0 a 0\n")
    columns = Columns(query_id="1", query_text="2", queries=queries)

    found = loader.load(docs, columns=msgspec.structs.replace(columns, qrels=(before, sheet)))

    assert {"x": {"a": 1, "b": 0}, "y": {"b": 2}} == found.qrels
    assert "found 0 after 1 in another file" in refusal(docs, msgspec.structs.replace(columns, qrels=(before, other)))


def test_a_usual_column_that_is_none(tmp_path):
    """
    Pieces of documents under the documents' ids are refused, with the way to read them; a table without a row too.
    """
    docs = written(tmp_path / "docs.csv", "id,text\na,it purrs\na,it barks\n")
    empty = written(tmp_path / "empty.csv", "id,text\n")

    assert refusal(docs, Columns(queries=written(tmp_path / "q.txt", "who?\n"))).endswith(
        "give each passage an id of its own, or name another column with --id (--id '' numbers the rows; "
        "--parent names documents in parts)"
    )
    assert "expected at least one passage" in refusal(empty, Columns(queries=str(tmp_path / "q.txt")))


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
