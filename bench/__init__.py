"""The harness: runs retrievers over passage sets and records quality, latency and memory."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["load"]


def load(*folders: str | PathLike[str]) -> pd.DataFrame:
    """
    The cells of run folders as a data frame: one row per cell, one column per field of `sparring table --json`.

    In a notebook it is shown as their tables and frontiers; what is made from it is a plain data frame.

    Raises bench.errors.InputError for a folder that holds no run.
    """
    from bench.records import run_folder
    from bench.report.notebook import frame

    return frame([run_folder.read(Path(folder)) for folder in folders])
