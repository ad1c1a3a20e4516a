"""Arrays of a file that may be a stranger's: read, or refused with the file's name."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import InputError
from bench.formats import arrays, hits_npz


def npy(array) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, np.asarray(array))
    return out.getvalue()


def kept(path, **members: bytes):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return path


def refused(path) -> str:
    with pytest.raises(InputError) as found:
        arrays.read(path, "numbers")
    assert str(found.value).startswith(f"{path}: expected numbers, found none that can be read: ")
    return str(found.value)


def test_whole_files(tmp_path):
    """
    What numpy writes comes back, compressed or not.
    """
    there = {"a": np.arange(6, dtype=np.int32).reshape(2, 3), "b": np.array([1.5, np.nan]), "c": np.zeros((0, 4))}
    for number, write in enumerate((np.savez, np.savez_compressed)):
        path = tmp_path / f"{number}.npz"
        write(path, **there)

        found = arrays.read(path, "numbers")

        assert there.keys() == found.keys()
        assert all(np.array_equal(found[name], array, equal_nan=True) for name, array in there.items())
        assert all(found[name].dtype == array.dtype for name, array in there.items())


def test_what_is_none(tmp_path):
    """
    A file that is not there, empty, cut, a folder, text, or holds what is no array, is refused by its name.
    """
    whole = kept(tmp_path / "whole.npz", rows__npy=npy(np.arange(1000))).read_bytes()
    (tmp_path / "folder.npz").mkdir()
    for name, content in (("empty", b""), ("cut", whole[: len(whole) // 2]), ("text", b"rows"), ("tail", whole[9:])):
        (tmp_path / f"{name}.npz").write_bytes(content)
    kept(tmp_path / "other.npz", rows__txt=b"1 2 3")
    kept(tmp_path / "broken.npz", rows__npy=b"\x93NUMPY\x01\x00\x76\x00" + b"{" * 118)
    kept(tmp_path / "version.npz", rows__npy=b"\x93NUMPY\x09\x00\x76\x00" + b" " * 118)

    for name in ("none", "empty", "cut", "text", "tail", "folder", "broken", "version"):
        refused(tmp_path / f"{name}.npz")
    assert "'rows.txt' is no array" in refused(tmp_path / "other.npz")


def test_more_than_is_there(tmp_path):
    """
    A header that declares more than the file holds takes no memory, and objects are not made.
    """
    header = npy(np.zeros((495, 2)))
    huge = header[:10] + header[10:128].replace(b"(495, 2)", b"(495, 9999999999)")[:118] + header[128:]
    kept(tmp_path / "huge.npz", rows__npy=huge)
    objects = io.BytesIO()
    np.lib.format.write_array(objects, np.array([{}, None], object), allow_pickle=True)
    kept(tmp_path / "objects.npz", rows__npy=objects.getvalue())

    assert "says that its shape is (495, 9999999999)" in refused(tmp_path / "huge.npz")
    assert "holds objects" in refused(tmp_path / "objects.npz")


def test_a_bomb(tmp_path, monkeypatch):
    """
    What unpacks to more than is allowed is refused before it is unpacked.
    """
    monkeypatch.setattr(arrays, "MOST_BYTES", 10_000)

    assert "it unpacks to more than 10,000 bytes" in refused(kept(tmp_path / "a.npz", a__npy=npy(np.zeros(2000))))


@settings(max_examples=200)
@given(data=st.data())
def test_a_changed_byte(tmp_path_factory, data):
    """
    A file with some bytes changed is read, or refused: nothing else is raised.
    """
    folder = tmp_path_factory.getbasetemp()
    content = bytearray(kept(folder / "a.npz", rows__npy=npy(np.arange(40).reshape(8, 5))).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (folder / "b.npz").write_bytes(bytes(content))

    said = ""
    try:
        arrays.read(folder / "b.npz", "numbers")
    except InputError as error:
        said = str(error)

    assert not said or "b.npz: expected numbers" in said


@pytest.mark.parametrize(
    "changed",
    [
        {"rows": np.zeros(4, np.int64)},
        {"rows": np.zeros((2, 3), np.int64)},
        {"rows": np.zeros((2, 2))},
        {"rows": np.array([["a", "b"]] * 2)},
        {"scores": np.array([["a", "b"]] * 2)},
        {"scores": np.zeros((2, 2), np.int64)},
        {"rows": None},
        {"scores": None},
    ],
)
def test_hits_that_are_none(tmp_path, changed):
    """
    Hits are rows of whole numbers with as many scores; anything else is refused.
    """
    whole = {"rows": np.zeros((2, 2), np.int64), "scores": np.zeros((2, 2), np.float32)} | changed
    path = tmp_path / "hits.npz"
    np.savez(path, **{name: array for name, array in whole.items() if array is not None})

    with pytest.raises(InputError, match=r"hits\.npz: expected the hits of cell a"):
        hits_npz.read(path, "cell a")
    with pytest.raises(InputError, match=r"hits\.npz: expected hits"):
        hits_npz.asked(path)
