"""Files: what is written is there whole or not at all."""

from __future__ import annotations

import gzip

import pytest

from bench.errors import InputError
from bench.formats import files


@pytest.mark.parametrize("content", [b"new", [b"n", b"ew"]], ids=["bytes", "chunks"])
def test_write_whole(tmp_path, content):
    """
    A file is written whole, in the place of an old one.
    """
    path = tmp_path / "file"
    path.write_bytes(b"old")

    files.write_whole(path, content)

    assert {"file": b"new"} == {each.name: each.read_bytes() for each in tmp_path.iterdir()}


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    """
    A write that fails leaves the old file as it was and nothing beside it.
    """
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)

    with pytest.raises(OSError, match="No space left"):
        files.write_whole(path, b"new")

    assert {"file": b"old"} == {each.name: each.read_bytes() for each in tmp_path.iterdir()}


def test_a_packed_file_that_is_a_bomb(tmp_path, monkeypatch):
    """
    A file that unpacks to many times its bytes is refused before it is unpacked; an honest one is read.
    """
    monkeypatch.setattr(files, "FREE_BYTES", 2**20)
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(bytes(2**23)))
    (tmp_path / "honest.csv.gz").write_bytes(gzip.compress(b"text\nit purrs\n"))

    with pytest.raises(InputError, match=r"bomb\.csv\.gz: expected at most 1,\d+,\d+ bytes to come out of .*gunzip"):
        files.read(tmp_path / "bomb.csv.gz")
    assert b"text\nit purrs\n" == files.read(tmp_path / "honest.csv.gz").data
