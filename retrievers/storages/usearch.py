"""USearch (Vardanian 2023, github.com/unum-cloud/usearch): a graph (HNSW) over vectors of one of several widths."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from retrievers.contract import Fact, Hits, Spelled, Unsupported, Vectors, no_hits, ordered, search_blocks
from retrievers.storages import _shared
from retrievers.storages.codecs.mapping import Mapping, mapped_array, mapped_file

INDEX_FILE, RESCORING_FILE = "index.usearch", "rescoring.npy"
BITS = {"f32": 32, "f16": 16, "bf16": 16, "i8": 8, "b1": 1}  # of one dimension of a vector
LARGEST_CODE = 127  # of i8, both ways
# What the graph takes: a node has an 8-byte id, a 2-byte level, and a list of links on every level from 0 to its own;
# a list has a 4-byte length and room for `connectivity` links of 4 bytes, on level 0 for twice as many.
NODE_BYTES, LENGTH_BYTES, LINK_BYTES = 10, 4, 4
# What a file has beside vectors and graph: its head, and the level of every node.
HEAD_BYTES, LEVEL_BYTES = 112, 2


@dataclass(repr=False)
class Usearch(Spelled):
    """
    A USearch graph (HNSW) that compares by inner product. Approximate, whatever its dtype.

    dtype: how a number of a vector is held. "f32", "f16" and "bf16" are floats, passages and queries alike, divided by
    one power of two for all passages, and one for each query, so that numbers of any size are told apart: USearch finds
    by 1 - inner product in float32. "i8" are whole numbers from -127 to 127 times such a scale: USearch's own would
    make every vector a unit one. "b1" is the sign, one bit a dimension, of passages and queries: scores are the inner
    product of the signs, dims - 2 * Hamming distance. Signs of a sparse matrix say nothing: Unsupported.
    connectivity: links of a node on each level, twice as many on the lowest (at least 2). expansion_add,
    expansion_search: how many candidates are kept while building, while searching. Names and defaults are USearch's.
    oversampling: search finds oversampling * k candidates in the graph and ranks them by exact inner product with
    float32 vectors, which are kept beside it (`rescoring` in the ledger). None keeps none.
    mmap: `load` maps the files instead of reading them.

    The graph is built by one thread, so that it comes out the same every time. A search takes as many threads as
    OMP_NUM_THREADS says, and else one. Since a graph is not made for inner products, longer vectors draw more links:
    vectors of very unequal length are found less well than unit ones.
    """

    dtype: str = "f32"
    connectivity: int = 16
    expansion_add: int = 128
    expansion_search: int = 64
    oversampling: int | None = None
    mmap: bool = False
    exact: ClassVar[bool] = False
    search_options: ClassVar[tuple[str, ...]] = ("expansion_search", "mmap")
    index: Any = field(init=False, default=None, compare=False)  # Any: USearch has no types that say anything
    rescoring: NDArray[np.float32] | None = field(init=False, default=None, compare=False)  # (n, dims)
    scale: float = field(init=False, default=1.0, compare=False)  # what a 1 in the index stands for
    sparse: bool = field(init=False, default=False, compare=False)  # whether build was handed a sparse matrix
    file: Mapping | None = field(init=False, default=None, compare=False)  # what the index shows, where it is mapped

    def __post_init__(self) -> None:
        _shared.check_mmap(self, self.mmap)
        if self.dtype not in BITS:
            raise ValueError(f"Usearch: expected dtype to be one of {', '.join(BITS)}, found {self.dtype!r}")
        least = {"connectivity": 2, "expansion_add": 1, "expansion_search": 1, "oversampling": 1}
        for name, at_least in least.items():
            value = getattr(self, name)
            if value is not None and value < at_least:
                raise ValueError(f"Usearch: expected {name} to be at least {at_least}, found {value}")
        if self.dtype == "f32" and self.oversampling is not None:
            raise ValueError(
                f"Usearch: expected oversampling beside a narrower dtype than f32, found {self.oversampling}: "
                f"its scores are exact already, a higher expansion_search finds more"
            )

    def prepare(self) -> None:
        """Import USearch and search one toy vector."""
        toy = type(self)(self.dtype)
        toy.build(np.ones((1, 8), np.float32))
        toy.search(np.ones((1, 8), np.float32), 1)

    def build(self, vectors: Vectors) -> None:
        """Unsupported for vectors of no dimension, and for a sparse matrix as "b1"."""
        sparse = isinstance(vectors, csr_array)
        n, dims = vectors.shape
        if dims == 0:
            raise Unsupported(f"{self!r} cannot hold vectors of no dimension: nothing could be found by them")
        if sparse and self.dtype == "b1":
            raise Unsupported(f'{self!r} cannot hold a sparse matrix, whose signs say nothing: take dtype="i8"')
        index, scale, block = self._new(dims), self._scale(vectors), _shared.block_length(0, dims)
        for start in range(0, n, block):
            rows = _shared.dense_rows(vectors, slice(start, start + block))
            index.add(np.arange(start, start + len(rows)), self._coded(rows, scale), threads=1)
        self.rescoring = None if self.oversampling is None else _shared.dense_rows(vectors)
        self.index, self.scale, self.sparse, self.file = index, scale, sparse, None

    def _new(self, dims: int) -> Any:  # Any: see index
        """An empty index with this adapter's options."""
        return _index_type()(
            ndim=dims,
            metric="hamming" if self.dtype == "b1" else "ip",
            dtype=self.dtype,
            connectivity=self.connectivity,
            expansion_add=self.expansion_add,
            expansion_search=self.expansion_search,
            enable_key_lookups=False,  # a table from ids to places, which are the same here
        )

    def _scale(self, vectors: Vectors) -> float:
        """What a 1 in the index stands for, of all passages."""
        numbers = vectors.data if isinstance(vectors, csr_array) else vectors
        largest = max(numbers.max(), -numbers.min()) if numbers.size else 0
        return float(self._scales(np.array(largest, np.float32)))

    def _scales(self, largest: NDArray[np.float32]) -> NDArray[np.float32]:
        """
        What a 1 stands for where `largest` is the largest number, without its sign: of i8 such that it has the largest
        code, else the power of two that makes it 1 or more and less than 2, so that no digit is lost.
        """
        if self.dtype != "i8":
            power: NDArray[np.float32] = np.ldexp(np.float32(1), np.frexp(largest)[1] - 1)
            return power
        scales = largest / np.float32(LARGEST_CODE)
        return np.where(scales > 0, scales, np.float32(1))

    def _coded(self, vectors: NDArray[np.float32], scale: Any) -> NDArray[Any]:  # Any: number or column; see Usearch
        """The vectors as the index takes them; it narrows floats itself."""
        if self.dtype == "b1":
            return np.packbits(vectors > 0, axis=1)
        scaled = vectors / np.asarray(scale, np.float32)
        return np.rint(scaled).astype(np.int8) if self.dtype == "i8" else scaled

    def search(self, queries: Vectors, k: int) -> Hits:
        """RuntimeError before `build` or `load`; ValueError for queries of other dimensions."""
        if self.index is None:
            raise _shared.unbuilt(self)
        n, dims = len(self.index), self.index.ndim
        _shared.check_dims(self, queries, dims)
        if k == 0 or n == 0:
            return no_hits(queries.shape[0], k)
        block = _shared.block_length(min(n, k * (self.oversampling or 1)), dims)
        return search_blocks(lambda rows: self._best(_shared.dense_rows(queries, rows), k), queries.shape[0], block, k)

    def _best(self, queries: NDArray[np.float32], k: int) -> Hits:
        """The top k of a block of queries, (n_queries, dims)."""
        found = self._found(queries, min(k * (self.oversampling or 1), len(self.index)))
        if self.rescoring is not None:
            for query, rows, scores in zip(queries, found.rows, found.scores, strict=True):
                filled = rows >= 0
                scores[filled] = self.rescoring[rows[filled]] @ query
        if self.sparse:
            found = Hits(np.where(found.scores > 0, found.rows, -1), found.scores)
        ranked, hits = ordered(found), no_hits(len(queries), k)
        depth = min(k, ranked.rows.shape[1])
        hits.rows[:, :depth], hits.scores[:, :depth] = ranked.rows[:, :depth], ranked.scores[:, :depth]
        return hits

    def _found(self, queries: NDArray[np.float32], depth: int) -> Hits:
        """What the graph finds, (n_queries, depth), in its order and with its scores."""
        scales = self._scales(np.abs(queries).max(axis=1, keepdims=True))  # (n_queries, 1)
        matches = self.index.search(self._coded(queries, scales), depth, threads=_threads())
        hits = no_hits(len(queries), depth)
        if len(queries) == 1:  # USearch then gives what it found alone, and else pads it
            filled = np.arange(depth)[None] < len(matches.keys)
            keys, distances = matches.keys, matches.distances
        else:
            filled = np.arange(depth) < matches.counts[:, None]
            keys, distances = matches.keys[filled], matches.distances[filled]
        hits.rows[filled] = keys
        if self.dtype == "b1":
            hits.scores[filled] = self.index.ndim - 2 * distances
            return hits
        hits.scores[filled] = 1 - distances
        return Hits(hits.rows, hits.scores * scales * np.float32(self.scale))

    def save(self, folder: Path) -> None:
        if self.index is None:
            raise _shared.unbuilt(self)
        _shared.write_facts(
            folder, dims=self.index.ndim, scale=self.scale, sparse=self.sparse, built_as=self._built_as()
        )
        self.index.save(folder / INDEX_FILE)
        if self.rescoring is not None:
            np.save(folder / RESCORING_FILE, self.rescoring)

    def load(self, folder: Path) -> None:
        """The search options are this adapter's own. ValueError where the folder holds what others have built."""
        facts = _shared.read_facts(folder)
        if facts["built_as"] != self._built_as():
            raise ValueError(
                f"expected {folder} to hold what {self!r} has built, found an index of {facts['built_as']}: "
                f"load it into an adapter with these options, or build anew"
            )
        index = self._new(facts["dims"])
        file = mapped_file(folder / INDEX_FILE) if self.mmap else None
        if file is None:
            index.load(folder / INDEX_FILE)
        else:
            index.view(file)
        index.expansion_search = self.expansion_search
        rescoring = None
        if self.oversampling is not None:
            path = folder / RESCORING_FILE
            rescoring = mapped_array(path) if self.mmap else np.load(path, allow_pickle=False)
        self.index, self.rescoring, self.file = index, rescoring, file  # the old index goes before its file
        self.scale, self.sparse = facts["scale"], facts["sparse"]

    def _built_as(self) -> dict[str, object]:
        """The options that act while building: what is saved cannot be loaded with others."""
        built = {name: getattr(self, name) for name in ("dtype", "connectivity", "expansion_add")}
        return built | {"rescoring": self.oversampling is not None}

    def ledger(self) -> dict[str, int]:
        """
        Vectors as their dtype holds them; the graph with its ids; `rest`, what else USearch writes to a file: its head
        and the levels; rescoring vectors. Room that USearch takes ahead, and its table of addresses, are not counted.
        """
        if self.index is None:
            return {"vectors": 0}
        vectors, graph = len(self.index) * self._vector_bytes(self.index.ndim), self.index.stats.allocated_bytes
        parts = {"vectors": vectors, "graph": graph, "rest": self.index.serialized_length - vectors - graph}
        return parts if self.rescoring is None else {**parts, "rescoring": self.rescoring.nbytes}

    def _vector_bytes(self, dims: int) -> int:
        return -(-dims * BITS[self.dtype] // 8)

    def predict_ledger(self, n: int, dims: int, nonzeros: int | None) -> dict[str, int]:  # noqa: ARG002  # zeros are held too
        """
        Levels are random, from a fixed seed: a node is above level 0 with the chance of 1 / connectivity, above level
        1 with that squared, and so on (Malkov and Yashunin 2018, section 4), so that n / (connectivity - 1) lists of
        links above level 0 are expected.
        """
        length = LENGTH_BYTES + self.connectivity * LINK_BYTES
        lowest = NODE_BYTES + length + self.connectivity * LINK_BYTES
        parts = {
            "vectors": n * self._vector_bytes(dims),
            "graph": n * lowest + round(n / (self.connectivity - 1)) * length,
            "rest": HEAD_BYTES + n * LEVEL_BYTES,
        }
        return parts if self.oversampling is None else {**parts, "rescoring": n * dims * np.dtype(np.float32).itemsize}

    def describe(self) -> dict[str, Fact]:
        """What the graph compares by; that its files are mapped."""
        metric = "inner product of signs" if self.dtype == "b1" else "inner product"
        facts: dict[str, Fact] = {"metric": None if self.index is None else metric}
        return facts if self.file is None else facts | {"memory_mapped": 1}


def _threads() -> int:
    """As many as are declared; of a declaration that is no number, one."""
    declared = os.environ.get("OMP_NUM_THREADS", "")
    return max(int(declared), 1) if re.fullmatch("[0-9]{1,4}", declared) else 1


def _index_type() -> Any:  # Any: see Usearch.index
    # In a process that imported usearch (2.26) first, faiss-cpu (1.15) crashes as it parses a factory. The other way
    # round both work; it costs 40 ms and 14 MB before anything is weighed.
    with contextlib.suppress(ImportError):
        import faiss  # noqa: F401  # for the order alone
    try:
        from usearch.index import Index
    except ImportError as error:
        raise ImportError("Usearch needs the package usearch: pip install 'sparring[usearch]'") from error
    return Index
