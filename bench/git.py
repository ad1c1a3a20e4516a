"""Git, as the harness calls it: of the user's repositories, in words of a program, running nothing of theirs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from bench.errors import InputError

OWN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")  # set in a hook: they would name another tree
# A user's settings may name programs (a monitor of files, a checker of signatures): none is wanted here.
QUIET = ("--literal-pathspecs", "--no-pager", "-c", "core.fsmonitor=false")


def git(folder: Path, *arguments: str, seconds: float | None = None) -> subprocess.CompletedProcess[bytes]:
    """
    One git command in a folder, with what it printed; its exit code is the caller's to read.

    Raises InputError where git is not installed, subprocess.TimeoutExpired after `seconds`.
    """
    environment = {name: value for name, value in os.environ.items() if name not in OWN}
    try:
        return subprocess.run(  # noqa: S603  # git, and arguments of ours
            ["git", "-C", str(folder), *QUIET, *arguments],  # noqa: S607  # found on PATH
            env=environment | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except OSError as error:
        raise InputError(f"git in {folder}: expected git to be installed, found: {error.strerror}") from error


def text(output: bytes) -> str:
    """What a command printed, without the last line's end."""
    return output.decode("utf-8", "replace").strip()
