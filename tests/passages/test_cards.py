"""Cards: where their files are looked for, what is refused, and what the page of those that ship says."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.passages import cards, loader
from tests.helpers.cards import CORPUS, card_text, tiny
from tests.helpers.collections import refusal
from tests.helpers.fetched import refused, write_card

pytestmark = pytest.mark.usefixtures("alone")
README = cards.shipped() / "README.md"


# Files of a card


def test_data_folders(tmp_path, monkeypatch):
    """
    Data is looked for in the folders of SPARRING_DATA in their order, then in the cache, then in the shipped sets.
    """
    monkeypatch.setenv("SPARRING_DATA", os.pathsep.join([str(tmp_path / "a"), "", str(tmp_path / "b")]))

    assert [tmp_path / "a", tmp_path / "b", tmp_path / "cache" / "data", cards.shipped()] == cards.folders()


def test_data_folders_are_absolute(tmp_path, monkeypatch):
    """
    A data folder is absolute, wherever the process goes later.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPARRING_DATA", "here")

    assert tmp_path / "here" == cards.folders()[0]


@pytest.mark.parametrize("place", ["named", "cache/data"])
def test_files_in_a_data_folder(tmp_path, monkeypatch, place):
    """
    The files of a card are found in a data folder, before those beside the card.
    """
    monkeypatch.setenv("SPARRING_DATA", str(tmp_path / "named"))
    path = tiny(tmp_path, data=tmp_path / place)
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "corpus.jsonl").write_text("not this one")

    assert 2 == len(loader.load(path).passages)


def test_compressed_file(tmp_path):
    """
    path.gz is the same file: size and hash are of the uncompressed content.
    """
    path = tiny(tmp_path)
    plain = loader.load(path)
    corpus = tmp_path / "tiny" / "corpus.jsonl"
    corpus.with_name("corpus.jsonl.gz").write_bytes(gzip.compress(corpus.read_bytes()))
    corpus.unlink()

    assert plain == loader.load(path)


def test_missing_data(tmp_path, monkeypatch):
    """
    A missing file's error names every folder that was looked at, and says to set SPARRING_DATA.
    """
    monkeypatch.setenv("SPARRING_DATA", str(tmp_path / "nowhere"))
    path = tiny(tmp_path)
    (tmp_path / "tiny" / "test.tsv").unlink()

    message = refusal(path)

    assert message.startswith("tiny/test.tsv: expected this file, or tiny/test.tsv.gz")
    looked = [f"{tmp_path / 'nowhere'} (no such folder)", str(tmp_path / "cache" / "data"), str(cards.shipped())]
    assert [] == [place for place in [*looked, str(tmp_path), "set SPARRING_DATA"] if place not in message]


def test_run_names_the_command():
    """
    A run never downloads: its error for files that are missing names the command that does.
    """
    with pytest.raises(InputError) as caught:
        loader.load("xquad-de")

    assert "sparring fetch xquad-de" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (CORPUS + "\n", [f"corpus.jsonl: expected bytes {len(CORPUS)} ", f"found {len(CORPUS) + 1}"]),
        (CORPUS.replace("y", "z"), ["corpus.jsonl: expected sha256 ", hashlib.sha256(CORPUS.encode()).hexdigest()]),
    ],
)
def test_another_file(tmp_path, content, words):
    """
    A file whose size or hash is not the card's is refused with both.
    """
    path = tiny(tmp_path)
    (tmp_path / "tiny" / "corpus.jsonl").write_text(content)

    message = refusal(path)

    assert [] == [word for word in words if word not in message]


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ("{ passages = 3, queries = 2, judgments = 3, merged = 1 }", "expected 3 passages as its card counts, found 2"),
        ("{ passages = 2, queries = 1, judgments = 3, merged = 1 }", "expected 1 queries as its card counts, found 2"),
        (
            "{ passages = 2, queries = 2, judgments = 4, merged = 1 }",
            "expected 4 judgments as its card counts, found 3",
        ),
        ("{ passages = 2, queries = 2, judgments = 3 }", "expected 0 merged as its card counts, found 1"),
    ],
)
def test_another_count(tmp_path, counts, words):
    """
    A set that comes to other counts than its card's is refused with the count.
    """
    assert words in refusal(tiny(tmp_path, card_text(counts=counts)))


# What is refused


@pytest.mark.parametrize(
    ("card", "words"),
    [
        (card_text(licnce='"x"'), ["card", "tiny.toml: unknown key 'licnce'", "Did you mean licence?"]),
        (
            card_text(format='"bier"'),
            ["tiny.toml", "expected as its format one of beir, cacm", "found 'bier'. Did you mean beir?"],
        ),
        (card_text(split='"test"'), ["tiny.toml: unknown key 'split'"]),
        (card_text(bytes="3"), ["tiny.toml: unknown key 'bytes'", "It stands under [[files]]."]),
        (card_text(format='"medquad"'), ["tiny.toml", "expected one file of passages in the format medquad, found"]),
        (card_text(language="3"), ["tiny.toml", "Expected `str`, got `int`", "$.language"]),
        (
            card_text().replace("bytes", "size"),
            ["tiny.toml: files: unknown key 'size': expected one of path, sha256, bytes"],
        ),
        (
            card_text().replace("tiny/corpus", "../corpus"),
            ["tiny.toml", "inside a data folder, found '../corpus.jsonl'"],
        ),
        (card_text().replace("tiny/corpus", "/corpus"), ["tiny.toml", "inside a data folder"]),
        (
            card_text().replace('"queries"', '"passages"'),
            [
                "tiny.toml",
                "expected one file of passages, one file of queries, at most one file of qrels in the format",
            ],
        ),
        (
            card_text(format='"squad"'),
            [
                "tiny.toml",
                "expected one file or more of passages, any number of files of distractors in the format squad",
            ],
        ),
        ("title = \n", ["tiny.toml", "line 1"]),
    ],
)
def test_broken_card(tmp_path, card, words):
    """
    A card with an unknown key, a wrong type or files that do not fit its format is refused with its path and the key.
    """
    message = refusal(tiny(tmp_path, card))

    assert [] == [word for word in words if word not in message]


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ({"urls": ["file:///etc/passwd"]}, "urls"),
        ({"urls": ["ftp://example.org/a"]}, "urls"),
        ({"member": "a"}, "expected urls of the archive that has the member 'a', found none"),
    ],
)
def test_cards_that_are_refused(tmp_path, file, reason):
    """
    A card's URLs are of http or https, and a member needs a URL of its archive.
    """
    message = refused(write_card(tmp_path, file))

    assert "card " in message
    assert reason in message


# What ships


@pytest.mark.parametrize("name", loader.names())
def test_cards_are_whole(name):
    """
    Every card that ships is read, states its licence and citation, and knows its language.
    """
    card = loader.card(name)

    assert [] == [value for value in (card.title, card.licence, card.citation) if not value.strip()]
    assert re.fullmatch("[a-z]{2}", card.language)


def test_addresses_of_shipped_cards():
    """
    The shipped cards' URLs are of https; a zip names the member that it is opened for, and nothing else does.
    """
    addresses = [(url, file) for name in cards.names() for file in cards.card(name).files for url in file.urls]

    assert addresses
    assert [] == [url for url, _ in addresses if not url.startswith("https://")]
    assert [] == [url for url, file in addresses if url.endswith(".zip") != (file.member is not None)]


# The page


def _readme_block(language: str) -> str:
    match = re.search(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert match is not None
    return match[1]


def _readme_card() -> str:
    return _readme_block("toml")


def _readme_example(folder: Path, card: str) -> str:
    (folder / "zoo").mkdir()
    (folder / "zoo" / "zoo.json").write_text(_readme_block("json"))
    (folder / "zoo.toml").write_text(card)
    return str(folder / "zoo.toml")


def test_readme_example(tmp_path):
    """
    The example of datasets/README.md is a card that loads.
    """
    found = loader.load(_readme_example(tmp_path, _readme_card()))

    assert ("zoo", 2, ("z1", "z2")) == (found.name, len(found.passages), found.query_ids)


def test_article_clusters(tmp_path):
    """
    By article, the queries on all paragraphs of one article are one cluster.
    """
    example = _readme_card().replace('clusters = "paragraph"', 'clusters = "article"')

    found = loader.load(_readme_example(tmp_path, example))

    assert ("0", "0") == found.clusters


def test_readme_table():
    """
    The table of datasets/README.md says what the cards say; of a line with several languages, LANGUAGE is each in turn.
    """
    expected = []
    for name in loader.names():
        card = loader.card(name)
        counts = [getattr(card.counts, count, "-") for count in ("passages", "queries", "judgments")]
        expected.append([name, card.language, *map(str, counts), card.licence])

    _, after = README.read_text(encoding="utf-8").split("| name | language |", 1)
    table, _ = after.split("\n\n", 1)
    lines = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    found = [
        [name.replace("LANGUAGE", language), language, *others]
        for name, languages, *others in lines
        for language in languages.split()
    ]

    assert expected == found
