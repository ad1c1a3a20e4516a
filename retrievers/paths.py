"""Paths as people write them: `~` stands for a home, and what no file system takes is no file."""

from __future__ import annotations

import os
from pathlib import Path


def expanded(path: str | Path) -> Path:
    """The path with `~` and `~user` as their homes; NotFound where there is no such home."""
    try:
        return Path(path).expanduser()
    except (RuntimeError, ValueError) as error:  # no home, or no name that could have one
        from retrievers.contract import NotFound  # which imports numpy: a command's help needs none

        raise NotFound(
            f"{path}: expected a path, found `~` and no home for it ({os.environ.get('HOME') or 'HOME is not set'}): "
            "write the path in full, or set HOME"
        ) from error


def is_file(path: str | Path) -> bool:
    """Whether a file is there; not where no file could be: a name that is too long, or holds a NUL."""
    return os.path.isfile(path)  # noqa: PTH113  # pathlib's raises there


def is_folder(path: str | Path) -> bool:
    """The same of a folder."""
    return os.path.isdir(path)  # noqa: PTH112


def is_there(path: str | Path) -> bool:
    """The same of either."""
    return os.path.exists(path)  # noqa: PTH110
