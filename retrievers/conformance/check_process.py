"""The checks of spelled adapters in processes of their own: an adapter may end its process, or never come back."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrievers.registry import PluginError

LOOK_SECONDS = 0.02  # how long what is told may lie unread
LEAVE_SECONDS = 10  # for what an adapter has to clean up when its process ends


@dataclass(frozen=True)
class Row:
    """One check of one adapter, and how it ended: "not run" where one before it ended the process."""

    adapter: str  # as it was spelled
    check: str
    rule: str
    status: str
    found: str


class Apart:
    """
    The rules of every spelling, `rules`, and how the checks of each end: a process a spelling, ended with the block.

    seconds: for all checks of one spelling. PluginError for a spelling or a plug-in that can not be checked at all.
    """

    def __init__(self, spellings: Sequence[str], plugins: Sequence[Path], seconds: float) -> None:
        self._plugins = [str(path) for path in plugins]
        self._seconds = seconds
        self._folder = tempfile.TemporaryDirectory(prefix="sparring-check-")
        self._child = _Child(Path(self._folder.name), spellings, self._plugins)
        self._begun = next(iter(spellings))
        try:
            self.rules: dict[str, dict[str, str]] = dict(zip(spellings, self._made(len(spellings)), strict=True))
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Apart:
        return self

    def __exit__(self, *error: object) -> None:
        self._child.end()
        self._folder.cleanup()

    def rows(self, spelling: str) -> Iterator[Row]:
        """Each check of a spelling as it ends."""
        if spelling != self._begun:
            self._child.end()
            self._child = _Child(Path(self._folder.name), [spelling], self._plugins)
            self._begun = spelling
            list(self._made(1))
        deadline = time.monotonic() + self._seconds
        last = ""
        for name, rule in self.rules[spelling].items():
            told = None if last else self._child.told(deadline)
            if told is not None:
                yield Row(spelling, name, rule, told["status"], told["found"])
            elif last:
                yield Row(spelling, name, rule, "not run", f"{last} was the last")
            else:
                last = name
                found, remedy = self._child.how_it_ended(), "raise an exception, and never exit"
                if not found:
                    found = f"none after {self._seconds:g} s for all checks together"
                    remedy = "mend what does not come back, or allow more time (of the command: --seconds)"
                self._child.end()
                yield Row(spelling, name, rule, "failed", f"an answer was expected, found {found}: {remedy}")
        if not last:
            self._child.leave()

    def _made(self, n: int) -> Iterator[dict[str, str]]:
        """The rules of n adapters as they are made."""
        deadline = time.monotonic() + self._seconds
        for _ in range(n):
            told = self._child.told(deadline)
            if told is None:
                found = self._child.how_it_ended() or f"nothing after {self._seconds:g} s"
                raise PluginError(f"an adapter to check was expected, found {found}: let no import or constructor exit")
            if "refused" in told:
                raise PluginError(told["refused"])
            yield told["rules"]


class _Child:
    """A process that tells lines of JSON in a file: its standard output is the adapter's, and goes to our errors."""

    def __init__(self, folder: Path, spellings: Sequence[str], plugins: Sequence[str]) -> None:
        job = {"spellings": list(spellings), "plugins": plugins, "parent": os.getpid()}
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        (folder / "told").write_bytes(b"")
        self._lines = (folder / "told").open(encoding="utf-8")
        self._part = ""
        self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-P", "-m", "retrievers.conformance.check_child", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=sys.__stderr__,
            start_new_session=True,  # so that it can be ended with all it started
        )

    def told(self, deadline: float) -> Any | None:  # Any: JSON
        """The next line; None where the process has ended without one, or the time is over."""
        while True:
            ended = self._process.poll() is not None  # asked first: what was written before is read after
            self._part += self._lines.readline()
            if self._part.endswith("\n"):
                line, self._part = self._part, ""
                return json.loads(line)
            if ended or time.monotonic() > deadline:
                return None
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(LOOK_SECONDS)

    def how_it_ended(self) -> str:
        """In words; empty while it has not."""
        code = self._process.poll()
        if code is None:
            return ""
        names = {number.value: number.name for number in signal.Signals}
        how = f"exit code {code}" if code >= 0 else names.get(-code, f"signal {-code}")
        return f"the process ended ({how})"

    def leave(self) -> None:
        """Let it end by itself, or else end it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(LEAVE_SECONDS)
        self.end()

    def end(self) -> None:
        """With all it started; nothing the second time."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._lines.close()
