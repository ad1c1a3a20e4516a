"""
A hundred kills: `make kills`, a search and not a test.

    python -m tests.kills [--times 100] [--seed N] [--kind run]

Of ten kills six are of `sparring run`, two of `train`, one each of `export` and `gate --accept`. It exits with 1 where
one lost more than what was under way; what was drawn is printed, so that the same can be drawn again.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.kills.trials import KINDS, WHOLE, Draw, Kind, Size, draws, ended, left_alone, prepare

OF_TEN = {"run": 6, "train": 2, "export": 1, "accept": 1}


def trials(kind: Kind, chosen: list[Draw], home: Path, size: Size = WHOLE) -> list[str]:
    """End a command in each of the drawn ways: what was wrong, a line each."""
    alone = home / kind.name / "alone"
    prepare(alone, size)
    if kind.name in ("export", "accept"):
        left_alone(KINDS["run"], alone, size)
    begun = time.monotonic()
    left_alone(kind, alone, size)
    lasts, wrong, caught = time.monotonic() - begun, [], 0
    for number, draw in enumerate(chosen):
        folder = home / kind.name / str(number)
        prepare(folder, size)
        if kind.name in ("export", "accept"):
            shutil.copytree(alone / "run", folder / "run")
        try:
            caught += ended(kind, folder, draw, lasts, size)
            found = list(kind.faults(folder, alone, draw, size))
        except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
            found = [f"{type(error).__name__}: {error}"]
        wrong += [f"{kind.name} {number}, {draw}: {fault}" for fault in found]
        sys.stderr.write(f"{kind.name} {number + 1} of {len(chosen)}, {draw}: {'; '.join(found) or 'nothing lost'}\n")
        shutil.rmtree(folder, ignore_errors=True)
    if caught < len(chosen) // 2:
        wrong.append(f"{kind.name}: expected most of {len(chosen)} to be ended on their way, found {caught}")
    return wrong


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.kills", description=(__doc__ or "").strip().splitlines()[0])
    options.add_argument("--times", type=int, default=100, help="kills in all (%(default)s)")
    options.add_argument("--seed", type=int, default=29, help="of what is drawn (%(default)s)")
    options.add_argument("--kind", choices=KINDS, help="of one command alone")
    asked, wrong = options.parse_args(), []
    with tempfile.TemporaryDirectory(prefix="sparring-kills-") as home:
        for name, kind in KINDS.items():
            times = asked.times * OF_TEN[name] // 10 if asked.kind is None else asked.times * (asked.kind == name)
            if times:
                wrong += trials(kind, draws(asked.seed, times), Path(home))
    sys.stderr.write(f"{len(wrong)} of {asked.times} kills lost something\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
