"""Damaged files of every format: a whole set or an input error."""

from __future__ import annotations

import contextlib
import gzip
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import InputError
from bench.passages import loader
from bench.passages.loader import Columns
from tests.helpers.collections import (
    SQUAD,
    beir_folder,
    written,
)

damages = st.tuples(
    st.sampled_from(["cut", "flip", "insert", "drop"]),
    st.floats(0, 1, exclude_max=True),
    st.binary(min_size=1, max_size=8),
)


def damaged(data: bytes, damage: tuple[str, float, bytes]) -> bytes:
    kind, place, junk = damage
    at = int(place * len(data))
    match kind:
        case "cut":
            return data[:at]
        case "flip":
            return data[:at] + bytes([data[at] ^ (junk[0] or 1)]) + data[at + 1 :]
        case "insert":
            return data[:at] + junk + data[at:]
        case _:
            return data[:at] + data[at + len(junk) :]


def loads_or_refuses(name: str, columns: Columns | None = None) -> None:
    with contextlib.suppress(InputError):
        found = loader.load(name, columns=columns)
        assert found.passages
        assert len(found.queries) == len(found.query_ids) > 0


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(which=st.sampled_from(["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"]), damage=damages)
def test_damaged_beir(which, damage):
    """
    A damaged BEIR folder loads or is refused with an InputError; nothing else happens.
    """
    with tempfile.TemporaryDirectory() as folder:
        name = beir_folder(Path(folder) / "pets")
        path = Path(name) / which
        path.write_bytes(damaged(path.read_bytes(), damage))

        loads_or_refuses(name)


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(damage=damages, compressed=st.booleans())
def test_damaged_squad(damage, compressed):
    """
    So does a damaged SQuAD-style file, compressed or not.
    """
    data = json.dumps(SQUAD).encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("pets.json.gz" if compressed else "pets.json")
        path.write_bytes(damaged(gzip.compress(data, mtime=0) if compressed else data, damage))

        loads_or_refuses(str(path))


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(damage=damages, suffix=st.sampled_from([".csv", ".tsv"]))
def test_damaged_table(damage, suffix):
    """
    So does a damaged table.
    """
    separator = "," if suffix == ".csv" else "\t"
    data = separator.join(["id", "text"]) + "\n" + separator.join(["1", '"Cats\npurr"' if suffix == ".csv" else "Cats"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"docs{suffix}"
        path.write_bytes(damaged((data + "\n").encode(), damage))

        loads_or_refuses(str(path), Columns(id="id", queries=written(Path(folder) / "q.txt", "who?\n")))
