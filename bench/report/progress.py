"""The progress of a run on a terminal; silent where there is none, but for what went wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench.report.numbers import duration


class Bar:
    """Tells a run's progress to a rich progress bar."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("loading", total=None, left="")

    def starts(self, what: str, done: int, total: int, seconds_left: float | None) -> None:
        left = "" if seconds_left is None else f"about {duration(seconds_left)} left"
        self._progress.update(self._task, description=what, completed=done, total=total, left=left)

    def says(self, line: str) -> None:
        self._progress.console.print(line, style="yellow", highlight=False, markup=False, soft_wrap=True)


class Lines:
    """Only what went wrong, a line each."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def starts(self, what: str, done: int, total: int, seconds_left: float | None) -> None: ...

    def says(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


@contextlib.contextmanager
def shown(console: Console) -> Iterator[Bar | Lines]:
    """A bar where the console is a terminal."""
    if not console.is_terminal:
        yield Lines(console)
        return
    columns = (
        SpinnerColumn(),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}", markup=False),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield Bar(progress)
