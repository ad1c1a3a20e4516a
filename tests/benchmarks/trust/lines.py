"""
A line of the page: one regime, simulated once, its rates and what rule each is held to.

A part of the page is a list of planned lines. Each is written when it has ended, so that a part that was stopped goes
on; a line of other code, or of another seed, is simulated anew.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
import textwrap
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import msgspec
import numpy as np

from bench.formats.files import write_whole
from bench.records import run_folder
from tests.benchmarks.intervals import COVERS, ERRS, bounds

OURS = ("bench.statistics.", "tests.benchmarks.")  # whose code is what a line was simulated with
MOSTLY = 0.1  # of the samples bound rare events, by ends that are exact and so wider: they may cover more often


class Count(msgspec.Struct, frozen=True):
    """How often something came of the simulations of a line, and its rule: from `least` to `most`; None: no rule."""

    name: str
    hits: int
    n: int
    least: float | None = 0.0
    most: float = ERRS

    @property
    def bounds(self) -> tuple[float, float]:
        return bounds(self.hits, self.n)

    @property
    def met(self) -> bool:
        """Whether the rate's bounds reach into the rule."""
        low, high = self.bounds
        return self.least is None or (high >= self.least and low <= self.most)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What was simulated of one regime, as it is kept."""

    regime: dict[str, str]  # what the page calls its properties, and what they are
    seed: int
    counts: tuple[Count, ...]
    seconds: float  # of CPU time
    code: str  # hash of what it was simulated with, and of the data that it drew from


class Planned(NamedTuple):
    """A line that may still have to be simulated."""

    regime: dict[str, str]
    measure: Callable[[int], Sequence[Count]]  # of a seed
    data: str = ""  # hash of what it draws from, where that is measured

    @property
    def seed(self) -> int:
        """Of four digits, from the regime: lines are independent, and keep theirs when others come or go."""
        return zlib.crc32("; ".join(self.regime.values()).encode()) % 10_000


class Part(NamedTuple):
    """Some lines of one subject: a table of the page."""

    title: str
    said: str  # what was simulated, and what the columns are
    lines: Callable[[], list[Planned]]
    measure: Callable[..., Sequence[Count]]  # where it changes, or what it uses of OURS, lines are simulated anew


def covers(name: str, flags: np.ndarray, few: np.ndarray | None = None) -> Count:
    """How often intervals hold the truth; more often where many samples bound rare events."""
    mostly = few is not None and few.mean() > MOSTLY
    return Count(name, int(flags.sum()), len(flags), COVERS[0], 1.0 if mostly else COVERS[1])


def errs(name: str, flags: np.ndarray) -> Count:
    """How often something is wrong that promises 5 %."""
    return Count(name, int(flags.sum()), len(flags))


def compared(name: str, flags: np.ndarray) -> Count:
    """A rate of a method that is not ours, which has no rule."""
    return Count(name, int(flags.sum()), len(flags), None)


def code(function: Callable[..., object]) -> str:
    """A hash of a function and of what of OURS it uses, near or far; words about it may change, and the rest."""
    found: dict[str, str] = {}
    _use(function, found)
    return hashlib.sha256("".join(f"{name}={found[name]};" for name in sorted(found)).encode()).hexdigest()[:12]


def _use(function: Callable[..., object], found: dict[str, str]) -> None:
    """Add a function, without its docstring, and the functions and values of OURS that it names."""
    name = f"{function.__module__}.{function.__qualname__}"
    if name in found:
        return
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    for node in ast.walk(tree):
        documented = isinstance(node, ast.ClassDef | ast.FunctionDef)
        if documented and ast.get_docstring(node, clean=False) is not None:
            node.body[:1] = [ast.Pass()]
    found[name] = ast.unparse(tree)
    module = sys.modules[function.__module__]
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            _add(module, node.id, found)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            _add(getattr(module, node.value.id, None), node.attr, found)


def _add(of: object, name: str, found: dict[str, str]) -> None:
    if not (isinstance(of, ModuleType) and of.__name__.startswith(OURS)):
        return
    value = getattr(of, name, None)
    for one in value.values() if isinstance(value, dict) else [value]:
        if (inspect.isfunction(one) or inspect.isclass(one)) and one.__module__.startswith(OURS):
            _use(one, found)
    if isinstance(value, int | float | str | tuple | np.ndarray):
        found[f"{of.__name__}.{name}"] = repr(np.asarray(value).tolist() if isinstance(value, np.ndarray) else value)


def kept(file: Path, planned: Sequence[Planned], of_code: str) -> Iterator[Line]:
    """The lines of a part, in the order planned: those of the file that still hold, the others simulated and added."""
    file.parent.mkdir(parents=True, exist_ok=True)
    known = {_key(line.seed, line.regime, line.code): line for line in run_folder.lines(file, Line)}
    wanted = [_key(plan.seed, plan.regime, of_code + plan.data) for plan in planned]
    known = {key: known[key] for key in wanted if key in known}
    for number, (key, plan) in enumerate(zip(wanted, planned, strict=True), start=1):
        if key not in known:
            start = time.process_time()
            counts = tuple(plan.measure(plan.seed))
            seconds = round(time.process_time() - start, 1)
            known[key] = Line(
                regime=plan.regime, seed=plan.seed, counts=counts, seconds=seconds, code=of_code + plan.data
            )
            write_whole(file, b"".join(msgspec.json.encode(line) + b"\n" for line in known.values()))
            told = ", ".join(f"{c.name} {100 * c.hits / c.n:.1f}{'' if c.met else ' (not met)'}" for c in counts)
            sys.stderr.write(f"{number} of {len(planned)}: {' '.join(plan.regime.values())}: {told}; {seconds:.0f} s\n")
        yield known[key]


def _key(seed: int, regime: dict[str, str], of_code: str) -> tuple[object, ...]:
    return (seed, *regime.items(), of_code)
