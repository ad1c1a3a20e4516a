"""
Standard output as commands have it: its reader may go away, its disk may be full, its letters may be few.

A command that answers by its exit code (`sparring gate ... | head -1`) ends as without the pipe.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO

from bench.errors import InputError


class _Output(io.RawIOBase):
    """The bytes of an answer on their way to whoever reads it; once nobody does, to nobody."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._is_read = descriptor, True

    def write(self, content: Any, /) -> int:  # Any: bytes, by whatever name they go
        """How many bytes were taken. InputError where the place takes none, as a full disk."""
        size = memoryview(content).nbytes
        if not self._is_read:
            return size
        try:
            return os.write(self._descriptor, content)
        except BrokenPipeError:
            self._is_read = False
            return size
        except OSError as error:
            self._is_read = False  # what is still held back is lost with it, and said once
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
    """Put such a stream in the place of standard output. InputError where that is closed."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115  # for as long as we run
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
        raise InputError("standard output: expected a place for the answer, found it closed: give it one, > /dev/null")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace" if stream.errors == "strict" else stream.errors)
    standard = sys.__stdout__
    if standard is not None and sys.stdout is standard:  # and nobody has put one of their own there
        standard.flush()
        sys.stdout = _text(standard)


def _text(stream: TextIO) -> TextIO:
    """A stream of text over the descriptor of another, in its encoding."""
    raw = _Output(stream.fileno())
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=raw.isatty(),
    )
