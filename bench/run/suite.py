"""TOML -> cells: what to run, read strictly, every name checked before anything starts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import msgspec

from bench import toml
from bench.errors import InputError, did_you_mean
from bench.instruments import quality
from bench.instruments.load import offered_qps
from retrievers.contract import spell
from retrievers.registry import Registry, SpellingError
from retrievers.registry import parse as parse_spelling

Mode: TypeAlias = Literal["single", "batch", "joint", "rate"]
NAME = re.compile(r"[A-Za-z0-9][\w.-]*")  # of a suite: it becomes part of a folder's name
LONGEST_SECONDS = 10_000_000  # of one stage; no wait of the system's takes an endless one
MOST_DISTRACTORS = 1_000_000_000  # hits are kept as 32-bit positions
FOLDER = Path(__file__).parent / "suites"
_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one stage may take."""

    seconds: float = 600.0
    memory: str = "8GB"

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

    measures: tuple[str, ...] = ()  # whose every query is held to the reference; none named: the primary one
    quality: float = 0.01  # a mean may move so far where hits may: other environments, approximate retrievers
    bytes: float = 0.0  # share by which bytes may change
    slower: float = 0.05  # share by which the median service time may grow
    milliseconds: float = 0.0  # growth of it below this many is let be
    budget: str = "90s"  # of measuring speed, for all cells
    install: str = ""  # of `--ab`: the command that installs the worktree into an environment of its own

    @property
    def budget_seconds(self) -> float:
        match = re.fullmatch(r"\s*(\d{1,6}(?:\.\d+)?)\s*(s|m|min)\s*", self.budget)
        if match is None:
            raise InputError(f'gate.budget: expected a time such as "90s" or "5m", found {self.budget!r}')
        return float(match[1]) * (1 if match[2] == "s" else 60)


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
    rounds: int = 3
    seed: int = 7
    threads: int | tuple[int, ...] = 1  # of query encoding and search; several: every cell is measured under each
    encode_threads: int | None = None  # None: every core that this process may use
    queries: int = 500  # at most so many are timed, a seeded sample, the same for every cell
    distractors: int = 0  # synthetic passages that every set is grown by: for bytes and time only
    k: int = 10
    depth: int = 100
    modes: tuple[Mode, ...] = ("single", "batch")
    rate: str = "70%"  # offered in mode `rate`: a share of the cell's own capacity, or queries a second ("200/s")
    rate_seconds: float = 5.0  # a round of it takes at least so long
    limits: Limits = Limits()
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

    def names(self) -> dict[tuple[str, str], str]:
        """(passage set, retriever spelling) -> name, of the cells that have one."""
        return {
            (passage_set, spelling): group.name
            for group in self.cells
            if group.name
            for spelling in group.spellings()
            for passage_set in group.on(self.passages)
        }


def _check(suite: Suite, where: str) -> Suite:
    def refuse(key: str, expected: str, found: object) -> InputError:
        return InputError(f"{where}: {key}: expected {expected}, found {found!r}")

    if not NAME.fullmatch(suite.name):
        raise refuse("name", "a letter or digit, then letters, digits, '_', '.' and '-'", suite.name)
    if not suite.passages:
        raise refuse("passages", "at least one passage set", list(suite.passages))
    for key in ("rounds", "queries", "k", "depth"):
        if getattr(suite, key) < 1:
            raise refuse(key, "a whole number of at least 1", getattr(suite, key))
    counts = tuple(dict.fromkeys(suite.thread_counts))
    if not counts or min(counts) < 1:
        raise refuse("threads", "a whole number of at least 1, or a list of them", suite.threads)
    suite = msgspec.structs.replace(suite, threads=counts if len(counts) > 1 else counts[0])
    if not 0 <= suite.distractors <= MOST_DISTRACTORS:
        raise refuse("distractors", f"a whole number from 0 to {MOST_DISTRACTORS:,}", suite.distractors)
    if not 0 < suite.rate_seconds <= LONGEST_SECONDS:
        raise refuse("rate_seconds", f"more than 0, at most {LONGEST_SECONDS:,}", suite.rate_seconds)
    if suite.depth < suite.k:
        raise refuse("depth", f"at least k = {suite.k}", suite.depth)
    try:
        cutoffs = {measure: quality.parse(measure)[1] for measure in suite.measures}
        memory_bytes = suite.limits.memory_bytes
        offered_qps(suite.rate, capacity_qps=1.0)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    for measure, cutoff in cutoffs.items():
        if cutoff is not None and cutoff > suite.depth:
            raise refuse("measures", f"no deeper look than the hits are kept, depth = {suite.depth}", measure)
    if suite.primary not in suite.measures:
        raise refuse("primary", f"one of the measures {', '.join(suite.measures)}", suite.primary)
    if not 0 < suite.limits.seconds <= LONGEST_SECONDS:
        raise refuse("limits.seconds", f"more than 0, at most {LONGEST_SECONDS:,}", suite.limits.seconds)
    if memory_bytes <= 0:
        raise refuse("limits.memory", "more than 0", suite.limits.memory)
    for group in suite.cells:
        if bool(group.encoders) != bool(group.storages):
            raise refuse("cells", "encoders and storages together", msgspec.to_builtins(group))
        for name in group.passages or ():
            if name not in suite.passages:
                raise refuse("cells.passages", f"one of the suite's {', '.join(suite.passages)}", name)
    _check_names(suite, refuse)
    if not suite.pairs():
        raise refuse("cells", "at least one cell", [])
    if suite.gate is not None:
        _check_gate(suite.gate, suite.measures, where, refuse)
    for figure in suite.published:
        if figure.passage_set not in suite.passages:
            raise refuse("published.passage_set", f"one of the suite's {', '.join(suite.passages)}", figure.passage_set)
        if figure.measure not in suite.measures:
            raise refuse("published.measure", f"one of the suite's {', '.join(suite.measures)}", figure.measure)
        limits = {key: given for key in ("value", "within", "at_least") if (given := getattr(figure, key)) is not None}
        if set(limits) not in ({"value", "within"}, {"at_least"}):
            raise refuse("published", "value and within, or at_least alone", limits)
        for key, given in limits.items():
            if not 0 <= given <= 1:
                raise refuse(f"published.{key}", "a number from 0 to 1, as the measures are", given)
    return suite


def _check_gate(
    gate: Gate, measures: Sequence[str], where: str, refuse: Callable[[str, str, object], InputError]
) -> None:
    for measure in gate.measures:
        if measure not in measures:
            raise refuse("gate.measures", f"some of the measures {', '.join(measures)}", measure)
    for key in ("quality", "bytes", "slower", "milliseconds"):
        if not 0 <= getattr(gate, key) < float("inf"):
            raise refuse(f"gate.{key}", "a number of at least 0", getattr(gate, key))
    try:
        gate.budget_seconds  # noqa: B018  # read for what it raises
        shlex.split(gate.install)
    except (InputError, ValueError) as error:
        raise InputError(f"{where}: gate: {error}") from error


def _check_names(suite: Suite, refuse: Callable[[str, str, object], InputError]) -> None:
    """A name stands for one cell of a passage set; else one of another run would have several to be compared with."""
    seen: dict[tuple[str, str], str] = {}
    for group in suite.cells:
        spellings = group.spellings()
        if group.name and len(spellings) != 1:
            raise refuse("cells.name", f"one retriever under the name {group.name!r}", spellings)
        for passage_set in group.on(suite.passages) if group.name else ():
            other = seen.setdefault((passage_set, group.name), spellings[0])
            if other != spellings[0]:
                expected = f"one retriever of a passage set under the name {group.name!r}"
                raise refuse("cells.name", expected, [other, spellings[0]])


def canonical(spelling: str, registry: Registry) -> str:
    """A spelling as its cell prints it; as it was written where the adapter can not be made. SpellingError for none."""
    try:
        return spell(parse_spelling(spelling, registry))
    except SpellingError:
        raise
    except Exception:  # whatever an adapter raises: it breaks its own row, which keeps the suite's spelling
        return spelling


def published(
    suite: Suite, set_names: Sequence[str], cells: Collection[tuple[str, str]], registry: Registry
) -> tuple[Published, ...]:
    """
    The suite's published figures with passage set and retriever as the records will spell them.

    set_names: the names of the sets that were loaded, in the order of the suite's `passages` (a path there, a name
    here). cells: (name of the set, spelling) of each. Raises InputError for a figure that stands beside no cell,
    SpellingError as in `retrievers.registry.parse`.
    """
    named = dict(zip(suite.passages, set_names, strict=True))
    found = []
    for figure in suite.published:
        place = named[figure.passage_set], canonical(figure.retriever, registry)
        if place not in cells:
            known = [spelling for name, spelling in cells if name == place[0]]
            hint = did_you_mean(place[1], known)
            raise InputError(
                f"published.retriever: expected one of the cells on {place[0]} ({', '.join(known) or 'none'}), "
                f"found {figure.retriever!r}.{hint}"
            )
        found.append(msgspec.structs.replace(figure, passage_set=place[0], retriever=place[1]))
    return tuple(found)


def from_retrievers(passages: Iterable[str], retrievers: Iterable[str]) -> Suite:
    """The suite of a command line that names passage sets and retrievers; the first retriever is the baseline."""
    spellings = tuple(retrievers)
    return _check(
        Suite(
            name="command",
            passages=tuple(passages),
            baseline=spellings[0] if spellings else None,
            cells=(CellGroup(retrievers=spellings),),
        ),
        "the command line",
    )


def changed(suite: Suite, changes: Mapping[str, object], limits: Mapping[str, object]) -> Suite:
    """The suite with what the command line says otherwise; None changes nothing."""
    for mode in msgspec.convert(changes.get("modes") or (), tuple[str, ...]):
        if mode not in get_args(Mode):
            raise InputError(f"--mode: expected {', '.join(get_args(Mode))}, found {mode!r}")
    table = msgspec.to_builtins(suite)
    table |= {key: value for key, value in changes.items() if value is not None}
    table["limits"] |= {key: value for key, value in limits.items() if value is not None}
    try:
        return _check(msgspec.convert(table, Suite), "the command line")
    except msgspec.ValidationError as error:
        raise InputError(f"the command line: {error}") from error


def shipped() -> list[str]:
    """Names of the suites that ship."""
    return toml.names(FOLDER)


def load(name: str) -> Suite:
    """Read a suite: a path, or the name of one that ships. InputError says which key, what was expected and found."""
    text, path = toml.read(name, "suite", FOLDER)
    return parse(text, str(path))


def parse(text: str, where: str) -> Suite:
    """The suite written in `text`; `where` names it in errors."""
    tables: dict[str, type[msgspec.Struct]] = {
        "limits": Limits,
        "[cells]": CellGroup,
        "[published]": Published,
        "gate": Gate,
    }
    return _check(toml.struct(text, f"suite {where}", Suite, tables), f"suite {where}")
