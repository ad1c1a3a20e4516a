"""Real gate runs, on a repository made for them whose second commit changes engines by known sizes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal
from unittest import mock

import msgspec
import numpy as np

from bench.gate import ab, figures, rounds
from bench.gate.ab_worker import Answer
from bench.gate.figures import P50
from bench.gate.speed import Speed, decided
from bench.gate.verdict import CellVerdict, GateVerdict
from bench.records import run_folder
from bench.records.schema import Environment
from bench.run.suite import Gate

ENGINES = Path(__file__).parent / "engines.py"
# Each cell, and what of it changes; None: nothing does. In the order of the suite.
CELLS: dict[str, str | None] = {
    **{f"Same{number}()": None for number in (1, 2, 3)},
    **{f"Slower{percent}()": "speed" for percent in (10, 20)},
    "Heavier()": "bytes",
    "Poorer()": "quality",
}
SUITE = """
name = "trust"
passages = ["primer"]
measures = ["R@10"]
primary = "R@10"
queries = 200
limits = {{ seconds = 60, memory = "2GB" }}
[[cells]]
retrievers = {retrievers}
[gate]
budget = "{budget:g}s"
"""
GATE = (sys.executable, "-P", "-c", "from bench.cli import main; main()", "gate")  # as the command `sparring gate`
SIDES = ("old", "new")
BUSY = "import os\nos.sched_setaffinity(0, {{{core}}})\nwhile os.getppid() == {parent}:\n    sum(range(100_000))"


class Times(msgspec.Struct, frozen=True):
    """What a figure was in each round of a cell; old[i] and new[i] are a pair."""

    old: tuple[float, ...]
    new: tuple[float, ...]
    matched: tuple[float, ...] = ()  # new / old of each pair, where it is told query by query

    @property
    def ratios(self) -> np.ndarray:
        """Log of new / old, pair by pair."""
        return np.log(self.matched or np.array(self.new) / np.array(self.old))


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """
    One line of the file of trials.

    A recording goes on with every cell until the budget is spent, whatever is decided: rounds to draw from.
    """

    kind: Literal["gate", "recording"]
    loaded: bool  # another process kept one core busy
    budget: float  # seconds
    seconds: float  # of the whole command
    times: dict[str, dict[str, Times]]  # by cell and figure
    ended: tuple[float, ...] = ()  # when each pair of rounds of a recording had ended, seconds
    verdicts: tuple[CellVerdict, ...] = ()
    line: str = ""
    environment: Environment


def trial(kind: Literal["gate", "recording"], folder: Path, budget: float, *, loaded: bool) -> Trial:
    """Make the repository in an empty folder, and run the gate there: the real command, or a recording."""
    runs, home = folder / "runs", folder / "repository"
    repository(home, budget)
    judgment, ended = None, ()
    with busy() if loaded else contextlib.nullcontext():
        start = time.monotonic()
        if kind == "gate":
            judgment = gated(home, runs)
        else:
            ended = recorded(home, runs)
        seconds = time.monotonic() - start
    return Trial(
        kind=kind,
        loaded=loaded,
        budget=budget,
        seconds=round(seconds, 1),
        times=times(runs),
        ended=ended,
        verdicts=() if judgment is None else judgment.cells,
        line="" if judgment is None else judgment.line,
        environment=run_folder.read(runs / "new").environment,
    )


def repository(folder: Path, budget: float) -> None:
    """A git repository of two commits: the engines, and the engines changed."""
    folder.mkdir(parents=True)
    code = ENGINES.read_text(encoding="utf-8")
    (folder / "suite.toml").write_text(
        SUITE.format(retrievers=msgspec.json.encode(list(CELLS)).decode(), budget=budget)
    )
    git(folder, "init", "-q")
    for text in (code, code.replace("\nCHANGED = False\n", "\nCHANGED = True\n")):
        (folder / "engines.py").write_text(text, encoding="utf-8")
        git(folder, "add", ".")
        git(folder, "commit", "-qm", "engines")


def git(folder: Path, *arguments: str) -> None:
    own = ("-c", "user.name=trust", "-c", "user.email=trust@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(["git", "-C", str(folder), *own, *arguments], check=True, capture_output=True)


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """A process that keeps the last core busy, and outlives neither this block nor this process."""
    code = BUSY.format(core=max(os.sched_getaffinity(0)), parent=os.getpid())
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def gated(folder: Path, runs: Path) -> GateVerdict:
    """What `sparring gate --ab` says of the second commit beside the first."""
    command = (*GATE, "suite.toml", "--ab", "HEAD~1", "--plugin", "engines.py", "-o", str(runs), "--json")
    unseen = {"GITHUB_STEP_SUMMARY", "GITHUB_ACTIONS"}
    variables = {name: value for name, value in os.environ.items() if name not in unseen}
    variables["TMPDIR"] = str(folder.parent)  # removed with all else, even where the gate is killed
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"sparring gate: exit code {done.returncode}\n{done.stderr}")
    return msgspec.json.decode(done.stdout, type=GateVerdict)


def recorded(folder: Path, runs: Path) -> tuple[float, ...]:
    """The gate's rounds, of every cell as many as the budget allows: nothing is decided. When each pair had ended."""
    ended: list[float] = []

    def undecided(
        old: Sequence[float], new: Sequence[float], policy: Gate, name: str, matched: Sequence[float]
    ) -> Speed:
        if name == P50:
            ended.append(round(time.monotonic(), 3))
        return msgspec.structs.replace(decided(old, new, policy, name, matched), decision="undecided")

    with (
        contextlib.chdir(folder),
        mock.patch.object(rounds, "decided", undecided),
        ab.run_ab(Path("suite.toml"), "HEAD~1", plugins=[Path("engines.py")], keep=runs),
    ):
        return tuple(ended)


def times(runs: Path) -> dict[str, dict[str, Times]]:
    """The figures of the rounds of both sides, from what they left, by cell."""
    sides = [
        {m.retriever: of_rounds(runs / side, m.files) for m in run_folder.read(runs / side).measurements}
        for side in SIDES
    ]
    return {cell: _of_cell(*(side[cell] for side in sides)) for cell in CELLS}


def _of_cell(old: Sequence[Answer], new: Sequence[Answer]) -> dict[str, Times]:
    found = {}
    for name in old[0].figures:
        matched = [figures.matched(name, was.times, now.times) for was, now in zip(old, new, strict=True)]
        values = ([rounded(answer.figures[name]) for answer in side] for side in (old, new))
        found[name] = Times(*map(tuple, values), tuple(rounded(ratio) for ratio in matched if ratio is not None))
    return found


def rounded(value: float) -> float:
    return float(f"{value:.6g}")


def of_rounds(folder: Path, files: dict[str, str]) -> list[Answer]:
    """What each round of a cell told, as `bench.gate.ab_worker` answers it."""
    stages = run_folder.lines(folder / run_folder.STAGES, run_folder.FinishedStage)
    by_samples = {stage.result.samples: stage.result for stage in stages}
    found: list[Answer] = []
    while (name := files.get(f"search-{len(found)}")) is not None:
        parts = [by_samples[name]]
        told = figures.of_round(folder, parts), figures.times_of_round(folder, parts)
        found.append(Answer(figures=told[0], times=told[1]))
    return found
