"""Files of vectors: .npy as `numpy.save` writes it, .npz as `scipy.sparse.save_npz` does. Nothing is ever unpickled."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, load_npz

from retrievers.contract import NotFound, Vectors

WIDEST = 8  # bytes of a float: float16, float32 and float64 are taken
BLOCK = 8192  # rows that are copied and checked at a time


def opened(path: Path) -> tuple[Vectors, str]:
    """
    The vectors of a file, (n, dims), and their dtype there: .npy mapped as it is, .npz a float32 `csr_array`.

    Numbers that a sparse matrix has twice for one place are added, and stored zeros left out. ValueError for what is
    no such file, is damaged, or holds other than float16, float32 or float64.
    """
    read, written = KINDS[path.suffix.lower()]
    try:
        matrix, dtype = read(path)
    except MemoryError:
        raise
    except Exception as error:  # numpy, scipy and zipfile have each their own for what is damaged
        said = error.strerror if isinstance(error, OSError) and error.strerror else error
        remedy = next((remedy for sign, remedy in REMEDIES.items() if sign in str(said)), "write it anew")
        raise ValueError(f"{path}: expected vectors as {written} writes them, found: {said}: {remedy}") from error
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise ValueError(f"{path}: expected vectors of shape (n, dims), found {matrix.shape}: one row per text")
    if dtype.kind != "f" or dtype.itemsize > WIDEST:
        raise ValueError(f'{path}: expected float32, found {dtype}: write it anew with .astype("float32")')
    return matrix, str(dtype)


def _mapped(path: Path) -> tuple[Vectors, np.dtype[Any]]:  # Any: whatever is in the file
    # Not numpy.load: that goes by what a file begins with, and this reads nothing but an array.
    matrix = np.lib.format.open_memmap(path, mode="r")
    return matrix, matrix.dtype


def _sparse(path: Path) -> tuple[Vectors, np.dtype[Any]]:  # Any: the same
    with path.open("rb") as file:  # load_npz leaves a damaged file open
        names = [name.removesuffix(".npy") for name in ZipFile(file).namelist()]
        if "format" not in names:
            raise ValueError(f"arrays of numpy.savez ({', '.join(names)})")
        file.seek(0)
        matrix = csr_array(load_npz(file))
    dtype = matrix.dtype
    matrix.check_format(full_check=True)  # a place outside the matrix would be read from other memory
    if dtype.kind == "f":
        matrix = matrix.astype(np.float32)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix, dtype


# What a message has in it -> what to do; "write it anew" for any other.
REMEDIES = {
    "Python objects": 'write it with .astype("float32")',
    "numpy.savez": "write dense vectors with numpy.save, to a .npy",
}
KINDS = {".npy": (_mapped, "numpy.save"), ".npz": (_sparse, "scipy.sparse.save_npz")}


def taken(source: str, matrix: Vectors, rows: NDArray[np.int64]) -> Vectors:
    """Some rows as float32; ValueError where one is not finite. All rows of an array in memory are itself, no copy."""
    whole = len(rows) == matrix.shape[0] and np.array_equal(rows, np.arange(len(rows)))
    if isinstance(matrix, csr_array):
        part = matrix if whole else matrix[rows]
        _check_finite(source, part.data, rows[np.repeat(np.arange(len(rows)), np.diff(part.indptr))])
        return part
    kept = whole and matrix.dtype == np.float32 and not isinstance(matrix, np.memmap)
    taken = matrix if kept else np.empty((len(rows), matrix.shape[1]), np.float32)
    for start in range(0, len(rows), BLOCK):
        block = slice(start, start + BLOCK)
        if not kept:
            with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and is refused
                taken[block] = matrix[rows[block]]
        _check_finite(source, taken[block], rows[block])
    return taken


def _check_finite(source: str, values: NDArray[np.float32], rows: NDArray[np.int64]) -> None:
    """values: (n, ...), of those rows of a file."""
    bad = ~np.isfinite(values)
    if bad.any():
        first = np.argwhere(bad)[0]
        raise ValueError(
            f"{source}: expected finite numbers in float32, found {values[tuple(first)]} in row {rows[first[0]]}: "
            f"look for texts that were not encoded"
        )


def file_sha256(path: Path) -> str:
    """NotFound where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise NotFound(
            f"{path}: expected a file of vectors, found: {error.strerror}: paths are relative to the working directory"
        ) from error
