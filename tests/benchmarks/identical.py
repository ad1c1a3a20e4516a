"""
Hold the intervals of p95 to what identical runs show: `make identical`, a benchmark for a quiet machine and no test.

`python -m tests.benchmarks.identical FOLDER` makes one run of many rounds of twelve cells there, interleaved in random
order as those of any run; it ends after half an hour, and the next goes on where it was. They are read as the rounds
of eight runs, dealt out by turns, so that whatever the machine does for a while it does to all. Prints, as Markdown,
how often a run's interval holds the mean of the other seven, and how far it reaches beside that of ten rounds. Exits
with 1 where a rule is not met.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.analysis.difference import ComparedRun
from bench.instruments import latency
from bench.records import run_folder
from bench.statistics import bootstrap
from tests.benchmarks.intervals import table

RUNS, ROUNDS, MANY = (
    8,
    5,
    10,
)  # runs of as many rounds as a suite has by default, and the rounds that a run's reach is held to
P = 0.95
MINUTES = 30.0  # of one go
HOLDS = 82 / 96  # least share of the tries
REACHES = 1.8  # most, in median, of the reach of so many rounds
LEXICAL = [
    f"{encoder} @ {storage}" for encoder in ("TfIdf()", "BM25()") for storage in ("CSR()", "CSC()", "COO()", "Flat()")
]
DENSE = [
    f'BiEncoder("all-MiniLM-L6-v2") @ {storage}' for storage in ("Flat()", "CSR()", 'Faiss("HNSW32", efSearch=64)')
]
CELLS = (*LEXICAL, *DENSE, "RankBM25()")
SUITE = """\
name = "identical"
passages = ["primer"]
measures = ["R@10"]
primary = "R@10"
baseline = "BM25() @ CSR()"
modes = ["single"]
rounds = {rounds}
queries = 200
limits = {{ seconds = 3600, memory = "8GB" }}
[[cells]]
retrievers = [{retrievers}]
"""
RUN = (sys.executable, "-P", "-c", "from bench.cli import main; main()", "run")  # as the command `sparring run`

Samples = list[NDArray[np.int64]]  # of each round, (n_passes, n_queries) nanoseconds


class Tries(NamedTuple):
    """What the runs of one cell came to."""

    p95: float  # ms, of all rounds
    holds: int  # runs whose interval holds the mean of the others
    reach: list[float]  # half of each run's interval, as a share of p95
    reach_of_many: float  # the same of MANY rounds


def tries(rounds: Samples, n_runs: int = RUNS) -> Tries:
    """Deal the rounds of a cell out to so many runs, and hold each run's interval to the mean of the others."""
    runs = [rounds[number::n_runs] for number in range(n_runs)]
    whole = bootstrap.percentile(rounds, P)
    found = [bootstrap.percentile(run, P) for run in runs]
    bounds = [bootstrap.intervals(run, [P])[0] for run in runs]
    others = [np.mean(found[:number] + found[number + 1 :]) for number in range(n_runs)]
    many = [
        bootstrap.intervals(rounds[start : start + MANY], [P])[0] for start in range(0, len(rounds) - MANY + 1, MANY)
    ]
    return Tries(
        whole / 1e6,
        sum(bool(low <= other <= high) for (low, high), other in zip(bounds, others, strict=True)),
        [(high - low) / 2 / whole for low, high in bounds],
        float(np.median([(high - low) / 2 / whole for low, high in many])),
    )


def measured(folder: Path) -> dict[str, Samples]:
    """The times of single queries, text to ids, of every round of every cell that ran."""
    run = run_folder.read(folder)
    side, found = ComparedRun("new", run), {}
    for m in run.measurements:
        if m.status == "ok":
            parts = [side.times(m, stage, "single") for stage in (("query", "search") if m.encoder else ("search",))]
            found[m.retriever] = (
                [latency.end_to_end(*pair) for pair in zip(*parts, strict=True)] if m.encoder else parts[0]
            )
    return found


def made(folder: Path, rounds: int) -> int:
    """Make the run, or go on with it, for so many MINUTES: the exit code of `sparring run`."""
    folder.mkdir(parents=True, exist_ok=True)
    suite = folder / "suite.toml"
    suite.write_text(SUITE.format(rounds=rounds, retrievers=", ".join(f"'{cell}'" for cell in CELLS)), encoding="utf-8")
    with subprocess.Popen([*RUN, str(suite), "-o", str(folder / "run")]) as run:
        try:
            return run.wait(60 * MINUTES)
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGINT)  # it says how to go on
            return run.wait()


def report(found: dict[str, Tries]) -> tuple[str, bool]:
    """The page, and whether both rules are met."""
    lines = []
    for cell, of_cell in found.items():
        reach, many = float(np.median(of_cell.reach)), of_cell.reach_of_many
        halves = [f"±{100 * reach:.1f} %", f"±{100 * many:.1f} %", f"{reach / many:.2f}"]
        lines.append([f"`{cell}`", f"{of_cell.p95:.4f}", f"{of_cell.holds} of {len(of_cell.reach)}", *halves])
    holds, n = sum(of_cell.holds for of_cell in found.values()), sum(len(of_cell.reach) for of_cell in found.values())
    ratio = float(np.median([reach / of_cell.reach_of_many for of_cell in found.values() for reach in of_cell.reach]))
    well = holds >= HOLDS * n and ratio <= REACHES and len(found) == len(CELLS)
    heads = ["retriever", "p95 ms", "holds the others' mean", "half-width", f"of {MANY} rounds", "ratio"]
    said = f"Held in {holds} of {n} tries; in median {ratio:.2f} times the half-width of {MANY} rounds."
    return f"{table(heads, lines)}\n\n{said} {'Both rules are met.' if well else 'A rule is not met.'}", well


def main(arguments: Sequence[str] | None = None) -> int:
    options = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.identical", description=(__doc__ or "").strip().splitlines()[0]
    )
    options.add_argument("folder", type=Path, help="where the run is kept")
    options.add_argument("--rounds", type=int, default=ROUNDS, help="of each of the eight runs (%(default)s)")
    chosen = options.parse_args(arguments)
    code = made(chosen.folder, RUNS * chosen.rounds)
    if code:
        return code
    text, well = report({cell: tries(rounds) for cell, rounds in measured(chosen.folder / "run").items()})
    print(f"{RUNS} identical runs of {chosen.rounds} rounds, {len(CELLS)} cells.\n\n{text}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
