"""
Encoded vectors on disk, and the cache that finds them again by content.

The key is the hash of everything that decides the numbers and is known before: texts, encoder and its options, model
bytes, code, library versions. Files beside a plug-in are known once they were read. Passages and queries are kept each
for themselves, so that other queries cost no passage. A matrix whose bytes are not those that were written is never
used, nor one that was made from another file than the one that is there now.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import platform
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
from scipy.sparse import csr_array

from bench.cache import cache_folder
from bench.formats.files import settle
from bench.records.schema import StageResult
from bench.stage import plugin_files
from retrievers.contract import Vectors

PASSAGES, QUERIES, BATCH, WARM = "passages", "queries", "queries-batch", "warm"
NO_PLUGINS: plugin_files.Folders = {}
RESULT = "stage.json"  # what the encode stage measured when it made the matrix
BATCH_DIFFERS, QUERIES_CUT = "batch_differs", "queries_cut"  # facts of the queries
_CLOCKS_DIFFER_SECONDS = 60.0  # a process's age and a file's are told by clocks that may be set apart


def place(key: str) -> Path:
    """Where the matrix of that key lies."""
    return cache_folder() / "matrices" / key


def save(folder: Path, name: str, vectors: Vectors) -> None:
    """Write one matrix: NAME.npy, or the three arrays of a sparse one and its shape."""
    if isinstance(vectors, np.ndarray):
        np.save(folder / f"{name}.npy", vectors)
        return
    for part in ("data", "indices", "indptr"):
        np.save(folder / f"{name}.{part}.npy", getattr(vectors, part))
    np.save(folder / f"{name}.shape.npy", np.array(vectors.shape, np.int64))


def save_blocks(
    folder: Path, name: str, blocks: Iterable[Vectors], shape: tuple[int, int], nonzeros: int | None
) -> None:
    """Write one matrix as `save` does, its rows block by block. nonzeros: of all its rows; None: it is dense."""
    if nonzeros is None:
        dense = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.float32, shape)
        row = 0
        for block in blocks:
            dense[row : row + block.shape[0]] = block
            row += block.shape[0]
        return
    index = np.int64 if max(nonzeros, *shape) > np.iinfo(np.int32).max else np.int32
    parts = {"data": (np.float32, nonzeros), "indices": (index, nonzeros), "indptr": (index, shape[0] + 1)}
    data, indices, indptr = (
        np.lib.format.open_memmap(folder / f"{name}.{part}.npy", "w+", dtype, (size,))
        for part, (dtype, size) in parts.items()
    )
    row = end = 0
    for block in map(csr_array, blocks):
        start, end = end, end + block.nnz
        data[start:end], indices[start:end] = block.data, block.indices
        indptr[row + 1 : row + 1 + block.shape[0]] = block.indptr[1:].astype(index) + start
        row += block.shape[0]
    np.save(folder / f"{name}.shape.npy", np.array(shape, np.int64))


def load(folder: Path, name: str) -> Vectors:
    """Read what `save` wrote into memory."""
    dense = folder / f"{name}.npy"
    if dense.is_file():
        vectors: Vectors = np.load(dense, allow_pickle=False)
        return vectors
    data, indices, indptr, shape = (
        np.load(folder / f"{name}.{part}.npy", allow_pickle=False) for part in ("data", "indices", "indptr", "shape")
    )
    return csr_array((data, indices, indptr), shape=(int(shape[0]), int(shape[1])))


def blocks_of(final: Path) -> Path:
    """Where the blocks of a matrix that is being made are kept: whoever makes it next goes on there."""
    return final.with_name(f"{final.name}.blocks")


def query_vectors(folder: Path) -> tuple[Vectors, Vectors | None]:
    """
    The vectors of the queries, each as it is encoded alone; and those of all at once, where they are others.
    """
    has_batch = any(folder.glob(f"{BATCH}.*"))
    return load(folder, QUERIES), load(folder, BATCH) if has_batch else None


def digests(folder: Path, but: str = RESULT) -> dict[str, str]:
    """sha256 of every file below a folder, but the one that they are written into."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != but:
            with path.open("rb") as file:
                found[str(path.relative_to(folder))] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def part_of(final: Path) -> Path:
    """Where this process makes a matrix before it is published: the name tells `sweep` whose it is."""
    return final.with_name(f"{final.name}.{platform.node()}-{os.getpid()}.part")


def sweep() -> None:
    """Remove what the processes of this machine that are gone left half made in the cache."""
    import psutil  # a child that reads a matrix has no use for it

    for part in place("").glob(f"*.{platform.node()}-*.part"):
        with contextlib.suppress(OSError, ValueError):  # another sweeps too, or the name is none of ours
            owner = int(part.stem.rpartition("-")[2])
            written = part.stat().st_mtime
            with contextlib.suppress(psutil.NoSuchProcess):
                # One that began after the last file was written only has its number.
                if psutil.Process(owner).create_time() <= written + _CLOCKS_DIFFER_SECONDS:
                    continue
            shutil.rmtree(part, ignore_errors=True)


def publish(part: Path, final: Path, result: StageResult, plugins: plugin_files.Folders = NO_PLUGINS) -> StageResult:
    """
    Put a finished matrix in its place at once, with what was measured, so that no half of it is ever found.

    Where another run has put the same there meanwhile, that one stays, since it may be being read, and what was
    measured when it was made is given back. What lies there and is not whole, or out of date, makes way. plugins: where
    those of the encoder lie.
    """
    result = msgspec.structs.replace(result, digests=digests(part))
    (part / RESULT).write_bytes(msgspec.json.encode(result))
    settle(part)
    while True:
        try:
            part.replace(final)
            return result
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        known = find(final, plugins)
        if known is not None:
            shutil.rmtree(part)
            return known
        aside = part_of(final.with_name(f"{final.name}.old"))
        with contextlib.suppress(FileNotFoundError):  # another run has moved it
            final.replace(aside)
        shutil.rmtree(aside, ignore_errors=True)


def parted(result: StageResult) -> tuple[StageResult, StageResult]:
    """What an encode stage measured, as it is kept beside the passages, and beside the queries."""
    of_queries = {name: fact for name, fact in result.facts.items() if name in (BATCH_DIFFERS, QUERIES_CUT)}
    passages = msgspec.structs.replace(
        result, query_seconds=None, facts={name: fact for name, fact in result.facts.items() if name not in of_queries}
    )
    queries = StageResult(
        stage="encode",
        status="ok",
        process_seconds=result.process_seconds,
        query_seconds=result.query_seconds,
        facts=of_queries,
        opened=result.opened,
        runtime=result.runtime,
        kernels=result.kernels,
    )
    return passages, queries


def joined(passages: StageResult, queries: StageResult) -> StageResult:
    """Both as one: what encoding passages and queries took."""
    return msgspec.structs.replace(
        passages,
        query_seconds=queries.query_seconds,
        facts=passages.facts | queries.facts,
        opened=passages.opened | queries.opened,
        runtime=tuple(dict.fromkeys((*passages.runtime, *queries.runtime))),
        kernels=tuple(dict.fromkeys((*passages.kernels, *queries.kernels))),
    )


def find(folder: Path, plugins: plugin_files.Folders = NO_PLUGINS) -> StageResult | None:
    """
    What was measured when this matrix was made; None where there is none, or its bytes have changed.

    None too where a file beside a plug-in that it was made from has changed, or is gone. plugins: where those of its
    encoder lie.
    """
    try:
        result = msgspec.json.decode((folder / RESULT).read_bytes(), type=StageResult)
    except (OSError, msgspec.DecodeError):
        return None
    if plugin_files.changed(result.opened, plugins) or digests(folder) != result.digests:
        return None
    return msgspec.structs.replace(result, reused=True)
