"""SQuAD-style files: what is taken, and what is refused with which words."""

from __future__ import annotations

import gzip
import json

import pytest

from bench.passages import loader
from tests.helpers.collections import (
    SQUAD,
    refusal,
    written,
)


def test_squad(tmp_path):
    """
    In a SQuAD-style file contexts are passages; a question's paragraph is its one relevant passage, its article its
    cluster.
    """
    found = loader.load(written(tmp_path / "pets.json", json.dumps(SQUAD)))

    assert ("0-0", "1-0", "1-1") == found.passage_ids
    assert ("Cats purr.", "Dogs bark.", "Cows moo.") == found.passages
    assert ("a", "b", "c", "4") == found.query_ids
    assert {"a": {"0-0": 1}, "b": {"1-0": 1}, "c": {"1-1": 1}, "4": {"1-1": 1}} == found.qrels
    assert (("0", "1", "1", "1"), "article") == (found.clusters, found.clustered_by)
    assert "pets" == found.name


def test_one_article(tmp_path):
    """
    Questions on one article alone are clustered by its paragraphs: one cluster would tell nothing.
    """
    found = loader.load(written(tmp_path / "pets.json", json.dumps({**SQUAD, "data": SQUAD["data"][1:]})))

    assert (("0-0", "0-1", "0-1"), "paragraph") == (found.clusters, found.clustered_by)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (json.dumps(SQUAD)[:-20], ["pets.json", "truncated"]),
        ("[]", ["pets.json", "Expected `object`, got `array`"]),
        ('{"data": [{"title": "x"}]}', ["pets.json", "missing required field `paragraphs`"]),
        ('{"data": []}', ["pets.json", "expected at least one passage"]),
        ('{"data": [{"paragraphs": [{"context": "x", "qas": []}]}]}', ["pets.json", "expected at least one query"]),
        (
            json.dumps(SQUAD).replace('"id": "b"', '"id": "a"'),
            ["pets.json: article 1, paragraph 0", "query id 'a'", "article 0, paragraph 0"],
        ),
    ],
)
def test_broken_squad(tmp_path, content, words):
    """
    A broken SQuAD-style file is refused with what was expected and found.
    """
    message = refusal(written(tmp_path / "pets.json", content))

    assert [] == [word for word in words if word not in message]


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-9], lambda data: b"no gzip", lambda data: data[:40] + data[41:]]
)
def test_damaged_gzip(tmp_path, damage):
    """
    A truncated or damaged .gz is refused whole.
    """
    path = written(tmp_path / "pets.json.gz", damage(gzip.compress(json.dumps(SQUAD).encode(), mtime=0)))

    assert "pets.json.gz: expected a whole gzip file" in refusal(path)
