"""
Adapters that are honest and odd: slow, large, threaded, mapped, in several processes. A plug-in file.

None of them may be flagged for it, but where a flag says what is so: see tests/benchmarks/confusion.py.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from retrievers.contract import Fact, Hits, Role, Spelled, Unsupported, Vectors, top_k

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import HashingVectorizer

PAGE_BYTES = 4096  # a search of a mapped table touches one number of each
TAXED = 40  # queries of a batch at most that cost what one costs alone: checks ask a thousand at once


def work(milliseconds: float) -> None:
    """Keep a core busy for so long."""
    end = time.perf_counter_ns() + int(milliseconds * 1e6)
    while time.perf_counter_ns() < end:
        pass


class Dense(Spelled):
    """An exact storage of dense vectors, which may take something for each query: what the others here share."""

    exact = True

    def build(self, vectors: Vectors) -> None:
        if not isinstance(vectors, np.ndarray):
            raise Unsupported(f"expected dense vectors, found {type(vectors).__name__}")
        self.vectors = vectors.copy()

    def search(self, queries: Vectors, k: int) -> Hits:
        for _ in range(min(len(queries), TAXED)):
            self.take()
        return top_k(queries @ self.vectors.T, k, positive=False)

    def take(self) -> None:
        """What a query costs beside the search."""

    def save(self, folder: Path) -> None:
        np.save(folder / "vectors.npy", self.vectors)

    def load(self, folder: Path) -> None:
        self.vectors = np.load(folder / "vectors.npy")

    def ledger(self) -> dict[str, int]:
        return {"vectors": self.vectors.nbytes}


# Time


class Slow(Dense):
    """Works for so many milliseconds a query."""

    def __init__(self, ms: float = 0.0) -> None:
        self.ms = ms

    def take(self) -> None:
        work(self.ms)


class Threaded(Dense):
    """As many threads at work as the environment says."""

    BLOCK = bytes(2**21)

    def __init__(self) -> None:
        self._threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
        self._pool = ThreadPoolExecutor(self._threads) if self._threads > 1 else None

    def take(self) -> None:
        list((self._pool.map if self._pool else map)(_hashed, [self.BLOCK] * self._threads))


def _hashed(block: bytes) -> bytes:
    """Work that other threads can do at the same time."""
    return hashlib.sha256(block).digest()


# Memory


class Table(Dense):
    """Holds so many bytes beside its vectors in memory, or maps them and says so; its ledger counts them."""

    def __init__(self, nbytes: int, mapped: bool = False) -> None:
        self.nbytes = nbytes
        self.mapped = mapped

    def prepare(self) -> None:
        """Nothing to prepare: a trial would take as many bytes again."""

    def build(self, vectors: Vectors) -> None:
        super().build(vectors)
        self.table = np.ones(self.nbytes, np.uint8)

    def take(self) -> None:
        int(self.table[::PAGE_BYTES].sum())

    def save(self, folder: Path) -> None:
        super().save(folder)
        np.save(folder / "table.npy", self.table)

    def load(self, folder: Path) -> None:
        mode = "r" if self.mapped else None
        self.vectors = np.load(folder / "vectors.npy", mmap_mode=mode)
        self.table = np.load(folder / "table.npy", mmap_mode=mode)

    def ledger(self) -> dict[str, int]:
        return super().ledger() | {"table": self.table.nbytes}

    def describe(self) -> dict[str, Fact]:
        return {"memory_mapped": 1} if self.mapped else {}


class Server(Dense):
    """
    Holds so many bytes, and works, in a process that it starts and ends; its ledger counts them.

    apart: in a session of its own, as a server puts itself.
    """

    CODE = """
import sys, time
table = open(sys.argv[1], "rb").read()
print("ready", flush=True)
for line in sys.stdin:
    end = time.perf_counter() + 0.001
    while time.perf_counter() < end:
        pass
    print(len(table), flush=True)
"""

    def __init__(self, nbytes: int, apart: bool = False) -> None:
        self.nbytes = nbytes
        self.apart = apart
        self._process: subprocess.Popen[str] | None = None

    def prepare(self) -> None:
        """Nothing to prepare: a trial would start a second one."""

    def save(self, folder: Path) -> None:
        super().save(folder)
        (folder / "table").write_bytes(b"\1" * self.nbytes)

    def load(self, folder: Path) -> None:
        super().load(folder)
        command = [sys.executable, "-S", "-E", "-c", self.CODE, str(folder / "table")]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(command, **pipes, text=True, bufsize=1, start_new_session=self.apart)
        self._read()

    def take(self) -> None:
        if self._process is not None:
            self._process.stdin.write("?\n")
            self._read()

    def _read(self) -> None:
        if not self._process.stdout.readline():
            raise RuntimeError("the server is gone")

    def ledger(self) -> dict[str, int]:
        return super().ledger() | {"table": self.nbytes}

    def close(self) -> None:
        if self._process is not None:
            self._process.stdin.close()
            self._process.stdout.close()
            self._process.wait()
            self._process = None


class LargeImports(Spelled):
    """An encoder of scikit-learn's hashed words, which imports that and pandas when it is made ready."""

    WIDTH = 512

    def prepare(self) -> None:
        self._vectorizer()

    def _vectorizer(self) -> HashingVectorizer:
        import pandas as pd
        from sklearn.feature_extraction.text import HashingVectorizer

        assert pd.DataFrame is not None  # it is imported, which is all that is wanted of it
        return HashingVectorizer(n_features=self.WIDTH, alternate_sign=False, dtype=np.float32)

    def fit(self, passages: Sequence[str]) -> None: ...

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        if not len(texts):
            return csr_array((0, self.WIDTH), dtype=np.float32)
        vectors = csr_array(self._vectorizer().transform(texts))
        vectors.sum_duplicates()
        return vectors

    def save(self, folder: Path) -> None: ...

    def load(self, folder: Path) -> None: ...


# Answers and vectors


class Coarse(Dense):
    """Approximate, and says so: for few hits it looks at every second passage, as a graph looks at few of its nodes."""

    exact = False

    def search(self, queries: Vectors, k: int) -> Hits:
        step = 2 if k <= 10 else 1
        rows, scores = top_k(queries @ self.vectors[::step].T, k, positive=False)
        return Hits(np.where(rows < 0, -1, rows * step), scores)


class Counts(Spelled):
    """An encoder that counts letters, and may work for so many milliseconds a query."""

    WIDTH = 64

    def __init__(self, ms: float = 0.0) -> None:
        self.ms = ms

    def fit(self, passages: Sequence[str]) -> None: ...

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        counts = np.zeros((len(texts), self.WIDTH), np.float32)
        for row, text in enumerate(texts):
            work(self.ms if role == "query" else 0)
            for letter in text.lower():
                counts[row, ord(letter) % self.WIDTH] += 1
        return counts

    def save(self, folder: Path) -> None: ...

    def load(self, folder: Path) -> None: ...


class Nearest(Spelled):
    """An engine by distance in 32 bits: the squares that are added up first cost it some digits of each score."""

    def index(self, passages: Sequence[str]) -> None:
        self.passages = self._vectors(passages)

    def search(self, queries: Sequence[str], k: int) -> Hits:
        vectors = self._vectors(queries)
        squares = (self.passages * self.passages).sum(axis=1)[None, :] + (vectors * vectors).sum(axis=1)[:, None]
        return top_k(2 * (vectors @ self.passages.T) - squares, k, positive=False)

    def _vectors(self, texts: Sequence[str]) -> np.ndarray:
        counts = Counts().encode(texts, "query")
        return 10 * counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), np.float32(1e-9))

    def save(self, folder: Path) -> None:
        np.save(folder / "passages.npy", self.passages)

    def load(self, folder: Path) -> None:
        self.passages = np.load(folder / "passages.npy")


class Rounded(Counts):
    """
    Rounds the numbers of a query that comes alone, as code for one row may.

    So it has another vector alone than among others, every time the same: a flag says so.
    """

    STEP = np.float32(0.75)

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        counts = super().encode(texts, role)
        if len(texts) != 1 or role == "passage":
            return counts
        return np.round(counts / self.STEP) * self.STEP


class FromFile(Counts):
    """Its numbers are scaled by one that stands in a file beside it, scale.txt, which nobody changes."""

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        scale = float(Path(__file__).with_name("scale.txt").read_text(encoding="utf-8"))
        return super().encode(texts, role) * np.float32(scale)
