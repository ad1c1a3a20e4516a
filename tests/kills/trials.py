"""
Kills: a command is ended at a moment that is drawn, in a way that is drawn, and has to lose nothing but what it was at.

What is ended is the command or one of its workers, by SIGKILL, SIGTERM or SIGHUP; after that the newest files may be
cut, as a machine that loses its power leaves them. Then the same command runs to its end, and is held to one that was
left alone.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from bench.records import run_folder
from bench.records.schema import Measurement
from bench.run.estimate import FEWEST_ENCODED
from bench.stage.blocks import TRIED, WRITTEN_SECONDS
from tests.helpers.tiny import without_times

# `sparring`, which ends by SIGHUP: what `nohup` starts ignores it, and so would all that is started from there.
HEARS = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)"
COMMAND = (sys.executable, "-P", "-c", f"{HEARS}; from bench.cli import main; main()")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)
QUERIES, MILLISECONDS = 20, 5.0  # that a passage takes
REHEARSED = 1_528  # passages of one rehearsal, at most: 8, 16 and so on to 512 for three seconds, and these once more
LONGEST = 300.0  # seconds that a command may take
CUT = 3  # at most so many of the newest files
PLUGIN = '''
"""Adapters that write down what they are asked to do, away from the run."""

import time
from pathlib import Path

import numpy as np

from retrievers.contract import Hits, Spelled


class Slow(Spelled):
    """An encoder that takes its time for each passage: its vector hangs on the text alone."""

    def __init__(self, log: str, ms: float) -> None:
        self.log, self.ms = log, ms

    def fit(self, passages): ...

    def encode(self, texts, role):
        rows = [[len(text), sum(map(ord, text)) % 97 + 1, 1.0] for text in texts]
        if role == "passage" and len(texts) > 3:
            time.sleep(self.ms / 1000 * len(texts))
            with Path(self.log).open("a") as file:
                file.write(f"passages {len(texts)}\\n")
        return np.array(rows, np.float32).reshape(len(texts), 3)


class Built(Spelled):
    """Brute force, which takes its time to be built."""

    def __init__(self, log: str, seconds: float) -> None:
        self.log, self.seconds = log, seconds

    def build(self, vectors):
        self.vectors = vectors
        if len(vectors) > 3:
            time.sleep(self.seconds)
            with Path(self.log).open("a") as file:
                file.write("build 1\\n")

    def search(self, queries, k):
        scores = queries @ self.vectors.T
        rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return Hits(rows.astype(np.int64), np.take_along_axis(scores, rows, axis=1))

    def save(self, folder):
        np.save(Path(folder) / "vectors.npy", self.vectors)

    def load(self, folder):
        self.vectors = np.load(Path(folder) / "vectors.npy")


class Unsaved(Spelled):
    """The same, which cannot be saved: it is built again wherever it is searched."""

    build = lambda self, vectors: setattr(self, "vectors", vectors)
    search = Built.search
'''
RECIPE = """
name = "small"
seeds = [1, 2]
data = {{ train = "book.json:train", dev = "book.json:dev", test = "book.json:test" }}
model = {{ start = "static", dims = 32, vocabulary = 400 }}
optimiser = {{ batch = 8, epochs = {epochs}, learning_rate = 0.05 }}
stop = {{ evaluations = 4, patience = 0 }}
"""


class Size(NamedTuple):
    """How much there is to do."""

    passages: int
    cells: tuple[str, ...]
    rounds: int
    epochs: int


BUILT, FLAT, UNSAVED = (f'Slow("{{log}}", {{ms}}) @ {each}' for each in ('Built("{log}", 1.0)', "Flat()", "Unsaved()"))
# An encoding of eight seconds, which is rehearsed, and written once on its way; and a run of seconds: neither.
WHOLE = Size(1_600, (BUILT, FLAT, "BM25() @ CSR()"), 2, 40)
SMALL = Size(150, (BUILT, UNSAVED), 1, 3)


class Draw(NamedTuple):
    """How a command is ended."""

    moment: float  # as a share of what it takes when it is left alone
    signal: signal.Signals
    is_worker: bool  # a worker, where there is one then; else the command
    cut: int  # so many of the newest files are cut afterwards


class Kind(NamedTuple):
    """A command, and what it has to come to."""

    name: str
    arguments: Callable[[Path, Size], Sequence[str]]  # of the folder that it works in
    written: Callable[[Path], list[Path]]  # the files that it writes, which may be cut
    grows: tuple[str, ...]  # of these, the ones to which lines are added and of which none is taken away
    faults: Callable[[Path, Path, Draw, Size], Iterator[str]]  # of the folder it was ended in, and the one left alone


def draws(seed: int, n: int) -> list[Draw]:
    """So many ends, the same for a seed; a moment in each n-th of a command, so that every part has its turn."""
    chosen = random.Random(seed)
    found = [
        Draw(
            (number + chosen.random()) / n, chosen.choice(SIGNALS), chosen.random() < 0.5, chosen.choice((0, 0, 1, CUT))
        )
        for number in range(n)
    ]
    chosen.shuffle(found)
    return found


def environment(folder: Path) -> dict[str, str]:
    """A cache of its own."""
    return os.environ | {"SPARRING_CACHE": str(folder / "cache")}


def ended(kind: Kind, folder: Path, draw: Draw, lasts: float, size: Size) -> bool:
    """Run the command, end it as drawn, cut files, and run it again to its end: whether it was caught on its way."""
    command = [*COMMAND, *kind.arguments(folder, size)]
    with (
        (folder / "said").open("wb") as log,
        subprocess.Popen(
            command,
            cwd=folder,
            env=environment(folder),
            stdout=log,
            stderr=log,
        ) as process,
    ):
        time.sleep(draw.moment * lasts)
        is_caught = process.poll() is None
        victim = process.pid
        if draw.is_worker:
            victim = next((each.pid for each in workers(process.pid)), process.pid)
        try:
            os.kill(victim, draw.signal)
        except ProcessLookupError:  # it has just ended
            victim = process.pid
        is_command = victim == process.pid
        try:
            process.wait(20 if is_command else LONGEST)  # a worker's end is a cell's, and the command goes on
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        if is_command:
            assert none_left(folder), f"a worker outlived the command, which {draw.signal.name} ended"
    kept = {name: whole_lines(folder / name) for name in kind.grows}
    newest = sorted(kind.written(folder), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in newest[: draw.cut]:
        os.truncate(path, path.stat().st_size // 2)
    left_alone(kind, folder, size)
    for name, lines in kept.items() if not draw.cut else ():
        assert (folder / name).read_bytes().startswith(lines), f"{name}: a line that was there is gone"
    return is_caught


def whole_lines(path: Path) -> bytes:
    """What is in a file up to its last line's end; nothing, where there is no file yet."""
    content = path.read_bytes() if path.exists() else b""
    return content[: content.rfind(b"\n") + 1]


def left_alone(kind: Kind, folder: Path, size: Size) -> str:
    """Run the command to its end: what it printed. AssertionError where it does not end well."""
    command = [*COMMAND, *kind.arguments(folder, size)]
    done = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=LONGEST, check=False
    )
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr[-2000:]}"
    return done.stdout + done.stderr


def none_left(folder: Path) -> bool:
    """Whether no worker is left whose job lies below a folder; the kernel may take a moment to end one."""
    for _ in range(100):
        found = psutil.process_iter(["cmdline"])
        if not any(part.startswith(f"{folder}/") for each in found for part in (each.info["cmdline"] or ())[-1:]):
            return True
        time.sleep(0.05)
    return False


def workers(parent: int) -> list[psutil.Process]:
    """The stages' processes that a command has started, those that still run."""
    found = []
    for each in psutil.Process(parent).children() if psutil.pid_exists(parent) else []:
        try:
            if "bench.stage.worker" in each.cmdline():
                found.append(each)
        except psutil.Error:
            continue
    return found


# run


def run_arguments(folder: Path, size: Size) -> list[str]:
    own = ["--passages", "p.csv", "--id", "id", "--queries", "q.csv", "--query-id", "id", "--qrels", "judged.tsv"]
    cells = [cell.format(log=folder / "log", ms=MILLISECONDS) for cell in size.cells]
    return ["run", *own, "--plugin", "mine.py", *cells, "--rounds", str(size.rounds), "--mode", "single", "-o", "run"]


def of_run(folder: Path) -> list[Path]:
    """
    What a run wrote: its records, hits and times, builds and matrices.

    What it was made from and where, is replaced whole once it is on the disk: no end of a process cuts that, and a run
    that cannot be told is refused by the file's name.
    """
    places, whole = (folder / "run", folder / "cache" / "matrices"), ("lock", run_folder.RUN, run_folder.ENVIRONMENT)
    return [path for place in places for path in place.rglob("*") if path.is_file() and path.name not in whole]


def run_faults(folder: Path, alone: Path, draw: Draw, size: Size) -> Iterator[str]:
    """Quality as if nothing had been; and nothing done twice but what was in flight, or was cut."""
    found, expected = (
        {name_of(m): without_times(m) for m in run_folder.read(place / "run").measurements} for place in (folder, alone)
    )
    if {name: {k: v for k, v in row.items() if k not in ("cell", "retriever")} for name, row in found.items()} != {
        name: {k: v for k, v in row.items() if k not in ("cell", "retriever")} for name, row in expected.items()
    }:
        yield f"expected {expected}, found {found}"
    stages = run_folder.lines(folder / "run" / run_folder.STAGES, run_folder.FinishedStage)
    twice = {
        task: n for task, n in Counter(line.task for line in stages if line.result.status == "ok").items() if n > 1
    }
    if twice and not draw.cut:
        yield f"stages that were finished and done again: {twice}"
    done = logged(folder)
    # A part is written at most so long after the last, a block more may be under way, and both commands may rehearse;
    # two encodings of all that is written on its way are more than that.
    lost = min(size.passages, WRITTEN_SECONDS * 1000 / MILLISECONDS + 256 + TRIED)
    most = size.passages + lost + (2 * REHEARSED if size.passages >= FEWEST_ENCODED else 0)
    if not draw.cut and done["passages"] > most:
        yield f"expected at most {most:.0f} passages to be encoded, found {done['passages']}"
    if not draw.cut and done["build"] > 2:
        yield f"expected one build, and one more that was under way, found {done['build']}"
    left = [path for path in folder.rglob("*") if ".part" in path.name or path.name == "work"]
    if left:
        yield f"expected nothing half-written and no scratch folder at the end, found {left}"


def name_of(m: Measurement) -> str:
    """A cell whatever folder it logs to."""
    return m.retriever.partition("(")[0] + m.retriever.partition("@")[2].partition("(")[0]


def logged(folder: Path) -> Counter[str]:
    """What the adapters were asked to do: passages encoded, builds."""
    found: Counter[str] = Counter()
    path = folder / "log"
    for line in path.read_text().splitlines() if path.exists() else []:
        what, number = line.split()
        found[what] += int(number)
    return found


# train


def train_arguments(folder: Path, size: Size) -> list[str]:
    return ["train", "small.toml", "--device", "cpu", "-o", "models"]


def of_train(folder: Path) -> list[Path]:
    """What a training wrote."""
    return [path for path in (folder / "models").rglob("*") if path.is_file() and path.name != "lock"]


def train_faults(folder: Path, alone: Path, draw: Draw, size: Size) -> Iterator[str]:
    """The very weights of one that was left alone."""
    for seed in (1, 2):
        paths = [place / "models" / f"seed-{seed}" / "model.safetensors" for place in (folder, alone)]
        one, other = (path.read_bytes() if path.exists() else b"" for path in paths)
        if not one or one != other:
            yield f"seed {seed}: expected the weights of a training that was left alone, found others"


# export and accept


def export_arguments(folder: Path, size: Size) -> list[str]:
    return ["export", "run", "-o", "out"]


def of_export(folder: Path) -> list[Path]:
    return []  # what it wrote is written anew


def export_faults(folder: Path, alone: Path, draw: Draw, size: Size) -> Iterator[str]:
    found, expected = (contents(place / "out") for place in (folder, alone))
    if found != expected or not expected:
        yield f"expected {sorted(expected)} as exported when left alone, found {sorted(found)}"


def accept_arguments(folder: Path, size: Size) -> list[str]:
    return ["gate", "run", "--accept", "--reference", "reference"]


def accept_faults(folder: Path, alone: Path, draw: Draw, size: Size) -> Iterator[str]:
    found, expected = (contents(place / "reference") for place in (folder, alone))
    if found != expected or not expected:
        yield f"expected {sorted(expected)} as accepted when left alone, found {sorted(found)}"
    left = [path.name for path in folder.glob(".reference*")]
    if left:
        yield f"expected nothing beside the reference, found {left}"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


KINDS = {
    kind.name: kind
    for kind in (
        Kind("run", run_arguments, of_run, (f"run/{run_folder.STAGES}", f"run/{run_folder.MEASUREMENTS}"), run_faults),
        Kind("train", train_arguments, of_train, (), train_faults),
        Kind("export", export_arguments, of_export, (), export_faults),
        Kind("accept", accept_arguments, of_export, (), accept_faults),
    )
}


def prepare(folder: Path, size: Size) -> None:
    """The files that the commands read."""
    folder.mkdir(parents=True)
    chosen = random.Random(3)
    words = [f"word{number}" for number in range(400)]
    texts = [" ".join(chosen.sample(words, 5 + number % 11)) for number in range(size.passages)]
    (folder / "p.csv").write_text("id,text\n" + "".join(f"p{row},{text}\n" for row, text in enumerate(texts)))
    asked = "".join(f"q{row},{texts[7 * row]}\n" for row in range(QUERIES))
    (folder / "q.csv").write_text("id,text\n" + asked)
    judged = "".join(f"q{row}\tp{7 * row}\t1\n" for row in range(QUERIES))
    (folder / "judged.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged)
    (folder / "mine.py").write_text(PLUGIN)
    (folder / "small.toml").write_text(RECIPE.format(epochs=size.epochs))
    (folder / "book.json").write_text(json.dumps(book(chosen)))


def book(chosen: random.Random) -> dict[str, object]:
    """A SQuAD-style file of many articles: each question shares words with its own paragraph."""
    articles = []
    for number in range(60):
        own = [f"thing{number}x{place}" for place in range(12)]
        context = " ".join(chosen.sample(own, 12))
        questions = [
            {"id": f"{number}-{place}", "question": " ".join(chosen.sample(own, 4)), "answers": [{"text": own[0]}]}
            for place in range(4)
        ]
        articles.append({"title": f"article {number}", "paragraphs": [{"context": context, "qas": questions}]})
    return {"version": "1", "data": articles}
