"""
Standard output and standard error as commands have them: their reader may go away, their disk may be full, their
letters may be few.

A command that answers by its exit code (`sparring gate ... | head -1`) ends as without the pipe; what it says beside
its answer ends nothing.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any, TextIO

from bench.errors import InputError

GONE = (errno.EPIPE, errno.EIO)  # the reader of a pipe, or a terminal


class _Output(io.RawIOBase):
    """Bytes on their way to whoever reads them; once nobody does, to nobody."""

    def __init__(self, descriptor: int, *, is_answer: bool) -> None:
        self._descriptor, self._is_answer, self._is_read = descriptor, is_answer, True

    def write(self, content: Any, /) -> int:  # Any: bytes, by whatever name they go
        """How many bytes were taken. InputError where the place takes none of an answer, as a full disk."""
        size = memoryview(content).nbytes
        if not self._is_read:
            return size
        try:
            return os.write(self._descriptor, content)
        except OSError as error:
            self._is_read = False  # what is still held back is lost with it, and said once
            if not self._is_answer or error.errno in GONE:
                return size
            raise InputError(
                f"standard output: expected a place that takes the answer, found: {error.strerror}"
            ) from error

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)


def open_standard() -> None:
    """Put such streams in the place of both. InputError where standard output is closed."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115  # for as long as we run
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
        raise InputError("standard output: expected a place for the answer, found it closed: give it one, > /dev/null")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace" if stream.errors == "strict" else stream.errors)
    # Where nobody has put one of their own there.
    if sys.__stdout__ is not None and sys.stdout is sys.__stdout__:
        sys.stdout = _text(sys.__stdout__, is_answer=True)
    if sys.__stderr__ is not None and sys.stderr is sys.__stderr__:
        sys.stderr = _text(sys.__stderr__, is_answer=False)


def _text(stream: TextIO, *, is_answer: bool) -> TextIO:
    """A stream of text over the descriptor of another, in its encoding."""
    stream.flush()
    raw = _Output(stream.fileno(), is_answer=is_answer)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=raw.isatty() or not is_answer,
    )
