"""How a stage ended that did not end well: what was raised, or what killed it, as a status and a reason."""

from __future__ import annotations

import contextlib
import errno
import signal
import sys
import traceback
from pathlib import Path

from bench.records.schema import Stage, StageResult, Status

# How Python, the C library, C++, PyTorch and GPU libraries say it. Not "cannot allocate memory in static TLS block",
# in small letters: that is the linker, which lacks no memory.
_OUT_OF_MEMORY = ("MemoryError", "Cannot allocate memory", "bad_alloc", "can't allocate memory", "out of memory")
DEPTH = 1_000  # calls, as Python begins with
LONGEST = 2_000  # characters of a reason: a record holds it, and a reader reads it


def raised(stage: Stage, error: Exception) -> StageResult:
    """The result of a stage that an exception ended; the reason also says where in a stranger's adapter it was."""
    from retrievers.contract import Unsupported

    sys.setrecursionlimit(max(sys.getrecursionlimit(), DEPTH))  # an adapter may have left hardly any to say it with
    if isinstance(error, Unsupported):
        return StageResult(stage=stage, status="unsupported", reason=_said(error) or "Unsupported")
    said, place = reason(error), "" if isinstance(error, MemoryError) else _place(error)  # which takes some memory
    no_memory = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
    status: Status = "out-of-memory" if no_memory or tells_of_memory(said) else "failed"
    return StageResult(stage=stage, status=status, reason=f"{said} ({_writable(place)})" if place else said)


def reason(error: BaseException) -> str:
    """An exception in words, never none: its type, and what it says."""
    said, name = _said(error), type(error).__name__
    return f"{name}: {said}" if said else name


def _place(error: BaseException) -> str:
    """
    `mine.py:12 in search`: the last line of an adapter's own code that an exception went through.

    Empty where it went through none: what the harness refuses, and what our adapters do, has words of its own.
    """
    from retrievers.plugin import MODULE
    from retrievers.registry import installed

    frames = list(traceback.walk_tb(error.__traceback__))
    if not frames:
        return ""
    # A plug-in's helpers lie beside its file, an installed adapter's in its package.
    files = [module.__file__ for name, module in list(sys.modules.items()) if name.startswith(MODULE)]
    folders = {Path(file).parent for file in files if file}
    packages = {entry.target.partition(":")[0].partition(".")[0] for entry in installed().entries.values()}
    packages.discard("retrievers")
    for frame, line in reversed(frames):
        path, package = Path(frame.f_code.co_filename), str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if path.parent in folders or package in packages:
            return f"{path.name}:{line} in {frame.f_code.co_name}"
    return ""


def show() -> None:
    """Print the exception that is being handled, where there is still something to print to."""
    with contextlib.suppress(Exception):  # an adapter may have closed it, or put anything in its place
        traceback.print_exc()


def shortened(text: str) -> str:
    """A text whose middle is left out where it is longer than anybody reads."""
    left_out = len(text) - LONGEST
    half = LONGEST // 2
    return text if left_out <= 0 else f"{text[:half]} ... ({left_out:,} characters) ... {text[-half:]}"


def _said(error: BaseException) -> str:
    try:
        return shortened(_writable(str(error)))
    except Exception as another:  # an exception of a stranger's may not even tell its text
        return f"(its text cannot be told: {type(another).__name__})"


def _writable(text: str) -> str:
    """A message without what UTF-8 cannot hold: halves of characters, which some tokenizers make."""
    return text.strip().encode("utf-8", "backslashreplace").decode("utf-8")


def tells_of_memory(text: str) -> bool:
    """Whether a message, or the last lines of a log, say that there was no memory left."""
    return any(sign in text for sign in _OUT_OF_MEMORY)


def signal_name(number: int) -> str:
    """SIGKILL for 9; real-time signals have no name, and keep their number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
