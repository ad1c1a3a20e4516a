"""The collections: what their formats hold beyond texts, what each card counts, and damaged copies of every one."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.formats import pubmedqa, squad
from bench.formats.files import Content
from bench.passages import cards, loader
from bench.passages.loader import PassageSet

DATA = os.environ.get("SPARRING_DATA")
SHIPPED = [name for name in cards.names() if (cards.shipped() / name).is_dir()]


def squad_file(name: str, *paragraphs: tuple[str, list[dict[str, object]]]) -> Content:
    """A SQuAD-style file of one article without a title."""
    article = {"paragraphs": [{"context": context, "qas": qas} for context, qas in paragraphs]}
    return Content(Path(name), json.dumps({"data": [article]}).encode())


def question(query_id: str, *answers: str, **more: object) -> dict[str, object]:
    texts = [{"text": answer, "answer_start": 0} for answer in answers]
    return {"id": query_id, "question": f"{query_id}?", "answers": texts, **more}


def pubmedqa_file(articles: object) -> Content:
    return Content(Path("pqal.json"), json.dumps(articles).encode())


# What formats hold


def test_answers():
    """
    A question's answers are the different texts its file gives, in their order; an empty text is none.
    """
    found = squad.read([squad_file("a.json", ("Cats purr.", [question("q", "b", "a", "", "b"), question("r")]))])

    assert {"q": ("b", "a"), "r": ()} == found.answers


def test_no_answers():
    """
    A file that gives no answer at all has none, not empty ones.
    """
    found = squad.read([squad_file("a.json", ("Cats purr.", [{"id": 1, "question": "Who purrs?"}]))])

    assert found.answers is None


def test_one_question_on_two_paragraphs():
    """
    A question that is repeated word for word on another paragraph has both as relevant passages, and both answers.
    """
    found = squad.read([squad_file("a.json", ("Cats.", [question("q", "a")]), ("Dogs.", [question("q", "b")]))])

    assert [("q", "0-0", 1), ("q", "0-1", 1)] == found.judgments
    assert {"q": ("a", "b")} == found.answers


def test_impossible_questions(tmp_path):
    """
    A question marked impossible is not asked, and counts among those of the file.
    """
    qas = [question("q", "cats"), question("r", is_impossible=True), question("s", "who", is_impossible=False)]
    (tmp_path / "own.json").write_bytes(squad_file("own.json", ("Cats purr.", qas)).data)

    found = loader.load(str(tmp_path / "own.json"))

    assert ("q", "s") == found.query_ids
    assert (3, (0, 2)) == (found.n_file_queries, found.query_rows)
    assert (("cats",), ("who",)) == found.answers


def test_nothing_but_impossible_questions():
    """
    A file of nothing but impossible questions is refused.
    """
    with pytest.raises(InputError, match=r"a.json: expected at least one question with an answer, found 1 that"):
        squad.read([squad_file("a.json", ("Cats purr.", [question("r", is_impossible=True)]))])


def test_keys_of_other_makers():
    """
    Ids at articles, paragraphs and answers, missing titles and keys no one knows do not disturb.
    """
    qas = [{"id": "TRIAL_0_QUERY_0", "question": "Who?", "answers": [{"id": "1", "text": "cats"}], "answer_type": "x"}]
    article = {"id": "TRIAL_0", "paragraphs": [{"context_id": "TRIAL_0", "id": 7, "context": "Cats purr.", "qas": qas}]}

    found = squad.read([Content(Path("a.json"), json.dumps({"version": 1.0, "data": [article]}).encode())])

    assert [("TRIAL_0_QUERY_0", "Who?", None)] == found.queries
    assert {"TRIAL_0_QUERY_0": ("cats",)} == found.answers


def test_distractors():
    """
    Of a file of distractors the paragraphs are passages, after those of the others; its questions are not asked.
    """
    asked = squad_file("dev.json", ("Cats purr.", [question("q", "cats")]))
    others = squad_file("train.json", ("Dogs bark.", [question("q", "another question of that id")]))

    found = squad.read([asked], [others])

    assert [("0-0", "Cats purr."), ("1-0", "Dogs bark.")] == [(p.id, p.text) for p in found.passages]
    assert (["q"], [("q", "0-0", 1)]) == ([query.id for query in found.queries], found.judgments)


def test_pubmedqa():
    """
    In PubMedQA a question's one relevant passage is its own abstract, whose sections are joined; the long answer is no
    part of it.
    """
    article = {"QUESTION": "Do cats purr?", "CONTEXTS": ["Some do.", "Ten did."], "LONG_ANSWER": "Yes.", "YEAR": None}

    found = pubmedqa.read(pubmedqa_file({"7": article}))

    assert [("7", "", "Some do. Ten did.")] == found.passages
    assert [("7", "Do cats purr?", None)] == found.queries
    assert [("7", "7", 1)] == found.judgments


@pytest.mark.parametrize(
    ("articles", "words"),
    [
        ([], ["Expected `object`, got `array`"]),
        ({}, ["expected at least one passage"]),
        ({"": {"QUESTION": "x", "CONTEXTS": []}}, ["article ''", "expected an id"]),
        ({"7": {"QUESTION": "x"}}, ["missing required field `CONTEXTS`"]),
        ({"7": {"QUESTION": "x", "CONTEXTS": "x"}}, ["Expected `array`, got `str`"]),
    ],
)
def test_broken_pubmedqa(articles, words):
    """
    A broken PubMedQA file is refused with what was expected and found.
    """
    with pytest.raises(InputError) as refused:
        pubmedqa.read(pubmedqa_file(articles))

    assert [] == [word for word in ["pqal.json", *words] if word not in str(refused.value)]


@pytest.mark.parametrize(
    ("form", "roles", "words"),
    [
        (
            "squad",
            ["distractors"],
            "expected one file or more of passages, any number of files of distractors in the format squad",
        ),
        (
            "squad",
            ["passages", "qrels"],
            "expected one file or more of passages, any number of files of distractors in the format squad",
        ),
        ("pubmedqa", ["passages", "queries"], "expected one file of passages in the format pubmedqa"),
        (
            "beir",
            ["passages", "queries", "distractors"],
            "expected one file of passages, one file of queries, at most one file of qrels in the format beir",
        ),
    ],
)
def test_roles(tmp_path, form, roles, words):
    """
    A card's files have the roles that its format knows.
    """
    head = f'title = "x"\nlanguage = "en"\nlicence = "x"\ncitation = "x"\nformat = "{form}"\n'
    counts = "counts = { passages = 1, queries = 1, judgments = 1 }\n"
    files = "".join(f'[[files]]\npath = "x"\nsha256 = "{64 * "0"}"\nbytes = 1\nrole = "{role}"\n' for role in roles)
    (tmp_path / "own.toml").write_text(head + counts + files)

    with pytest.raises(InputError, match=words):
        loader.load(str(tmp_path / "own.toml"))


# The collections, whole


@pytest.fixture
def real_data(monkeypatch, tmp_path):
    """The folder of the real collections; the test skips where none is named."""
    if DATA is None:
        pytest.skip("SPARRING_DATA is not set: it names the folder of the real collections")
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))


@pytest.mark.usefixtures("cache")
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


# Damaged copies of them


@pytest.fixture
def data(name, monkeypatch, tmp_path):
    """An empty folder that is looked at before the collections'; the test skips where the card's files are nowhere."""
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("SPARRING_DATA", os.pathsep.join([str(folder), *([DATA] if DATA else [])]))
    if not cards.at_hand(cards.card(name)):
        pytest.skip(f"SPARRING_DATA names no folder that holds the files of {name}")
    return folder


def originals(name: str) -> Iterator[tuple[cards.CardFile, bytes]]:
    """The first file of every role of a card, and its content."""
    found = cards.card(name)
    for role in dict.fromkeys(file.role for file in found.files):
        file = next(file for file in found.files if file.role == role)
        yield file, cards.contents(found, role, cards.shipped())[0].data


def damages(data: bytes) -> list[bytes]:
    """Damaged copies: cut, one byte changed, saved as UTF-16 and as Latin-1 (which is the same where all is ASCII)."""
    as_text = data.decode(errors="replace")
    latin = as_text.encode("latin-1", errors="replace")
    return [copy for copy in (data[:-9], flipped(data), as_text.encode("utf-16"), latin) if copy != data]


def flipped(data: bytes) -> bytes:
    """One byte changed, in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x15]) + data[middle + 1 :]


def loaded_or_refused(name: str) -> str:
    """Nothing, or what a set was refused with."""
    try:
        loaded = loader.load(name)
    except InputError as error:
        return str(error)
    assert loaded.passages
    assert len(loaded.queries) == len(loaded.query_ids) > 0
    return ""


def refusal(name: str) -> str:
    with pytest.raises(InputError) as refused:
        loader.load(name)
    return str(refused.value)


@pytest.mark.parametrize("name", cards.names())
def test_damaged_copies(name, data):
    """
    A damaged copy of a collection's file, or of its .gz, is refused by the file's name.
    """
    for file, content in originals(name):
        path = data / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        for copy in damages(content):
            path.write_bytes(copy)
            assert f"{path}: expected" in refusal(name)
        path.unlink()
        compressed = path.with_name(f"{path.name}.gz")
        whole = gzip.compress(content[: 2**18], mtime=0)
        for copy in (whole[:-9], flipped(whole)):
            compressed.write_bytes(copy)
            assert f"{compressed}: expected" in refusal(name)
        compressed.unlink()


@pytest.mark.slow
@pytest.mark.parametrize("name", cards.names())
def test_damaged_copies_of_a_careless_card(name, data):
    """
    Where a card names the hash of a damaged copy, the reader takes the copy or refuses it; nothing else happens.
    """
    text = (cards.shipped() / f"{name}.toml").read_text(encoding="utf-8")
    careless = data / f"{name}.toml"
    for file, content in originals(name):
        path = data / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        for copy in damages(content):
            path.write_bytes(copy)
            digest = hashlib.sha256(copy).hexdigest()
            changed = text.replace(file.sha256, digest).replace(f"bytes = {file.bytes}\n", f"bytes = {len(copy)}\n")
            careless.write_text(changed, encoding="utf-8")

            assert "(uncompressed) content" not in loaded_or_refused(str(careless))
        path.unlink()


@pytest.mark.parametrize("name", sorted({*cards.names()} - {*SHIPPED}))
def test_missing_file(name, data, monkeypatch):
    """
    A collection without one of its files is refused by the name of that file.
    """
    places = [folder / file.path for file in cards.card(name).files for folder in cards.folders()]
    there = [path for place in places for path in (place, place.with_name(f"{place.name}.gz")) if path.is_file()]
    for path in there:
        link = data / path.relative_to(next(folder for folder in cards.folders() if path.is_relative_to(folder)))
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    needed = [file.path for file, _ in originals(name)]
    monkeypatch.setenv("SPARRING_DATA", str(data))

    for file in needed:
        link = next(path for path in (data / file, data / f"{file}.gz") if path.is_symlink())
        target = link.readlink()
        link.unlink()
        assert f"{file}: expected this file, or {file}.gz, in a data folder" in refusal(name)
        link.symlink_to(target)
