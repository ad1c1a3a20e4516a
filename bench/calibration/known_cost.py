"""
Adapters whose cost is known, to hold the instruments to: a plug-in file, loaded as a user's would be.

Each passage is a vector of one dimension, and every search finds the first k passages.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from retrievers.contract import Hits, Role, Spelled, Vectors, no_hits

PAGE_BYTES = 4096  # a search of mapped bytes touches one of each so many


def first(n_queries: int, n_passages: int, k: int) -> Hits:
    """The first k passages for every query, all with the same score."""
    hits = no_hits(n_queries, k)
    found = min(k, n_passages)
    hits.rows[:, :found] = np.arange(found)
    hits.scores[:, :found] = 1.0
    return hits


def end_of(milliseconds: float) -> int:
    """The moment so long from now, on the clock of `spin`: what is done meanwhile is part of the known time."""
    return time.perf_counter_ns() + int(milliseconds * 1e6)


def spin(end: int) -> None:
    """Keep a core busy up to a moment."""
    while time.perf_counter_ns() < end:
        pass


class Constant(Spelled):
    """An encoder that gives every text the vector [1], and spins for so many milliseconds per text of a query."""

    def __init__(self, ms: float = 0.0) -> None:
        self.ms = ms

    def fit(self, passages: Sequence[str]) -> None: ...

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        end = end_of(self.ms * len(texts))
        vectors = np.ones((len(texts), 1), np.float32)
        if role == "query":
            spin(end)
        return vectors

    def save(self, folder: Path) -> None: ...

    def load(self, folder: Path) -> None: ...


class First(Spelled):
    """A storage that keeps the number of passages, in a file, and finds the first of them."""

    def build(self, vectors: Vectors) -> None:
        self.n = int(vectors.shape[0])

    def search(self, queries: Vectors, k: int) -> Hits:
        return first(queries.shape[0], self.n, k)

    def save(self, folder: Path) -> None:
        (folder / "n").write_text(str(self.n))

    def load(self, folder: Path) -> None:
        self.n = int((folder / "n").read_text())


class Spin(First):
    """Spins for so many milliseconds a query."""

    def __init__(self, ms: float) -> None:
        self.ms = ms

    def search(self, queries: Vectors, k: int) -> Hits:
        end = end_of(self.ms * queries.shape[0])
        hits = super().search(queries, k)
        spin(end)
        return hits


class Holds(First):
    """Holds exactly so many bytes, memory-mapped or loaded."""

    def __init__(self, nbytes: int, mapped: bool = False) -> None:
        self.nbytes = nbytes
        self.mapped = mapped

    def prepare(self) -> None:
        """Nothing to prepare: a trial would take as many bytes again."""

    def build(self, vectors: Vectors) -> None:
        super().build(vectors)
        self.held = np.ones(self.nbytes, np.uint8)

    def search(self, queries: Vectors, k: int) -> Hits:
        if self.mapped:
            int(self.held[::PAGE_BYTES].sum())  # touch every page
        return super().search(queries, k)

    def save(self, folder: Path) -> None:
        super().save(folder)
        np.save(folder / "held.npy", self.held)

    def load(self, folder: Path) -> None:
        super().load(folder)
        self.held = np.load(folder / "held.npy", mmap_mode="r" if self.mapped else None)

    def ledger(self) -> dict[str, int]:
        return {"held": int(self.held.nbytes)}


class Peaks(First):
    """Takes so many bytes while it builds, and keeps none of them."""

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes

    def build(self, vectors: Vectors) -> None:
        super().build(vectors)
        np.ones(self.nbytes, np.uint8)
