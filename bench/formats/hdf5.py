"""
Vectors without text, in the HDF5 layout of ann-benchmarks (Aumüller et al. 2020, "ANN-Benchmarks: A benchmarking tool
for approximate nearest neighbor algorithms"): `train`, `test`, each test vector's true `neighbors`, and as an attribute
the `distance`.

h5py, and numpy with it, is imported when a file is read.
"""

from __future__ import annotations

import contextlib
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from bench.errors import InputError
from bench.formats import Collection, Judgment, Passage, Query

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from retrievers.similarity import Similarity

SUFFIXES = (".hdf5", ".h5")
RELEVANT = 10  # so many nearest neighbours are relevant: R@10 is then the share of them that was found
SECONDS = 60  # reading all but the vectors takes a few at most
BLOCK = 8192  # rows that are converted at a time
SIMILARITIES: dict[str, Similarity] = {
    "angular": "cosine",
    "cosine": "cosine",
    "euclidean": "l2",
    "l2": "l2",
    "dot": "dot",
    "ip": "dot",
    "inner_product": "dot",
}
FREE_ROWS = 1_000_000  # vectors that a file may declare, however small it is
TRIED_QUERIES, TRIED_ROWS = 50, 1_000  # of which it is looked whether another one is nearer than those that are named
MISFIT = 0.005  # share of them that is more than rounding, or than neighbours that were searched approximately
SLACK = 1e-3  # of the distance to the farthest that is named
MISFITTING = (
    "the neighbours do not belong to these vectors and this distance: of vectors that are not among them {:.0%} are "
    "nearer: what is found is held to them"
)
DATASETS: dict[str, Literal["passages", "queries"]] = {"train": "passages", "test": "queries"}
File: TypeAlias = Any  # Any: h5py has no types


class _Layout(msgspec.Struct):
    """What a file holds besides vectors, or why it is refused."""

    n_passages: int = 0
    n_queries: int = 0
    neighbors: list[list[int]] = []
    remarks: tuple[str, ...] = ()
    refused: str = ""


def read(path: Path) -> Collection:
    """
    The collection of a file: ids and texts are positions, "0", "1" ..., and the nearest neighbours are relevant.

    It is read in a process of its own: the HDF5 library is ended by some damaged files, and must not take this one
    with it. InputError where h5py is missing, for what is no such file, and for distances that are no inner product of
    vectors.
    """
    if importlib.util.find_spec("h5py") is None:
        raise InputError(f"{path}: expected h5py to read it, found none: pip install 'sparring[hdf5]'")
    damaged = f"{path}: expected an HDF5 file that can be read, found: "
    try:
        call = [sys.executable, "-P", "-m", __name__, str(path)]
        child = subprocess.run(call, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603  # our own module
        found = msgspec.json.decode(child.stdout, type=_Layout)
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{damaged}nothing after {SECONDS} seconds") from error
    except msgspec.DecodeError as error:
        raise InputError(f"{damaged}the library failed on it (exit code {child.returncode})") from error
    if found.refused:
        raise InputError(found.refused)
    return Collection(
        [Passage(str(row), "", str(row)) for row in range(found.n_passages)],
        [Query(str(row), str(row)) for row in range(found.n_queries)],
        [Judgment(str(query), str(row), 1) for query, near in enumerate(found.neighbors) for row in near],
        remarks=found.remarks,
    )


def _layout(path: Path) -> _Layout:
    """Read in this process."""
    try:
        with _opened(path) as file:
            kind = similarity(path, file)
            train, test = (_matrix(path, file, name) for name in DATASETS)
            size = path.stat().st_size
            if len(train) + len(test) > max(size, FREE_ROWS):
                raise InputError(
                    f"{path}: expected no more vectors than its {size:,} bytes, found {len(train) + len(test):,} "
                    f"declared: get the file anew"
                )
            if train.shape[1] != test.shape[1]:
                raise InputError(
                    f"{path}: expected test vectors of {train.shape[1]} dimensions as in train, found {test.shape[1]}"
                )
            neighbors = _neighbors(path, file, len(train), len(test))
            nearer = _nearer(train, test, neighbors, kind)
            remarks = (MISFITTING.format(nearer),) if nearer > MISFIT else ()
            return _Layout(len(train), len(test), neighbors, remarks)
    except InputError as error:
        return _Layout(refused=str(error))


def vectors(path: Path, role: Literal["passage", "query"]) -> NDArray[np.float32]:
    """
    The vectors of one side, such that their inner product orders as the file's distance does, (n, dims) float32.

    "angular": unit vectors; "dot": as they are; "euclidean": the mean of `train` is subtracted from both sides, which
    leaves distances as they are, and one more dimension added (`retrievers.encoders.biencoder.l2_augmented`). Far from
    the origin float32 could not tell their inner products apart.
    """
    import numpy as np

    from retrievers.similarity import shaped

    with _opened(path) as file:
        found, kind = _matrix(path, file, "train" if role == "passage" else "test"), similarity(path, file)
        n, dims = found.shape
        origin = _mean(_matrix(path, file, "train")) if kind == "l2" else np.zeros(dims)
        made = np.empty((n, dims + (kind == "l2")), np.float32)
        for start in range(0, n, BLOCK):  # so that no other copy is ever held whole
            block = slice(start, start + BLOCK)
            made[block] = shaped((found[block] - origin).astype(np.float32), role, kind, None)
    return made


def _mean(matrix: Any) -> NDArray[np.float64]:  # Any: an h5py dataset
    """Of all rows, (dims,)."""
    import numpy as np

    n, dims = map(int, matrix.shape)
    total = np.zeros(dims)
    for start in range(0, n, BLOCK):
        total += matrix[start : start + BLOCK].sum(axis=0, dtype=np.float64)
    return total / n


def similarity(path: Path, file: File) -> Similarity:
    """What stands for the file's distance; InputError for one that no inner product stands for here."""
    said = file.attrs.get("distance")
    said = said.decode(errors="replace") if isinstance(said, bytes) else said
    if said not in SIMILARITIES:
        raise InputError(
            f"{path}: expected the attribute `distance` to be {' or '.join(SIMILARITIES)}, found {said!r}: "
            f"sets and bits are not compared by inner product"
        )
    return SIMILARITIES[said]


def _matrix(path: Path, file: File, name: str) -> Any:  # Any: an h5py dataset
    found = _dataset(path, file, name)
    if len(found.shape) != 2 or 0 in found.shape or found.dtype.kind not in "fiu":
        raise InputError(
            f"{path}: expected `{name}` to hold numbers of shape (n, dims), found {found.dtype} of shape {found.shape}"
        )
    return found


def _neighbors(path: Path, file: File, n_passages: int, n_queries: int) -> list[list[int]]:
    """The positions in `train` of the nearest neighbours of each test vector, nearest first."""
    found = _dataset(path, file, "neighbors")
    if len(found.shape) != 2 or found.shape[0] != n_queries or found.shape[1] == 0 or found.dtype.kind not in "iu":
        raise InputError(
            f"{path}: expected `neighbors` to hold positions, a row for each of {n_queries:,} test vectors, "
            f"found {found.dtype} of shape {found.shape}"
        )
    nearest = found[:, :RELEVANT]
    outside = (nearest < 0) | (nearest >= n_passages)
    if outside.any():
        raise InputError(
            f"{path}: expected `neighbors` to be positions in train, 0 to {n_passages - 1:,}, "
            f"found {nearest[outside][0]}"
        )
    rows: list[list[int]] = nearest.tolist()
    for query, row in enumerate(rows):
        if len(set(row)) < len(row):
            raise InputError(f"{path}: expected `neighbors` to name each once, found one again for test vector {query}")
    return rows


def _nearer(train: Any, test: Any, neighbors: list[list[int]], kind: Similarity) -> float:  # Any: h5py datasets
    """Of pairs of a query and a row that is not named for it, drawn at random, the share that is nearer than named."""
    import numpy as np

    rng = np.random.default_rng(0)
    queries, rows = (
        np.sort(rng.choice(n, min(n, most), replace=False))
        for n, most in ((len(neighbors), TRIED_QUERIES), (len(train), TRIED_ROWS))
    )
    drawn, counts = train[rows].astype(np.float64), [0, 0]
    for query in queries.tolist():
        vector, named = test[query].astype(np.float64), sorted(neighbors[query])
        farthest = _distances(vector, train[named].astype(np.float64), kind).max()
        others = _distances(vector, drawn[~np.isin(rows, named)], kind)
        counts[0] += int((others < farthest - SLACK * abs(farthest)).sum())
        counts[1] += len(others)
    return counts[0] / counts[1] if counts[1] else 0.0


def _distances(vector: NDArray[np.float64], rows: NDArray[np.float64], kind: Similarity) -> NDArray[np.float64]:
    """Of a query to some rows: the smaller, the nearer."""
    import numpy as np

    if kind == "l2":
        squares: NDArray[np.float64] = np.square(rows - vector).sum(axis=1)
        return squares
    products: NDArray[np.float64] = rows @ vector
    if kind == "cosine":
        lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(vector)
        return 1 - products / np.where(lengths > 0, lengths, 1)
    return -products


def _dataset(path: Path, file: File, name: str) -> Any:  # Any: an h5py dataset
    from h5py import Dataset, HardLink

    if name in file and not isinstance(file.get(name, getlink=True), HardLink):
        raise InputError(
            f"{path}: expected `{name}` in this file, found a link to another place: copy it into the file"
        )
    found = file.get(name)
    if isinstance(found, Dataset) and (found.external or found.is_virtual):
        raise InputError(f"{path}: expected `{name}` in this file, found it kept in others: copy it into the file")
    if not isinstance(found, Dataset) or found.shape is None:  # a group, a type, or nothing in it
        raise InputError(
            f"{path}: expected the layout of ann-benchmarks with a dataset `{name}`, "
            f"found {', '.join(file) or 'nothing'}"
        )
    return found


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[File]:
    """The open file; InputError for whatever goes wrong while it is read."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:  # h5py raises them all for damage
        said = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{path}: expected an HDF5 file that can be read, found: {said}") from error


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(_layout(Path(sys.argv[1]))))
