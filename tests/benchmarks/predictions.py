"""
How near a run predicts its time: `make predictions`, a benchmark and not a test.

`python -m tests.benchmarks.predictions` runs `sparring run` on what takes long in ways of its own (a model that reads
text, a graph that grows faster than its passages, terms), each in a cache of its own, and prints what was said before
beside what it took. It exits with 1 where the range did not hold it.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

COMMAND = (sys.executable, "-P", "-c", "from bench.cli import main; main()", "run")  # `sparring run`
UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}
SAID = re.compile(r"will take about ([^(]+?) \(([^)]+?) to ([^)]+?)\)")
DIMS, N = 384, 300_000


class Case(NamedTuple):
    """What is run."""

    name: str
    arguments: tuple[str, ...]


def seconds(words: str, unit: str = "") -> float:
    """`2 h 5 min`, `40 s`; a number alone is of the unit that follows."""
    parts = words.split()
    if len(parts) == 1:
        parts.append(unit)
    return sum(float(number) * UNITS[name] for number, name in zip(parts[::2], parts[1::2], strict=True))


def vectors(folder: Path) -> tuple[str, ...]:
    """Random unit vectors, and the texts that they stand for."""
    random = np.random.default_rng(5)
    for name, n in (("passages", N), ("queries", 200)):
        found = random.standard_normal((n, DIMS), np.float32)
        np.save(folder / f"{name}.npy", found / np.linalg.norm(found, axis=1, keepdims=True))
    (folder / "p.csv").write_text("id,text\n" + "".join(f"{i},passage {i}\n" for i in range(N)))
    (folder / "q.csv").write_text("id,text\n" + "".join(f"{i},question {i}\n" for i in range(200)))
    files = f'passages="{folder}/passages.npy", queries="{folder}/queries.npy"'
    own = ("--passages", str(folder / "p.csv"), "--id", "id", "--queries", str(folder / "q.csv"), "--query-id", "id")
    return (*own, f'Vectors({files}) @ Faiss("HNSW32")')


def cases(folder: Path) -> list[Case]:
    """The model on abstracts, the graph on random vectors, and terms."""
    return [
        Case("MiniLM on SciFact", ("--passages", "scifact", 'BiEncoder("all-MiniLM-L6-v2") @ Flat()')),
        Case("terms on SciFact", ("--passages", "scifact", "BM25() @ CSR()", "RankBM25()")),
        Case(f"HNSW32 of {N:,} random vectors", vectors(folder)),
    ]


def taken(case: Case, folder: Path) -> tuple[str, float, float, float]:
    """The line that was said, its bounds, and the seconds after it was said."""
    variables = os.environ | {"SPARRING_CACHE": str(folder / "cache")}
    command = [*COMMAND, *case.arguments, "--rounds", "1", "-o", str(folder / "run")]
    with subprocess.Popen(command, env=variables, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as run:
        said, begun = "", time.monotonic()
        for line in run.stderr or ():
            if "will take" in line:
                said, begun = line.strip(), time.monotonic()
        if run.wait() != 0 or not said:
            raise RuntimeError(
                f"{case.name}: expected a run that says how long it takes, found exit code {run.returncode}"
            )
    after = time.monotonic() - begun
    found = SAID.search(said)
    if found is None:
        raise RuntimeError(f"{case.name}: expected a range, found: {said}")
    unit = found[3].split()[-1]
    return said, seconds(found[2], unit), seconds(found[3]), after


def main() -> int:
    prog, description = "python -m tests.benchmarks.predictions", (__doc__ or "").strip()
    options = argparse.ArgumentParser(prog=prog, description=description)
    options.add_argument("names", nargs="*", help="words of the cases to run; default: all")
    chosen, failed = options.parse_args(), False
    with tempfile.TemporaryDirectory(prefix="sparring-predictions-") as scratch:
        for number, case in enumerate(cases(Path(scratch))):
            if chosen.names and not any(word in case.name for word in chosen.names):
                continue
            folder = Path(scratch) / str(number)
            folder.mkdir()
            said, low, high, after = taken(case, folder)
            held = low <= after <= high
            failed |= not held
            print(f"{case.name}: {'held' if held else 'NOT HELD'}: took {after:.0f} s; said: {said}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
