"""
The bench of the bench: `make trust`, a benchmark and not a test. How often the gate is wrong, and what it catches.

`python -m tests.benchmarks.trust FOLDER` makes real gate runs and recordings of rounds, by turns with one core kept
busy and without, for half an hour, and keeps each as a line of FOLDER/trials.jsonl; the next goes on. `--page FILE`
writes the page of what is there and of the simulations (tests/benchmarks/trust/statistics.py); it exits with 1 where a
rule is not met.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from bench.formats.files import write_whole
from bench.gate.figures import P50
from bench.records import run_folder
from tests.benchmarks.trust.page import BUDGET, page
from tests.benchmarks.trust.statistics import COMMITTED, SIMULATED, keep, section
from tests.benchmarks.trust.trials import Trial, trial

RUNS, RECORDINGS = 38, 8  # half of them loaded; with so many runs the bound of no false alarm at all lies under 2 %
RECORDED = 420.0  # seconds of rounds in a recording
MINUTES = 30.0  # of one go
WHOLE = 1.5  # a trial takes so many of its budgets at most


def measure(folder: Path, runs: int, recordings: int, minutes: float = MINUTES) -> None:
    """Make the trials that are still to be made and end within so many minutes; each is written when it has ended."""
    folder.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + 60 * minutes
    file = folder / "trials.jsonl"
    for kind, wanted, budget in (("recording", recordings, RECORDED), ("gate", runs, BUDGET)):
        while True:
            found = [t for t in run_folder.lines(file, Trial) if t.kind == kind]
            if len(found) >= wanted:
                break
            if time.monotonic() + WHOLE * budget > end:
                sys.stderr.write(f"{minutes:g} minutes are over, {kind} {len(found)} of {wanted}: the same goes on\n")
                return
            loaded = sum(t.loaded for t in found) * 2 < len(found)
            with tempfile.TemporaryDirectory(prefix="sparring-trust-") as scratch:
                made = trial(kind, Path(scratch) / "trial", budget, loaded=loaded)
            known = [*run_folder.lines(file, Trial), made]  # a torn last line goes
            write_whole(file, b"".join(msgspec.json.encode(t) + b"\n" for t in known))
            said = f"{kind} {len(found) + 1} of {wanted}, {'loaded' if loaded else 'unloaded'}, {made.seconds:.0f} s"
            sys.stderr.write(f"{said}: {made.line or sum(len(figures[P50].old) for figures in made.times.values())}\n")


def main() -> int:
    options = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.trust", description=(__doc__ or "").strip().splitlines()[0]
    )
    options.add_argument("folder", type=Path, help="where the trials are kept")
    options.add_argument("--page", type=Path, help="write the page of what is there, and measure nothing")
    options.add_argument("--runs", type=int, default=RUNS, help="gate runs in all (%(default)s)")
    options.add_argument("--minutes", type=float, default=MINUTES, help="of this go (%(default)g); the next goes on")
    options.add_argument("--recordings", type=int, default=RECORDINGS, help="recordings in all (%(default)s)")
    chosen = options.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stopped either way, everything is removed
    if chosen.page is None:
        measure(chosen.folder, chosen.runs, chosen.recordings, chosen.minutes)
        return 0
    keep(SIMULATED, COMMITTED)
    text, well = page(chosen.folder)
    write_whole(chosen.page, text.encode())
    return 0 if well and section(COMMITTED)[1] else 1


if __name__ == "__main__":
    sys.exit(main())
