"""
The word overlap of every judged query, as a run folder keeps it: one file for each passage set, beside its judgments.

It follows from judgments and texts, so it is kept once a run has ended, and it holds for one content of the set alone.
What it is stands in `bench.instruments.word_overlap`.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.formats import arrays
from bench.formats.files import write_whole
from bench.passages.passage_set import PassageSet

OVERLAP, OF_SET = "overlap", "passage_set_sha256"


def overlap_file(folder: Path, name: str) -> Path:
    """Where the word overlap of a passage set lies in a run folder."""
    return folder / "sets" / f"{name}.overlap.npz"


def read_overlap(folder: Path, kept: PassageSet) -> NDArray[np.float64] | None:
    """
    The word overlap of every judged query of a set, in its order: (n_judged,), NaN where it is unknown.

    None where none was kept, or that of other texts or judgments under the same name. InputError for a damaged file.
    """
    path = overlap_file(folder, kept.name)
    if not path.is_file():
        return None
    found = arrays.read(path, "the word overlap of every judged query")
    if str(found.get(OF_SET)) != kept.sha256:
        return None
    overlap, n_judged = found.get(OVERLAP), sum(query in (kept.qrels or {}) for query in kept.query_ids)
    if overlap is None or overlap.dtype != np.float64 or overlap.shape != (n_judged,) or not _are_shares(overlap):
        raise InputError(
            f"{path}: expected a share for each of {n_judged:,} judged queries, found others: it is damaged"
        )
    return overlap


def write_overlap(folder: Path, kept: PassageSet, overlap: NDArray[np.float64]) -> None:
    """Keep the word overlap of every judged query of a set: (n_judged,)."""
    content = io.BytesIO()
    named = {OVERLAP: overlap, OF_SET: np.array(kept.sha256)}
    np.savez_compressed(content, **named)  # type: ignore[arg-type]  # arrays by name
    write_whole(overlap_file(folder, kept.name), content.getvalue())


def _are_shares(overlap: NDArray[np.float64]) -> bool:
    known = overlap[~np.isnan(overlap)]
    return bool(((known >= 0) & (known <= 1)).all())
