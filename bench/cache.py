"""Where what can be made or fetched again is kept: matrices, texts for the children, downloaded files."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from bench.errors import InputError
from retrievers.paths import expanded


def cache_folder() -> Path:
    """
    `$SPARRING_CACHE`, else `sparring` in the user's cache folder (`$XDG_CACHE_HOME`, ~/.cache). Absolute.

    InputError where that is in a home and there is none, as in containers that start with an unknown user id.
    """
    configured = os.environ.get("SPARRING_CACHE")
    home = Path(configured) if configured else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "sparring"
    try:
        return expanded(home).absolute()
    except ValueError as error:  # NotFound
        raise InputError(f"cache folder {error}, or set SPARRING_CACHE to a folder that can be written") from error


def prepared() -> Path:
    """
    The cache folder, made for its owner alone, and proved to take a file.

    InputError that names SPARRING_CACHE where it cannot be, and where others can write to it: what lies there is read
    as if we had written it.
    """
    folder = cache_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_of_others(folder)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise InputError(
            f"cache folder {folder}: expected a folder that can be written, found: {error.strerror or error}: "
            f"set SPARRING_CACHE to one that can"
        ) from error


def _refuse_of_others(folder: Path) -> None:
    """InputError for a folder that another user, but the system's own, owns or may write to."""
    if os.name != "posix":
        return
    found = folder.stat()
    own = found.st_uid in (os.geteuid(), 0)
    of_group = found.st_mode & stat.S_IWGRP and found.st_gid != os.getegid()  # one's own group is mostly oneself
    if own and not of_group and not found.st_mode & stat.S_IWOTH:
        return
    raise InputError(
        f"cache folder {folder}: expected one that nobody else can write to, found "
        f"{stat.filemode(found.st_mode)} of user {found.st_uid}: chmod go-w {folder}, or set SPARRING_CACHE to a "
        "folder of your own, in it too"
    )
