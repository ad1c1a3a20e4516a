"""
What the sparse storages share: the matrix they are made of, their files and facts.

A matrix of passages is positions and values (`impacts.py`). Positions are held in the smallest unsigned integers that
fit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np
from scipy.sparse import csr_array

from retrievers.contract import Fact, Hits, Spelled, Unsupported, Vectors, spell
from retrievers.storages._shared import check_dims, check_mmap, read_facts, unbuilt, write_facts
from retrievers.storages.codecs.impacts import Array, Dtype, Impacts, Scales, check_dtype, information_bounds
from retrievers.storages.search import kernels
from retrievers.storages.search.kernels import frozen

Finding: TypeAlias = tuple[str, bool, str]  # an array that was loaded, whether it can be searched, what is expected
CHUNK = 2**16  # positions looked at together when they are loaded


def canonical(vectors: Vectors) -> csr_array:
    """
    The vectors as float32, columns ascending, none twice, no zero stored: the one place where dense becomes sparse.

    A matrix that is so already is not copied; one that is not is left as it was.
    """
    matrix = vectors if isinstance(vectors, csr_array) else csr_array(np.asarray(vectors, np.float32))
    # A new frame round the same arrays: what scipy notes in it, or trims, is not the caller's.
    matrix = csr_array((matrix.data.astype(np.float32, copy=False), matrix.indices, matrix.indptr), shape=matrix.shape)
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    if np.count_nonzero(matrix.data) < matrix.nnz:
        matrix = matrix.copy()
        matrix.eliminate_zeros()
    return matrix


def save_arrays(folder: Path, arrays: Mapping[str, Array]) -> None:
    """Each as NAME.npy."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)


def load_arrays(folder: Path, names: tuple[str, ...], read: Callable[[Path], Array]) -> dict[str, Array]:
    """What save_arrays wrote, read-only."""
    return {name: frozen(read(folder / f"{name}.npy")) for name in names}


def offsets_found(offsets: Array, lists: int, postings: int, *, whole: bool) -> Iterator[Finding]:
    """Whether offsets tell where each list begins, and the last one ends. whole: all are read, not the ends alone."""
    yield "offsets", len(offsets) == lists + 1, f"{lists + 1:,} offsets"
    ascending = (int(offsets[0]), int(offsets[-1])) == (0, postings)
    if whole:
        ascending &= bool((offsets[1:] >= offsets[:-1]).all())
    yield "offsets", ascending, f"offsets that ascend from 0 to the number of values, {postings:,}"


def positions_found(name: str, positions: Array, bound: int, postings: int, *, whole: bool) -> Iterator[Finding]:
    """Whether there are as many positions as values; and, where all are read, each below a bound."""
    yield name, len(positions) == postings, f"as many as there are values, {postings:,}"
    yield name, not whole or postings == 0 or int(positions.max()) < bound, f"numbers below {bound:,}"


def not_above(numbers: Array) -> Array:
    """Where a number is not above the one before it, without an array of their size: ascending int64."""
    firsts = range(0, len(numbers), CHUNK)
    parts = (numbers[first : first + CHUNK + 1] for first in firsts)
    falls = [first + 1 + np.flatnonzero(part[1:] <= part[:-1]) for first, part in zip(firsts, parts, strict=True)]
    return np.concatenate([np.empty(0, np.int64), *falls])


@dataclass(repr=False)
class SparseStorage(ABC, Spelled):
    """
    Exact search in what is held: float32 as given, float16 rounded, or uint8 impacts with a scale a column.

    Dense vectors are held too, without their zeros; their hits may then have any score. Unsupported at `build` for
    numbers that the dtype does not hold: beyond 65504 (float16), negative (uint8). Scales reach 32 octaves down from
    that of the largest number: a column of smaller ones yet is held coarsely. mmap: `load` maps the files instead of
    reading them.
    """

    dtype: Dtype = "float32"
    mmap: bool = field(default=False, kw_only=True)
    search_options: ClassVar[tuple[str, ...]] = ("mmap",)
    over_lists: ClassVar[bool] = False  # whether inverted lists are searched, or rows
    components: ClassVar[tuple[str, ...]]  # names in the ledger, of the arrays and of their files, without scales
    arrays: dict[str, Array] = field(init=False, default_factory=dict, compare=False)  # by those names; read-only
    shape: tuple[int, int] | None = field(init=False, default=None, compare=False)  # (n, dims); None: nothing held
    sparse: bool = field(init=False, default=False, compare=False)  # whether build was handed a sparse matrix
    mapped: bool = field(init=False, default=False, compare=False)
    bounds: dict[str, float] = field(init=False, default_factory=dict, compare=False)
    top: int = field(init=False, default=0, compare=False)  # of the ladder of scales

    def __post_init__(self) -> None:
        check_mmap(self, self.mmap)
        check_dtype(self, self.dtype)

    @property
    def exact(self) -> bool:
        return self.dtype == "float32"

    @abstractmethod
    def _lay_out(self, matrix: csr_array) -> tuple[dict[str, Array], Impacts]:
        """The arrays of positions of a canonical matrix, and its values in the same order."""

    @abstractmethod
    def _positions(self, n: int, dims: int, postings: int) -> dict[str, int]:
        """What the arrays of positions will weigh, in bytes."""

    @abstractmethod
    def _inspect(self, arrays: Mapping[str, Array], n: int, dims: int, *, whole: bool) -> Iterator[Finding]:
        """What is to be known of positions that were loaded, or a search may write where it must not."""

    @abstractmethod
    def _search(self, queries: Vectors, k: int, n: int) -> Hits: ...

    def build(self, vectors: Vectors) -> None:
        matrix = canonical(vectors)
        n, dims = matrix.shape
        try:
            arrays, (values, scales) = self._lay_out(matrix)
        except Unsupported as error:
            raise Unsupported(f"{spell(self)}: {error}") from error
        arrays["values"] = values
        if scales is not None:
            arrays["scales"], self.top = scales
        self.arrays = {name: frozen(arrays[name]) for name in self._names}
        self.bounds = information_bounds(np.bincount(matrix.indices, minlength=dims), n, values)
        self.shape, self.sparse, self.mapped = (n, dims), isinstance(vectors, csr_array), False

    def search(self, queries: Vectors, k: int) -> Hits:
        """RuntimeError before `build` or `load`; ValueError for queries of other dimensions."""
        if self.shape is None:
            raise unbuilt(self)
        n, dims = self.shape
        check_dims(self, queries, dims)
        return self._search(queries, k, n)

    def prepare(self) -> None:
        """Compile the search, or load it compiled, for passages of any number."""
        kernels.prepare(self.dtype, lists=self.over_lists)

    def save(self, folder: Path) -> None:
        if self.shape is None:
            raise unbuilt(self)
        write_facts(
            folder,
            storage=type(self).__name__,
            dtype=self.dtype,
            shape=self.shape,
            sparse=self.sparse,
            bounds=self.bounds,
            top=self.top,
        )
        save_arrays(folder, self.arrays)

    def load(self, folder: Path) -> None:
        """
        ValueError where the folder was saved by another storage or with another dtype, or holds damaged positions.

        Offsets that do not ascend and positions beyond what is there are found where files are read. Of such that are
        mapped only sizes are compared, and the ends of offsets: to look at all would read them.
        """
        facts, name = read_facts(folder), type(self).__name__
        if facts.get("storage") != name:
            raise ValueError(
                f"expected {folder} to be saved by {name}, found {facts.get('storage', 'another storage')}: "
                f"load it into a storage of the same kind, or build anew"
            )
        if facts["dtype"] != self.dtype:
            raise ValueError(
                f"expected {folder} to be saved by {spell(self)}, found values of {facts['dtype']}: "
                f"load it into a storage of the same dtype, or build anew"
            )
        arrays, (n, dims) = load_arrays(folder, self._names, self._mapped if self.mmap else np.load), facts["shape"]
        for file, sound, expected in self._inspect(arrays, n, dims, whole=not self.mmap):
            if not sound:
                raise ValueError(f"{folder / file}.npy is damaged: expected {expected}: build and save it anew")
        self.arrays, self.bounds, self.top = arrays, facts["bounds"], facts["top"]
        self.shape, self.sparse, self.mapped = (n, dims), facts["sparse"], self.mmap

    def ledger(self) -> dict[str, int]:
        return {name: self.arrays[name].nbytes if self.shape else 0 for name in self._names}

    def predict_ledger(self, n: int, dims: int, nonzeros: int | None) -> dict[str, int]:
        postings = n * dims if nonzeros is None else nonzeros
        scales = {"scales": dims} if self.dtype == "uint8" else {}
        values = {"values": postings * np.dtype(self.dtype).itemsize}
        return self._positions(n, dims, postings) | values | scales

    def describe(self) -> dict[str, Fact]:
        """The information bounds in bits a posting, None before there are any; and whether the files are mapped."""
        bounds = self.bounds or information_bounds(np.empty(0), 0, np.empty(0, np.uint8))
        facts: dict[str, Fact] = {name: bound if self.shape else None for name, bound in bounds.items()}
        return facts | {"memory_mapped": 1} if self.mapped else facts

    def _mapped(self, path: Path) -> Array:
        """An array that is read from one end to the other: the system may read ahead."""
        return np.asarray(np.load(path, mmap_mode="r"))

    @property
    def _names(self) -> tuple[str, ...]:
        return (*self.components, "scales") if self.dtype == "uint8" else self.components

    @property
    def _scales(self) -> Scales | None:
        return Scales(self.arrays["scales"], self.top) if self.dtype == "uint8" else None
