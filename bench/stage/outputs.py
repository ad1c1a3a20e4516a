"""
The files of a stage: written aside, and brought to their places once the stage has ended well.

As in `bench.stage.stages`, every import that takes memory stands inside a function.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.stage.job import Job

if TYPE_CHECKING:
    from retrievers.contract import Vectors


def place(job: Job) -> None:
    """
    Bring a stage's files to their places: called once its result is sure, so that a bad end leaves none there.

    They are on the disk before the journal names them.
    """
    for path in filter(None, (job.samples, job.hits)):
        _placed(scratch_of(job, path), Path(path))
    if job.hits is not None:
        from bench.formats import hits_npz

        top = hits_npz.of_search_for(Path(job.hits), job.k)
        scratch = scratch_of(job, str(top))
        if scratch.exists():
            _placed(scratch, top)


def _placed(scratch: Path, path: Path) -> None:
    from bench.formats import files

    files.settle(scratch)
    scratch.replace(path)
    files.settle(path.parent, within=False)


def keep(job: Job, path: str, **arrays: Any) -> None:  # Any: numpy arrays
    """Write what `place` brings to a path."""
    import numpy as np

    np.savez_compressed(scratch_of(job, path), **arrays)


def scratch_of(job: Job, path: str) -> Path:
    """Where a file waits for the end of its stage: beside the result, which is removed with all that failed."""
    return Path(job.result).with_name(f"{Path(path).parent.name}-{Path(path).name}")


def save_grown(job: Job, vectors: Vectors, folder: Path) -> int | None:
    """Save an encoder's vectors, then one for each synthetic passage; returns all non-zeros, if sparse."""
    import numpy as np

    from bench.passages import synthetic
    from bench.stage import matrices

    nonzeros = None
    if not isinstance(vectors, np.ndarray):
        whole, rest = divmod(job.n_passages, vectors.shape[0])
        nonzeros = whole * vectors.nnz + int(vectors.indptr[rest])
    blocks = synthetic.grown(vectors, job.distractors, passage_set=job.passage_set, seed=job.seed)
    matrices.save_blocks(folder, "passages", blocks, (job.n_passages, vectors.shape[1]), nonzeros)
    return nonzeros
