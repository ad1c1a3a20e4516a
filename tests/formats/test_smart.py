"""SMART: what is read of documents, queries and qrels in the manner of Cranfield, and what is refused."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import InputError
from bench.formats import Collection, Judgment, Passage, Query, smart
from bench.passages import loader
from retrievers.encoders.lexical import BM25
from retrievers.storages.csr import CSR
from tests.helpers.collections import content

DOCUMENTS = ".I 7\n.T\nwings of\nbirds .\n.A\nkite,r.\n.B\nnest 1\n.W\nfeathers\nbend .\n.I 8\n.T\n.A\n.B\n.W\n"
QUERIES = ".I 001\n.W\nwhat bends\nin flight .\n.I 004\n.W\nwho flies .\n"


def read(documents: str | bytes = DOCUMENTS, queries: str | bytes = QUERIES, judged: str | None = None) -> Collection:
    return smart.read(
        content("docs", documents), content("queries", queries), None if judged is None else content("rel", judged)
    )


def refusal(**files: str | bytes) -> str:
    with pytest.raises(InputError) as refused:
        read(**files)
    return str(refused.value)


def test_documents():
    """
    A passage is title and text of a record, each on one line; authors and journal are not its words.
    """
    assert [Passage("7", "wings of birds .", "feathers bend ."), Passage("8", "", "")] == read().passages


def test_queries_are_numbered_in_file_order():
    """
    A query's id is its position from 1, which is what the qrels mean, whatever its .I says.
    """
    assert [Query("1", "what bends in flight ."), Query("2", "who flies .")] == read().queries


def test_every_judged_pair_is_relevant():
    """
    A judged pair is relevant whatever its grade, -1 included; without qrels there are no judgments.
    """
    judged = read(judged="1 7 -1\n2 7 4 \n2 8 1\n").judgments

    assert [Judgment("1", "7", 1), Judgment("2", "7", 1), Judgment("2", "8", 1)] == judged
    assert read().judgments is None


def test_carriage_returns():
    """
    Lines may end as on Windows.
    """
    assert read() == read(DOCUMENTS.replace("\n", "\r\n"), QUERIES.replace("\n", "\r\n"))


def test_a_marker_that_comes_again_stands_in_the_text():
    """
    Once the text began, a marker that was there already is passed over and its lines are text; a new one is a field.
    """
    text = ".I 1\n.T\nt\n.A\na\n.W\none\n.A\ntwo\n.W\nthree\n.X\n5 6\n"

    assert [Passage("1", "t", "one two three")] == read(text).passages


def test_a_sparse_search_does_not_find_an_empty_passage():
    """
    A passage without text stays in the set, and no word finds it.
    """
    passages = [f"{p.title} {p.text}".strip() for p in read().passages]
    retriever = BM25() @ CSR()
    retriever.index(passages)

    hits = retriever.search(["feathers"], k=2)

    assert ["wings of birds . feathers bend .", ""] == passages
    assert [[0, -1]] == hits.rows.tolist()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"documents": "T\n" + DOCUMENTS}, "docs:1: expected a record to open with `.I number`, found 'T'"),
        ({"documents": DOCUMENTS + ".I 9\n.T\nlost"}, "docs:17: expected a text (.W) in record 9, found none"),
        ({"documents": ".I\n.W\nx"}, "docs:1: expected a record to open"),
        ({"documents": ".I 1\n.W\nx\n.I\n"}, "docs:4: expected a number after .I, found none"),
        ({"documents": DOCUMENTS + ".I 7\n.W\nother"}, "docs:17: expected one text for the passage id '7'"),
        ({"documents": b".I 1\n.W\n\xe9"}, "docs:3: expected UTF-8, found the byte 0xe9"),
        ({"documents": b".I 1\n.W\n\0"}, "docs:3: expected text, found a NUL byte"),
        ({"documents": ""}, "docs: expected at least one passage, found none"),
        ({"queries": "\n"}, "queries: expected at least one query, found none"),
        ({"judged": "1 7\n"}, "rel:1: expected query id, passage id and grade"),
        ({"judged": "1 7 x\n"}, "rel:1: expected a grade that is an integer"),
    ],
)
def test_damage(files, message):
    """
    A file that is broken is refused with its name and line.
    """
    assert refusal(**files).startswith(message)


@pytest.mark.slow
@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.sampled_from([".I 1", ".I 2", ".I", ".T", ".W", ".A", "x", "", ".W x", "\u2028", "\r"]), max_size=12)
)
def test_any_lines(lines):
    """
    Whatever lines a file has, it is read or refused by name.
    """
    try:
        found = read("\n".join(lines)).passages
    except InputError as error:
        found = []
        message = str(error)
    else:
        message = "docs"

    assert message.startswith("docs")
    assert len({passage.id for passage in found}) == len(found)


def test_cranfield(monkeypatch):
    """
    Cranfield has its published counts (one empty document merged into the other), and query 9 is the ninth of the file.
    """
    if "SPARRING_DATA" not in os.environ:
        pytest.skip("SPARRING_DATA is not set: it names the folder of the real collections")

    found = loader.load("cranfield")

    assert (1400, 225, 1837) == (found.n_file_passages, len(found.queries), sum(map(len, found.qrels.values())))
    assert {"995": "471"} == found.merged
    assert "" == found.passages[470]
    assert tuple(map(str, range(1, 226))) == found.query_ids
    assert {1} == {grade for grades in found.qrels.values() for grade in grades.values()}
    assert 0 == found.unknown_judgments
