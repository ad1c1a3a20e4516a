"""
Files that are read here and there, mapped instead of loaded.

The system takes a mapping to be read from start to end, and fetches what follows each page that is touched: 128 KiB to
8 MiB, by the disk's settings. Lists and graphs then read many times what they need, and under a limit of memory what
was fetched in vain drives out what is needed. So it is told (madvise(2), MADV_RANDOM) to fetch what is touched alone.
What is always read whole is better mapped by `np.load(..., mmap_mode="r")`.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Mapping: TypeAlias = mmap.mmap


def mapped_file(path: Path) -> Mapping:
    """The bytes of a file, which may not be empty."""
    with path.open("rb") as file:
        return _here_and_there(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def mapped_array(path: Path) -> NDArray[Any]:  # Any: of the dtype that the file says
    """The array of a .npy file, read-only, as a plain array: rows of a memmap are cut much slower."""
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if isinstance(array.base, mmap.mmap):
        _here_and_there(array.base)
    return np.asarray(array)


def _here_and_there(mapping: Mapping) -> Mapping:
    if hasattr(mmap, "MADV_RANDOM"):  # not on Windows
        mapping.madvise(mmap.MADV_RANDOM)
    return mapping
