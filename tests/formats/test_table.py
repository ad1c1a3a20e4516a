"""Tables of passages and files of queries: what is taken, and what is refused with which words."""

from __future__ import annotations

import csv
import gzip

import msgspec
import pytest

from bench.errors import InputError
from bench.formats import table
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


@pytest.mark.parametrize("content", ["<TOP>\n<num> 1\n", '<topics>\n<topic number="1">x</topic>\n', "<?xml ?>\n"])
def test_topics_of_other_forms(tmp_path, content):
    """
    Marked-up files of topics that are no `<top>` are refused, and not read as a query a line.
    """
    docs = written(tmp_path / "docs.csv", "text\nit purrs\n")

    message = refusal(docs, Columns(queries=written(tmp_path / "topics.txt", content)))

    assert "expected a query on every line, or TREC topics (<top>), found '<" in message


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
