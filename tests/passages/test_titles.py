"""Titles: kept apart for readers, joined for retrievers."""

from __future__ import annotations

import msgspec
import pytest

from bench.passages import loader
from bench.passages.titles import text_of, title_apart, title_of
from tests.helpers.collections import beir_folder
from tests.helpers.tiny import tiny_set


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


def test_the_text_of_a_document_in_parts():
    """
    What is shown and judged of a document in parts is all of it, whichever part's row is named; of a passage its own.
    """
    parts = msgspec.structs.replace(tiny_set(4), passage_ids=("a", "b", "a", "b"))
    texts = tiny_set(4).passages

    assert [f"{texts[0]}\n{texts[2]}", f"{texts[1]}\n{texts[3]}"] == [text_of(parts, row) for row in (2, 1)]
    assert [*texts, "", ""] == [text_of(tiny_set(4), row) for row in (0, 1, 2, 3, 4, -1)]
