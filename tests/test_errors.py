"""How a message about an unknown name ends."""

from __future__ import annotations

import pytest

from bench.errors import did_you_mean


@pytest.mark.parametrize(
    ("word", "hint"),
    [("recal", " Did you mean recall?"), ("precison", " Did you mean precision?"), ("zzz", ""), ("", "")],
)
def test_the_nearest_name_is_told(word, hint):
    """
    A message about an unknown name ends with the nearest known one, and with nothing where none is near.
    """
    assert hint == did_you_mean(word, iter(("precision", "recall")))


def test_how_near_is_the_callers_to_say():
    """
    Names with long options in common are told at a lower cut-off.
    """
    known = ['Faiss("HNSW32", efSearch=64)']

    assert ("", f" Did you mean {known[0]}?") == (did_you_mean("HNSW", known), did_you_mean("HNSW", known, cutoff=0.2))
