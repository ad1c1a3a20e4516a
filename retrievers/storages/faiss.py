"""FAISS (Douze et al. 2024, "The Faiss library"): any of its indexes that compares by inner product or distance."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from retrievers.contract import Fact, Hits, Spelled, Unsupported, Vectors, no_hits, ordered, search_blocks
from retrievers.similarity import stands_for_l2
from retrievers.storages import _faiss_ledger, _shared
from retrievers.storages._faiss_index import (
    FaissIndex,
    copy_search_options,
    library,
    one_thread,
    reason,
    refused_as,
    set_option,
)

INDEX_FILE = "index.faiss"
SEARCH_KNOBS = ("efSearch", "nprobe", "qb")
KNOBS = ("efConstruction", *SEARCH_KNOBS)  # options by FAISS's names
MOST_QUERY_BITS = 8  # of a dimension
QUICK_SCAN = "fs"  # in a factory: codes in the order of FAISS's quick scan
RESCORED = re.compile(r",(RFlat|Refine\(.*\))$")  # at the end of a factory that keeps finer vectors to rank by

Metric = Literal["inner product", "l2"]


@dataclass(repr=False)
class Faiss(Spelled):
    """
    A FAISS index by the name that its index_factory knows: "Flat", "HNSW32", "IVF64,Flat", "SQ8", "PQ48" ...

    efConstruction, efSearch: how many candidates HNSW keeps while building, while searching (FAISS's defaults: 40, 16).
    nprobe: how many lists of an IVF are searched (1). qb: to how many bits a dimension the query is rounded that RaBitQ
    (one bit a dimension of the passages; Gao and Long 2024) compares with its codes (4); 0 leaves the query float32. An
    option that the index does not have, and a factory that FAISS does not know, raise ValueError at `build`; a factory
    that does not suit the dimensions, and too few vectors to train on, raise Unsupported.

    oversampling: rescoring. oversampling * k candidates, rounded up, are found by the codes and ordered by their inner
    products in float32, with vectors that are kept beside (`rescoring` in the ledger): "SQ8" becomes FAISS's
    "SQ8,RFlat". A factory written so keeps them in any case, and cells of it that differ in oversampling alone share
    one build.
    mmap: `load` maps the index's file instead of reading it (codes, lists, graphs, rescoring vectors). FAISS has each
    page fetched alone, as it is touched: that suits a graph, and lists; a scan of all codes is slow as long as they are
    not in memory, and stays so where they do not fit. Codes of a quick scan ("fs") FAISS always reads: ValueError.

    Only "Flat" alone is exact: FAISS cuts ties where it likes, so as many as tie are fetched, and cut by position.
    Passages [x, -|x|²/2] stand for L2: their inner product with [q, 1] orders by distance to q. That is no likeness of
    two passages, by which a graph, lists and codes are made. So where every passage has that form, all factories but
    "Flat" index x by L2, and give the scores back as inner products: q·x - |x|²/2 = (|q|² - |q - x|²) / 2.

    Training uses the vectors themselves and FAISS's own fixed seeds. A graph is built by one thread: with more, FAISS
    adds vectors in no fixed order, and their links may differ from build to build.
    """

    factory: str
    efConstruction: int | None = None  # noqa: N815  # FAISS's names, as they are known
    efSearch: int | None = None  # noqa: N815  # the same
    nprobe: int | None = None
    qb: int | None = None
    oversampling: float | None = None
    mmap: bool = field(default=False, kw_only=True)
    index: FaissIndex = field(init=False, default=None, compare=False)
    sparse: bool = field(init=False, default=False, compare=False)  # whether build was handed a sparse matrix
    l2: bool = field(init=False, default=False, compare=False)  # whether the index has [x, -|x|²/2] as x, by distance
    mapped: bool = field(init=False, default=False, compare=False)  # whether the index lies in a file

    def __post_init__(self) -> None:
        _shared.check_mmap(self, self.mmap)
        for name in (*KNOBS, "oversampling"):
            value, least = getattr(self, name), 0 if name == "qb" else 1
            if value is not None and not value >= least:
                raise ValueError(f"Faiss: expected {name} to be at least {least}, found {value}")
        if self.qb is not None and self.qb > MOST_QUERY_BITS:
            raise ValueError(f"Faiss: expected qb to be at most {MOST_QUERY_BITS}, found {self.qb}")
        if self.mmap and QUICK_SCAN in self.factory:
            raise ValueError(
                f"Faiss: expected mmap beside codes that FAISS maps, found the factory {self.factory!r}, whose "
                f"quick scan ({QUICK_SCAN}) it always reads: leave mmap out, or take a factory without {QUICK_SCAN}"
            )

    @property
    def exact(self) -> bool:
        return self.whole_factory == "Flat"

    @property
    def deterministic(self) -> bool:
        """Whether the bytes follow from passages and dimensions: those of a graph, which draws its levels, do not."""
        return _faiss_ledger.is_deterministic(self.whole_factory)

    @property
    def search_options(self) -> tuple[str, ...]:
        """oversampling acts at search time where the factory itself says that vectors are kept for it."""
        always = (*SEARCH_KNOBS, "mmap")
        return (*always, "oversampling") if RESCORED.search(self.factory) else always

    @property
    def whole_factory(self) -> str:
        """The factory with its rescoring: what FAISS is asked for."""
        kept = self.oversampling is None or RESCORED.search(self.factory)
        return self.factory if kept else f"{self.factory},RFlat"

    def prepare(self) -> None:
        """Import FAISS and search one toy vector, so that its libraries and threads are there."""
        faiss = library()
        toy = np.ones((1, 8), np.float32)
        index = faiss.IndexFlatIP(8)
        index.add(toy)
        index.search(toy, 1)

    def build(self, vectors: Vectors) -> None:
        sparse = isinstance(vectors, csr_array)
        l2 = not self.exact and stands_for_l2(vectors)
        if l2:
            vectors = np.ascontiguousarray(vectors[:, :-1])
        index = self._new(vectors.shape[1], "l2" if l2 else "inner product")
        with one_thread("HNSW" in self.factory or "NSG" in self.factory):
            self._fill(index, vectors)
        self.index, self.sparse, self.l2, self.mapped = index, sparse, l2, False

    def _new(self, dims: int, metric: Metric) -> FaissIndex:
        """An empty index with this adapter's options."""
        faiss = library()
        try:
            known = faiss.METRIC_L2 if metric == "l2" else faiss.METRIC_INNER_PRODUCT
            index = faiss.index_factory(dims, self.whole_factory, known)
        except RuntimeError as error:
            if "could not parse" in str(error):
                raise ValueError(
                    f"{self!r}: expected a factory that FAISS knows, such as "
                    f'"Flat", "SQ8", "HNSW32" or "IVF64,Flat", found {self.factory!r}; FAISS says: {reason(error)}'
                ) from error
            raise Unsupported(
                f"{self!r} cannot be made for vectors of {dims} dimensions compared by {metric}: take a factory whose "
                f"parts divide the dimensions and that knows {metric}; FAISS says: {reason(error)}"
            ) from error
        self._set_knobs(index)
        return index

    def _set_knobs(self, index: FaissIndex) -> None:
        for name in KNOBS:
            value = getattr(self, name)
            if value is None:
                continue
            said = f"{self!r}: expected an option that the index {self.factory!r} has, found {name}: leave it out"
            with refused_as(ValueError, said):
                set_option(index, name, value)

    def _fill(self, index: FaissIndex, vectors: Vectors) -> None:
        """Train where the index asks for it, and add every vector; a sparse matrix is added a dense block at a time."""
        n, dims = vectors.shape
        block = _shared.block_length(0, dims) if isinstance(vectors, csr_array) else max(n, 1)
        said = (
            f"{self!r} cannot be made of {n} vectors of {dims} dimensions: take another factory (its lists and "
            f"codes need as many vectors to be trained on), or more passages"
        )
        with refused_as(Unsupported, said):
            if n and not index.is_trained:
                index.train(_shared.dense_rows(vectors))
            for start in range(0, n, block):
                index.add(_shared.dense_rows(vectors, slice(start, start + block)))

    def search(self, queries: Vectors, k: int) -> Hits:
        """RuntimeError before `build` or `load`; ValueError for queries of other dimensions."""
        if self.index is None:
            raise _shared.unbuilt(self)
        _shared.check_dims(self, queries, self.index.d + self.l2)
        if k == 0 or self.index.ntotal == 0:
            return no_hits(queries.shape[0], k)
        block = _shared.block_length(self.index.ntotal, self.index.d)
        return search_blocks(lambda rows: self._best(_shared.dense_rows(queries, rows), k), queries.shape[0], block, k)

    def _best(self, queries: NDArray[np.float32], k: int) -> Hits:
        """The top k of a block of queries, (n_queries, dims)."""
        depth = min(k, self.index.ntotal)
        wanted = depth + 1 if self.exact else math.ceil(depth * (self.oversampling or 1))
        found = self._ranked(queries, min(wanted, self.index.ntotal))
        if self.exact and found.rows.shape[1] > depth:  # the one beyond the cut tells whether a tie was cut
            tied = (found.rows[:, depth] >= 0) & (found.scores[:, depth] == found.scores[:, depth - 1])
            if tied.any():
                everything = self._ranked(queries[tied], self.index.ntotal)
                found.rows[tied, :depth] = everything.rows[:, :depth]
                found.scores[tied, :depth] = everything.scores[:, :depth]
        hits = no_hits(len(queries), k)
        hits.rows[:, :depth] = found.rows[:, :depth]
        hits.scores[:, :depth] = found.scores[:, :depth]
        return hits

    def _ranked(self, queries: NDArray[np.float32], depth: int) -> Hits:
        """What FAISS finds, in our order; by the sparse rule without scores of 0 and less."""
        if self.l2:
            return ordered(self._nearest(queries, depth))
        scores, rows = self.index.search(queries, depth)
        return ordered(Hits(np.where(scores > 0, rows, -1) if self.sparse else rows, scores))

    def _nearest(self, queries: NDArray[np.float32], depth: int) -> Hits:
        """By distance, for queries [q, c], c > 0: q·x - c|x|²/2 = c (|q/c|² - |q/c - x|²) / 2."""
        scale = queries[:, -1:]
        if not (scale > 0).all():
            raise ValueError(
                f"{self!r} holds passages [x, -|x|²/2], which stand for L2: expected queries [q, 1], found "
                f"{scale[~(scale > 0)][0]} in the place of 1; passages and queries must come from one encoder"
            )
        points = queries[:, :-1] / scale
        distances, rows = self.index.search(points, depth)
        lengths = np.square(points, dtype=np.float64).sum(axis=1, keepdims=True)
        return Hits(rows, (scale * (lengths - distances) / 2).astype(np.float32))

    def save(self, folder: Path) -> None:
        if self.index is None:
            raise _shared.unbuilt(self)
        _shared.write_facts(folder, factory=self.whole_factory, sparse=self.sparse, l2=self.l2)
        library().write_index(self.index, str(folder / INDEX_FILE))

    def load(self, folder: Path) -> None:
        """The search options are this adapter's own. ValueError where the folder holds the index of another factory."""
        facts = _shared.read_facts(folder)
        if facts["factory"] != self.whole_factory:
            raise ValueError(
                f"expected {folder} to hold the index of {self!r}, found that of the factory {facts['factory']!r}: "
                f"load it into an adapter with that factory, or build anew"
            )
        faiss = library()
        self.index = faiss.read_index(str(folder / INDEX_FILE), faiss.IO_FLAG_MMAP_IFC if self.mmap else 0)
        self.sparse, self.l2, self.mapped = facts["sparse"], facts["l2"], self.mmap
        copy_search_options(self._new(self.index.d, "l2" if self.l2 else "inner product"), self.index)

    def ledger(self) -> dict[str, int]:
        """
        Vectors (or their codes), ids, centroids, graph, rescoring; `rest` is what else FAISS would write to a file:
        tables of quantisers, transforms, fields. "Flat" is its vectors alone. Spare room of lists is not counted.
        """
        if self.index is None:
            return {"vectors": 0}
        parts = _faiss_ledger.ledger(self.index)
        return {"vectors": parts["vectors"]} if self.exact else parts

    def describe(self) -> dict[str, Fact]:
        """What the index compares by, None before there is one; `memory_mapped: 1` where it lies in a mapped file."""
        metric: Metric = "l2" if self.l2 else "inner product"
        facts: dict[str, Fact] = {"metric": None if self.index is None else metric}
        return facts | {"memory_mapped": 1} if self.mapped else facts

    def predict_ledger(self, n: int, dims: int, nonzeros: int | None) -> dict[str, int]:
        """
        As `ledger`, from an empty index: nothing is trained, and nothing of the size of the passages made. The levels
        of a graph are expected ones. Raises what `build` raises of a factory.

        Vectors that stand for L2 are held without their last dimension, which n and dims do not tell: predicted are
        `dims` dimensions, too many by one, 6 % of SQ8's bytes at 17 and .3 % at 385.
        """
        try:
            index = self._new(dims, "inner product")
        except Unsupported:
            if nonzeros is not None or dims < 2:
                raise
            index = self._new(dims - 1, "l2")  # the factory suits no others
        parts = _faiss_ledger.predicted(index, n)
        return {"vectors": parts["vectors"]} if self.exact else parts
