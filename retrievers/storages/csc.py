"""Sparse vectors column by column: inverted lists, without compression."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array

from retrievers.contract import Hits, Vectors
from retrievers.storages._sparse import Finding, SparseStorage, not_above, offsets_found, positions_found
from retrievers.storages.codecs.impacts import Array, Impacts, quantised, smallest_uint
from retrievers.storages.codecs.mapping import mapped_array
from retrievers.storages.search.kernels import Postings
from retrievers.storages.search.searches import top_k_of_lists


@dataclass(repr=False)
class CSC(SparseStorage):
    """
    Inverted lists: of each column the passages that have it, and their values. A query visits its own columns alone.

    indices and offsets are the smallest unsigned integers that fit.
    """

    over_lists: ClassVar[bool] = True
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

    def _inspect(self, arrays: Mapping[str, Array], n: int, dims: int, *, whole: bool) -> Iterator[Finding]:
        offsets, indices, postings = arrays["offsets"], arrays["indices"], len(arrays["values"])
        yield from offsets_found(offsets, dims, postings, whole=whole)
        yield from positions_found("indices", indices, n, postings, whole=whole)
        if whole:  # a search takes passages a range after the other, and relies on their order
            starts = not_above(indices).astype(offsets.dtype)
            in_order = bool((offsets[np.searchsorted(offsets, starts)] == starts).all())
            yield "indices", in_order, "the passages of each list ascending"

    def _search(self, queries: Vectors, k: int, n: int) -> Hits:
        return top_k_of_lists(self._postings, queries, k, n=n, sparse=self.sparse, scales=self._scales)

    def _mapped(self, path: Path) -> Array:
        """A query reads some lists, here and there: what stands beside them is not read ahead."""
        return mapped_array(path)

    def _postings(self, columns: Array) -> Postings:
        offsets = self.arrays["offsets"]
        starts, ends = offsets[columns].astype(np.int64), offsets[1:][columns].astype(np.int64)
        return Postings(self.arrays["indices"], self.arrays["values"], starts, ends)
