"""The checks of an adapter from outside: in a process of its own, which it may end, or never come back from."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from bench.stage import check_worker, cleanup
from bench.stage.check_worker import CheckJob, CheckLine
from bench.stage.child import ChildOutput, TimeLimit, started
from bench.stage.failure import signal_name
from bench.stage.worker import EXIT_SECONDS
from retrievers.registry import PluginError

LOOK_SECONDS = 0.02  # how long a line may lie unread


class CheckRow(msgspec.Struct, frozen=True):
    """One check of one adapter, and how it ended: "not run" where one before it ended the process."""

    adapter: str  # as it was spelled
    check: str
    rule: str
    status: str
    found: str


def checked(spellings: Sequence[str], plugins: Sequence[Path], seconds: float) -> Iterator[CheckRow]:
    """
    Each check of the first adapter as it ends; the others are only made, so that a wrong one is told before all checks.

    seconds: for all of it. PluginError where one cannot be made, whatever it does to its process.
    """
    done = 0
    with tempfile.TemporaryDirectory(prefix="sparring-check-") as folder, cleanup.removed() as variables:
        job, lines = Path(folder, "job.json"), Path(folder, "lines")
        lines.touch()
        wanted = CheckJob(tuple(spellings), tuple(map(str, plugins)), str(lines), os.getpid())
        job.write_bytes(msgspec.json.encode(wanted))
        with started(check_worker.__name__, job, os.environ | variables) as output:
            told = _lines(lines, output, seconds)
            first = next(told, CheckLine())
            rules = list(first.rules.items())
            for (name, rule), line in zip(rules, told, strict=False):
                yield CheckRow(spellings[0], name, rule, line.status, line.found)
                done += 1
            ended = not output.read_until_it_ends(TimeLimit(EXIT_SECONDS if done == len(rules) else 0))
    if first.refused:
        raise PluginError(first.refused)
    if not rules:
        raise PluginError(f"expected {', '.join(spellings)} to be made, {_fault(output, seconds, ended=ended)}")
    for name, rule in rules[done : done + 1]:
        fault = _fault(output, seconds, ended=ended)
        yield CheckRow(spellings[0], name, rule, "failed", f"expected an answer, {fault}")
    for name, rule in rules[done + 1 :]:
        yield CheckRow(spellings[0], name, rule, "not run", f"{rules[done][0]} was the last")


def _fault(output: ChildOutput, seconds: float, *, ended: bool) -> str:
    """What came instead of a line, and what to do."""
    if not ended:
        return f"found nothing after {seconds:g} s: mend what does not come back, or allow more time (--seconds)"
    code, said = output.exit_code(), output.last_lines()
    how = f"exit code {code}" if code >= 0 else signal_name(-code)
    last = f"; it printed last: {said[-1]}" if said else ""
    return f"found that the process ended ({how}{last}): raise an exception, and never exit"


def _lines(path: Path, output: ChildOutput, seconds: float) -> Iterator[CheckLine]:
    """The lines of a file as a child writes them, until it has ended or the time is over."""
    deadline, over, part = time.monotonic() + seconds, False, b""
    with path.open("rb") as file:
        while not over:
            left = max(deadline - time.monotonic(), 0.0)
            over = not output.read_until_it_ends(TimeLimit(min(LOOK_SECONDS, left))) or left == 0
            *whole, part = (part + file.read()).split(b"\n")
            yield from (msgspec.json.decode(line, type=CheckLine) for line in whole)
