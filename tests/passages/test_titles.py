"""Titles: kept apart for readers, joined for retrievers."""

from __future__ import annotations

import pytest

from bench.passages import loader
from bench.passages.passage_set import title_apart, title_of
from tests.helpers.collections import beir_folder


def test_a_set_knows_its_titles(tmp_path):
    """
    A passage is title and text joined, and what of it is the title is known; a row beyond the set has none.
    """
    found = loader.load(beir_folder(tmp_path))

    assert ("Cats purr", "Dogs bark") == found.passages
    assert ["Cats", "", "", ""] == [title_of(found, row) for row in (0, 1, 2, -1)]


def test_a_set_without_titles(tmp_path):
    """
    Where no passage has a title, none is kept.
    """
    found = loader.load(beir_folder(tmp_path, corpus='{"_id": "d1", "text": "cats"}\n', judgments=None))

    assert (None, "") == (found.title_lengths, title_of(found, 0))


@pytest.mark.parametrize(
    ("title", "text", "expected"),
    [
        ("Sourdough", "A starter is fed.", "Sourdough - A starter is fed."),
        ("Sourdough", "Sourdough is fed.", "Sourdough is fed."),
        ("Sourdough", "SOURDOUGH: fed.", "SOURDOUGH: fed."),
        ("Cat", "Caterpillars crawl.", "Cat - Caterpillars crawl."),
        ("", "Bora Bora is an island.", "Bora Bora is an island."),
        ("Straße", "STRASSE", "Straße - STRASSE"),
        ("Only a title", "", "Only a title"),
    ],
)
def test_a_title_stands_once(title, text, expected):
    """
    A reader sees title and text apart, and the title once where the text begins with it.
    """
    joined = " ".join(part for part in (title, text) if part)

    assert expected == title_apart(joined, title)
