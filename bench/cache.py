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


def own() -> Path:
    """
    The cache folder, made for its owner alone where there is none.

    InputError where another user owns it or may write to it: what lies there is read as if we had written it.
    """
    folder = cache_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.name != "posix":
        return folder
    found = folder.stat()
    is_own = found.st_uid in (os.geteuid(), 0)
    of_group = found.st_mode & stat.S_IWGRP and not _is_private(found.st_gid)
    if is_own and not of_group and not found.st_mode & stat.S_IWOTH:
        return folder
    remedy = f"chmod go-w {folder}, or " if is_own else ""
    raise InputError(
        f"cache folder {folder}: expected one that nobody else can write to, found {stat.filemode(found.st_mode)} of "
        f"user {found.st_uid}: {remedy}set SPARRING_CACHE to a folder of your own, in it too"
    )


def _is_private(group: int) -> bool:
    """Whether a group is the user's alone: called as they are, and of nobody else, as most Linux systems make one."""
    import grp
    import pwd

    try:
        found = grp.getgrgid(group)
        return group == os.getegid() and not found.gr_mem and found.gr_name == pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return False


def prepared() -> Path:
    """The same, proved to take a file. InputError that names SPARRING_CACHE where it cannot be."""
    try:
        folder = own()
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise InputError(
            f"cache folder {cache_folder()}: expected a folder that can be written, found: {error.strerror or error}: "
            f"set SPARRING_CACHE to one that can"
        ) from error
