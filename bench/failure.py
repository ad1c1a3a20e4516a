"""How a stage ended that did not end well: what was raised, or what killed it, as a status and a reason."""

from __future__ import annotations

import errno
import signal

from bench.record import Stage, StageResult, Status

# How Python, the C library, C++, PyTorch and GPU libraries say it. Not "cannot allocate memory in static TLS block",
# in small letters: that is the linker, which lacks no memory.
_OUT_OF_MEMORY = ("MemoryError", "Cannot allocate memory", "bad_alloc", "can't allocate memory", "out of memory")


def raised(stage: Stage, error: Exception) -> StageResult:
    """The result of a stage that an exception ended."""
    from retrievers.contract import Unsupported

    if isinstance(error, Unsupported):
        return StageResult(stage=stage, status="unsupported", reason=_writable(str(error)) or "Unsupported")
    said = reason(error)
    no_memory = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
    status: Status = "out-of-memory" if no_memory or tells_of_memory(said) else "failed"
    return StageResult(stage=stage, status=status, reason=said)


def reason(error: BaseException) -> str:
    """An exception in words, never none: its type, and what it says."""
    said, name = _writable(str(error)), type(error).__name__
    return f"{name}: {said}" if said else name


def _writable(text: str) -> str:
    """A message without what UTF-8 can not hold: halves of characters, which some tokenizers make."""
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
