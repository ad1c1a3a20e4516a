"""Single processes of known cost: what one takes beside its work, and whether a limit of memory holds."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np

from bench.calibration.figures import KnownFigure
from bench.calibration.other_work import OtherWork
from bench.records.schema import StageResult
from bench.stage import process
from bench.stage.child import Allowed
from bench.stage.job import Job
from retrievers.registry import Registry

OVERHEAD_SECONDS = 0.15
PAIRS = 11
CONTENTION = 0.10  # a process that had no core for less of its time is late by less than the bound
BARE = [sys.executable, "-P", "-c", "import numpy, scipy.sparse"]

MB = 10**6
LIMITED_BYTES, LIMIT_BYTES = 300 * MB, 150 * MB
BUILD_BYTES, JOB_SECONDS = 8_000 * MB, 60.0
N_QUERIES, N_PASSAGES = 20, 5


def overhead(registry: Registry, folder: Path) -> list[KnownFigure]:
    """Seconds that a trivial searching process takes beyond importing numpy and scipy.sparse: the median of pairs."""
    job = _job(registry, folder, "Spin(0.0)")
    (folder / "storage" / "n").write_text(str(N_PASSAGES))
    other_work, differences = OtherWork(), []
    for _ in range(PAIRS):
        start = time.perf_counter()
        subprocess.run(BARE, check=True, env=os.environ | dict.fromkeys(process.THREAD_VARIABLES, "1"))  # noqa: S603  # fixed arguments
        bare = time.perf_counter() - start
        result = _done(job, folder, BUILD_BYTES)
        if result.status != "ok" or result.process_seconds is None:
            return [_overhead(None, None, f"{result.status}: {result.reason}")]
        differences.append(result.process_seconds - bare)
    return [_overhead(statistics.median(differences), other_work.shares().contention)]


def _overhead(seconds: float | None, contention: float | None, reason: str = "") -> KnownFigure:
    return KnownFigure(
        name="process overhead",
        unit="s",
        known=0.0,
        reported=seconds,
        bound=OVERHEAD_SECONDS,
        contention=contention,
        contention_limit=CONTENTION,
        reason=reason,
    )


def limited(registry: Registry, folder: Path) -> list[KnownFigure]:
    """How a storage ends under a limit of half its bytes: mapped it is searched, loaded it runs out of memory."""
    spelling = f"Holds({LIMITED_BYTES})"
    searching = _job(registry, folder, spelling)
    building = msgspec.structs.replace(searching, stage="build", out=searching.storage_folder, storage_folder=None)
    built = _done(building, folder, BUILD_BYTES)
    drop_pages(Path(str(searching.storage_folder)))
    figures = []
    for name, storage, known in (
        ("mapped", f"Holds({LIMITED_BYTES}, mapped=True)", "ok"),
        ("loaded", spelling, "out-of-memory"),
    ):
        result = built
        if built.status == "ok":
            result = _done(msgspec.structs.replace(searching, storage=storage), folder, LIMIT_BYTES)
        figures.append(
            KnownFigure(
                name=f"{LIMITED_BYTES // MB} MB {name} under {LIMIT_BYTES // MB} MB",
                unit="end",
                known=known,
                reported=result.status,
                reason="" if result.status == known else result.reason,
                measurable=sys.platform == "linux",
            )
        )
    return figures


def drop_pages(folder: Path) -> None:
    """Let the kernel forget the files of a folder: pages that are in memory already are taken from no limit."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _job(registry: Registry, folder: Path, storage: str) -> Job:
    """A search of a few vectors of ones. Folders: of the matrix, and of the saved storage."""
    for name in ("matrix", "storage"):
        (folder / name).mkdir()
    for role, n in (("queries", N_QUERIES), ("warm", N_QUERIES), ("passages", N_PASSAGES)):
        np.save(folder / "matrix" / f"{role}.npy", np.ones((n, 1), np.float32))
    return Job(
        stage="search",
        storage=storage,
        entries=tuple((e.group, e.name, e.target, e.package) for e in registry.entries.values()),
        matrix=str(folder / "matrix"),
        query_matrix=str(folder / "matrix"),
        storage_folder=str(folder / "storage"),
        result=str(folder / "job" / "result.json"),
        sample=(0,),  # each search of mapped bytes reads those anew that a limit pushed out
        n_passages=N_PASSAGES,
    )


def _done(job: Job, folder: Path, memory_bytes: int) -> StageResult:
    return process.run(job, folder / "job", Allowed(1, memory_bytes, JOB_SECONDS))
