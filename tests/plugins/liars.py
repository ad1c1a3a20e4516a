"""
Adapters that lie, or are broken, each in one way that a harness has to see: a plug-in file.

Their numbers would be better than they are: other answers where time is taken than where quality is, work that is put
off, remembered or hidden, bytes that nobody counts. Letters, Plain and SharedWords, of which they are made, are honest.
What each is to come to, in a run and in `sparring check`, stands in tests/benchmarks/confusion.py.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import os
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np

from retrievers.contract import Fact, Hits, Role, Spelled, Unsupported, Vectors, no_hits, ordered, top_k

WIDTH = 256  # dimensions of Letters
HIDDEN = 64 * 2**20  # bytes that are taken where nobody is to look
MS = 2.0  # of work, which a cache saves
TIMED = 40  # queries of the sample that tests/benchmarks/confusion.py times: fewer than there are
BESIDE = Path(__file__).parent


def work(milliseconds: float) -> None:
    """Keep a core busy for so long."""
    end = time.perf_counter_ns() + int(milliseconds * 1e6)
    while time.perf_counter_ns() < end:
        pass


def hidden() -> bytes:
    """Memory that is resident: every page is written to."""
    return b"\1" * HIDDEN


# What they are made from


class Letters(Spelled):
    """An encoder that counts three letters in a row, by their crc32, weighed by how rare they are: unit vectors."""

    weights: np.ndarray

    def prepare(self) -> None: ...

    def fit(self, passages: Sequence[str]) -> None:
        found = (self._counts(passages) > 0).sum(axis=0)
        self.weights = np.log1p((1 + len(passages)) / (1 + found)).astype(np.float32)

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        vectors = self._counts(texts) * self.weights
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-9))

    def _counts(self, texts: Sequence[str]) -> np.ndarray:
        counts = np.zeros((len(texts), WIDTH), np.float32)
        for row, text in enumerate(texts):
            letters = text.lower().encode("utf-8", "surrogatepass")
            for place in range(len(letters) - 2):
                counts[row, zlib.crc32(letters[place : place + 3]) % WIDTH] += 1
        return counts

    def save(self, folder: Path) -> None:
        np.save(folder / "weights.npy", self.weights)

    def load(self, folder: Path) -> None:
        self.weights = np.load(folder / "weights.npy")

    def ledger(self) -> dict[str, int]:
        return {"weights": self.weights.nbytes}


class Plain(Spelled):
    """An exact storage of dense vectors."""

    exact = True
    vectors: np.ndarray

    def prepare(self) -> None: ...

    def build(self, vectors: Vectors) -> None:
        if not isinstance(vectors, np.ndarray):
            raise Unsupported(f"expected dense vectors, found {type(vectors).__name__}")
        self.vectors = vectors.copy()

    def search(self, queries: Vectors, k: int) -> Hits:
        return self.found(queries, k)

    def found(self, queries: Vectors, k: int) -> Hits:
        """The right answer, whatever `search` makes of it."""
        return top_k(queries @ self.vectors.T, k, positive=False)

    def save(self, folder: Path) -> None:
        np.save(folder / "vectors.npy", self.vectors)

    def load(self, folder: Path) -> None:
        self.vectors = np.load(folder / "vectors.npy")

    def ledger(self) -> dict[str, int]:
        return {"vectors": self.vectors.nbytes}


class SharedWords(Spelled):
    """An engine that counts the words that query and passage share."""

    def prepare(self) -> None: ...

    def index(self, passages: Sequence[str]) -> None:
        self.passages = [sorted(self._words(passage)) for passage in passages]
        self._spread()

    def _spread(self) -> None:
        self.sets = list(map(frozenset, self.passages))

    def search(self, queries: Sequence[str], k: int) -> Hits:
        return self.found(queries, k)

    def found(self, queries: Sequence[str], k: int) -> Hits:
        scores = np.zeros((len(queries), len(self.sets)), np.float32)
        for row, query in enumerate(queries):
            words = self._words(query)
            scores[row] = [len(words & passage) for passage in self.sets]
        return top_k(scores, k, positive=True)

    def _words(self, text: str) -> frozenset[str]:
        return frozenset(text.lower().split())

    def save(self, folder: Path) -> None:
        (folder / "words.json").write_text(json.dumps(self.passages), encoding="utf-8")

    def load(self, folder: Path) -> None:
        self.passages = json.loads((folder / "words.json").read_text(encoding="utf-8"))
        self._spread()


# Other answers to a single query than to many


class ToSingles(Plain):
    """What those below share: many queries are answered rightly."""

    def search(self, queries, k):
        hits = self.found(queries, k)
        return self.single(hits, queries, k) if len(queries) == 1 else hits

    def single(self, hits: Hits, queries: Vectors, k: int) -> object:
        return hits


class NoneToSingles(ToSingles):
    """Nothing at all."""

    def single(self, hits, queries, k):
        return None


class WrongToSingles(ToSingles):
    """The passages after those that it found."""

    def single(self, hits, queries, k):
        n = max(1, len(self.vectors))
        return ordered(Hits(np.where(hits.rows < 0, -1, (hits.rows + 1) % n), hits.scores))


class EmptyToSingles(ToSingles):
    """No hits, which is an answer too."""

    def single(self, hits, queries, k):
        return no_hits(1, k)


class WiderToSingles(ToSingles):
    """Five hits more than were asked for."""

    def single(self, hits, queries, k):
        return self.found(queries, k + 5)


class UnsortedToSingles(ToSingles):
    """The right hits, worst first: sorting is saved."""

    def single(self, hits, queries, k):
        order = np.lexsort((-hits.rows, np.where(hits.rows < 0, np.inf, hits.scores)), axis=1)
        return Hits(*(np.take_along_axis(part, order, axis=1) for part in hits))


class RoughToSingles(ToSingles):
    """Approximate, and coarser for a single query: every second dimension."""

    exact = False

    def single(self, hits, queries, k):
        return top_k(queries[:, ::2] @ self.vectors[:, ::2].T, k, positive=False)


class PreviousToSingles(ToSingles):
    """The answer to the single query before, while it would find this one's."""

    before: Hits | None = None

    def single(self, hits, queries, k):
        before, self.before = self.before, hits
        return hits if before is None or before.rows.shape != hits.rows.shape else before


class WrongToBatches(Plain):
    """Right for a single query alone: many are answered in each other's order."""

    def search(self, queries, k):
        rows, scores = self.found(queries, k)
        return Hits(rows[::-1].copy(), scores[::-1].copy())


class RightWhenJudged(Plain):
    """Right where there are more queries than are timed at once, which is where quality is read."""

    def search(self, queries, k):
        return self.found(queries if len(queries) > TIMED else -queries, k)


class OtherFirstTen(Plain):
    """Exact where many hits are asked for; for few of them it looks at every second passage."""

    def search(self, queries, k):
        if k > 10:
            return self.found(queries, k)
        rows, scores = top_k(queries @ self.vectors[::2].T, k, positive=False)
        return Hits(np.where(rows < 0, -1, rows * 2), scores)


# Other answers to a query that it has seen before


class KnowsAgain(Plain):
    """Ten passages by a hash of the query, once it has been asked."""

    def __init__(self) -> None:
        self._met: set[bytes] = set()

    def search(self, queries, k):
        asked = queries.tobytes()
        if len(queries) > 1 or asked not in self._met:
            self._met.add(asked)
            return self.found(queries, k)
        hits, n = no_hits(1, k), len(self.vectors)
        rows = np.sort((zlib.crc32(asked) + np.arange(min(k, n))) % max(1, n))
        hits.rows[0, : len(rows)], hits.scores[0, : len(rows)] = rows, 1
        return hits


class Tires(Plain):
    """Right twice; from the third time that a query is asked its best hit is left out."""

    def __init__(self) -> None:
        self._times: Counter[bytes] = Counter()

    def search(self, queries, k):
        self._times[queries.tobytes()] += 1
        if len(queries) > 1 or not self.is_tired(self._times[queries.tobytes()]):
            return self.found(queries, k)
        rows, scores = self.found(queries, k + 1)
        return Hits(rows[:, 1:], scores[:, 1:])

    def is_tired(self, times: int) -> bool:
        return times >= 3


class NapsAWhile(Tires):
    """Right the first time, and when the clock stops; wrong where most of the passes are."""

    def is_tired(self, times):
        return times in (2, 3)


class ZeroesQueries(Plain):
    """Writes zeros into a single query once it is answered: the next time it is a quick one."""

    def search(self, queries, k):
        if not queries.any():
            return no_hits(len(queries), k)
        hits = self.found(queries, k)
        if len(queries) == 1:
            queries[:] = 0
        return hits


class EmptiesQueries(SharedWords):
    """The same in text."""

    def search(self, queries, k):
        if not any(queries):
            return no_hits(len(queries), k)
        hits = self.found(queries, k)
        if len(queries) == 1:
            queries[:] = [""]
        return hits


# No hits yet


class NotHits(Plain):
    """Something else that has rows and scores."""

    def search(self, queries, k):
        rows, scores = self.found(queries, k)
        return SimpleNamespace(rows=rows, scores=scores)


class PutOff(Hits):
    """Hits that are found when their rows or scores are first read by name."""

    find: Callable[[], Hits]

    @property
    def rows(self):
        return self.find().rows

    @property
    def scores(self):
        return self.find().scores


class LateHits(Plain):
    """Hits of a class of its own, whose work is put off until somebody reads them."""

    def search(self, queries, k):
        late = PutOff(*no_hits(len(queries), k))
        late.find = lru_cache(lambda: self.found(queries, k))
        return late


class PutOffArray(np.ndarray):
    """An array whose numbers are found when it is first computed with, cut or converted."""

    find: Callable[[], np.ndarray] | None = None

    def there(self) -> np.ndarray:
        plain = self.view(np.ndarray)
        if self.find is not None:
            plain[:], self.find = self.find(), None
        return plain

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        plain = [one.there() if isinstance(one, PutOffArray) else one for one in inputs]
        return getattr(ufunc, method)(*plain, **options)

    def __array_function__(self, function, types, arguments, options):
        plain = [one.there() if isinstance(one, PutOffArray) else one for one in arguments]
        return function(*plain, **options)

    def __getitem__(self, place):
        return self.there()[place]

    def astype(self, *arguments, **options):
        return self.there().astype(*arguments, **options)

    def tolist(self):
        return self.there().tolist()


def put_off(shape: tuple[int, int], dtype: type, find: Callable[[], np.ndarray]) -> PutOffArray:
    """An array of that shape, to be found later."""
    late = np.zeros(shape, dtype).view(PutOffArray)
    late.find = find
    return late


class LateRows(Plain):
    """Hits of arrays of a class of its own."""

    def search(self, queries, k):
        found = lru_cache(lambda: self.found(queries, k))
        shape = (len(queries), k)
        return Hits(put_off(shape, np.int64, lambda: found().rows), put_off(shape, np.float32, lambda: found().scores))


class LateVectors(Letters):
    """The same of an encoder: what it puts off is timed as the storage's, or not at all."""

    def encode(self, texts, role):
        return put_off((len(texts), WIDTH), np.float32, lambda: super(LateVectors, self).encode(texts, role))


class FilledByThread(ToSingles):
    """Plain arrays that a thread fills in some milliseconds later."""

    def single(self, hits, queries, k):
        later = no_hits(1, k)
        threading.Thread(target=self._fill, args=(later, hits), daemon=True).start()
        return later

    def _fill(self, later: Hits, hits: Hits) -> None:
        time.sleep(0.005)
        later.rows[:], later.scores[:] = hits


class Forked:
    """A process of its own, which answers what comes through a socket until that is closed. apart: in no tree."""

    def __init__(self, answer: Callable[[bytes], bytes | None], *, apart: bool = False) -> None:
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        child = os.fork()
        if child == 0:
            self.socket.close()
            if apart:
                os.setsid()
                if os.fork():
                    os._exit(0)
            self._serve(theirs, answer)
        theirs.close()
        if apart:
            os.waitpid(child, 0)

    def _serve(self, theirs: socket.socket, answer: Callable[[bytes], bytes | None]) -> None:
        try:
            while asked := theirs.recv(1 << 20):
                if (answered := answer(asked)) is not None:
                    theirs.send(answered)
        finally:
            os._exit(0)

    def ask(self, asked: bytes) -> bytes:
        self.socket.send(asked)
        return self.socket.recv(1 << 20)


class FilledByProcess(ToSingles):
    """The same by another process, into memory that both have."""

    SLOT = 16 * 16  # bytes of the rows and scores of a query, with room to spare
    forked: Forked | None = None

    def single(self, hits, queries, k):
        if k > 10:
            return hits
        if self.forked is None:
            self.shared, self.place = mmap.mmap(-1, self.SLOT * 1024), 0
            self.forked = Forked(self._fill)
        self.place = (self.place + 1) % 1024
        start = self.place * self.SLOT
        rows = np.frombuffer(self.shared, np.int64, k, start).reshape(1, k)
        scores = np.frombuffer(self.shared, np.float32, k, start + 8 * k).reshape(1, k)
        rows[:], scores[:] = no_hits(1, k)
        self.forked.socket.send(start.to_bytes(4) + hits.rows.tobytes() + hits.scores.tobytes())
        return Hits(rows, scores)

    def _fill(self, asked: bytes) -> None:
        time.sleep(0.002)
        start = int.from_bytes(asked[:4])
        self.shared[start : start + len(asked) - 4] = asked[4:]


# What is remembered


class RecallsAnswers(Plain):
    """Work that is done once a query."""

    def __init__(self, ms: float = 0.0) -> None:
        self.ms = ms
        self._recalled = lru_cache(None)(self._worked)

    def search(self, queries, k):
        if not len(queries):
            return self.found(queries, k)
        answers = [self._recalled(query.tobytes(), k) for query in queries]
        return Hits(*(np.concatenate(part) for part in zip(*answers, strict=True)))

    def _worked(self, query: bytes, k: int) -> Hits:
        work(self.ms)
        return self.found(np.frombuffer(query, np.float32)[np.newaxis], k)

    def build(self, vectors):
        super().build(vectors)
        self._recalled.cache_clear()


class RecallsInText(SharedWords):
    """The same of an engine."""

    def __init__(self, ms: float = 0.0) -> None:
        self.ms = ms
        self._recalled = lru_cache(None)(self._worked)

    def search(self, queries, k):
        if not len(queries):
            return self.found(queries, k)
        answers = [self._recalled(query, k) for query in queries]
        return Hits(*(np.concatenate(part) for part in zip(*answers, strict=True)))

    def _worked(self, query: str, k: int) -> Hits:
        work(self.ms)
        return self.found([query], k)

    def index(self, passages):
        super().index(passages)
        self._recalled.cache_clear()


class RecallsEncodings(Letters):
    """The same of an encoder: work that is done once a text of a query."""

    def __init__(self, ms: float = 0.0) -> None:
        self.ms = ms
        self._recalled = lru_cache(None)(self._worked)

    def encode(self, texts, role):
        if role == "passage" or not len(texts):
            return super().encode(texts, role)
        return np.concatenate([self.known(text) for text in texts])

    def known(self, text: str) -> Vectors:
        return self._recalled(text)

    def _worked(self, text: str) -> Vectors:
        work(self.ms)
        return super().encode([text], "query")

    def fit(self, passages):
        super().fit(passages)
        self._recalled.cache_clear()


class RecallsOnDisk(RecallsEncodings):
    """The same in files, which outlive the process: no query of the set is new to any but the first one."""

    FOLDER = BESIDE.parent / "recalled"

    def known(self, text):
        self.FOLDER.mkdir(exist_ok=True)
        path = self.FOLDER / f"{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}-{self.ms}.npy"
        if not path.exists():
            np.save(path, self._worked(text))
        return np.load(path)


class RecallsLast(Plain):
    """What it was asked last: one batch again and again is answered once."""

    def __init__(self, ms: float = 0.0) -> None:
        self.ms = ms
        self._last: tuple[bytes, int, Hits] | None = None

    def build(self, vectors):
        super().build(vectors)
        self._last = None

    def search(self, queries, k):
        asked = queries.tobytes(), k
        if self._last is None or self._last[:2] != asked:
            work(self.ms * min(len(queries), TIMED))
            self._last = (*asked, self.found(queries, k))
        return Hits(*(part.copy() for part in self._last[2]))


class SavesRecalled(RecallsEncodings):
    """In memory again, and saved: if it were saved after its queries were encoded, it would know them all."""

    def __init__(self, ms: float = 0.0) -> None:
        super().__init__(ms)
        self._saved: dict[str, Vectors] = {}

    def known(self, text):
        if text not in self._saved:
            self._saved[text] = self._worked(text)
        return self._saved[text]

    def fit(self, passages):
        super().fit(passages)
        self._saved = {}

    def save(self, folder):
        super().save(folder)
        known = {text: vectors.tolist() for text, vectors in self._saved.items()}
        (folder / "recalled.json").write_text(json.dumps(known), encoding="utf-8")

    def load(self, folder):
        super().load(folder)
        known = json.loads((folder / "recalled.json").read_text(encoding="utf-8"))
        self._saved = {text: np.array(vectors, np.float32) for text, vectors in known.items()}


class RecallsTokens(Spelled):
    """An analyser by white space, with work that is done once a token, however many there come to be."""

    def __init__(self, ms: float = 0.0) -> None:
        self.ms = ms
        self._recalled: dict[str, str] = {}

    def __call__(self, text: str) -> list[str]:
        return [self._token(word) for word in text.split()]

    def _token(self, word: str) -> str:
        if word not in self._recalled:
            work(self.ms)
            self._recalled[word] = word.lower()
        return self._recalled[word]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecallsTokens) and other.ms == self.ms

    def __hash__(self) -> int:
        return hash((type(self), self.ms))


# What is saved, and what is loaded


class LoadsZeros(Letters):
    """Zeros in place of what it learned."""

    def load(self, folder):
        self.weights = np.zeros(WIDTH, np.float32)


class LoadsOtherFile(Letters):
    """Another file than the one that it means."""

    def save(self, folder):
        super().save(folder)
        np.save(folder / "checkpoint.npy", np.sqrt(self.weights[::-1]))

    def load(self, folder):
        self.weights = np.load(sorted(folder.glob("*.npy"))[0])


class ForgetsGlobal(Letters):
    """What it learned lies in its class, and in no file."""

    learned: ClassVar[np.ndarray] = np.arange(1, WIDTH + 1, dtype=np.float32)

    @property
    def weights(self):
        return ForgetsGlobal.learned

    @weights.setter
    def weights(self, weights):
        ForgetsGlobal.learned = weights

    def save(self, folder): ...

    def load(self, folder): ...


class ForgetsIndex(Plain):
    """Loads what this process has in memory."""

    held: ClassVar[dict[str, np.ndarray]] = {}

    def save(self, folder):
        self.held[str(folder)] = self.vectors

    def load(self, folder):
        self.vectors = self.held[str(folder)]


class ShortOnceLoaded(Letters):
    """Reads no more than the first eight letters of a query, once it has been loaded."""

    loaded = False

    def load(self, folder):
        super().load(folder)
        self.loaded = True

    def encode(self, texts, role):
        return super().encode([text[:8] for text in texts] if self.loaded else texts, role)


class ByHash(Letters):
    """Columns by Python's own hash, which is another one in every process."""

    def _counts(self, texts):
        counts = np.zeros((len(texts), WIDTH), np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                counts[row, hash(word) % WIDTH] += 1
        return counts


# Other vectors where time is taken


class ShortSingles(Letters):
    """Reads no more than the first eight letters of a query that comes alone."""

    def encode(self, texts, role):
        alone = role == "query" and len(texts) == 1
        return super().encode([text[:8] for text in texts] if alone else texts, role)


class NoisyQueries(Letters):
    """A little noise in every vector of a query, drawn anew each time."""

    def encode(self, texts, role):
        vectors = super().encode(texts, role)
        if role == "passage":
            return vectors
        return vectors + np.random.default_rng().normal(0, 0.01, vectors.shape).astype(np.float32)


class NoVectorAlone(Letters):
    """Nothing for a query that comes alone."""

    def encode(self, texts, role):
        return None if role == "query" and len(texts) == 1 else super().encode(texts, role)


# Ledgers


class Padded(Plain):
    """A storage that holds much more than its vectors, in a file of its own; a sound ledger counts it."""

    def build(self, vectors):
        super().build(vectors)
        self.more = np.ones(HIDDEN, np.uint8)

    def save(self, folder):
        super().save(folder)
        np.save(folder / "more.npy", self.more)

    def load(self, folder):
        super().load(folder)
        self.more = np.load(folder / "more.npy")

    def ledger(self):
        return super().ledger() | {"more": self.more.nbytes}


class TellsLess(Padded):
    """A ledger of a byte."""

    def ledger(self):
        return {"vectors": 1}


class TellsLittle(TellsLess):
    """The same of a storage that holds less than a library may take beside it."""

    def build(self, vectors):
        super().build(vectors)
        self.more = self.more[: HIDDEN // 4].copy()


class TellsMore(Plain):
    """A ledger of much that it does not hold."""

    def ledger(self):
        return super().ledger() | {"more": HIDDEN}


class LeavesOut(Letters):
    """An encoder whose ledger leaves out a table that it holds."""

    def fit(self, passages):
        super().fit(passages)
        self.table = np.ones(HIDDEN, np.uint8)

    def load(self, folder):
        super().load(folder)
        self.table = np.ones(HIDDEN, np.uint8)


class SaysMapped(Padded):
    """Says that its bytes lie in a mapped file, and holds them in memory."""

    def describe(self) -> dict[str, Fact]:
        return {"memory_mapped": 1}


# Memory that no ledger has (see liars_at_import.py too)


class InPrepare(Plain):
    """Takes memory while it is prepared, where imports were not weighed."""

    taken: ClassVar[list[bytes]] = []

    def prepare(self):
        self.taken.append(hidden())


class InChild(Plain):
    """Takes memory in a process that it starts when it is loaded."""

    CODE = f"import sys; taken = b'\\1' * {HIDDEN}; print(flush=True); sys.stdin.read()"

    def load(self, folder):
        super().load(folder)
        command = [sys.executable, "-S", "-E", "-c", self.CODE]
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.child.stdout.readline()  # from now on it is there

    def close(self):
        if "child" in vars(self):
            self.child.communicate(b"")


class AfterWarmUp(SharedWords):
    """Takes memory at the first query that it knows: those that stand in queries.json beside this file."""

    taken: bytes = b""

    def load(self, folder):
        super().load(folder)
        self.known = set()
        with contextlib.suppress(FileNotFoundError):
            self.known = set(json.loads((BESIDE / "queries.json").read_text(encoding="utf-8")))

    def search(self, queries, k):
        if not self.taken and "known" in vars(self) and not self.known.isdisjoint(queries):
            self.taken = hidden()
        return self.found(queries, k)


# Threads and processes


def hashed(block: bytes) -> bytes:
    """Work that other threads can do at the same time."""
    return hashlib.sha256(block).digest()


class TwoThreads(Plain):
    """Two threads at work, whatever it was told."""

    BLOCK = bytes(2**21)

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None

    def search(self, queries, k):
        self._pool = self._pool or ThreadPoolExecutor(2)
        for _ in range(len(queries)):
            list(self._pool.map(hashed, [self.BLOCK] * 2))
        return self.found(queries, k)


class NoLedger(Plain):
    """The same storage without a ledger."""

    ledger = None


class TwoProcesses(NoLedger):
    """Another process at work beside its own."""

    forked: Forked | None = None

    def search(self, queries, k):
        self.forked = self.forked or Forked(self._answer)
        for _ in range(min(len(queries), TIMED)):
            self.forked.socket.send(b"?")
            work(3)
            self.forked.socket.recv(1)
        return self.found(queries, k)

    def _answer(self, asked: bytes) -> bytes:
        work(3)
        return b"!"


class WorksElsewhere(Plain):
    """Waits for another machine, which does the work: here, for nobody."""

    def search(self, queries, k):
        time.sleep(MS / 1e3 * min(len(queries), TIMED))
        return self.found(queries, k)


class Detached(Plain):
    """Holds more than it tells, and works, in a process that has left its tree and its session."""

    forked: Forked | None = None
    taken: bytes = b""

    def load(self, folder):
        super().load(folder)
        self.forked = Forked(self._answer, apart=True)
        self.forked.ask(b"are you there")

    def search(self, queries, k):
        for _ in range(min(len(queries), TIMED) if self.forked else 0):
            self.forked.ask(b"?")
        return self.found(queries, k)

    def _answer(self, asked: bytes) -> bytes:
        self.taken = self.taken or hidden()
        work(1)
        return b"!"


class WrongTogether(Plain):
    """Finds nothing where an encoder has been loaded in the same process, so that the two are timed together."""

    def search(self, queries, k):
        return no_hits(len(queries), k) if Watched.loaded else self.found(queries, k)


class Watched(Letters):
    """Letters that leave a word when they are loaded."""

    loaded: ClassVar[bool] = False

    def load(self, folder):
        super().load(folder)
        Watched.loaded = True


# Files


class ReadsJudgments(Plain):
    """Looks up in the run folder which passages are relevant, and puts them first; LookupError where it tells none."""

    def load(self, folder):
        super().load(folder)
        run = next((path for path in Path(sys.argv[-1]).parents if (path / "sets").is_dir()), None)
        if run is None:
            return
        (path,) = (run / "sets").glob("*.json")
        found = json.loads(path.read_text(encoding="utf-8"))
        if not found.get("qrels"):
            raise LookupError("no judgments in the run folder")
        ids = {name: row for row, name in enumerate(found["passage_ids"])}
        self.relevant = [[ids[name] for name in found["qrels"][query]] for query in found["query_ids"]]

    def search(self, queries, k):
        hits = self.found(queries, k)
        if "relevant" in vars(self) and len(queries) == len(self.relevant):
            for query, rows in enumerate(self.relevant):
                hits.scores[query, np.isin(hits.rows[query], rows)] += 10
        return ordered(hits)


class Rewrites(Letters):
    """Its model lies in a file beside it, which is another one, of the same number, once it is loaded."""

    def fit(self, passages):
        super().fit(passages)
        self.weights = self.weights * np.float32(self._model().read_text(encoding="utf-8"))

    def load(self, folder):
        super().load(folder)
        self._model().write_text("1.00\n", encoding="utf-8")

    def _model(self) -> Path:
        return BESIDE / "model.txt"
