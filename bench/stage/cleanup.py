"""
What a stage may leave behind, processes and temporary files: found by a mark that says whose they are, and removed.

A process can leave the group and the session it was started in; the environment it was started with stays readable.
What a run left that was killed itself is removed by the next stage of any run of this machine.
"""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.instruments import cpu

MARK = cpu.STAGE  # in the environment of all processes of a stage: the name of its folder of temporary files
_PROCESSES = Path("/proc")
_PROCESS = r"[0-9]{1,9}"  # an id; what is longer is nobody's
_TRIES = 100  # the kernel may take a moment to end a process, and one that is being ended may start another


@contextlib.contextmanager
def removed() -> Iterator[dict[str, str]]:
    """
    Variables for the environment of a stage: whatever was started or written under them is gone at the end.

    Temporary files go into a folder of the stage's own, in the system's own place: short, since sockets lie there too.
    """
    place = Path(tempfile.gettempdir())
    with contextlib.suppress(OSError):
        for left in place.iterdir():
            if _abandoned(left.name):
                shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{_home()}{os.getpid()}-", dir=place))
    try:
        yield {MARK: folder.name, "TMPDIR": str(folder)}
    finally:
        end(lambda mark: mark == folder.name or _abandoned(mark))
        shutil.rmtree(folder, ignore_errors=True)


def end(ours: Callable[[str], bool]) -> None:
    """
    Kill every process with a mark that is ours, until there is none. Linux; elsewhere nothing is found.

    Never one that this process descends from, nor one of its own session: a shell that an adapter left has the mark of
    its dead run, and whoever starts the next one there, or reads what it prints, is no leftover.
    """
    spared = _ancestors()
    for _ in range(_TRIES):
        found = [
            process for process, mark in _marked() if process not in spared and ours(mark) and not _is_beside(process)
        ]
        if not found:
            return
        for process in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.01)


def _marked() -> Iterator[tuple[int, str]]:
    """Every process with a mark, and the mark."""
    sign = f"{MARK}=".encode()
    with contextlib.suppress(OSError):
        for folder in _PROCESSES.iterdir():
            if folder.name.isdigit() and int(folder.name) != os.getpid():
                with contextlib.suppress(OSError):  # it has ended, or is another user's
                    for variable in (folder / "environ").read_bytes().split(b"\0"):
                        if variable.startswith(sign):
                            yield int(folder.name), variable[len(sign) :].decode("utf-8", "replace")


def _is_beside(process: int) -> bool:
    """Whether a process is of the session that this one is of; stages have sessions of their own."""
    try:
        return os.getsid(process) == os.getsid(0)
    except OSError:  # it has ended
        return True


def _ancestors() -> set[int]:
    """The processes that this one descends from, as far as that can be read."""
    found, process = set[int](), os.getppid()
    with contextlib.suppress(OSError, ValueError, IndexError):
        while process > 0 and process not in found:
            found.add(process)
            # The name of a process stands in brackets, and may hold any sign.
            stat = (_PROCESSES / str(process) / "stat").read_text(encoding="utf-8", errors="replace")
            process = int(stat.rpartition(")")[2].split()[1])
    return found


@functools.cache
def _home() -> str:
    """How the marks of this machine begin; process ids mean something within one namespace of them alone."""
    namespace = "0"
    with contextlib.suppress(OSError):
        namespace = "".join(filter(str.isdigit, str((_PROCESSES / "self" / "ns" / "pid").readlink())))
    return f"sparring-{platform.node()}-{namespace}-"


def _abandoned(mark: str) -> bool:
    """Whether a mark is of a run of this machine that is gone."""
    owner = mark.removeprefix(_home()).partition("-")[0] if mark.startswith(_home()) else ""
    return re.fullmatch(_PROCESS, owner) is not None and not _is_there(int(owner))


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True
