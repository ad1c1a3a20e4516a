"""The progress of a run: a bar on a terminal, a line now and then where there is none."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column
from rich.text import Text

from bench.report.numbers import duration
from bench.report.text import printable

SECONDS_A_LINE = 20.0
BAR_WIDTH = 12  # leaves room, in 80 columns, for most of a retriever's name


def predicted(passage_set: str, seconds: Mapping[str, float], unknown: Sequence[str]) -> str:
    """One line on how long the cells of a set will take. seconds: of each part; unknown: what is not in them."""
    longest = max(seconds, key=seconds.__getitem__, default=None)
    most = f", {duration(seconds[longest])} of it for {longest}" if longest is not None else ""
    but = f"; not counted, since its rehearsal failed: {', '.join(unknown)}" if unknown else ""
    return f"{passage_set}: will take about {duration(sum(seconds.values()))}{most}{but}"


class Bar:
    """Tells a run's progress to a rich progress bar."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("loading", total=None, ends=None)

    def starts(self, what: str, done: int, total: int, seconds_left: float | None) -> None:
        ends = None if seconds_left is None else self._progress.get_time() + seconds_left
        self._progress.update(self._task, description=printable(what), completed=done, total=total, ends=ends)

    def says(self, line: str) -> None:
        self._progress.console.print(Text(printable(line), "yellow"), soft_wrap=True)

    def estimates(self, passage_set: str, seconds: Mapping[str, float], unknown: Sequence[str]) -> None:
        self.says(predicted(passage_set, seconds, unknown))


class Lines:
    """What went wrong, a line each, and now and then how far the run is: a log that stands still worries its reader."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said = -math.inf

    def starts(self, what: str, done: int, total: int, seconds_left: float | None) -> None:
        now = time.monotonic()
        if now - self._said < SECONDS_A_LINE:
            return
        self._said = now
        left = "" if seconds_left is None else f", about {duration(seconds_left)} left"
        self.says(f"{done} of {total} stages done{left}; now {what}")

    def says(self, line: str) -> None:
        self._console.print(Text(printable(line)), soft_wrap=True)

    def estimates(self, passage_set: str, seconds: Mapping[str, float], unknown: Sequence[str]) -> None:
        self.says(predicted(passage_set, seconds, unknown))


class Left(ProgressColumn):
    """What is left of the time that was predicted when the present child started; nothing once that has passed."""

    def render(self, task: Task) -> Text:
        ends: float | None = task.fields["ends"]
        left = 0.0 if ends is None else ends - task.get_time()
        return Text(f"about {duration(left)} left" if left >= 1 else "")


@contextlib.contextmanager
def shown(console: Console) -> Iterator[Bar | Lines]:
    """A bar where the console is a terminal: done of all children, time elapsed and left, and what runs now."""
    if not console.is_terminal:
        yield Lines(console)
        return
    columns = (
        SpinnerColumn(),
        BarColumn(bar_width=BAR_WIDTH),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        Left(),
        # What runs gives way where there is no room: cut names say less than cut figures mislead.
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
    )
    with Progress(*columns, console=console, transient=True, expand=True) as progress:
        yield Bar(progress)
