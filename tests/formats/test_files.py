"""Files: what is written is there whole or not at all."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

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


def test_a_device_stays_one(tmp_path):
    """
    What is no file is written into, and not replaced by one; what has no end is not read.
    """
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    files.write_whole(pipe, b"content")

    assert b"content" == os.read(reader, 100)
    os.close(reader)
    assert pipe.is_fifo()
    for device in ("/dev/zero", "/dev/full"):
        with pytest.raises(InputError, match="found a device"):
            files.read(Path(device))


def test_more_than_memory_holds(tmp_path):
    """
    A file that the free memory has no room for is refused before it is read.
    """
    (tmp_path / "huge.csv").touch()
    os.truncate(tmp_path / "huge.csv", 2**40)

    with pytest.raises(InputError, match="expected a file that the free memory has room for"):
        files.read(tmp_path / "huge.csv")


class TestWholeFolders:
    def test_what_is_in_the_way(self, tmp_path):
        """
        Where a file or a folder is in the way, nothing is moved at all.
        """
        out = tmp_path / "out"
        out.mkdir()
        (out / "b").write_text("a file")

        def write() -> None:
            with files.whole_folder(out) as part:
                (part / "a").write_text("new")
                (part / "b").mkdir()
                (part / "b" / "c").write_text("new")

        with pytest.raises(InputError, match="out/b: expected a folder, found a file"):
            write()

        assert ["b"] == [path.name for path in out.iterdir()]

    def test_folders_that_were_made_for_nothing(self, tmp_path):
        """
        Where it fails, the folders above that were made for it are gone.
        """
        with pytest.raises(InputError, match="on purpose"), files.whole_folder(tmp_path / "a" / "b" / "c"):
            raise InputError("on purpose")

        assert [] == list(tmp_path.iterdir())

    def test_a_folder_that_is_there(self, tmp_path):
        """
        The files are made within it: beside it there may be another disk. Others that are there stay.
        """
        out = tmp_path / "out"
        out.mkdir()
        (out / "old").write_text("old")

        with files.whole_folder(out) as part:
            assert out == part.parent
            (part / "sub").mkdir()
            (part / "sub" / "new").write_text("new")

        assert ["old", "sub"] == sorted(path.name for path in out.iterdir())
        assert "new" == (out / "sub" / "new").read_text()
