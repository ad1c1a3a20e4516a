"""A storage whose file takes memory when it is imported: a plug-in of its own, since whatever lies here pays for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from retrievers.contract import Hits, Spelled, Unsupported, Vectors, top_k

TAKEN = b"\1" * (64 * 2**20)


class AtImport(Spelled):
    """An exact storage of dense vectors, whose ledger has its vectors alone."""

    exact = True

    def prepare(self) -> None: ...

    def build(self, vectors: Vectors) -> None:
        if not isinstance(vectors, np.ndarray):
            raise Unsupported(f"expected dense vectors, found {type(vectors).__name__}")
        self.vectors = vectors.copy()

    def search(self, queries: Vectors, k: int) -> Hits:
        return top_k(queries @ self.vectors.T, k, positive=False)

    def save(self, folder: Path) -> None:
        np.save(folder / "vectors.npy", self.vectors)

    def load(self, folder: Path) -> None:
        self.vectors = np.load(folder / "vectors.npy")

    def ledger(self) -> dict[str, int]:
        return {"vectors": self.vectors.nbytes}
