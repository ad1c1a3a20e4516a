"""The arrays of a .npz, of which nothing is believed before it is looked at: a run folder may be a stranger's."""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError

MOST_BYTES = 2**30  # of all arrays of a file
SUFFIX = ".npy"
DAMAGED = (
    *(OSError, EOFError, ValueError, TypeError, KeyError, SyntaxError, RuntimeError, OverflowError, MemoryError),
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, tokenize.TokenError),
)


def read(path: Path, what: str) -> dict[str, NDArray[Any]]:  # Any: whatever numbers they hold
    """
    Every array by its name.

    InputError, with the file and what was expected, for what is no such file or damaged, and for arrays that are of
    other than plain types, not as long as they say, or more than MOST_BYTES together.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > MOST_BYTES:
                raise ValueError(f"it unpacks to more than {MOST_BYTES:,} bytes")
            return {member.filename.removesuffix(SUFFIX): _array(archive, member) for member in members}
    except DAMAGED as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{path}: expected {what}, found none that can be read: {reason or 'its end'}") from error


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    if not member.filename.endswith(SUFFIX):
        raise ValueError(f"{member.filename!r} is no array")
    with archive.open(member) as file:
        shape, dtype = _header(file)
    if dtype.hasobject:
        raise ValueError(f"{member.filename!r} holds objects")
    if math.prod(shape) * dtype.itemsize > member.file_size:
        raise ValueError(f"{member.filename!r} says that its shape is {shape}, and has {member.file_size} bytes")
    with archive.open(member) as file:
        found: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return found


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    readers = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
    version = np.lib.format.read_magic(file)
    if version[0] not in readers:
        raise ValueError(f"an array of version {version}")
    shape, _, dtype = readers[version[0]](file)
    return shape, dtype
