"""MedQuAD: what is read of its XML files, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import InputError
from bench.formats import Collection, Judgment, Passage, Query, medquad
from bench.formats.files import Content
from bench.passages import loader
from tests.helpers.archives import tar

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def page(*pairs: tuple[str, str], root: str = "Document") -> str:
    inside = "".join(
        f'<QAPair pid="{number}"><Question qid="q">{question}</Question><Answer>{answer}</Answer></QAPair>\n'
        for number, (question, answer) in enumerate(pairs, start=1)
    )
    return f"{HEAD}<{root}>\n<QAPairs>\n{inside}</QAPairs></{root}>"


def read(pages: dict[str, str | bytes]) -> Collection:
    return medquad.read(Content(Path("mq.tar"), tar(pages)))


PAGES = {
    "a/1.xml": page(("What is a cold ?", "\n  A virus &amp; no flu.\n"), ("How long ?", "A week.")),
    "b/1.xml": page(("What is a cold ?", "See a doctor."), ("Why ?", " "), root="DiseaseFile"),
}


def test_pairs():
    """
    Passages are answers by file and pair, stripped; a pair without an answer is left out, and its question with it.
    """
    found = read(PAGES)

    assert [
        Passage("a/1-1", "", "A virus & no flu."),
        Passage("a/1-2", "", "A week."),
        Passage("b/1-1", "", "See a doctor."),
    ] == found.passages
    assert [Query("a/1-1", "What is a cold ?"), Query("a/1-2", "How long ?")] == found.queries


def test_one_question_has_several_answers():
    """
    A question that is asked again is one query, and every answer to it is relevant; its article is the first's file.
    """
    found = read(PAGES)

    assert [
        Judgment("a/1-1", "a/1-1", 1),
        Judgment("a/1-2", "a/1-2", 1),
        Judgment("a/1-1", "b/1-1", 1),
    ] == found.judgments
    assert {"a/1-1": "a/1", "a/1-2": "a/1"} == found.articles


def test_other_files():
    """
    Files that are no XML, and those of the layout that published counts leave out, add nothing.
    """
    others = {"readme.txt": b"\xff", "c/1.xml": f"{HEAD}<doc><pair><question>Q</question></pair></doc>"}

    assert read(PAGES) == read(PAGES | others)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PAGES["a/1.xml"][:-5], "mq.tar/x.xml: expected XML, found: "),
        (PAGES["a/1.xml"].replace("<QAPairs>", "<QAPairs", 1), "mq.tar/x.xml: expected XML, found: "),
        ("<Document>&undeclared;</Document>", "mq.tar/x.xml: expected XML, found: undefined entity"),
        ("<html></html>", "mq.tar/x.xml: expected <Document> or <DiseaseFile> as its root, found <html>"),
        (b"<Document>\n\n\xe9</Document>", "mq.tar/x.xml:3: expected UTF-8, found the byte 0xe9"),
        (HEAD.encode("utf-16"), "mq.tar/x.xml:1: expected UTF-8"),
        (page(("", "A week.")), "mq.tar/x.xml: expected a question in pair 1, found an empty one"),
        (page(("Q", "A")).replace(' pid="1"', ""), "mq.tar/x.xml: expected pid, Question and Answer in every QAPair"),
        (
            "<Document><QAPair pid='1'><Question>Q</Question></QAPair></Document>",
            "mq.tar/x.xml: expected pid, Question",
        ),
        (
            page(("Q", "A"), ("P", "B")).replace('pid="2"', 'pid="1"'),
            "mq.tar/x.xml: pair 1: expected one text",
        ),
        (page(), "mq.tar: expected at least one passage, found none"),
    ],
)
def test_damage(text, message):
    """
    A file that is broken is refused with archive, name and place.
    """
    with pytest.raises(InputError) as refused:
        read({"x.xml": text})

    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    "declared",
    [
        '<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE d SYSTEM "http://127.0.0.1:1/d.dtd">',
    ],
)
def test_entities(declared):
    """
    A document type is refused: it could declare entities that read other files, or that swell.
    """
    with pytest.raises(InputError, match=r"^mq.tar/x.xml: expected XML without a document type, found one"):
        read({"x.xml": f"{declared}<Document>&b;</Document>"})


PIECES = [
    "<QAPair pid='1'>",
    "</QAPair>",
    "<Question>",
    "</Question>",
    "<Answer>",
    "</Answer>",
    "x",
    "<!--",
    "-->",
    "<![CDATA[",
]


@pytest.mark.slow
@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from([*PIECES, "]]>", "&lt;", "&#0;", "<?xml?>", "<a/>"]), max_size=12))
def test_any_pieces(pieces):
    """
    Whatever a file is made of, it is read or refused by name.
    """
    try:
        message = read({"x.xml": f"<Document>{''.join(pieces)}</Document>"}).passages[0].id
    except InputError as error:
        message = str(error)

    assert message.startswith(("x-1", "mq.tar"))


@pytest.mark.slow
def test_deep_nesting():
    """
    Elements in elements in elements are XML like any other.
    """
    deep = "<a>" * 100_000 + "</a>" * 100_000

    assert read({"x.xml": page(("Q", deep + "A"))}).passages == [Passage("x-1", "", "A")]


@pytest.mark.slow
def test_medquad():
    """
    MedQuAD has its published counts: 16,407 answers, of them 15,817 different, and 14,979 different questions.
    """
    if "SPARRING_DATA" not in os.environ:
        pytest.skip("SPARRING_DATA is not set: it names the folder of the real collections")

    found = loader.load("medquad")

    assert (16407, 15817, 590) == (found.n_file_passages, len(found.passages), len(found.merged))
    assert (14979, 14979) == (len(found.queries), len(set(found.queries)))
    assert (16359, 0) == (sum(map(len, found.qrels.values())), found.unknown_judgments)
    assert 5437 == len(set(found.clusters))
