"""What there is: suites, models, passage sets and their cards."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench import cli
from bench.errors import InputError
from bench.passages import cards
from bench.run import suite as suites
from retrievers.available import available
from retrievers.registry import installed, parse
from tests.helpers.cards import card_text
from tests.helpers.dense_models import MINILM
from tests.helpers.hub import keep


@pytest.fixture
def here(tmp_path, monkeypatch, hub):
    """A folder of the test's own, and the hub's cache, empty."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def told(*arguments: str) -> str:
    """What a command prints on stdout."""
    ended = CliRunner().invoke(cli.app, list(arguments), catch_exceptions=False)
    assert 0 == ended.exit_code
    return ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize("command", [("suites",), ("models",), ("datasets", "scifact")])
def test_lists_are_quick(command):
    """
    No list imports what takes seconds.
    """
    program = f"""
import sys
from bench.cli import app
try:
    app({list(command)!r})
except SystemExit as end:
    assert end.code in (0, None)
heavy = {{"torch", "sentence_transformers", "transformers", "sklearn", "pandas", "faiss", "numba"}}
sys.stderr.write(" ".join(sorted(heavy & set(sys.modules))))
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (0, "") == (ended.returncode, ended.stderr)
    assert ended.stdout


# Suites


def test_suites():
    """
    Each suite that ships has a line of its own: its sets, how many cells it has, and a sentence.
    """
    rows = {row["name"]: row for row in json.loads(told("suites", "--json"))}

    assert suites.shipped() == sorted(rows)
    assert {"passages": ["primer"], "cells": 8, "on_disk": True}.items() <= rows["first"].items()
    assert 17 == len(rows["languages"]["passages"])
    assert [] == [name for name, row in rows.items() if not row["title"].strip() or row["title"].endswith(".")]
    lines = told("suites").splitlines()
    assert [] == [row["title"] for row, line in zip(rows.values(), lines[1:], strict=True) if row["title"] not in line]
    assert "17 sets" in lines[1 + sorted(rows).index("languages")]


def test_a_suites_title(tmp_path, monkeypatch):
    """
    It is the first sentence of the comment on top, also over several lines; of none it is empty.
    """
    monkeypatch.setattr(suites, "FOLDER", tmp_path)
    (tmp_path / "one.toml").write_text("# What a format\n# does. And more.\nname = 'x'  # no part of it\n")
    (tmp_path / "two.toml").write_text("name = 'x'\n# Below.\n")

    assert ("What a format does", "") == (suites.title("one"), suites.title("two"))


# Models


def test_models_of_every_source(here, hub):
    """
    A package's, the hub's, and a folder's, in that order: each with the encoder that takes it, its bytes and its place.
    """
    cached = keep(hub, "acme/tiny-embed")
    (cached / "modules.json").write_text("[]")
    (cached / "model.safetensors").write_bytes(bytes(1000))
    sparse = keep(hub, "acme/sparse")
    (sparse / "modules.json").write_text("[]")
    (sparse / "config_sentence_transformers.json").write_text('{"model_type": "SparseEncoder"}')
    trained(Path("models") / "quick" / "seed-1")

    rows = json.loads(told("models", "--json"))

    assert [
        (f'BiEncoder("{MINILM}")', "package"),
        ('BiEncoder("acme/tiny-embed")', "cache"),
        ('SparseEncoder("acme/sparse")', "cache"),
        ('BiEncoder("models/quick/seed-1")', "folder"),
    ] == [(row["spelling"], row["source"]) for row in rows]
    assert (1002, str(cached)) == (rows[1]["bytes"], rows[1]["folder"])
    assert 90_000_000 < rows[0]["bytes"] < 95_000_000
    lines = told("models").splitlines()
    assert [] == [row["spelling"] for row, line in zip(rows, lines[1:], strict=True) if row["spelling"] not in line]


def trained(folder: Path, modules: str = "[]") -> None:
    folder.mkdir(parents=True)
    (folder / "modules.json").write_text(modules)
    (folder / "model.safetensors").write_bytes(b"")


def test_folders_of_models(here):
    """
    Folders are found at any depth; a model inside a model and an unfinished training's are none; a name of two words is
    written as a path. Whatever is listed can be spelled.
    """
    trained(Path("own") / "one")
    trained(Path("own") / "one" / "0_Transformer")
    trained(
        Path("own") / "far" / "below" / "two", '[{"type": "sentence_transformers.sparse_encoder.models.SpladePooling"}]'
    )
    trained(Path("own") / "three" / "checkpoints" / "checkpoint-5")
    (Path("own") / "four").mkdir()
    (Path("own") / "four" / "config.json").write_text('{"architectures": ["BertForSequenceClassification"]}')
    (Path("own") / "four" / "model.safetensors").write_bytes(b"")
    (Path("own") / "five").mkdir()
    (Path("own") / "five" / "config.json").write_text("no JSON")
    (Path("own") / "five" / "model.safetensors").write_bytes(b"")
    (Path("own") / "six").mkdir()
    (Path("own") / "six" / "modules.json").write_text("[]")
    trained(Path("own") / "seven")
    (Path("own") / "seven" / "config_sentence_transformers.json").write_text('{"model_type": ["SparseEncoder"]}')
    (Path("own") / "config.json").write_text("{}")  # of something else

    found = [model.spelling for model in available(Path("own")) if model.source == "folder"]

    assert ['BiEncoder("./own/one")', 'SparseEncoder("own/far/below/two")'] == found
    assert found == [repr(parse(spelling, installed())) for spelling in found]


def test_no_models(here, monkeypatch):
    """
    Where there is none, it is said how to get one.
    """
    monkeypatch.setattr("retrievers.available.on_disk", dict)

    ended = CliRunner().invoke(cli.app, ["models"])

    assert (0, "") == (ended.exit_code, ended.stdout)
    assert "none in packages, in the hub's cache and in models: pip install" in ended.stderr


@pytest.mark.parametrize("name", ["none", "a" * 300, "file.txt"])
def test_no_folder_of_models(here, name):
    """
    A folder that is asked for and is not there is an error; the usual one may be missing.
    """
    Path("file.txt").write_text("")

    ended = CliRunner().invoke(cli.app, ["models", name])

    assert (2, "") == (ended.exit_code, ended.stdout)
    assert "expected a folder of models, found none at" in ended.stderr


# Passage sets


def test_a_card():
    """
    One set's card is whole: licence, sizes, citation, and each file with its hash and where it lies.
    """
    card = json.loads(told("datasets", "primer", "--json"))
    lines = told("datasets", "primer")

    known = cards.card("primer")
    assert (known.title, known.licence, known.citation) == (card["title"], card["licence"], card["citation"])
    assert {"passages": 150, "queries": 495}.items() <= card["counts"].items()
    assert (True, sum(file.bytes for file in known.files)) == (card["on_disk"], card["bytes"])
    assert [Path(file["on_disk"]).name for file in card["files"]] == [Path(file.path).name for file in known.files]
    for said in (known.title, known.licence, "150 passages, 495 queries", "on disk   yes", known.files[0].sha256):
        assert said in lines


def test_a_card_whose_files_are_elsewhere(cache):
    """
    A file that is not on disk says so, with the URLs that have it and the command that gets it.
    """
    card = json.loads(told("datasets", "scifact", "--json"))
    lines = told("datasets", "scifact:train")

    assert (False, [None] * 3) == (card["on_disk"], [file["on_disk"] for file in card["files"]])
    assert "on disk   0 of 3 files: sparring fetch scifact\n" in lines
    assert 3 == lines.count("\n  not on disk\n")
    assert "scifact.zip (scifact/corpus.jsonl in it)" in lines


def test_a_card_of_ones_own(tmp_path, cache):
    """
    A card's file is read as a name is, with its files beside it; one that says nothing of its counts is told so.
    """
    (tmp_path / "tiny.toml").write_text(card_text())

    card = json.loads(told("datasets", str(tmp_path / "tiny.toml"), "--json"))

    assert "tiny" == card["name"]
    assert card["get"].endswith("tiny.toml")
    assert "korquad-train" in told("datasets", "korquad-train")
    assert "passages and queries unknown; 38.5 MB in 1 file\n" in told("datasets", "korquad-train")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("scifcat", "Did you mean scifact"),
        ("none.toml", "none.toml"),
        ("./scifact", "expected a passage set's name, or its card's file"),
    ],
)
def test_no_card(name, said):
    """
    A name that no card has is an input error with the nearest, and so is a file that is not there.
    """
    with pytest.raises(InputError, match=said):
        told("datasets", name)
