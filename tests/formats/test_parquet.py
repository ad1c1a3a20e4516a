"""Parquet: tables of passages, queries and judgments, and what is refused."""

from __future__ import annotations

import datetime
import io
import re
import sys
from pathlib import Path

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet as pq

from bench.errors import InputError
from bench.formats import parquet, qrels
from bench.formats.files import Content
from bench.passages import loader
from bench.passages.loader import Columns
from tests.helpers.collections import refusal, written

DOCS = {"key": [7, 9], "head": ["Cats", None], "body": ["purr", "bark"], "weight": [0.5, 1.5]}
ASKED = {"qid": ["a", "b"], "query": ["who purrs?", "who barks?"]}
JUDGED = {"query-id": ["a", "b"], "corpus-id": [7, 9], "score": [1, 2]}


def packed(columns: dict[str, object], **options: object) -> bytes:
    """A table as the bytes of a Parquet file."""
    out = io.BytesIO()
    pq.write_table(pyarrow.table(columns), out, **options)
    return out.getvalue()


def content(columns: dict[str, object], **options: object) -> Content:
    return Content(Path("docs.parquet"), packed(columns, **options))


@pytest.fixture
def pets(tmp_path):
    """Options of a table of two passages in `docs.parquet`, whose three files are all Parquet."""
    for name, columns in (("docs", DOCS), ("asked", ASKED), ("judged", JUDGED)):
        (tmp_path / f"{name}.parquet").write_bytes(packed(columns))
    asked, judged = str(tmp_path / "asked.parquet"), str(tmp_path / "judged.parquet")
    return Columns(text="body", title="head", id="key", queries=asked, query_id="qid", qrels=judged)


def test_parquet(tmp_path, pets):
    """
    Passages, queries and judgments may each be a Parquet; strings and integers are taken, and null is no title.
    """
    found = loader.load(str(tmp_path / "docs.parquet"), columns=pets)

    assert {"7": "Cats purr", "9": "bark"} == dict(zip(found.passage_ids, found.passages, strict=True))
    assert {"a": "who purrs?", "b": "who barks?"} == dict(zip(found.query_ids, found.queries, strict=True))
    assert {"a": {"7": 1}, "b": {"9": 2}} == found.qrels


def test_null_is_an_empty_text(tmp_path, pets):
    """
    Null as the text of a passage is an empty one, as the empty cell of a CSV is.
    """
    (tmp_path / "docs.parquet").write_bytes(packed(DOCS | {"body": ["purr", None]}))

    found = loader.load(str(tmp_path / "docs.parquet"), columns=pets)

    assert ("Cats purr", "") == found.passages


@pytest.mark.parametrize("kind", [pyarrow.large_string(), pyarrow.string_view(), "dictionary"])
def test_kinds_of_text(kind):
    """
    Text is text, however a file keeps it.
    """
    plain = pyarrow.array(["x", "y", "x"])
    column = plain.dictionary_encode() if kind == "dictionary" else plain.cast(kind)

    found = [row["text"] for _, row in parquet.rows(content({"text": column}), {"text"})]

    assert ["x", "y", "x"] == found


@settings(deadline=None, max_examples=50)
@given(
    texts=st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=9), max_size=30),
    groups=st.integers(1, 9),
)
def test_rows_agree_with_the_obvious(texts, groups):
    """
    Every row comes once, in order and by its number, whatever the row groups.
    """
    table = {"text": pyarrow.array(texts, pyarrow.string()), "n": list(range(len(texts)))}

    found = list(parquet.rows(content(table, row_group_size=groups), {"text", "n"}))

    expected = [(f"docs.parquet: row {n + 1}", {"text": text, "n": n}) for n, text in enumerate(texts)]
    assert expected == found


def test_batches(monkeypatch):
    """
    A file of more rows than are taken at a time is read on.
    """
    monkeypatch.setattr(parquet, "BATCH", 2)

    found = [row["n"] for _, row in parquet.rows(content({"n": list(range(7))}), {"n"})]

    assert list(range(7)) == found


def test_only_what_is_asked_for_is_read():
    """
    A damaged column that no one asks for does not disturb.
    """
    whole = packed({"text": ["cats", "dogs"], "note": ["purr", "bark"]}, compression="none", write_statistics=False)
    broken = Content(Path("docs.parquet"), whole.replace(b"purr", b"\xff\xff\xff\xff"))

    assert ["cats", "dogs"] == [row["text"] for _, row in parquet.rows(broken, {"text"})]
    with pytest.raises(InputError, match="expected a whole Parquet file"):
        list(parquet.rows(broken, {"text", "note"}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"text": "weight"},
            ["docs.parquet: row 1: expected text in the column 'weight', found a column of double"],
        ),
        ({"text": "key"}, ["docs.parquet: row 1: expected text in the column 'key', found 7"]),
        ({"id": "head"}, ["docs.parquet: row 2: expected text in the column 'head', found None"]),
        ({"text": "bdoy"}, ["docs.parquet: expected a column 'bdoy', found key, head, body, weight", "--text"]),
        ({"title": "hed"}, ["docs.parquet: expected a column 'hed', found key, head, body, weight", "--title"]),
        ({"id": "weight"}, ["docs.parquet: row 1: expected text in the column 'weight'", "double"]),
        ({"query_text": "question"}, ["asked.parquet: expected a column 'question', found qid, query"]),
    ],
)
def test_other_columns(tmp_path, pets, changes, words):
    """
    A column that is not there, or holds neither strings nor integers, is refused with file, row and what there is.
    """
    options = {name: getattr(pets, name) for name in Columns.__struct_fields__} | changes

    with pytest.raises(InputError) as refused:
        loader.load(str(tmp_path / "docs.parquet"), columns=Columns(**options))

    assert [] == [word for word in words if word not in str(refused.value)]


@pytest.mark.parametrize(
    "odd",
    [
        *([b"x"], [True], [1.5], [["x"]], [{"a": "x"}], [datetime.date(2026, 1, 2)], [datetime.timedelta(1)]),
        *(pyarrow.array([2**62], pyarrow.timestamp("us")), pyarrow.array([[("k", 1)]], pyarrow.map_("string", "int8"))),
        *(pyarrow.array([1.5], pyarrow.float16()), pyarrow.array([1.5]).dictionary_encode(), pyarrow.nulls(1)),
    ],
    ids=lambda odd: str(getattr(odd, "type", type(odd[0]))),
)
def test_odd_types(odd):
    """
    A column of any other type is no text, and no hindrance to the other columns.
    """
    table = content({"text": ["cats purr"], "odd": odd})

    ((_, row),) = parquet.rows(table, {"text", "odd"})

    assert ("cats purr", False) == (row["text"], isinstance(row["odd"], str | int))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            {"query": ["a"], "score": [1]},
            "judged.parquet: expected the columns query-id, corpus-id, score, found query",
        ),
        (JUDGED | {"score": [1, None]}, "judged.parquet: row 2: expected ids and a grade, as strings or integers"),
        (JUDGED | {"score": [1.0, 1.5]}, "judged.parquet: row 2: expected a grade that is an integer, found '1.5'"),
        (JUDGED | {"score": [1, 2**40]}, "judged.parquet: row 2: expected a grade"),
        ({name: values[:0] for name, values in JUDGED.items()}, "judged.parquet: expected at least one judgment"),
    ],
)
def test_broken_judgments(columns, words):
    """
    Judgments without their three columns, or with other types in them, are refused.
    """
    with pytest.raises(InputError, match=re.escape(words)):
        qrels.read(Content(Path("judged.parquet"), packed(columns)))


def test_two_columns_of_one_name():
    """
    Two columns of one name are refused: which one is meant?
    """
    out = io.BytesIO()
    pq.write_table(pyarrow.Table.from_arrays([pyarrow.array(["a"])] * 2, names=["text", "text"]), out)

    with pytest.raises(InputError, match=r"docs.parquet: expected every column once, found again: text"):
        list(parquet.rows(Content(Path("docs.parquet"), out.getvalue()), {"text"}))


@settings(deadline=None, max_examples=150)
@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(1, 255), cut=st.booleans())
def test_damaged_parquet(place, byte, cut):
    """
    A damaged file gives its rows or is refused by name; nothing else happens.
    """
    whole = packed({"text": ["cats purr"] * 20, "n": list(range(20))}, write_page_checksum=True)
    at = int(place * len(whole))
    damaged = whole[:at] if cut else whole[:at] + bytes([whole[at] ^ byte]) + whole[at + 1 :]

    try:
        found = list(parquet.rows(Content(Path("docs.parquet"), damaged), {"text", "n"}))
    except InputError as error:
        found = []
        message = str(error)
    else:
        message = "docs.parquet"

    assert "docs.parquet" in message
    assert not (cut and found)


def test_without_pyarrow(monkeypatch):
    """
    Where pyarrow is missing, the message says how to get it.
    """
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(InputError, match=re.escape("docs.parquet: expected pyarrow")) as refused:
        list(parquet.rows(Content(Path("docs.parquet"), b""), {"text"}))

    assert "pip install 'sparring[parquet]'" in str(refused.value)


def test_more_rows_than_bytes(tmp_path, monkeypatch):
    """
    A file that holds more rows than bytes is refused before any is made.
    """
    monkeypatch.setattr(parquet, "FREE_ROWS", 100)
    path = tmp_path / "docs.parquet"
    path.write_bytes(packed({"text": ["x"] * 100_000}))

    said = refusal(str(path), Columns(queries=written(tmp_path / "q.txt", "who?\n")))

    assert re.search(r"expected no more rows than its [\d,]+ bytes, found 100,000", said)
