"""Adapters that carry a model, or break before anything runs: a plug-in file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from retrievers.contract import Hits, Role, Spelled, Vectors, no_hits


class Modelled(Spelled):
    """An encoder whose model is a text file: every text becomes the number that stands there."""

    def __init__(self, model: str) -> None:
        self.model = model

    def fingerprint(self) -> str:
        return Path(self.model).read_text()

    def fit(self, passages: Sequence[str]) -> None: ...

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        return np.full((len(texts), 1), float(Path(self.model).read_text()), np.float32)


class First(Spelled):
    """A storage that finds the first passages, until a file is there: then it breaks."""

    def __init__(self, breaks_with: str = "") -> None:
        self.breaks_with = breaks_with

    def build(self, vectors: Vectors) -> None:
        if self.breaks_with and Path(self.breaks_with).exists():
            raise RuntimeError("broken while the file is there")
        self.n = int(vectors.shape[0])

    def search(self, queries: Vectors, k: int) -> Hits:
        hits = no_hits(queries.shape[0], k)
        found = min(k, self.n)
        hits.rows[:, :found] = np.arange(found)
        hits.scores[:, :found] = 1.0
        return hits


class Unpredictable(First):
    """Breaks when it is asked for its size."""

    def predict_ledger(self, n: int, dims: int, nonzeros: int | None) -> dict[str, int]:
        raise RuntimeError("no idea")


class Wrapped(Spelled):
    """An encoder round another one."""

    def __init__(self, encoder: object) -> None:
        self.encoder = encoder

    def fit(self, passages: Sequence[str]) -> None:
        self.encoder.fit(passages)

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        return self.encoder.encode(texts, role)
