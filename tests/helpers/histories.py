"""Runs over time: versions in memory, run folders by date, and a repository that keeps one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import msgspec

from bench.analysis.history import Version
from bench.records import run_folder
from bench.records.schema import Footprint, Measurement
from tests.helpers.records import latency, measurement, run_of


def cell(value: float = 0.5, ledger: int = 1000, p50: float | None = 2.0, **changes) -> Measurement:
    """A cell with a primary measure, bytes and a time."""
    weight = Footprint(ledger={"vectors": ledger}, disk_bytes=None, resident=None)
    single = None if p50 is None else latency(p50)
    return measurement(**{"quality": {"nDCG@10": value}, "storage_weight": weight, "single": single} | changes)


def version(number: int, *cells: Measurement, cpu: str = "A CPU", **suite) -> Version:
    """The version of that day."""
    return Version(
        f"2026-01-{number:02}T00:00:00Z", f"{number:040}", False, f"v{number}", run_of(*cells, cpu=cpu, **suite)
    )


def write(folder: Path, *cells: Measurement, made: str = "2026-01-02T03:04:05+00:00", **changes) -> Path:
    """A run folder on disk, with its records alone."""
    run = run_of(*cells)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / run_folder.RUN).write_bytes(run_folder.pretty(msgspec.structs.replace(run.record, made=made)))
    (folder / run_folder.ENVIRONMENT).write_bytes(
        run_folder.pretty(msgspec.structs.replace(run.environment, **changes))
    )
    (folder / run_folder.MEASUREMENTS).write_bytes(b"".join(msgspec.json.encode(m) + b"\n" for m in cells))
    return folder


def git(folder: Path, *arguments: str, date: str = "2026-02-01T00:00:00+00:00") -> None:
    own = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    subprocess.run(
        ["git", "-C", str(folder), *own, *arguments], env=os.environ | dates, check=True, capture_output=True
    )


def commit(folder: Path, subject: str, day: int) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", subject, date=f"2026-02-{day:02}T23:30:00-02:00")


def repository(folder: Path) -> Path:
    """A git repository with two versions of a reference, .5 and then .6."""
    folder.mkdir()
    git(folder, "init", "-q")
    write(folder / "reference", cell(0.5))
    commit(folder, "the first", 1)
    (folder / "other").write_text("of no matter")
    commit(folder, "nothing of it", 2)
    write(folder / "reference", cell(0.6))
    commit(folder, "better", 3)
    return folder
