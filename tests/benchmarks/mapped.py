"""
Hold memory-mapped storages to their promise: the second step of `make calibrate`, a benchmark and not a test.

Each is built, and served by children that may take half the bytes of its ledger: with a control group where one can be
made, and with RLIMIT_DATA. Its hits are held to brute force (of a graph, to those of the graph in memory), and the same
storage loaded instead of mapped has to run out of memory. Exits with 1 where that is not so.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.sparse import csr_array

from bench.records.schema import StageResult
from bench.stage import cgroup, lifecycle, matrices, process
from bench.stage.child import Allowed
from bench.stage.job import Job
from retrievers.contract import Hits, Vectors, top_k
from retrievers.registry import installed

N_QUERIES, DEPTH = 20, 100
ENOUGH_BYTES = 2**34  # for a build, which nothing is held to here
SECONDS = 200
GRAPH = "connectivity=4, expansion_add=8"  # quick to build
ENTRIES = tuple((e.group, e.name, e.target, e.package) for e in installed().entries.values())


class Case(NamedTuple):
    """One storage, loaded and mapped, and what it is filled with."""

    loaded: str
    mapped: str
    vectors: Callable[[], tuple[Vectors, Vectors]]  # passages, of half a gigabyte once they are stored, and queries
    exact: bool = True


class Served(NamedTuple):
    """One child that served under a limit."""

    spelling: str
    limit: int  # bytes
    result: StageResult
    right: bool  # the very hits that were expected


def dense(n: int, dims: int) -> tuple[Vectors, Vectors]:
    """Small whole numbers, so that sums are the same in any order."""
    random = np.random.default_rng(7)
    return tuple(random.integers(-8, 9, (rows, dims), np.int8).astype(np.float32) for rows in (n, N_QUERIES))


def sparse(n: int, dims: int, width: int) -> tuple[Vectors, Vectors]:
    """The same; each row has `width` numbers above 0, in columns that differ."""
    random = np.random.default_rng(7)
    made = []
    for rows in (n, N_QUERIES):
        steps = random.integers(1, dims // width, (rows, width), np.int32)
        columns = np.cumsum(steps, axis=1, dtype=np.int32) - 1
        values = random.integers(1, 9, rows * width, np.int8).astype(np.float32)
        made.append(csr_array((values, columns.ravel(), np.arange(rows + 1) * width), shape=(rows, dims)))
    return tuple(made)


CASES = (
    Case("Flat()", "Flat(mmap=True)", lambda: dense(350_000, 384)),
    Case("CSC()", "CSC(mmap=True)", lambda: sparse(1_000_000, 6400, 64)),
    # Few, and long: what a graph takes to build goes by their number.
    Case(f"Usearch({GRAPH})", f"Usearch({GRAPH}, mmap=True)", lambda: dense(16_384, 8192), exact=False),
)


def brute_force(passages: Vectors, queries: Vectors) -> Hits:
    """The top of every passage's score, one query at a time."""
    sparse = isinstance(passages, csr_array)
    found = []
    for query in range(N_QUERIES):
        row = queries[[query]].toarray()[0] if isinstance(queries, csr_array) else queries[query]
        found.append(top_k((passages @ row)[None].astype(np.float32), DEPTH, positive=sparse))
    return Hits(np.concatenate([hits.rows for hits in found]), np.concatenate([hits.scores for hits in found]))


def in_memory(spelling: str, folder: Path, queries: Vectors) -> Hits:
    """What a saved storage answers where it is loaded, without a limit."""
    storage = lifecycle.make(spelling, ENTRIES)
    storage.load(folder)
    hits: Hits = storage.search(queries, DEPTH)
    return hits


def served(case: Case, folder: Path) -> Iterator[Served]:
    """Build a storage, and serve it mapped under half its bytes, by each limit; then loaded, which has no room."""
    for name in ("matrix", "storage", "hits"):
        (folder / name).mkdir(parents=True)
    passages, queries = case.vectors()
    matrices.save(folder / "matrix", "passages", passages)
    matrices.save(folder / "matrix", "queries", queries)
    matrices.save(folder / "matrix", "warm", queries[:1])
    common = Job(
        stage="build",
        storage=case.loaded,
        entries=ENTRIES,
        matrix=str(folder / "matrix"),
        query_matrix=str(folder / "matrix"),
        out=str(folder / "storage"),
        result=str(folder / "work" / "result.json"),
        n_passages=passages.shape[0],
        sample=(0,),  # which is asked before weighing; all are asked for their hits
        depth=DEPTH,
    )
    built = process.run(common, folder / "work", Allowed(1, ENOUGH_BYTES, SECONDS))
    if built.status != "ok" or built.ledger is None:
        raise RuntimeError(f"expected {case.loaded} to be built, found {built.status}: {built.reason}")
    expected = brute_force(passages, queries) if case.exact else in_memory(case.loaded, folder / "storage", queries)
    del passages
    limit = sum(built.ledger.values()) // 2
    serve = msgspec.structs.replace(
        common,
        stage="search",
        storage_folder=common.out,
        hits=str(folder / "hits" / "hits.npz"),
        runtime=built.runtime,  # libraries are no weight of a storage
        kernels=built.kernels,
    )
    for spelling, grouped in ((case.mapped, True), (case.mapped, False), (case.loaded, True)):
        yield _served(msgspec.structs.replace(serve, storage=spelling), folder, limit, expected, grouped=grouped)


def _served(job: Job, folder: Path, limit: int, expected: Hits, *, grouped: bool) -> Served:
    for path in folder.rglob("*.*"):
        drop_pages(path)
    make = cgroup.make_cgroup if grouped else lambda limit: None
    with mock.patch.object(cgroup, "make_cgroup", make):
        result = process.run(job, folder / "work", Allowed(1, limit, SECONDS))
    right = False
    if result.status == "ok":
        with np.load(str(job.hits)) as found:
            right = all(np.array_equal(*pair) for pair in zip((found["rows"], found["scores"]), expected, strict=True))
    return Served(str(job.storage), limit, result, right)


def drop_pages(path: Path) -> None:
    """Let the kernel forget a file: pages that another process has read would be no weight of who maps them."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def holds(cases: Sequence[Case], found: Served) -> bool:
    """Whether a child ended as it has to: mapped with the right hits, loaded without any."""
    if found.spelling in [case.mapped for case in cases]:
        return found.right and found.result.facts.get("memory_mapped") == 1
    return found.result.status == "out-of-memory"


def row(found: Served) -> list[str]:
    """What was measured of a child, in MB and ms."""
    memory = found.result.load_memory
    weights = (memory.private - memory.private_file, memory.private_file, memory.shared, memory.peak) if memory else ()
    ledger = sum(found.result.ledger.values()) if found.result.ledger else 2 * found.limit
    return [
        found.spelling,
        str(found.result.limited_by),
        *(f"{nbytes / 1e6:.1f}" for nbytes in (ledger, found.limit)),
        found.result.status,
        *("-" if nbytes is None else f"{nbytes / 1e6:.1f}" for nbytes in weights or (None,) * 4),
    ]


def main() -> int:
    heads = (
        "storage",
        "limited by",
        "index MB",
        "limit MB",
        "status",
        "anonymous",
        "file-backed",
        "shared",
        "peak",
        "",
    )
    table = Table(*heads)
    right = True
    for case in CASES:
        with tempfile.TemporaryDirectory() as scratch:
            for found in served(case, Path(scratch)):
                right &= holds(CASES, found)
                table.add_row(*row(found), "" if holds(CASES, found) else f"MISSED {found.result.reason}")
    Console().print(table)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
