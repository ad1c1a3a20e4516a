"""Sparse vectors column by column: inverted lists, without compression."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array

from retrievers.contract import Hits, Vectors
from retrievers.storages import kernels
from retrievers.storages.mapping import mapped_array
from retrievers.storages.sparse import (
    Array,
    Impacts,
    Postings,
    SparseStorage,
    quantised,
    smallest_uint,
    top_k_of_lists,
)


@dataclass(repr=False)
class CSC(SparseStorage):
    """
    Inverted lists: of each column the passages that have it, and their values. A query visits its own columns alone.

    rows and offsets are the smallest unsigned integers that fit.
    """

    components: ClassVar[tuple[str, ...]] = ("values", "indices", "offsets")

    def _lay_out(self, matrix: csr_array) -> tuple[dict[str, Array], Impacts]:
        n, dims = matrix.shape
        turned = matrix.tocsc()
        columns = np.repeat(np.arange(dims), np.diff(turned.indptr))
        positions = {
            "indices": turned.indices.astype(smallest_uint(n - 1)),
            "offsets": turned.indptr.astype(smallest_uint(turned.nnz)),
        }
        return positions, quantised(turned.data, columns, dims, self.dtype)

    def _positions(self, n: int, dims: int, postings: int) -> dict[str, int]:
        return {
            "indices": postings * smallest_uint(n - 1).itemsize,
            "offsets": (dims + 1) * smallest_uint(postings).itemsize,
        }

    def _search(self, queries: Vectors, k: int, n: int) -> Hits:
        return top_k_of_lists(self._postings, queries, k, n=n, sparse=self.sparse, scales=self._scales)

    def _mapped(self, path: Path) -> Array:
        """A query reads some lists, here and there: what stands beside them is not read ahead."""
        return mapped_array(path)

    def _postings(self, columns: Array) -> Postings:
        offsets = self.arrays["offsets"]
        starts, ends = offsets[columns].astype(np.int64), offsets[1:][columns].astype(np.int64)
        return Postings(self.arrays["indices"], self.arrays["values"], starts, ends)

    def prepare(self) -> None:
        """Compile the search, or load it compiled, for passages of any number."""
        kernels.prepare(self.dtype, lists=True)
