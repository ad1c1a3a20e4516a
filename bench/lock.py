"""One process at a time in a folder, by a lock file; the lock goes with the process that holds it."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.errors import InputError

LOCK = "lock"  # the file's name in the folder; it stays there


@contextlib.contextmanager
def held(folder: Path, kind: str, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """
    Alone in a folder, made where there is none.

    Args:
        folder: where the lock lies.
        kind: what writes there ("run"), for messages.
        on_wait: called where another process holds the folder, which is then waited for; None: it is refused.

    Raises InputError for a folder that cannot be written, and for one that is refused.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("a")
    except OSError as error:
        raise InputError(f"{kind} folder {folder}: cannot be written: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if on_wait is None:
                raise InputError(
                    f"{kind} folder {folder}: another {kind} is writing into it; wait for it, or choose another folder"
                ) from error
            on_wait()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
