"""The progress of downloads: a bar each on a terminal, quiet but for what is said where there is none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from bench.report.text import printable


class Lines:
    """What happened, a line each."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def starts(self, what: str, done: int, total: int | None) -> None: ...

    def moves(self, done: int) -> None: ...

    def says(self, line: str) -> None:
        self._console.print(Text(printable(line)), soft_wrap=True)


class Bar(Lines):
    """The same above a bar of the download that is under way."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress.console)
        self._progress = progress
        self._task: TaskID | None = None

    def starts(self, what: str, done: int, total: int | None) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(printable(what), completed=done, total=total)

    def moves(self, done: int) -> None:
        if self._task is not None:
            self._progress.update(self._task, completed=done)


@contextlib.contextmanager
def shown(console: Console) -> Iterator[Lines]:
    """A bar where the console is a terminal: name, bytes, speed, and the time that is left."""
    if not console.is_terminal:
        yield Lines(console)
        return
    name = TextColumn("{task.description}", markup=False)
    columns = (name, BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield Bar(progress)
