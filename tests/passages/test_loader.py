"""Passage sets: cards, where files are looked for, merging, and the real collections."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import InputError
from bench.passages import cards, loader
from bench.passages.loader import PassageSet

README = cards.shipped() / "README.md"
SHIPPED = [name for name in loader.names() if (cards.shipped() / name).is_dir()]
DATA = os.environ.get("SPARRING_DATA")
CORPUS = '{"_id": "d1", "title": "A", "text": "x"}\n{"_id": "d2", "text": "A x"}\n{"_id": "d3", "text": "y"}\n'
QUERIES = '{"_id": "q1", "text": "a"}\n{"_id": "q2", "text": "y"}\n'
QRELS = "q1\td1\t1\nq1\td2\t3\nq2\td3\t1\nq2\td2\t1\n"
FILES = {"passages": ("corpus.jsonl", CORPUS), "queries": ("queries.jsonl", QUERIES), "qrels": ("test.tsv", QRELS)}


@pytest.fixture(autouse=True)
def no_data(monkeypatch, tmp_path, request):
    """No test but those of the real collections sees a data folder of the machine."""
    if "real_data" not in request.fixturenames:
        monkeypatch.delenv("SPARRING_DATA", raising=False)
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def real_data():
    if DATA is None:
        pytest.skip("SPARRING_DATA is not set: it names the folder of the real collections")


def card_text(**changes: str) -> str:
    """A card of three small files as TOML; `changes` replaces values, or adds keys."""
    values = {
        "title": '"Tiny"',
        "language": '"en"',
        "licence": '"CC0 1.0"',
        "citation": '"None."',
        "format": '"beir"',
        "counts": "{ passages = 2, queries = 2, judgments = 3, merged = 1 }",
    }
    head = "".join(f"{key} = {value}\n" for key, value in {**values, **changes}.items())
    for role, (name, content) in FILES.items():
        digest = hashlib.sha256(content.encode()).hexdigest()
        head += f'[[files]]\nrole = "{role}"\npath = "tiny/{name}"\nsha256 = "{digest}"\nbytes = {len(content)}\n'
    return head


def tiny(folder: Path, card: str | None = None, *, data: Path | None = None) -> str:
    """The path of a card in `folder`, its files beside it or in `data`."""
    home = (data or folder) / "tiny"
    home.mkdir(parents=True, exist_ok=True)
    for name, content in FILES.values():
        (home / name).write_text(content)
    path = folder / "tiny.toml"
    path.write_text(card or card_text())
    return str(path)


def refusal(name: str) -> str:
    with pytest.raises(InputError) as refused:
        loader.load(name)
    return str(refused.value)


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


def test_article_clusters(tmp_path):
    """
    By article, the queries on all paragraphs of one article are one cluster.
    """
    example = _readme_card().replace('clusters = "paragraph"', 'clusters = "article"')

    found = loader.load(_readme_example(tmp_path, example))

    assert ("0", "0") == found.clusters


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


@pytest.mark.parametrize("language", ["english", "EN", "e", "", "zh-TW", "한국"])
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


@pytest.mark.parametrize("name", loader.names())
def test_cards_are_whole(name):
    """
    Every card that ships is read, states its licence and citation, and knows its language.
    """
    card = loader.card(name)

    assert [] == [value for value in (card.title, card.licence, card.citation) if not value.strip()]
    assert re.fullmatch("[a-z]{2}", card.language)


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


# The real collections


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_set(name):
    """
    A set that ships loads without a data folder; its queries say what they test.
    """
    found = loader.load(name)

    assert loader.card(name).counts.passages == len(found.passages)
    assert len(found.queries) == len(found.labels or ()) == len(found.clusters or ())


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*loader.names()} - {*SHIPPED}))
def test_real_set(real_data, name):
    """
    Every set that has a card loads with the card's hashes and counts, and every judgment finds its passage and query.
    """
    if loader.card(name).counts == "unknown":
        pytest.skip("its files were never at hand, or its card had their counts")
    found = loader.load(name)

    assert isinstance(found, PassageSet)
    assert loader.card(name).counts.passages == len(found.passages) == len(set(found.passages))
    assert set(found.query_ids) == set(found.qrels or ())
    assert 0 == found.unknown_judgments


def test_korquad_duplicates(real_data):
    """
    KorQuAD's 964 paragraphs are 961 passages, its merged ids lead to those that stayed.
    """
    found = loader.load("korquad")
    path = next(folder for folder in cards.folders() if (folder / "korquad-v1.0").is_dir()) / "korquad-v1.0"
    paragraphs = [
        paragraph["context"]
        for article in json.loads(gzip.decompress((path / "KorQuAD_v1.0_dev.json.gz").read_bytes()))["data"]
        for paragraph in article["paragraphs"]
    ]

    assert (964, 961) == (len(paragraphs), len(set(paragraphs)))
    assert list(dict.fromkeys(paragraphs)) == list(found.passages)
    assert 3 == len(found.merged)
    assert set(found.merged.values()) <= set(found.passage_ids)
