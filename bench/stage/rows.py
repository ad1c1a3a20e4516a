"""
Blocks of vectors put together: row i of what comes of it is the vector of passage i.

As in `bench.stage.stages`, every import that takes memory stands inside a function.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from retrievers.contract import Vectors


class Rows:
    """Blocks that come in an order of the passages."""

    def __init__(self, order: NDArray[np.intp]) -> None:
        self._order = order
        self._dense: NDArray[np.float32] | None = None
        self._sparse: list[Vectors] = []
        self.n = 0
        self.is_new = True

    def add(self, vectors: Vectors) -> None:
        """ValueError for vectors of another kind, or of other dimensions, than those before."""
        import numpy as np

        is_dense = isinstance(vectors, np.ndarray)
        if self.is_new and is_dense:
            self._dense = np.empty((len(self._order), vectors.shape[1]), np.float32)
        if not self.is_new:
            expected = "a csr_array" if self._dense is None else "an ndarray"
            dims = (self._sparse[0] if self._dense is None else self._dense).shape[1]
            if is_dense != (self._dense is not None) or vectors.shape[1] != dims:
                raise ValueError(
                    f"encoding passages: expected {expected} of {dims} dims as of the passages before, found "
                    f"{type(vectors).__name__} of {vectors.shape[1]}"
                )
        if self._dense is None:
            self._sparse.append(vectors.copy())
        else:
            self._dense[self._order[self.n : self.n + vectors.shape[0]]] = vectors
        self.n += vectors.shape[0]
        self.is_new = False

    def whole(self) -> Vectors:
        import numpy as np

        if self._dense is not None:
            return self._dense
        found = stacked(self._sparse)
        if (self._order == np.arange(len(self._order))).all():
            return found
        return found[np.argsort(self._order)]


def stacked(blocks: Sequence[Vectors]) -> Vectors:
    """Some blocks, one below the other."""
    import numpy as np
    from scipy.sparse import csr_array, vstack

    if len(blocks) == 1:
        return blocks[0]
    return np.concatenate(blocks) if isinstance(blocks[0], np.ndarray) else csr_array(vstack(blocks))
