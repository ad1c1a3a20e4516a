"""TREC documents and topics, and CACM's archive of pages: what is read, and what is refused."""

from __future__ import annotations

import gzip
import hashlib
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import InputError
from bench.formats import Collection, Judgment, Passage, Query, cacm, trec
from bench.passages import loader
from tests.helpers.archives import tar
from tests.helpers.collections import content

DOCUMENTS = (
    "<DOC>\n<DOCNO> d1 </DOCNO>\ncats\n  purr\n</DOC>\n"
    "<DOC>\n<DOCNO>d2</DOCNO>\n<TEXT>dogs &amp; <B>cows</B></TEXT>\n</DOC>\n"
)
TOPICS = (
    "<top>\n<num>1</num><title>\nWHO PURRS\n</title>\n</top>\n<top>\n<num>2</num><title>WHO BARKS</title>\n</top>\n"
)
PAGE = "<html>\n<pre>\n\n\nOn Cats\n\nThey purr if 1 < x &amp; y > 2.\n\nCACM May, 1960\n\n7\t5\t46\n</pre>\n</html>\n"
PAGES = {"CACM-0046.html": PAGE, "CACM-1200.html": "<html><pre>On Dogs</pre></html>"}
QUESTIONS = "<DOC>\n<DOCNO> 1 </DOCNO>\n\nWho\npurrs?\n</DOC>\n<DOC>\n<DOCNO> 2 </DOCNO>\nWho barks?\n</DOC>\n"


def read(documents: str | bytes = DOCUMENTS, topics: str | bytes = TOPICS, judged: str | None = None) -> Collection:
    return trec.read(
        content("docs", documents), content("topics", topics), None if judged is None else content("qrels", judged)
    )


def read_pages(pages: dict[str, str | bytes] | bytes, judged: str | None = None) -> Collection:
    return cacm.read(
        content("cacm.tar", pages if isinstance(pages, bytes) else tar(pages)),
        content("topics", QUESTIONS),
        None if judged is None else content("qrels", judged),
    )


@pytest.fixture
def real_data():
    if "SPARRING_DATA" not in os.environ:
        pytest.skip("SPARRING_DATA is not set: it names the folder of the real collections")


def test_documents():
    """
    A passage is the text of a document on one line, without tags, character references resolved.
    """
    assert [Passage("d1", "", "cats purr"), Passage("d2", "", "dogs & cows")] == read().passages


def test_topics():
    """
    A query is a topic's title, by its number.
    """
    assert [Query("1", "WHO PURRS"), Query("2", "WHO BARKS")] == read().queries


def test_topics_of_trec():
    """
    Topics may leave their tags open and say what stands in them, as those of the TREC ad hoc track do.
    """
    topic = "<top>\n<num> Number: 301\n<title> Topic: Cats in\nhistory\n<desc> Description:\nMore.\n</top>"

    assert [Query("301", "Cats in history")] == read(topics=topic).queries


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("expression of <i>BRCA1</i> in tumors\n<desc> D", "expression of BRCA1 in tumors"),
        ("x < y &lt; z\n<narr> N", "x < y < z"),
        ("\n<desc> D", ""),
    ],
)
def test_titles_with_marks(title, words):
    """
    A title ends at TREC's next tag, and no other sign ends it.
    """
    assert [Query("1", words)] == read(topics=f"<top>\n<num> 1\n<title> {title}\n</top>").queries


def test_topics_as_documents():
    """
    Topics that are written as documents are read as such: all their text is the query.
    """
    assert [Query("1", "Who purrs?"), Query("2", "Who barks?")] == read(topics=QUESTIONS).queries


def test_qrels():
    """
    Qrels are TREC's; without them there are no judgments.
    """
    assert [Judgment("1", "d1", 2)] == read(judged="1 0 d1 2\n").judgments
    assert read().judgments is None


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"documents": DOCUMENTS[:-8]}, "docs:6: expected </DOC> after this <DOC>, found the end of the file"),
        ({"documents": DOCUMENTS.replace("</DOC>", "", 1)}, "docs:1: expected </DOC> after this <DOC>, found another"),
        ({"documents": "lost\n" + DOCUMENTS}, "docs:2: expected nothing between a </DOC> and a <DOC>, found 'lost'"),
        ({"documents": DOCUMENTS + "lost"}, "docs:10: expected nothing between a </DOC> and a <DOC>, found 'lost'"),
        ({"documents": "<DOC>\nx</DOC>"}, "docs:1: expected <DOCNO>id</DOCNO> at the start of a document, found 'x'"),
        ({"documents": "<DOC><DOCNO> </DOCNO>x</DOC>"}, "docs:1: expected an id for every passage"),
        ({"documents": DOCUMENTS.replace("d2", "d1")}, "docs:6: expected one text for the passage id 'd1'"),
        ({"documents": ""}, "docs: expected at least one passage, found none"),
        ({"documents": b"<DOC>\n\xff</DOC>"}, "docs:2: expected UTF-8, found the byte 0xff"),
        (
            {"topics": "<top><num>1</num></top>"},
            "topics:1: expected <num> and <title> in a topic, found '<num>1</num>'",
        ),
        ({"topics": TOPICS[:-8]}, "topics:6: expected </top> after this <top>, found the end of the file"),
        ({"topics": ""}, "topics: expected at least one query, found none"),
        ({"judged": "1 0 d1\n1 0\n"}, "qrels:1: expected a grade that is an integer, found 'd1'"),
    ],
)
def test_damage(files, message):
    """
    A file that is broken is refused with its name and line.
    """
    with pytest.raises(InputError) as refused:
        read(**files)

    assert str(refused.value).startswith(message)


PIECES = [
    "<DOC>",
    "</DOC>",
    "<DOCNO>",
    "</DOCNO>",
    "<top>",
    "</top>",
    "<num>",
    "<title>",
    "1",
    "x",
    "\n",
    "<",
    "&#x0;",
    "&lt",
]


@pytest.mark.slow
@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=14))
def test_any_pieces(pieces):
    """
    Whatever a file of topics is made of, it is read or refused by name.
    """
    source = "".join(pieces)
    try:
        found = trec.topics(content("topics", source))
    except InputError as error:
        message = str(error)
    else:
        message = "topics" if found else "nothing"

    assert message.startswith("topics")


# CACM


def test_pages():
    """
    A passage is all text of a page on one line, by the name of its file; `<` and `&` may stand in it.
    """
    found = read_pages(PAGES).passages

    assert [
        Passage("CACM-0046", "", "On Cats They purr if 1 < x & y > 2. CACM May, 1960 7 5 46"),
        Passage("CACM-1200", "", "On Dogs"),
    ] == found


def test_qrels_without_zeros():
    """
    Qrels that name a page without its zeros mean it; a page that is not there keeps the name it was given.
    """
    found = read_pages(PAGES, "1 Q0 CACM-46 1\n2 Q0 CACM-1200 1\n2 Q0 CACM-9 1\n").judgments

    assert [("1", "CACM-0046", 1), ("2", "CACM-1200", 1), ("2", "CACM-9", 1)] == found


def test_a_compressed_archive_is_the_same():
    """
    An archive of pages may be compressed.
    """
    assert read_pages(PAGES) == read_pages(gzip.compress(tar(PAGES), mtime=0))


@pytest.mark.parametrize(
    ("pages", "message"),
    [
        ({"CACM-0001.html": PAGE[:-9]}, "cacm.tar/CACM-0001.html: expected a page that ends in </html>, found none"),
        ({"CACM-0001.html": b"<html>\n\xe9</html>"}, "cacm.tar/CACM-0001.html:2: expected UTF-8"),
        ({"CACM-0001.html": f"&#{'9' * 5000};</html>"}, "cacm.tar/CACM-0001.html: expected references such as"),
        ({"a/C-1.html": PAGE, "b/C-1.html": PAGES["CACM-1200.html"]}, "cacm.tar/b/C-1.html: expected one text"),
        ({"../out.html": PAGE}, "cacm.tar: member '../out.html': expected a relative name"),
        (tar(PAGES)[:700], "cacm.tar: expected a whole .tar"),
        (b"no archive", "cacm.tar: expected a whole .tar"),
    ],
)
def test_damaged_pages(pages, message):
    """
    An archive or a page that is broken is refused with both names.
    """
    if isinstance(pages, bytes) and len(pages) > 100:
        pages = tar({"CACM-0046.html": PAGE * 10})[:700]

    with pytest.raises(InputError) as refused:
        read_pages(pages)

    assert str(refused.value).startswith(message)


@pytest.mark.slow
@settings(deadline=None, max_examples=200)
@given(st.text(st.sampled_from("<>!-[]/?&;#xhtml\"'= \n"), max_size=40))
def test_any_page(source):
    """
    Whatever a page is made of, it is read or refused by name.
    """
    try:
        message = read_pages({"p.html": source + "</html>"}).passages[0].id
    except InputError as error:
        message = str(error)

    assert message.startswith(("p", "cacm.tar/p.html"))


def test_a_missing_page(tmp_path):
    """
    A card refuses an archive that lost a page, before it is read.
    """
    files = {"passages": tar(PAGES), "queries": QUESTIONS.encode(), "qrels": b"1 Q0 CACM-46 1\n"}
    counts = "counts = { passages = 2, queries = 1, judgments = 1 }\n"
    card = f'title = "Tiny"\nlanguage = "en"\nlicence = ""\ncitation = ""\nformat = "cacm"\n{counts}'
    for role, data in files.items():
        (tmp_path / role).write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        card += f'[[files]]\npath = "{role}"\nrole = "{role}"\nsha256 = "{digest}"\nbytes = {len(data)}\n'
    (tmp_path / "tiny.toml").write_text(card)
    whole = loader.load(str(tmp_path / "tiny.toml"))
    (tmp_path / "passages").write_bytes(tar({"CACM-0046.html": PAGE}))

    with pytest.raises(InputError, match=r"passages: expected (bytes|sha256) \w+ of its \(uncompressed\) content"):
        loader.load(str(tmp_path / "tiny.toml"))

    assert ("CACM-0046", "CACM-1200") == whole.passage_ids


def test_vaswani(real_data):
    """
    Vaswani has its published counts; 16 documents repeat another one.
    """
    found = loader.load("vaswani")

    assert (11429, 93) == (found.n_file_passages, found.n_file_queries)
    assert (11413, 16, 2081) == (len(found.passages), len(found.merged), sum(map(len, found.qrels.values())))
    assert 0 == found.unknown_judgments


def test_cacm(real_data):
    """
    CACM has its published counts, and every judgment meets a passage.
    """
    found = loader.load("cacm")

    assert (3204, 64, 52) == (len(found.passages), found.n_file_queries, len(found.queries))
    assert (796, 0) == (sum(map(len, found.qrels.values())), found.unknown_judgments)
