"""
Adapters whose cost, or whose end, is known: a plug-in file, loaded with --plugin as a user's would be.

Each passage is a vector of one dimension, and every search finds the first k passages. Those of known cost are the
product's own (`bench.calibration.known_cost`), under this file's name too: what a file imports is no adapter of it.
"""

from __future__ import annotations

import errno
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from bench.calibration import known_cost
from bench.calibration.known_cost import first
from retrievers.contract import Fact, Hits, Role, Spelled, Unsupported, Vectors, no_hits, top_k


def _padded(hits: Hits, k: int) -> Hits:
    wide = no_hits(len(hits.rows), k)
    wide.rows[:, : hits.rows.shape[1]] = hits.rows
    wide.scores[:, : hits.rows.shape[1]] = hits.scores
    return wide


class Constant(known_cost.Constant):
    """An encoder that gives every text the vector [1], and spins for so many milliseconds a text."""


class Storage(known_cost.First):
    """What the storages here share: the number of passages, kept in a file."""


class Spin(known_cost.Spin):
    """Spins for so many milliseconds a query."""


class Holds(known_cost.Holds):
    """Holds exactly so many bytes, memory-mapped or loaded."""


class Peaks(known_cost.Peaks):
    """Takes so many bytes while it builds, and keeps none of them."""


class Exact(Storage):
    """Claims to be exact."""

    exact = True


class Half(Storage):
    """Approximate: of the first passages it finds every second."""

    exact = False

    def search(self, queries: Vectors, k: int) -> Hits:
        hits = super().search(queries, min(k, self.n // 2))
        return _padded(Hits(np.where(hits.rows >= 0, hits.rows * 2, -1), hits.scores), k)


class Brute(Spelled):
    """Scores every passage, dense or sparse: slow, obvious and exact."""

    exact = True

    def build(self, vectors: Vectors) -> None:
        self.sparse = not isinstance(vectors, np.ndarray)
        self.vectors = np.asarray(vectors.todense() if self.sparse else vectors)

    def search(self, queries: Vectors, k: int) -> Hits:
        return top_k(np.asarray(queries @ self.vectors.T, np.float32), k, positive=self.sparse)

    def save(self, folder: Path) -> None:
        np.savez(folder / "vectors.npz", vectors=self.vectors, sparse=self.sparse)

    def load(self, folder: Path) -> None:
        with np.load(folder / "vectors.npz") as arrays:
            self.vectors, self.sparse = arrays["vectors"], bool(arrays["sparse"])


class Tuned(Storage):
    """Has one option for building and one for searching."""

    search_options = ("effort",)

    def __init__(self, width: int = 1, effort: int = 1) -> None:
        self.width = width
        self.effort = effort


class Threads(Storage):
    """Tells how many threads it was given, by the environment and by the libraries that were loaded."""

    def describe(self) -> dict[str, Fact]:
        from threadpoolctl import threadpool_info

        pools = [pool["num_threads"] for pool in threadpool_info()]
        return {"declared": int(os.environ["OMP_NUM_THREADS"]), "pools": max(pools, default=0)}


class Scan(Spelled):
    """An engine that cannot be saved: the first k passages for every query."""

    def index(self, passages: Sequence[str]) -> None:
        self.n = len(passages)

    def search(self, queries: Sequence[str], k: int) -> Hits:
        return first(len(queries), self.n, k)


class Claims(Storage):
    """Says that it holds bytes that it does not."""

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes

    def ledger(self) -> dict[str, int]:
        return {"claimed": self.nbytes}


class Dies(Storage):
    """Ends its process with a signal at one stage, as long as a file is there; then it is an ordinary storage."""

    def __init__(self, stage: str, while_there: str) -> None:
        self.stage = stage
        self.while_there = while_there

    def _die(self, stage: str) -> None:
        if stage == self.stage and Path(self.while_there).exists():
            os.kill(os.getpid(), signal.SIGKILL)

    def prepare(self) -> None:
        """Nothing to prepare: a trial search before the build would end it at the wrong stage."""

    def build(self, vectors: Vectors) -> None:
        self._die("build")
        super().build(vectors)

    def load(self, folder: Path) -> None:
        self._die("load")
        super().load(folder)

    def search(self, queries: Vectors, k: int) -> Hits:
        self._die("search")
        return super().search(queries, k)


class DyingEncoder(Constant):
    """Ends its process with a signal while it encodes or loads, as long as a file is there."""

    def __init__(self, stage: str, while_there: str) -> None:
        super().__init__()
        self.stage = stage
        self.while_there = while_there

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        if self.stage == "encode" and Path(self.while_there).exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode(texts, role)

    def load(self, folder: Path) -> None:
        if self.stage == "load" and Path(self.while_there).exists():
            os.kill(os.getpid(), signal.SIGKILL)


class Sleeps(Storage):
    """Never comes back from building."""

    def build(self, vectors: Vectors) -> None:
        time.sleep(3600)


class Raises(Storage):
    """Breaks while it builds, after it has printed something."""

    def build(self, vectors: Vectors) -> None:
        print("about to break")  # what it prints is kept with the failure
        raise RuntimeError("broken on purpose")


class Spawns(Storage):
    """Leaves a process of its own behind, which has a word in its command line."""

    def __init__(self, word: str) -> None:
        self.word = word

    def build(self, vectors: Vectors) -> None:
        super().build(vectors)
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)", self.word])


class Huge(Storage):
    """Predicts more bytes than any machine has."""

    def predict_ledger(self, n: int, dims: int, nonzeros: int | None) -> dict[str, int]:
        return {"vectors": 10**15}


class Refuses(Storage):
    """Can not hold by design what it is handed."""

    def build(self, vectors: Vectors) -> None:
        raise Unsupported("only vectors of two dimensions")


class Fails(Storage):
    """Breaks while it builds, in a way that is named."""

    def __init__(self, how: str) -> None:
        self.how = how

    def prepare(self) -> None:
        """Nothing to prepare: a trial would end it too early."""

    def build(self, vectors: Vectors) -> None:
        if self.how == "no memory":
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        if self.how == "half a character":
            raise RuntimeError("broken at \ud83d")
        if self.how == "no word":
            raise RuntimeError
        if self.how == "exit":
            sys.exit(0)
        os.kill(os.getpid(), int(self.how))


class Tells(Storage):
    """Accounts for itself in one of several ways, not all of them in order."""

    LEDGERS: ClassVar[dict[str, object]] = {
        "numpy": {"held": np.int64(8), "more": np.uint8(2)},
        "float": {"held": 8.5},
        "list": [8],
    }
    FACTS: ClassVar[dict[str, dict[str, object]]] = {
        "numpy": {"dims": np.int64(8), "cut": np.float32(0.5), "unit": True, "name": np.str_("a"), "none": None},
        "fact": {"dims": (1, 2)},
        "half a character": {"name": "\ud83d"},
    }

    def __init__(self, how: str) -> None:
        self.how = how

    def ledger(self) -> dict[str, int]:
        return self.LEDGERS.get(self.how, {})

    def describe(self) -> dict[str, Fact]:
        return self.FACTS.get(self.how, {})


class Doors(Spelled):
    """Writes a line when it is made and one when it is closed; a storage of its kind may break while it searches."""

    def __init__(self, path: str, breaks: bool = False) -> None:
        self.path = path
        self.breaks = breaks
        self._write("open")

    def close(self) -> None:
        self._write("close")

    def _write(self, word: str) -> None:
        with Path(self.path).open("a") as file:
            file.write(f"{word}\n")


class DoorsEncoder(Doors, Constant):
    """Constant, with doors."""

    ms = 0.0


class DoorsStorage(Doors, Storage):
    """An ordinary storage, with doors."""

    def search(self, queries: Vectors, k: int) -> Hits:
        if self.breaks:
            raise RuntimeError("broken on purpose")
        return super().search(queries, k)


class Shuts(Storage):
    """Can not be closed."""

    def close(self) -> None:
        raise OSError("the door is stuck")


class Picky(Storage):
    """Takes no fewer than so many passages."""

    def __init__(self, least: int) -> None:
        self.least = least

    def build(self, vectors: Vectors) -> None:
        if vectors.shape[0] < self.least:
            raise ValueError(f"{vectors.shape[0]} passages, expected {self.least}")
        super().build(vectors)


class Watches(Storage):
    """Writes down of every search how many queries it had, and how many objects were left out of collections."""

    def __init__(self, path: str) -> None:
        self.path = path

    def search(self, queries: Vectors, k: int) -> Hits:
        with Path(self.path).open("a") as file:
            file.write(f"{queries.shape[0]} {gc.get_freeze_count()}\n")
        return super().search(queries, k)


class Hungry(Storage):
    """Takes memory until there is none."""

    def build(self, vectors: Vectors) -> None:
        self.taken = []
        while True:
            self.taken.append(np.ones(50_000_000, np.uint8))


class Backwards(Storage):
    """Gives its hits worst first."""

    def search(self, queries: Vectors, k: int) -> Hits:
        hits = super().search(queries, k)
        found = min(k, self.n)
        hits.scores[:, :found] = np.arange(1, found + 1)
        return hits


class Unsaved:
    """A storage that cannot be saved, and does not inherit anything."""

    def build(self, vectors: Vectors) -> None:
        self.n = int(vectors.shape[0])

    def search(self, queries: Vectors, k: int) -> Hits:
        return first(queries.shape[0], self.n, k)
