"""
Adapters at fault, each in a way that it is told by name: a plug-in file, which prints when it is imported.

Those of one stage are engines that cannot be saved; the first search brings the fault about.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from retrievers.contract import Hits, Role, Spelled, Vectors, no_hits

print("a plug-in that prints when it is imported")

BLOCK = "x" * 999 + "\n"
FLOOD_LINES = 100_000  # 100 MB
FOREVER = 3600


class Beyond(BaseException):
    """No Exception: `except Exception` does not see it."""


class Wordless(Exception):  # noqa: N818  # a fault, not an error
    """Can not tell its own text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def first(n_queries: int, n_passages: int, k: int) -> Hits:
    """The first k passages for every query."""
    hits = no_hits(n_queries, k)
    found = min(k, n_passages)
    hits.rows[:, :found], hits.scores[:, :found] = np.arange(found), 1.0
    return hits


# What an engine does before it answers


def fail(error: BaseException) -> None:
    raise error


def flood(lines: int) -> None:
    for _ in range(lines // 2):
        os.write(1, BLOCK.encode())
        os.write(2, BLOCK.encode())


def shut() -> None:
    """Closes what it prints to, as Python's files and as the process's."""
    for file, descriptor in ((sys.stdout, 1), (sys.stderr, 2)):
        file.close()
        os.closerange(descriptor, descriptor + 1)


def shallow() -> None:
    """Leaves Python hardly any depth to go on with."""
    depth, frame = 0, sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    sys.setrecursionlimit(depth + 5)


def deep() -> None:
    deep()


def forked(*, apart: bool) -> None:
    """Another process of this one, which stays; apart: in a session of its own, as a server puts itself."""
    if os.fork() == 0:
        if apart:
            os.setsid()
        time.sleep(FOREVER)


def started() -> None:
    """A program in a session of its own."""
    subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({FOREVER})"], start_new_session=True)


def littered() -> None:
    """Killed with temporary files that it would have removed."""
    held = tempfile.TemporaryDirectory()
    Path(held.name, "big").write_bytes(bytes(10**6))
    os.kill(os.getpid(), signal.SIGKILL)


def deaf() -> None:
    """Ignores what asks it to end, and does not come back."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(FOREVER)


def hungry() -> None:
    taken = []
    while True:
        taken.append(np.ones(20_000_000, np.uint8))


def full(place: Path) -> None:
    """Takes all the room there is at a place."""
    with (place / "ballast").open("wb") as file:
        while True:
            file.write(bytes(1 << 16))
            file.flush()


def full_once(place: Path) -> None:
    """The same without a word, and once: a file beside the place tells that it is done."""
    if not (done := place.with_name("filled")).exists():
        done.touch()
        with contextlib.suppress(OSError):
            full(place)


BEFORE: dict[str, Callable[[], object]] = {
    "prints": lambda: print("a line"),
    "floods": lambda: flood(FLOOD_LINES),
    "exits": lambda: sys.exit(0),
    "interrupts": lambda: fail(KeyboardInterrupt()),
    "beyond": lambda: fail(Beyond("no Exception")),
    "long": lambda: fail(ValueError("x" * 10**7)),
    "wordless": lambda: fail(Wordless()),
    "leaves": lambda: os._exit(0),
    "crashes": lambda: ctypes.string_at(0),
    "moves": lambda: os.chdir("/"),
    "shuts": shut,
    "shuts and fails": lambda: (shut(), fail(RuntimeError("broken on purpose"))),
    "shallow": shallow,
    "deep": deep,
    "hangs in a hook": lambda: atexit.register(time.sleep, FOREVER),
    "hangs in a thread": lambda: threading.Thread(target=time.sleep, args=(FOREVER,)).start(),
    "crashes in a hook": lambda: atexit.register(os.abort),
    "goes on": lambda: threading.Thread(target=list, args=(iter(lambda: time.sleep(0.001), 1),), daemon=True).start(),
    "forks": lambda: forked(apart=False),
    "forks apart": lambda: forked(apart=True),
    "forks and answers": os.fork,
    "starts": started,
    "litters": littered,
    "deaf": deaf,
    "hungry": hungry,
}


# What it hands back instead


def _with(hits: Hits, row: int | None = None, score: float | None = None) -> Hits:
    """The same with another first row or score."""
    if row is not None:
        hits.rows[:, 0] = row
    if score is not None:
        hits.scores[:, 0] = score
    return hits


ANSWERS: dict[str, Callable[[Hits], object]] = {
    "NaN": lambda hits: _with(hits, score=np.nan),
    "fewer queries": lambda hits: Hits(hits.rows[1:], hits.scores[1:]),
    "more columns": lambda hits: Hits(np.pad(hits.rows, ((0, 0), (0, 1))), np.pad(hits.scores, ((0, 0), (0, 1)))),
    "fewer scores": lambda hits: Hits(hits.rows, hits.scores[:, :-1]),
    "repeats": lambda hits: _with(hits, row=1),
    "unsorted": lambda hits: _with(hits, score=0.5),
    "beyond the passages": lambda hits: _with(hits, row=10**6),
    "wide scores": lambda hits: Hits(hits.rows, hits.scores.astype(np.float64)),
    "narrow rows": lambda hits: Hits(hits.rows.astype(np.int32), hits.scores),
    "objects": lambda hits: Hits(hits.rows.astype(object), hits.scores),
    "lists": lambda hits: (hits.rows.tolist(), hits.scores.tolist()),
    "nothing": lambda hits: None,
}


class Faulty(Spelled):
    """An engine that is sound but for one fault; how: a name of BEFORE or ANSWERS, or `full PLACE`."""

    def __init__(self, how: str) -> None:
        self.how = how

    def prepare(self) -> None:
        """Nothing to prepare: a trial would bring the fault about too early."""

    def index(self, passages: Sequence[str]) -> None:
        self.n, self.done = len(passages), False

    def search(self, queries: Sequence[str], k: int) -> object:
        if not self.done:
            self.done = True
            name, _, place = self.how.partition(" /")
            full_once(Path("/", place)) if name == "full" else BEFORE.get(name, int)()
        if self.how == "spoils":
            queries[:] = ["something else"] * len(queries)
        return ANSWERS.get(self.how, lambda hits: hits)(first(len(queries), self.n, k))


# In several stages


class FaultyEncoder(Spelled):
    """Gives every text the vector [1], but for one fault."""

    def __init__(self, how: str) -> None:
        self.how = how

    def prepare(self) -> None: ...

    def fit(self, passages: Sequence[str]) -> None: ...

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        vectors = np.ones((len(texts), 1), np.float32)
        made: dict[str, Callable[[], object]] = {
            "NaN": lambda: vectors * np.nan,
            "fewer": lambda: vectors[1:],
            "wide": lambda: vectors.astype(np.float64),
            "lists": vectors.tolist,
            "unsound": lambda: unsound(len(texts)),
        }
        return made[self.how]()


def unsound(n: int) -> csr_array:
    """Sparse vectors of one dimension that name a second."""
    vectors = csr_array(np.ones((n, 1), np.float32))
    vectors.indices[:] = 1
    return vectors


class Staged:
    """What brings something about at one stage of its worker; here it kills that."""

    stage: str

    def reached(self) -> None:
        if stage_at_hand() == self.stage:
            os.kill(os.getpid(), signal.SIGKILL)


def stage_at_hand() -> str:
    """The worker's job lies in a folder that is named after its stage."""
    return Path(sys.argv[-1]).parent.name.partition("-")[0]


class KilledEncoder(Staged, Spelled):
    """Its worker is killed at a stage, encode or ask."""

    def __init__(self, stage: str) -> None:
        self.stage = stage

    def prepare(self) -> None: ...

    def fit(self, passages: Sequence[str]) -> None:
        self.reached()

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        return np.ones((len(texts), 1), np.float32)

    def save(self, folder: Path) -> None: ...

    def load(self, folder: Path) -> None:
        self.reached()


class KilledStorage(Staged, Spelled):
    """Its worker is killed at a stage, build, serve or joint; it finds the first k passages."""

    def __init__(self, stage: str) -> None:
        self.stage = stage

    def prepare(self) -> None: ...

    def build(self, vectors: Vectors) -> None:
        self.reached()
        self.n = vectors.shape[0]

    def search(self, queries: Vectors, k: int) -> Hits:
        self.reached()
        return first(queries.shape[0], self.n, k)

    def save(self, folder: Path) -> None:
        (folder / "n").write_text(str(self.n))

    def load(self, folder: Path) -> None:
        self.n = int((folder / "n").read_text())


class Ends:
    """Ends the run that started its worker with a signal, once a stage: files beside a path tell what is done."""

    def __init__(self, number: int, done: str) -> None:
        self.number, self.done = number, done

    def reached(self) -> None:
        done = Path(f"{self.done}-{stage_at_hand()}")
        if not done.exists():
            done.touch()
            os.kill(os.getppid(), self.number)
            time.sleep(FOREVER)


class EndingEncoder(Ends, KilledEncoder):
    """At encode and at ask."""

    def load(self, folder: Path) -> None:
        if stage_at_hand() == "query":
            super().load(folder)


class EndingStorage(Ends, KilledStorage):
    """At build, serve and joint."""


class Removes(KilledStorage):
    """Removes its own saved folder before it is loaded, or when it is saved those that others have built."""

    def __init__(self, others: bool = False) -> None:
        self.others, self.stage = others, ""

    def save(self, folder: Path) -> None:
        super().save(folder)
        for built in folder.parent.glob("build-*") if self.others else ():
            if built != folder:
                shutil.rmtree(built)

    def load(self, folder: Path) -> None:
        if not self.others:
            shutil.rmtree(folder)
        super().load(folder)


class Fills(KilledStorage):
    """Takes more room for its saved folder than there is."""

    def __init__(self) -> None:
        self.stage = ""

    def save(self, folder: Path) -> None:
        full(folder)
