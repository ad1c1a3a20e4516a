"""A suite: what to run, read strictly from TOML, every name checked before anything starts."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from bench import toml
from bench.errors import InputError
from bench.instruments.modes import DEFAULT, Settings
from bench.passages.exclusion import SELF
from bench.run.suite_rules import check
from retrievers.paths import expanded

FOLDER = Path(__file__).parent / "suites"
_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}

DAY = 86_400.0  # seconds
FORMER_KEYS = {"label": "name"}  # of a group of cells, before 0.2.0


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one stage may take."""

    seconds: float | None = None  # of the whole stage; None: as long as it gets on
    idle: float = 600.0  # seconds without progress: no block finished, no file grown, no CPU time taken
    memory: str = "8GB"

    @property
    def at_most(self) -> float:
        """Seconds after which a stage is given up by who waits for it from afar."""
        return DAY if self.seconds is None else self.seconds

    @property
    def memory_bytes(self) -> int:
        match = re.fullmatch(r"\s*(\d{1,12}(?:\.\d+)?)\s*([KMG]I?B)\s*", self.memory.upper())
        if match is None:
            raise InputError(f'limits.memory: expected a size such as "8GB" or "500MiB", found {self.memory!r}')
        return int(float(match[1]) * _UNITS[match[2]])


class CellGroup(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Every encoder with every storage, and retrievers as they are; on all passage sets or on those named."""

    encoders: tuple[str, ...] = ()
    storages: tuple[str, ...] = ()
    retrievers: tuple[str, ...] = ()
    passages: tuple[str, ...] | None = None
    name: str = ""  # of a group of one retriever: by it the cell is found again in another run, however it is spelled

    def spellings(self) -> list[str]:
        paired = [f"{encoder} @ {storage}" for encoder in self.encoders for storage in self.storages]
        return paired + list(self.retrievers)

    def on(self, passages: tuple[str, ...]) -> tuple[str, ...]:
        """Which of the suite's passage sets it runs on."""
        return passages if self.passages is None else self.passages


class Gate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `sparring gate` refuses, and how long it may take; no part of what decides a cell's numbers."""

    measures: tuple[str, ...] = ()  # whose every query is held to the reference; none named: all of the suite
    quality: float = 0.01  # a mean may move so far where hits may: other environments, approximate retrievers
    non_inferior: float | None = None  # of approximate retrievers: a loss that is surely smaller passes
    bytes: float = 0.0  # share by which bytes may change
    slower: float = 0.05  # share by which the median service time may grow
    milliseconds: float = 0.0  # growth of it below this many is let be
    budget: str = "40s a cell"  # of measuring speed; without "a cell" for all cells together
    install: str = ""  # of `--ab`: the command that installs the worktree into an environment of its own

    def budget_seconds(self, n_cells: int) -> float:
        """Of so many cells together."""
        match = re.fullmatch(r"\s*(\d{1,6}(?:\.\d+)?)\s*(s|m|min)(\s+a\s+cell)?\s*", self.budget)
        if match is None:
            raise InputError(f'gate.budget: expected a time such as "40s a cell" or "5m", found {self.budget!r}')
        return float(match[1]) * (1 if match[2] == "s" else 60) * (n_cells if match[3] else 1)

    def is_shorter_than(self, other: Gate, n_cells: int) -> bool:
        """Whether its budget is, of so many cells together."""
        return self.budget_seconds(n_cells) < other.budget_seconds(n_cells)


class Published(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure from outside to stand beside ours: a value that ours has to be near, or a floor."""

    passage_set: str
    retriever: str
    measure: str
    source: str
    value: float | None = None
    within: float | None = None  # of value, either way
    at_least: float | None = None


class Suite(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One suite. Primary measure, k and baseline stand here, before the run."""

    name: str
    passages: tuple[str, ...]
    measures: tuple[str, ...] = ("R@1", "R@10", "R@100", "nDCG@10", "RR@10")
    primary: str = "nDCG@10"
    baseline: str | None = None
    rounds: int = 5  # of three the intervals of times are 2.4 times as wide as of ten: `make identical`
    seed: int = 7
    threads: int | tuple[int, ...] = 1  # of query encoding and search; several: every cell is measured under each
    encode_threads: int | None = None  # None: every core that this process may use
    queries: int = 500  # at most so many are timed, a seeded sample, the same for every cell
    distractors: int = 0  # synthetic passages that every set is grown by: for bytes and time only
    k: int = 10
    depth: int = 100
    modes: tuple[str, ...] = DEFAULT
    rate: str = Settings().rate
    rate_seconds: float = Settings().rate_seconds
    p99: str | None = None  # of mode rate: the highest rate that keeps it is searched for
    exclude: str | None = None  # of each query's hits: "self", the passage of its own id, or a file of pairs
    stop: str | None = None  # "decided": a cell is asked no more queries once it is decided beside the baseline
    limits: Limits = Limits()
    plugins: tuple[str, ...] = ()  # files with adapters; as they were read absolute, in a run's record none
    cells: tuple[CellGroup, ...]
    published: tuple[Published, ...] = ()
    gate: Gate | None = None

    def pairs(self) -> list[tuple[str, str]]:
        """(passage set, retriever spelling) of every cell, once each, in the suite's order."""
        found: dict[tuple[str, str], None] = {}
        for passage_set in self.passages:
            for group in self.cells:
                if passage_set in group.on(self.passages):
                    found.update(dict.fromkeys((passage_set, spelling) for spelling in group.spellings()))
        return list(found)

    @property
    def thread_counts(self) -> tuple[int, ...]:
        """The numbers of threads under which every cell is measured."""
        return self.threads if isinstance(self.threads, tuple) else (self.threads,)

    @property
    def n_cells(self) -> int:
        """How many cells it comes to."""
        return len(self.pairs()) * len(self.thread_counts)

    @property
    def settings(self) -> Settings:
        """What it sets of its modes beside naming them."""
        return Settings(self.rate, self.rate_seconds, self.p99)

    def names(self) -> dict[tuple[str, str], str]:
        """(passage set, retriever spelling) -> name, of the cells that have one."""
        return {
            (passage_set, spelling): group.name
            for group in self.cells
            if group.name
            for spelling in group.spellings()
            for passage_set in group.on(self.passages)
        }


def shipped() -> list[str]:
    """Names of the suites that ship."""
    return toml.names(FOLDER)


def title(name: str) -> str:
    """What a suite that ships is: the first sentence of the comment that it begins with."""
    text, _ = toml.read(name, "suite", FOLDER)
    comment = itertools.takewhile(lambda line: line.startswith("#"), text.splitlines())
    return " ".join(line.removeprefix("#").strip() for line in comment).partition(". ")[0].rstrip(".")


def load(name: str, *, former: bool = False, home: Path | None = None) -> Suite:
    """
    Read a suite: a path, or the name of one that ships. InputError says which key, what was expected and found.

    former: keys that were renamed are read by their former names too, as a suite of an earlier revision has them.
    home: the folder that its plug-ins are relative to; None: that of the file.
    """
    text, path = toml.read(name, "suite", FOLDER)
    suite = parse(text, str(path), former=former)
    beside = (home or path.parent).absolute()
    exclude = suite.exclude if suite.exclude in (None, SELF) else str(_seen(beside / expanded(suite.exclude)))
    return msgspec.structs.replace(
        suite, plugins=tuple(str(beside / plugin) for plugin in suite.plugins), exclude=exclude
    )


def without_plugins(suite: Suite, given: Iterable[Path] = ()) -> tuple[Suite, list[Path]]:
    """
    The suite without its plug-in files, and these before those that were given, each once.

    A run records files of either origin alike; those of the suite as seen from the present folder, if they lie in it.
    """
    files = {path: _seen(path) for path in map(Path.resolve, map(Path, suite.plugins))}
    for path in given:
        files.setdefault(path.resolve(), path)
    return msgspec.structs.replace(suite, plugins=()), list(files.values())


def _seen(path: Path) -> Path:
    """A path as seen from the present folder, if it lies in it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def parse(text: str, where: str, *, former: bool = False) -> Suite:
    """The suite written in `text`; `where` names it in errors. former: as in `load`."""
    tables: dict[str, type[msgspec.Struct]] = {
        "limits": Limits,
        "[cells]": CellGroup,
        "[published]": Published,
        "gate": Gate,
    }
    found = toml.loads(text, f"suite {where}")
    groups = found.get("cells")
    if former and isinstance(groups, list):
        found["cells"] = [
            {FORMER_KEYS.get(key, key): value for key, value in group.items()} if isinstance(group, dict) else group
            for group in groups
        ]
    return check(toml.convert(found, f"suite {where}", Suite, tables), f"suite {where}")
