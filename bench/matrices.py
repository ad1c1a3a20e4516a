"""
Encoded vectors on disk, and the cache that finds them again by content.

The key is the hash of everything that decides the numbers: texts, encoder and its options, model bytes, code, library
versions. A matrix whose bytes are not those that were written is never used.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import msgspec
import numpy as np
from scipy.sparse import csr_array

from bench.cache import cache_folder
from bench.record import StageResult
from retrievers.contract import Vectors

RESULT = "stage.json"  # what the encode stage measured when it made the matrix


def place(key: str) -> Path:
    """Where the matrix of that key lies."""
    return cache_folder() / "matrices" / key


def save(folder: Path, name: str, vectors: Vectors) -> None:
    """Write one matrix: NAME.npy, or the three arrays of a sparse one and its shape."""
    if isinstance(vectors, np.ndarray):
        np.save(folder / f"{name}.npy", vectors)
        return
    for part in ("data", "indices", "indptr"):
        np.save(folder / f"{name}.{part}.npy", getattr(vectors, part))
    np.save(folder / f"{name}.shape.npy", np.array(vectors.shape, np.int64))


def load(folder: Path, name: str) -> Vectors:
    """Read what `save` wrote into memory."""
    dense = folder / f"{name}.npy"
    if dense.is_file():
        vectors: Vectors = np.load(dense, allow_pickle=False)
        return vectors
    data, indices, indptr, shape = (
        np.load(folder / f"{name}.{part}.npy", allow_pickle=False) for part in ("data", "indices", "indptr", "shape")
    )
    return csr_array((data, indices, indptr), shape=(int(shape[0]), int(shape[1])))


def digests(folder: Path) -> dict[str, str]:
    """sha256 of every file below a folder, but the result's own."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != RESULT:
            with path.open("rb") as file:
                found[str(path.relative_to(folder))] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def publish(part: Path, final: Path, result: StageResult) -> StageResult:
    """Put a finished matrix in its place at once, with what was measured, so that no half of it is ever found."""
    result = msgspec.structs.replace(result, digests=digests(part))
    (part / RESULT).write_bytes(msgspec.json.encode(result))
    if final.exists():
        shutil.rmtree(final)
    part.replace(final)
    return result


def find(folder: Path) -> StageResult | None:
    """What was measured when this matrix was made; None where there is none, or its bytes have changed."""
    try:
        result = msgspec.json.decode((folder / RESULT).read_bytes(), type=StageResult)
    except (OSError, msgspec.DecodeError):
        return None
    return msgspec.structs.replace(result, reused=True) if digests(folder) == result.digests else None
