"""
An engine that takes bytes beside what it needs, and a pair that cannot live in one process: a plug-in file.

Every search finds the first k passages.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.calibration.known_cost import first
from retrievers.contract import Hits, Spelled

CROWDED = False  # whether a Crowding has been loaded
CHILD = "import sys, time; held = b'1' * int(sys.argv[1]); print(len(held), flush=True); time.sleep(3600)"
ASKED = "late"  # the one query that no warm-up asks


class Takes(Spelled):
    """Takes `nbytes` when it is prepared, when it is loaded, in a process or a fork of its own, or once it is asked."""

    def __init__(self, when: str = "never", nbytes: int = 0) -> None:
        self.when = when
        self.nbytes = nbytes

    def prepare(self) -> None:
        if self.when == "prepare":
            self._take()

    def index(self, passages: Sequence[str]) -> None:
        self.n = len(passages)

    def search(self, queries: Sequence[str], k: int) -> Hits:
        if self.when == "late" and ASKED in queries and not hasattr(self, "_held"):
            self._take()
        return first(len(queries), self.n, k)

    def save(self, folder: Path) -> None:
        (folder / "n").write_text(str(self.n))

    def load(self, folder: Path) -> None:
        self.n = int((folder / "n").read_text())
        if self.when == "load":
            self._take()
        if self.when == "process":
            command = [sys.executable, "-S", "-E", "-c", CHILD, str(self.nbytes)]
            self._started = subprocess.Popen(command, stdout=subprocess.PIPE)
            self._started.stdout.readline()
        if self.when == "fork":
            self._fork()

    def _take(self) -> None:
        self._held = np.ones(self.nbytes, np.uint8)

    def _fork(self) -> None:
        """A child of this very process, which has all of its memory too, and writes to what it takes alone."""
        reads, writes = os.pipe()
        if not os.fork():
            self._take()
            os.write(writes, b"1")
            time.sleep(3600)
            os._exit(0)
        os.read(reads, 1)


class Crowding(Spelled):
    """An encoder that gives every text the vector [1], and leaves no room for Lonely."""

    def fit(self, passages: Sequence[str]) -> None: ...

    def encode(self, texts: Sequence[str], role: str) -> np.ndarray:
        return np.ones((len(texts), 1), np.float32)

    def save(self, folder: Path) -> None: ...

    def load(self, folder: Path) -> None:
        global CROWDED
        CROWDED = True


class Lonely(Spelled):
    """A storage that answers no query where Crowding has been loaded into the process."""

    def build(self, vectors: np.ndarray) -> None:
        self.n = len(vectors)

    def search(self, queries: np.ndarray, k: int) -> Hits:
        if CROWDED:
            raise RuntimeError("not alone")
        return first(len(queries), self.n, k)

    def save(self, folder: Path) -> None:
        (folder / "n").write_text(str(self.n))

    def load(self, folder: Path) -> None:
        self.n = int((folder / "n").read_text())
