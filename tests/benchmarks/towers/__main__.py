"""
What training brings, and what it costs: `make towers`, a benchmark and not a test.

`python -m tests.benchmarks.towers` trains the variants of four recipes whose records are not there yet, holds each to
the test questions, and keeps its record under results/towers/. It begins none after so many minutes, and the next goes
on. `--page` writes results/towers.md and its picture from the records, and measures nothing.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.formats.files import write_whole
from bench.report.charts import training
from tests.benchmarks.towers import page
from tests.benchmarks.towers.trials import Part, files, is_made, keep, parts, read
from tests.helpers import sparse_models
from tests.helpers.places import ROOT

RECORDS, PAGE, PICTURE = (ROOT / "results" / name for name in ("towers", "towers.md", "towers.svg"))
SPLADE = ROOT / "tests/data/splade.toml"  # its start is copied to models/splade-tiny
MODELS = Path("models")  # seen from the folder in which all of it is run: spellings have it
MINUTES = 30.0  # after which no variant is begun
COMMAND = (sys.executable, "-P", "-c", "from bench.cli import main; main()")  # `sparring`


def every_part() -> Iterator[Part]:
    """All variants, in the order in which they are made: temperatures are what the others are trained at."""
    yield from parts("temperatures", RECORDS, is_tested=False)
    for recipe in ("towers", "korean", SPLADE):
        yield from parts(recipe, RECORDS)


def make(part: Part) -> None:
    """Train a variant, run its models on the test questions, and keep the record; the same call goes on."""
    folder = MODELS / part.record.parent.name / part.recipe.name
    if part.recipe.model.head == "splade":
        sparse_models.copy(Path(part.recipe.model.start))
    recipe, suite = files(part, folder)
    subprocess.run([*COMMAND, "train", str(recipe), "-o", str(folder)], check=True)
    ring = folder / "ring"
    if part.is_tested:
        asked = [*COMMAND, "run", str(suite), "--rounds", "1", "--mode", "single", "-o", str(ring)]
        subprocess.run(asked, check=True)
    keep(part, folder, ring)


def main() -> int:
    options = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.towers", description=(__doc__ or "").strip().splitlines()[0]
    )
    options.add_argument("--page", action="store_true", help="write page and picture from the records")
    options.add_argument("--minutes", type=float, default=MINUTES, help="begin none after so many (%(default)g)")
    chosen = options.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if chosen.page:
        trials = [made for part in every_part() if (made := read(part.record)) is not None]
        write_whole(PAGE, page.written(PAGE.read_text(encoding="utf-8"), trials).encode())
        write_whole(PICTURE, training.svg(page.chart(trials)).encode())
        return 0
    begun = time.monotonic()
    for part in every_part():
        if is_made(part):
            continue
        if time.monotonic() - begun > 60 * chosen.minutes:
            sys.stderr.write(f"{chosen.minutes:g} minutes are over, next is {part.record.stem}: the same goes on\n")
            return 0
        make(part)
        sys.stderr.write(f"{part.record.relative_to(ROOT)}: {(time.monotonic() - begun) / 60:.1f} minutes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
