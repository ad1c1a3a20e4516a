"""
The file of a cell's hits, as a stage keeps it and a run folder has it: rows and scores, every query's.

Of a search that was stopped it also names the queries that were asked; the others have no hits in it.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from retrievers.contract import Hits


def of_search_for(path: Path, k: int) -> Path:
    """Where the hits of a search for k lie, beside those of the search for the depth."""
    return path.with_suffix(f".k{k}{path.suffix}")


def asked(path: Path) -> NDArray[np.int64] | None:
    """The positions of the queries that were asked, where they are not all; None of whole hits, and of no file."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = arrays.get("asked")
            return None if found is None or len(found) == len(arrays["rows"]) else found.astype(np.int64)
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: expected hits, found none that can be read: {error}") from error


def read(path: Path, whose: str) -> Hits:
    """Rows (n_queries, n) int64 and scores (n_queries, n). InputError where the file has none, which says whose."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return Hits(arrays["rows"].astype(np.int64), arrays["scores"])
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: expected the hits of {whose}, found none that can be read: {error}") from error
