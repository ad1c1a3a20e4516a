"""
Storages and engines that each break the contract in one way, for the conformance checks to catch: a plug-in file.

Those named Right keep it; every other class says what it does wrong. Encoders and analysers are in broken_encoders.py.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array

from retrievers.contract import Hits, Spelled, Unsupported, Vectors, no_hits, ordered, top_k

MANY = 400  # passages that some cannot count to
Search = Callable[..., Hits]  # of an adapter, queries and k


def first_64_queries(search: Search) -> Search:
    """A search that answers the first 64 queries of a batch."""

    def cut(self: object, queries: Sequence[str] | Vectors, k: int) -> Hits:
        hits = no_hits(len(queries), k)
        hits.rows[:64], hits.scores[:64] = search(self, queries[:64], k)
        return hits

    return cut


def at_most_20_hits(search: Search) -> Search:
    """A search that never finds more than 20 passages."""

    def cut(self: object, queries: Sequence[str] | Vectors, k: int) -> Hits:
        hits = search(self, queries, k)
        hits.rows[:, 20:], hits.scores[:, 20:] = -1, -np.inf
        return hits

    return cut


def predicts(name: str, nbytes: int) -> Callable[..., dict[str, int]]:
    """A predict_ledger of one component, of so many bytes a number."""

    def predict_ledger(self: object, n: int, dims: int, nonzeros: int | None) -> dict[str, int]:
        return {name: n * dims * nbytes}

    return predict_ledger


class Right(Spelled):
    """An exact storage that keeps the contract; of dense vectors only."""

    exact: bool = True

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


class RightBoth(Right):
    """The same of sparse vectors too."""

    def build(self, vectors: Vectors) -> None:
        self.sparse = isinstance(vectors, csr_array)
        self.vectors = np.array(vectors.toarray() if isinstance(vectors, csr_array) else vectors)

    def search(self, queries: Vectors, k: int) -> Hits:
        return top_k(np.asarray(queries @ self.vectors.T), k, positive=self.sparse)

    def save(self, folder: Path) -> None:
        np.savez(folder / "vectors.npz", vectors=self.vectors, sparse=self.sparse)

    def load(self, folder: Path) -> None:
        with np.load(folder / "vectors.npz") as arrays:
            self.vectors, self.sparse = arrays["vectors"], bool(arrays["sparse"])


class RightViews(Right):
    """Keeps one array, and views of it block by block."""

    def build(self, vectors):
        super().build(vectors)
        self.blocks = [self.vectors[start : start + 64] for start in range(0, len(vectors), 64)]
        self.columns = self.vectors[:, ::2]


# Storages: what they hand back


class NarrowRows(Right):
    """Rows of 32 bits."""

    def search(self, queries, k):
        rows, scores = super().search(queries, k)
        return Hits(rows.astype(np.int32), scores)


class Sideways(Right):
    """One column a query."""

    def search(self, queries, k):
        rows, scores = super().search(queries, k)
        return Hits(rows.T, scores.T)


class NoColumns(Right):
    """Another shape where there is no query."""

    def search(self, queries, k):
        return super().search(queries, k) if len(queries) else no_hits(0, 0)


class NothingAlone(Right):
    """Nothing for a query that comes alone."""

    def search(self, queries, k):
        return super().search(queries, k) if len(queries) != 1 else None


class LateHits(Hits):
    """Hits whose rows may be found when they are read."""


class OtherHits(Right):
    """Hits of a class of its own."""

    def search(self, queries, k):
        return LateHits(*super().search(queries, k))


class LateArray(np.ndarray):
    """An array whose numbers may be found when they are read."""


class OtherArrays(Right):
    """Hits of arrays of a class of its own."""

    def search(self, queries, k):
        rows, scores = super().search(queries, k)
        return Hits(rows.view(LateArray), scores.view(LateArray))


class WorstFirst(Right):
    """Scores that rise."""

    def search(self, queries, k):
        rows, scores = super().search(queries, k)
        order = np.lexsort((rows, np.where(rows < 0, np.inf, scores)), axis=1)
        return Hits(np.take_along_axis(rows, order, axis=1), np.take_along_axis(scores, order, axis=1))


class LastOfTies(Right):
    """Ties by falling position."""

    def search(self, queries, k):
        rows, scores = top_k((queries @ self.vectors.T)[:, ::-1].copy(), k, positive=False)
        return Hits(np.where(rows < 0, -1, len(self.vectors) - 1 - rows), scores)


class ArbitraryCut(Right):
    """Ties in order, but which of them are kept where k cuts is left to chance: the last."""

    def search(self, queries, k):
        rows, scores = LastOfTies.search(self, queries, k)
        order = np.lexsort((rows, -scores), axis=1)
        return Hits(np.take_along_axis(rows, order, axis=1), scores)


class ZeroScores(RightBoth):
    """Passages that share nothing with a sparse query, as padding."""

    def search(self, queries, k):
        return top_k(np.asarray(queries @ self.vectors.T), k, positive=False)


class PadsWithZero(Right):
    """Row 0 for what is not filled."""

    def search(self, queries, k):
        rows, scores = super().search(queries, k)
        return Hits(np.maximum(rows, 0), scores)


class Repeats(Right):
    """The best passage twice."""

    exact = False

    def search(self, queries, k):
        hits = super().search(queries, k)
        hits.rows[:, 1:2], hits.scores[:, 1:2] = hits.rows[:, :1], hits.scores[:, :1]
        return hits


# Storages: odd requests


class NeedsEnough(Right):
    """Breaks where k is larger than the number of passages."""

    def search(self, queries, k):
        np.argpartition(np.zeros(len(self.vectors)), -k)
        return super().search(queries, k) if k else no_hits(len(queries), 0)


class NeedsSome(Right):
    """Breaks at k = 0."""

    def search(self, queries, k):
        1 // k
        return super().search(queries, k)


class BadRefusal(Right):
    """ValueError, not Unsupported, for vectors that it cannot hold."""

    def build(self, vectors):
        if not isinstance(vectors, np.ndarray):
            raise ValueError("expected dense vectors")
        super().build(vectors)


class First64(Right):
    """Answers the first 64 queries of a batch."""

    search = first_64_queries(Right.search)


# What storages keep


class Stale(Right):
    """Keeps its answers when it is built anew."""

    def __init__(self) -> None:
        self._answers: dict[tuple[bytes, int], Hits] = {}

    def search(self, queries, k):
        asked = queries.tobytes(), k
        if asked not in self._answers:
            self._answers[asked] = super().search(queries, k)
        return Hits(*(part.copy() for part in self._answers[asked]))

    def ledger(self):
        kept = sum(part.nbytes for hits in self._answers.values() for part in hits)
        return {"vectors": self.vectors.nbytes, "answers": kept}


class SpoilsQueries(Right):
    """Writes into the queries."""

    def search(self, queries, k):
        hits = super().search(queries, k)
        queries[:] = 0
        return hits


class SpoilsPassages(Right):
    """Writes into the passages."""

    def build(self, vectors):
        super().build(vectors)
        vectors[:] = 0


class Dice(Right):
    """Vectors scaled by chance when built."""

    exact = False

    def build(self, vectors):
        super().build(vectors)
        self.vectors *= np.float32(np.random.default_rng().uniform(1, 2))


class BatchScaled(Right):
    """Scores that depend on how many queries are asked at once."""

    exact = False

    def search(self, queries, k):
        return super().search(queries * np.float32(len(queries)), k)


class Appends(Right):
    """Keeps what was built before."""

    def build(self, vectors):
        before = getattr(self, "vectors", vectors[:0])
        super().build(vectors)
        self.vectors = np.concatenate([before, self.vectors])


class Forgets(RightBoth):
    """Saves its vectors, and not of which kind they were."""

    def load(self, folder):
        super().load(folder)
        self.sparse = True


class LosesFiles(Right):
    """Needs a file that is nowhere."""

    def linked_files(self):
        return [Path("/nowhere/model.safetensors")]


class HereOnly(Right):
    """Loads what this process has in memory."""

    HELD: ClassVar[dict[str, np.ndarray]] = {}

    def save(self, folder):
        self.HELD[str(folder)] = self.vectors

    def load(self, folder):
        self.vectors = self.HELD[str(folder)]


class Boasts(Right):
    """A ledger of half its bytes."""

    def ledger(self):
        return {"vectors": self.vectors.nbytes // 2}


class Swells(Right):
    """A ledger of twice its bytes."""

    def ledger(self):
        return {"vectors": self.vectors.nbytes * 2}


class Foresees(Right):
    """Foretells half of its ledger."""

    predict_ledger = predicts("vectors", 2)


class ForeseesOthers(Right):
    """Foretells its ledger under another name."""

    predict_ledger = predicts("numbers", 4)


class SwellsInside(Right):
    """Holds something that nobody can look into, and has and predicts a ledger of twice what it saves."""

    def build(self, vectors):
        super().build(vectors)
        self.inside = re.compile("nothing that tells its bytes")

    def ledger(self):
        return {"vectors": self.vectors.nbytes * 2}

    predict_ledger = predicts("vectors", 8)


class Hides(Right):
    """Holds its vectors where nobody can look, and has and predicts a ledger of one byte."""

    @property
    def vectors(self):
        return self.inside["vectors"]

    @vectors.setter
    def vectors(self, vectors):
        self.inside = MappingProxyType({"vectors": vectors})

    def ledger(self):
        return {"vectors": 1}

    def predict_ledger(self, n, dims, nonzeros):
        return {"vectors": 1}


class RightGuess(Right):
    """Foretells its ledger badly, and says that it is an estimate."""

    deterministic = False

    predict_ledger = predicts("numbers", 2)


class RightForesees(RightBoth):
    """Foretells its ledger."""

    predict_ledger = predicts("vectors", 4)


class Loud(Right):
    """Prints."""

    def search(self, queries, k):
        print("searching")
        return super().search(queries, k)


class Crowd(Right):
    """Four threads a search, whatever it was told."""

    def search(self, queries, k):
        threads = [threading.Thread(target=time.sleep, args=(0.01,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return super().search(queries, k)


class Slams(Right):
    """Can be closed once."""

    def close(self):
        del self.vectors


# Storages: what they claim


class NotExact(Right):
    """Claims to be exact, and drops small numbers."""

    def build(self, vectors):
        super().build(vectors)
        self.vectors[np.abs(self.vectors) < 1 / 2] = 0


class Guesses(Right):
    """Approximate, and finds the same passages for every query."""

    exact = False

    def search(self, queries, k):
        hits = no_hits(len(queries), k)
        found, first = min(k, len(self.vectors)), int(np.abs(self.vectors).sum())
        hits.rows[:, :found] = np.sort((first + np.arange(found)) % max(1, len(self.vectors)))
        hits.scores[:, :found] = 1
        return hits


class Shortcut(Right):
    """Exact where many hits are asked for; where few are, the second best is left out."""

    def search(self, queries, k):
        if not 1 < k <= 10:
            return super().search(queries, k)
        return Hits(*(np.delete(part, 1, axis=1) for part in super().search(queries, k + 1)))


class Displaces(Right):
    """Rows that are one too high where there are many."""

    def search(self, queries, k):
        rows, scores = super().search(queries, k)
        if len(self.vectors) > MANY:
            rows = np.where(rows < 0, -1, (rows + 1) % len(self.vectors))
        return ordered(Hits(rows, scores))


class Shallow(RightBoth):
    """Never more than 20 hits."""

    search = at_most_20_hits(RightBoth.search)


class Misnames(Right):
    """A search option that its constructor does not have."""

    search_options = ("effort",)


class LosesOption(Right):
    """An option that is not kept under its own name."""

    def __init__(self, bits: int = 8) -> None:
        self._bits = bits


class ChangesOption(Right):
    """An option that learning changes."""

    def __init__(self, lists: int | None = None) -> None:
        self.lists = lists

    def build(self, vectors):
        super().build(vectors)
        self.lists = len(vectors)


# Engines


class RightEngine(Spelled):
    """Counts the words that query and passage share."""

    def index(self, passages: Sequence[str]) -> None:
        self.passages = [self.words(passage) for passage in passages]

    def search(self, queries: Sequence[str], k: int) -> Hits:
        scores = np.zeros((len(queries), len(self.passages)), np.float32)
        for row, query in enumerate(queries):
            scores[row] = [len(self.words(query) & passage) for passage in self.passages]
        return top_k(scores, k, positive=True)

    def words(self, text: str) -> set[str]:
        return set(text.lower().split())


class NeedsWords(RightEngine):
    """Breaks at a query without a word."""

    def search(self, queries, k):
        _ = [1 / len(self.words(query)) for query in queries]
        return super().search(queries, k)


class SkipsEmpty(RightEngine):
    """Leaves out passages without text, and all after them move up."""

    def index(self, passages):
        super().index([passage for passage in passages if passage.strip()])


class HalfOfThem(RightEngine):
    """Indexes every second passage."""

    def index(self, passages):
        super().index([passage if row % 2 else "" for row, passage in enumerate(passages)])


class Reverses(RightEngine):
    """Counts rows from the end where there are many passages."""

    def search(self, queries, k):
        rows, scores = super().search(queries, k)
        if len(self.passages) > MANY:
            rows = np.where(rows < 0, -1, len(self.passages) - 1 - rows)
        return ordered(Hits(rows, scores))


class Twenty(RightEngine):
    """Never more than 20 hits."""

    search = at_most_20_hits(RightEngine.search)


class FirstQueries(RightEngine):
    """Answers the first 64 queries of a batch."""

    search = first_64_queries(RightEngine.search)


class Recalls(RightEngine):
    """Keeps its answers, for whoever is made later too."""

    ANSWERS: ClassVar[dict[tuple[str, int], Hits]] = {}

    def search(self, queries, k):
        hits = super().search(queries, k)
        for row, query in enumerate(queries):
            known = self.ANSWERS.setdefault((query, k), Hits(hits.rows[row].copy(), hits.scores[row].copy()))
            hits.rows[row], hits.scores[row] = known
        return hits


class Quits(RightEngine):
    """Leaves Python at k = 0, as if all were well."""

    def search(self, queries, k):
        return super().search(queries, k) if k else sys.exit(0)


class Dies(RightEngine):
    """The same, without a word."""

    def search(self, queries, k):
        return super().search(queries, k) if k else os._exit(0)


class Hangs(RightEngine):
    """Never comes back at k = 0."""

    def search(self, queries, k):
        while not k:
            time.sleep(1)
        return super().search(queries, k)
