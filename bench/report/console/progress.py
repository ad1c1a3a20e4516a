"""The progress of a run or a download: a bar on a terminal, a line now and then where there is none."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column
from rich.text import Text

from bench.report.numbers import duration
from bench.report.text import printable

Unit: TypeAlias = Literal["stages", "bytes"]
SECONDS_A_LINE = 20.0
BAR_WIDTH = 12  # leaves room, in 80 columns, for most of a retriever's name


def predicted(passage_set: str, seconds: Mapping[str, float], unknown: Sequence[str]) -> str:
    """One line on how long the cells of a set will take. seconds: of each part; unknown: what is not in them."""
    longest = max(seconds, key=seconds.__getitem__, default=None)
    most = f", {duration(seconds[longest])} of it for {longest}" if longest is not None else ""
    but = f"; not counted, since its rehearsal failed: {', '.join(unknown)}" if unknown else ""
    return f"{passage_set}: will take about {duration(sum(seconds.values()))}{most}{but}"


class Lines:
    """What is said, a line each, and now and then how far it is: a log that stands still worries its reader."""

    def __init__(self, console: Console, unit: Unit = "stages") -> None:
        self._console = console
        self._unit = unit
        self._said = -math.inf if unit == "stages" else time.monotonic()  # a download of seconds needs no line
        self._of = self._rest = ""

    def starts(self, what: str, done: int, total: int | None, seconds_left: float | None = None) -> None:
        left = "" if seconds_left is None else f", about {duration(seconds_left)} left"
        self._of = "" if total is None else f" of {total}"
        self._rest = f"{left}; now {what}"
        self.moves(done)

    def moves(self, done: int) -> None:
        now = time.monotonic()
        if now - self._said >= SECONDS_A_LINE:
            self._said = now
            self.says(f"{done}{self._of} {self._unit} done{self._rest}")

    def says(self, line: str) -> None:
        self._console.print(Text(printable(line)), soft_wrap=True)

    def estimates(self, passage_set: str, seconds: Mapping[str, float], unknown: Sequence[str]) -> None:
        self.says(predicted(passage_set, seconds, unknown))


class Bar(Lines):
    """The same above a bar."""

    def __init__(self, progress: Progress, unit: Unit) -> None:
        super().__init__(progress.console, unit)
        self._progress = progress
        self._task = progress.add_task("loading", total=None, visible=unit == "stages", ends=None)

    def starts(self, what: str, done: int, total: int | None, seconds_left: float | None = None) -> None:
        if self._unit == "bytes":  # each file has a speed of its own
            self._progress.remove_task(self._task)
            self._task = self._progress.add_task("", total=None)
        ends = None if seconds_left is None else self._progress.get_time() + seconds_left
        self._progress.update(self._task, description=printable(what), completed=done, total=total, ends=ends)

    def moves(self, done: int) -> None:
        self._progress.update(self._task, completed=done)

    def says(self, line: str) -> None:
        self._console.print(Text(printable(line), "yellow" if self._unit == "stages" else ""), soft_wrap=True)


class Left(ProgressColumn):
    """What is left of the time that was predicted when the present child started; nothing once that has passed."""

    def render(self, task: Task) -> Text:
        ends: float | None = task.fields["ends"]
        left = 0.0 if ends is None else ends - task.get_time()
        return Text(f"about {duration(left)} left" if left >= 1 else "")


@contextlib.contextmanager
def shown(console: Console, unit: Unit = "stages") -> Iterator[Lines]:
    """A bar where the console is a terminal: of all children of a run, or of the bytes of one file after another."""
    if not console.is_terminal:
        yield Lines(console, unit)
        return
    if unit == "bytes":
        name = TextColumn("{task.description}", markup=False)
        columns = (name, BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            yield Bar(progress, unit)
        return
    # What runs gives way where there is no room: cut names say less than cut figures mislead.
    column = Column(no_wrap=True, overflow="ellipsis", ratio=1)
    what = TextColumn("{task.description}", markup=False, table_column=column)
    stages = (SpinnerColumn(), BarColumn(bar_width=BAR_WIDTH), MofNCompleteColumn(), TimeElapsedColumn(), Left(), what)
    with Progress(*stages, console=console, transient=True, expand=True) as progress:
        yield Bar(progress, unit)
