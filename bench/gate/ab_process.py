"""One side of an A/B, seen from outside: its process, asked a line at a time, and ended whatever happens."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from bench.errors import InputError
from bench.gate import ab_worker
from bench.gate.ab_worker import ABJob, Answer, KnownCell, Request
from bench.gate.revision import last_lines
from bench.stage import turns

END_SECONDS = 5.0  # that a side has to end itself, once asked


# The other side's Sparring may be another one: what it calls the module of a side, the newest name first.
NAMES = (ab_worker.__name__, "bench.side")
LAUNCH = f"""
import importlib.util, runpy, sys
for name in {NAMES}:
    try:
        if importlib.util.find_spec(name) is not None:
            break
    except ModuleNotFoundError:  # its package is none, or a module, there
        pass
runpy.run_module(name, run_name="__main__", alter_sys=True)
"""


@dataclass
class ABSide:
    """One side's process: started, asked a line at a time, ended."""

    name: str
    job: ABJob
    log: Path
    python: str = sys.executable
    cwd: Path = field(default_factory=Path.cwd)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    checked: Callable[[Answer], None] = lambda _: None  # given each answer; may refuse it
    cells: tuple[KnownCell, ...] = ()
    keeps_step: bool = False

    def start(self) -> None:
        file = self.log.with_suffix(".json")
        file.write_bytes(msgspec.json.encode(self.job))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603  # an interpreter and our own module
                [self.python, "-P", "-c", LAUNCH, str(file)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.cwd,
                env=dict(self.environment),
                start_new_session=True,  # so that Ctrl-C reaches the parent alone, which then ends both
            )

    def known(self, seconds: float) -> Answer:
        """Wait until it has prepared its cells: the first answer."""
        answer = self.answer(seconds)
        self.cells, self.keeps_step = answer.cells, answer.keeps_step
        return answer

    def ask(self, wanted: Request, seconds: float) -> Answer:
        self.tell(wanted)
        return self.answer(seconds)

    def tell(self, wanted: Request) -> None:
        """Ask for what `answer` waits for."""
        stdin = self.process.stdin
        if stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it has ended: the answer says how
                stdin.write(msgspec.json.encode(wanted) + b"\n")
                stdin.flush()

    def answer(self, seconds: float) -> Answer:
        """Wait for what it was told to do."""
        line, end = b"", time.monotonic() + seconds
        stdout = self.process.stdout
        while stdout is not None and not line.endswith(b"\n"):
            if not select.select([stdout], [], [], max(end - time.monotonic(), 0))[0]:
                raise self.silent(seconds)
            part = os.read(stdout.fileno(), 65536)
            if not part:
                raise InputError(self._ended())
            line += part
        answer = msgspec.json.decode(line, type=Answer)
        if answer.error:
            raise InputError(f"{self.name}: {answer.error}")
        self.checked(answer)
        return answer

    def silent(self, seconds: float) -> InputError:
        """That it has said nothing for so long."""
        return InputError(f"{self.name}: no answer within {seconds:g} s{self._last_lines()}")

    def _ended(self) -> str:
        code = self.process.wait()
        if re.search(r"No module named '?bench\b", "\n".join(last_lines(self.log))):
            return (
                f"{self.name}: expected a Sparring that can be one side of an A/B ({NAMES[0]}), found an older one or "
                f"none in its environment: let the suite's [gate] install bring the present one"
            )
        return f"{self.name}: ended with exit code {code} and no answer{self._last_lines()}"

    def _last_lines(self) -> str:
        lines = last_lines(self.log)
        return "; the last lines it printed:\n" + "\n".join(lines) if lines else ""

    def end(self) -> None:
        """End it and all it started."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=END_SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def started(side: ABSide) -> Iterator[ABSide]:
    """A side that runs inside the block, and is ended with all it started when the block ends."""
    side.start()
    try:
        yield side
    finally:
        side.end()


def ask_in_turns(asked: Sequence[tuple[ABSide, Request]], seconds: float, core: int | None = None) -> list[Answer]:
    """
    Ask two sides at once for what each is to time, by turns, the first of them first: their answers.

    core: that both use for it. InputError as where one is asked alone.
    """
    found: dict[str, Answer] = {}
    deadline = time.monotonic() + seconds
    with (
        tempfile.TemporaryDirectory(prefix="sparring-turns-") as folder,
        turns.both(Path(folder) / "turns", core) as both,
    ):
        waiting = dict(zip((side.name for side, _ in asked), both, strict=True))
        for side, wanted in asked:
            side.tell(msgspec.structs.replace(wanted, turns=waiting[side.name]))
        while waiting:
            left = [side for side, _ in asked if side.name in waiting]
            ready = _first_that_answers(left, max(deadline - time.monotonic(), 0))
            if ready is None:
                raise left[0].silent(seconds)
            found[ready.name] = ready.answer(seconds)
            turns.end(waiting.pop(ready.name))
    return [found[side.name] for side, _ in asked]


def _first_that_answers(sides: Sequence[ABSide], seconds: float) -> ABSide | None:
    """Which has something to say, or has ended; None where none has within so many seconds."""
    pipes = {side.process.stdout.fileno(): side for side in sides if side.process.stdout is not None}
    ready, _, _ = select.select(list(pipes), [], [], seconds)
    return pipes[ready[0]] if ready else None
