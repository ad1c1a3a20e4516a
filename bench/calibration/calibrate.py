"""Calibrate: observe the machine, then hold the instruments to known truth on it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.calibration import instruments, quiet
from bench.calibration.cells import own_cache
from bench.calibration.summary import Calibration
from bench.instruments import environment
from bench.progress import Progress


def calibrate(progress: Progress) -> Calibration:
    """Calibrate this machine; what is written meanwhile is removed."""
    start = time.perf_counter()
    progress.says("machine: other work, and the same work again and again")
    findings = quiet.findings(quiet.observe())
    if noisy := quiet.noisy(findings):
        progress.says(
            f"machine: not quiet ({', '.join(noisy)}): this takes longer, and some figures may stay undecided"
        )
    with tempfile.TemporaryDirectory(prefix="sparring-calibrate-") as scratch, own_cache(Path(scratch) / "cache"):
        figures = instruments.figures(progress, Path(scratch))
    return Calibration(
        findings=tuple(findings),
        figures=tuple(figures),
        environment=environment.collect(),
        seconds=time.perf_counter() - start,
    )
