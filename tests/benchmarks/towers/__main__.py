"""
What training brings, and what it costs: `make towers`, a benchmark and not a test.

`python -m tests.benchmarks.towers` trains the variants of four recipes whose records are not there yet, holds each to
the test questions, and keeps its record under results/towers/. It begins none after so many minutes, and the next goes
on; when all are there it writes results/towers.md and its picture from them.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.formats.files import write_whole
from bench.report.charts import training
from tests.benchmarks.towers import page
from tests.benchmarks.towers.trials import Part, files, folder_of, keep, made, parts
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
    folder = folder_of(part, MODELS)
    if part.recipe.model.head == "splade":
        sparse_models.copy(Path(part.recipe.model.start))
    recipe, suite = files(part, folder)
    subprocess.run([*COMMAND, "train", str(recipe), "-o", str(folder)], check=True)
    ring = folder / "ring"
    shutil.rmtree(ring, ignore_errors=True)  # a run that was stopped goes on under the same code alone
    if part.is_tested:
        asked = [*COMMAND, "run", str(suite), "--rounds", "1", "--mode", "single", "-o", str(ring)]
        subprocess.run(asked, check=True)
    keep(part, folder, ring)


def make_all(minutes: float) -> list[str]:
    """Make what is missing, and begin none after so many minutes: what failed, or was not begun."""
    begun, left = time.monotonic(), []
    for part in every_part():
        if made(part) is not None:
            continue
        waits = part.is_tested and not all(made(each) for each in every_part() if not each.is_tested)
        if waits or time.monotonic() - begun > 60 * minutes:
            left.append(part.record.stem)
            continue
        if part.is_tested:
            page.refuse_other_temperatures([part.recipe], [found for each in every_part() if (found := made(each))])
        try:
            make(part)
            told = f"{(time.monotonic() - begun) / 60:.1f} minutes"
        except subprocess.CalledProcessError as error:
            left.append(part.record.stem)
            told = f"failed with exit code {error.returncode}"
        sys.stderr.write(f"{part.record.relative_to(ROOT)}: {told}\n")
    return left


def main() -> int:
    options = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.towers", description=(__doc__ or "").strip().splitlines()[0]
    )
    options.add_argument("--minutes", type=float, default=MINUTES, help="begin none after so many (%(default)g)")
    chosen = options.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if sparse_models.carried() is None:
        options.error(sparse_models.NONE_AT_HAND)
    left = make_all(chosen.minutes)
    if left:
        sys.stderr.write(f"still to be made, by the same call: {', '.join(left)}\n")
        return 1
    trials = [found for part in every_part() if (found := made(part))]
    text, drawn = page.written(PAGE.read_text(encoding="utf-8"), trials), page.chart(trials)
    picture = training.svg(drawn)
    write_whole(PAGE, text.encode())
    write_whole(PICTURE, picture.encode())
    write_whole(PICTURE.with_suffix(".json"), msgspec.json.encode(drawn) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
