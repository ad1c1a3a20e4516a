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

from bench.progress import Passages, Range
from bench.report.numbers import between, duration, significant
from bench.report.text import printable

Unit: TypeAlias = Literal["stages", "bytes"]
SECONDS_A_LINE = 30.0  # of a stage that goes on, and of a download
SHORT_SECONDS = 1.0  # a stage that is shorter has no line
BAR_WIDTH = 12  # leaves room, in 80 columns, for most of a retriever's name


def predicted(passage_set: str, seconds: Mapping[str, Range], unknown: Sequence[str]) -> str:
    """One line on how long what is left of a set takes. seconds: of each part; unknown: what is not in them."""
    whole = Range.total(seconds.values())
    longest = max(seconds, key=lambda name: (seconds[name].likely is None, seconds[name].at_least), default="")
    but = f"; not counted, since its rehearsal failed: {', '.join(unknown)}" if unknown else ""
    most = ""
    if len(seconds) > 1:
        of_it = between(seconds[longest])
        most = f"; {longest}: {of_it}" if whole.likely is None else f", {of_it} of it for {longest}"
    about = ": " if whole.likely is None else " about "
    return f"{passage_set}: will take{about}{between(whole)}{most}{but}"


def far(passages: Passages) -> str:
    """`12,800 of 40,000 passages, 61 a second`."""
    rate = "" if passages.per_second is None else f", {significant(passages.per_second)} a second"
    return f"{passages.done:,} of {passages.total:,} passages{rate}"


class Lines:
    """What is said, a line each; of a run a line a stage, and every half minute how far it is, which is never stale."""

    def __init__(self, console: Console, unit: Unit = "stages") -> None:
        self._console = console
        self._unit = unit
        self._said = time.monotonic()  # a download of seconds needs no line
        self._told = True  # whether what was begun last has had its line
        self._what = self._done = self._of = ""
        if unit == "stages":
            self._said = -math.inf

    def starts(self, what: str, done: int, total: int | None, seconds_left: float | None = None) -> None:
        self._of = "" if total is None else f" of {total}"
        self._what, self._told = what, False
        if self._unit == "bytes":
            self.moves(done)
        else:
            self._done = str(done)
            self._tells(None, None, seconds_left)

    def moves(self, done: int) -> None:
        now = time.monotonic()
        if now - self._said >= SECONDS_A_LINE:
            self._said = now
            self.says(f"{done}{self._of} {self._unit} done; now {self._what}")

    def runs(self, passages: Passages | None, stage_left: float | None, seconds_left: float | None) -> None:
        self._tells(passages, stage_left, seconds_left)

    def _tells(self, passages: Passages | None, stage_left: float | None, seconds_left: float | None) -> None:
        now = time.monotonic()
        if now - self._said < (SECONDS_A_LINE if self._told else SHORT_SECONDS):
            return
        self._said, self._told = now, True
        inside = "" if passages is None else f", {far(passages)}"
        if stage_left is not None and stage_left >= SHORT_SECONDS:
            inside += f", about {duration(stage_left)} left of it"
        left = "" if seconds_left is None else f"; about {duration(seconds_left)} left in all"
        self.says(f"{self._done}{self._of} stages done; now {self._what}{inside}{left}")

    def says(self, line: str) -> None:
        self._console.print(Text(printable(line)), soft_wrap=True)

    def estimates(self, passage_set: str, seconds: Mapping[str, Range], unknown: Sequence[str]) -> None:
        self.says(predicted(passage_set, seconds, unknown))


class Bar(Lines):
    """The same above a bar."""

    def __init__(self, progress: Progress, unit: Unit) -> None:
        super().__init__(progress.console, unit)
        self._progress = progress
        self._task = progress.add_task("loading", total=None, visible=unit == "stages", ends=None)

    def starts(self, what: str, done: int, total: int | None, seconds_left: float | None = None) -> None:
        self._what = what
        if self._unit == "bytes":  # each file has a speed of its own
            self._progress.remove_task(self._task)
            self._task = self._progress.add_task("", total=None)
        self._progress.update(self._task, description=printable(what), completed=done, total=total)
        self._ends(seconds_left)

    def moves(self, done: int) -> None:
        self._progress.update(self._task, completed=done)

    def runs(self, passages: Passages | None, stage_left: float | None, seconds_left: float | None) -> None:  # noqa: ARG002
        if passages is not None:  # before the name, which is cut where there is no room
            self._progress.update(self._task, description=printable(f"{far(passages)}: {self._what}"))
        self._ends(seconds_left)

    def _ends(self, seconds_left: float | None) -> None:
        ends = None if seconds_left is None else self._progress.get_time() + seconds_left
        self._progress.update(self._task, ends=ends)

    def says(self, line: str) -> None:
        self._console.print(Text(printable(line), "yellow" if self._unit == "stages" else ""), soft_wrap=True)


class Left(ProgressColumn):
    """What is left of the time that was told last; nothing once that has passed."""

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
