"""A run that the gate judges: made once, and changed as a test needs it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from bench.analysis.compare import compare
from bench.gate.judge import judge
from bench.gate.verdict import GateVerdict
from bench.records import run_folder
from bench.run.suite import Gate
from tests.helpers.tiny import run, suite

EXACT, HALF = "Constant() @ Exact()", "Constant() @ Half()"


def exact_and_half(home: Path) -> Path:
    """A run of an exact and of an approximate retriever, in a folder of its own in `home`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARRING_CACHE", str(home / "cache"))
        run(suite(EXACT, HALF), home / "run")
    return home / "run"


def cell(folder: Path, spelling: str = EXACT):
    return next(m for m in run_folder.read(folder).measurements if m.retriever == spelling)


def rewrite(folder: Path, spelling: str = EXACT, **fields: object) -> None:
    """Change what a run recorded of a cell; without fields the cell is gone."""
    found = run_folder.read(folder).measurements
    kept = [msgspec.structs.replace(m, **fields) if m.retriever == spelling else m for m in found]
    kept = [m for m in kept if fields or m.retriever != spelling]
    (folder / run_folder.MEASUREMENTS).write_bytes(b"".join(msgspec.json.encode(m) + b"\n" for m in kept))


def requery(folder: Path, changes: dict[int, float], spelling: str = EXACT, measure: str = "nDCG@10") -> None:
    """Change the values of some queries, and the mean with them."""
    m = cell(folder, spelling)
    path = folder / "quality" / f"{m.cell}.npz"
    with np.load(path) as arrays:
        values = dict(arrays)
    for query, change in changes.items():
        values[measure][query] += change
    np.savez_compressed(path, **values)
    rewrite(folder, spelling, quality={**m.quality, measure: float(values[measure].mean())})


def judged(old: Path, new: Path, policy: Gate = Gate(), **options: object) -> GateVerdict:  # noqa: B008  # frozen
    return judge(compare(run_folder.read(old), run_folder.read(new)), policy, "nDCG@10", **options)
