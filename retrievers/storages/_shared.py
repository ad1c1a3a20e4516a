"""What the storages share: blocks, checks of what they are handed, and what lies beside an index's arrays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from retrievers.contract import Vectors, spell

FACTS_FILE = "storage.json"
BLOCK_BYTES = 2**25  # of the scores, or the dense queries, that a search holds at once


def dense_rows(vectors: Vectors, rows: slice = slice(None)) -> NDArray[np.float32]:
    """
    Those rows as a C-ordered float32 array, (rows, dims): the one place where a sparse matrix becomes dense.

    scipy writes the numbers straight into the array, so that nothing of its size is held beside it. The array is
    filled with zeros first: memory that was reserved and never touched would not show when it is weighed.
    """
    whole = rows.indices(vectors.shape[0]) == (0, vectors.shape[0], 1)
    part = vectors if whole else vectors[rows]  # cutting a sparse matrix takes 20 us, much of a quick search
    if not isinstance(part, csr_array):
        return np.ascontiguousarray(part, np.float32)
    dense = np.empty(part.shape, np.float32)
    part.astype(np.float32, copy=False).toarray(out=dense)
    return dense


def block_length(n: int, dims: int) -> int:
    """How many queries to search at a time, so that neither they nor their scores pass BLOCK_BYTES; at least 1."""
    return max(1, BLOCK_BYTES // (4 * max(n, dims, 1)))


def check_dims(storage: object, queries: Vectors, dims: int) -> None:
    """ValueError where the queries are not (n_queries, dims)."""
    if len(queries.shape) != 2 or queries.shape[1] != dims:
        raise ValueError(
            f"{spell(storage)} holds vectors of {dims} dimensions: expected queries of shape (n_queries, {dims}), "
            f"found {queries.shape}; passages and queries must come from one fitted encoder"
        )


def check_mmap(storage: object, mmap: object) -> None:
    """ValueError where it is neither True nor False: "no" would map."""
    if not isinstance(mmap, bool):
        raise ValueError(f"{type(storage).__name__}: expected mmap to be True or False, found {mmap!r}")


def unbuilt(storage: object) -> RuntimeError:
    return RuntimeError(f"{spell(storage)} holds nothing yet: call build(vectors) or load(folder) first")


def write_facts(folder: Path, **facts: object) -> None:
    """Make the folder, and write what an index must remember beside its arrays."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FACTS_FILE).write_text(json.dumps(facts), encoding="utf-8")


def read_facts(folder: Path) -> dict[str, Any]:  # Any: a fact is what write_facts was given
    facts: dict[str, Any] = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))  # Any: the same
    return facts
