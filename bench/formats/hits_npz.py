"""
The file of a cell's hits, as a stage keeps it and a run folder has it: rows and scores, every query's.

Of a search that was stopped it also names the queries that were asked; the others have no hits in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.formats import arrays
from retrievers.contract import Hits


def of_search_for(path: Path, k: int) -> Path:
    """Where the hits of a search for k lie, beside those of the search for the depth."""
    return path.with_suffix(f".k{k}{path.suffix}")


def asked(path: Path) -> NDArray[np.int64] | None:
    """The positions of the queries that were asked, where they are not all; None of whole hits, and of no file."""
    if not path.is_file():
        return None
    found = arrays.read(path, "hits")
    places, n = found.get("asked"), len(_checked(path, "hits", found).rows)
    if places is None or len(places) == n:
        return None
    if places.ndim != 1 or places.dtype.kind not in "iu" or ((places < 0) | (places >= n)).any():
        raise InputError(f"{path}: expected the positions of queries that were asked, found others: it is damaged")
    return places.astype(np.int64)


def read(path: Path, whose: str) -> Hits:
    """Rows (n_queries, n) int64 and scores (n_queries, n). InputError where the file has none, which says whose."""
    what = f"the hits of {whose}"
    return _checked(path, what, arrays.read(path, what))


def _checked(path: Path, what: str, found: Mapping[str, NDArray[Any]]) -> Hits:  # Any: whatever numbers they hold
    rows, scores = found.get("rows"), found.get("scores")
    if rows is None or scores is None:
        raise InputError(f"{path}: expected {what}, found {', '.join(found) or 'nothing'}: it is damaged")
    if rows.ndim != 2 or rows.shape != scores.shape or rows.dtype.kind not in "iu" or scores.dtype.kind != "f":
        raise InputError(
            f"{path}: expected {what}, rows of whole numbers and as many scores, found {rows.dtype} of shape "
            f"{rows.shape} and {scores.dtype} of shape {scores.shape}: it is damaged"
        )
    return Hits(rows.astype(np.int64), scores)
