"""Passage sets: what a card or files of one's own come to, merged and clustered, and how they are named."""

from __future__ import annotations

import gzip
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import InputError
from bench.passages import loader
from tests.helpers.cards import CORPUS, FILES, QRELS, QUERIES, card_text, tiny
from tests.helpers.collections import refusal
from tests.helpers.zoo import write_set

pytestmark = pytest.mark.usefixtures("cache")  # no test sees a data folder of the machine


def test_card(tmp_path):
    """
    A card's set carries what the card says, and its name is the card's file name.
    """
    found = loader.load(tiny(tmp_path))

    assert ("tiny", "Tiny", "en", "CC0 1.0", "None.") == (
        found.name,
        found.title,
        found.language,
        found.licence,
        found.citation,
    )


def test_equal_passages_are_merged(tmp_path):
    """
    A passage whose text, joined with its title, equals an earlier one is dropped; qrels follow, the higher grade stays.
    """
    found = loader.load(tiny(tmp_path))

    assert (("d1", "d3"), ("A x", "y")) == (found.passage_ids, found.passages)
    assert {"d2": "d1"} == found.merged
    assert {"q1": {"d1": 3}, "q2": {"d3": 1, "d1": 1}} == found.qrels


@settings(deadline=None, max_examples=50)
@given(texts=st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=1, max_size=12))
def test_merging_agrees_with_the_obvious(tmp_path_factory, texts):
    """
    Merging keeps the first passage of every text, in order, and maps each other one to it.
    """
    folder = tmp_path_factory.mktemp("merging")
    (folder / "corpus.jsonl").write_text("".join(f'{{"_id": {i}, "text": "{text}"}}\n' for i, text in enumerate(texts)))
    (folder / "queries.jsonl").write_text(QUERIES)

    found = loader.load(str(folder))

    assert [text for i, text in enumerate(texts) if text not in texts[:i]] == list(found.passages)
    assert {str(i): str(texts.index(t)) for i, t in enumerate(texts) if texts.index(t) != i} == found.merged


def test_join(tmp_path):
    """
    join = "text" leaves titles out.
    """
    counts = "{ passages = 3, queries = 2, judgments = 4 }"

    found = loader.load(tiny(tmp_path, card_text(join='"text"', counts=counts)))

    assert ("x", "A x", "y") == found.passages


def test_clusters(tmp_path):
    """
    A query's paragraph is the passage judged best, of several the first in the file; without `clusters` there are none.
    """
    clustered = loader.load(tiny(tmp_path, card_text(clusters='"paragraph"')))
    unclustered = loader.load(tiny(tmp_path))

    assert ("d1", "d3") == clustered.clusters
    assert unclustered.clusters is None


def test_impossible_clusters(tmp_path):
    """
    A format that knows no articles cannot cluster by them.
    """
    message = refusal(tiny(tmp_path, card_text(clusters='"article"')))

    assert "'tiny': expected the format squad to cluster queries by article" in message


def test_table_card(tmp_path):
    """
    A card's table names its columns.
    """
    counts = "{ passages = 3, queries = 2, judgments = 4 }"
    columns = '{ text = "text", id = "_id" }'

    found = loader.load(tiny(tmp_path, card_text(format='"table"', columns=columns, counts=counts)))

    assert (("d1", "d2", "d3"), ("x", "A x", "y")) == (found.passage_ids, found.passages)


def test_hash_of_the_set(tmp_path):
    """
    The hash of a set follows ids, texts, queries, qrels and labels, not the card's words or the order of judgments.
    """
    (tmp_path / "same").mkdir()
    plain = loader.load(tiny(tmp_path))
    renamed = loader.load(tiny(tmp_path / "same", card_text(title='"Another"')))
    folder = tmp_path / "folder"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text(CORPUS)
    (folder / "queries.jsonl").write_text(QUERIES)
    (folder / "qrels" / "test.tsv").write_text("".join(reversed(QRELS.splitlines(keepends=True))))
    reordered = loader.load(str(folder))
    (folder / "queries.jsonl").write_text(QUERIES.replace('"a"', '"a", "label": "one letter"'))
    labelled = loader.load(str(folder))

    assert plain.sha256 == renamed.sha256 == reordered.sha256
    assert labelled.sha256 != plain.sha256
    assert re.fullmatch("[0-9a-f]{64}", plain.sha256)


def test_text_bytes(tmp_path):
    """
    text_bytes counts UTF-8 bytes of the passages.
    """
    (tmp_path / "corpus.jsonl").write_text('{"_id": "d", "text": "é한"}\n{"_id": "e", "text": "x"}\n', encoding="utf-8")
    (tmp_path / "queries.jsonl").write_text(QUERIES)

    assert 2 + 3 + 1 == loader.text_bytes(loader.load(str(tmp_path)))


# Names


def test_unknown_name():
    """
    An unknown name gives the names there are, and the nearest.
    """
    message = refusal("scifacts")

    assert "unknown passage set 'scifacts'" in message
    assert message.endswith("Did you mean scifact?")


def test_columns_for_a_card():
    """
    Columns are refused for a set that has a card.
    """
    with pytest.raises(InputError, match="passage set 'scifact': expected no columns"):
        loader.load("scifact", columns=loader.Columns())


@pytest.mark.parametrize("language", ["english", "e", "", "x-own", "한국"])
def test_no_language(tmp_path, language):
    """
    A language that is no code is refused when the set is read: with its card, or with the option that gave it.
    """
    counts = "{ passages = 2, queries = 2, judgments = 3, merged = 1 }"
    own = tmp_path / "own"
    own.mkdir()
    for name, content in FILES.values():
        (own / name).write_text(content)

    carded = refusal(tiny(tmp_path, card_text(language=f'"{language}"', counts=counts)))
    with pytest.raises(InputError) as refused:
        loader.load(str(own), columns=loader.Columns(language=language))

    assert f"'tiny': expected as its language an ISO 639 code such as \"en\", found {language!r}" in carded
    assert carded.endswith("correct `language` in its card")
    assert f"'own': expected as its language an ISO 639 code such as \"en\", found {language!r}" in str(refused.value)
    assert str(refused.value).endswith("correct --language")


@pytest.mark.parametrize("tag", ["deu", "ger", "de-DE", "deu-Latn", "DE"])
def test_any_code_of_a_language(tmp_path, tag):
    """
    A set is in one language, whichever of its codes is given.
    """
    for name, content in FILES.values():
        (tmp_path / name).write_text(content)

    found = loader.load(str(tmp_path), columns=loader.Columns(language=tag))

    assert found == loader.load(str(tmp_path), columns=loader.Columns(language="de"))
    assert "de" == found.language


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("docs.csv", "docs"),
        ("docs.v2.csv.gz", "docs.v2"),
        ("my docs (2).csv", "my-docs-2"),
        ("문서_é.csv", "문서_é"),
        ("a\nb\x1b[31m.csv", "a-b-31m"),
        ("-o.csv", "o"),
        ("....csv", "passages"),
        ("한" * 80 + ".csv", "한" * 50),
    ],
)
def test_name_of_ones_own_file(tmp_path, file, name):
    """
    One's own set is called as its file, without what other files could not be called by, and not too long for them.
    """
    content = b"text\na cat\n"
    (tmp_path / file).write_bytes(gzip.compress(content, mtime=0) if file.endswith(".gz") else content)
    (tmp_path / "queries.txt").write_text("cat\n")

    found = loader.load(str(tmp_path / file), columns=loader.Columns(queries=str(tmp_path / "queries.txt")))

    assert name == found.name


def test_name_of_ones_own_folder(tmp_path, monkeypatch):
    """
    One's own folder names its set however the path to it is written.
    """
    home = tmp_path / "zoo.v1" / "inner"
    home.mkdir(parents=True)
    for name, content in FILES.values():
        (home.parent / name).write_text(content)
    monkeypatch.chdir(home)

    assert ["zoo.v1"] * 3 == [loader.load(path).name for path in ("..", "../../zoo.v1/", str(home / ".."))]


def test_which_sets_have_a_card(tmp_path, monkeypatch):
    """
    A name and a card's file stand for a card; a path to a folder or to a file of another kind is one's own.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "zoo").mkdir()
    (tmp_path / "primer").mkdir()
    names = ["primer", "nosuchset", "cards/zoo.toml", "zoo", "./primer", "docs.csv", "docs.jsonl.gz", "nowhere/"]

    assert ["primer", "nosuchset", "cards/zoo.toml"] == [name for name in names if loader.has_card(name)]


def test_missing_path():
    """
    A path that is not there is refused as a path.
    """
    assert "nowhere/at-all: expected a BEIR folder" in refusal("nowhere/at-all")
    assert "nowhere.csv: expected a file that can be read" in refusal("nowhere.csv")


def test_queries_without_judgments(tmp_path):
    """
    The queries of a table, and of a folder without qrels of its own, are all to be asked; a folder with qrels has those
    of all splits in one file, and the judged ones are asked.
    """
    sheet, table = tmp_path / "sheet.tsv", tmp_path / "docs.csv"
    sheet.write_text("q2\tp2\t1\n")
    table.write_text("id,text\np1,cat\np2,dog\n")
    asked = tmp_path / "asked.csv"
    asked.write_text("id,text\nq1,a cat\nq2,a dog\n")
    bare, split = write_set(tmp_path / "bare", qrels=None), write_set(tmp_path / "split")
    columns = loader.Columns(id="id", queries=str(asked), query_id="id", qrels=str(sheet))

    of_table = loader.load(str(table), columns=columns)
    unjudged = loader.load(str(table), columns=msgspec.structs.replace(columns, qrels=None))
    of_folders = [loader.load(str(path), columns=loader.Columns(qrels=str(sheet))) for path in (bare, split)]

    assert (("q1", "q2"), {"q2": {"p2": 1}}) == (of_table.query_ids, of_table.qrels)
    assert [("q1", "q2", "q3"), ("q2",)] == [found.query_ids for found in of_folders]
    assert unjudged.asked_sha256 == of_table.asked_sha256
