"""What a suite must be before anything starts: each value in its range, each name of another one found."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import msgspec

from bench.errors import InputError, did_you_mean
from bench.instruments import quality
from bench.instruments.load import longest_ns, offered_qps
from bench.instruments.modes import MODES

if TYPE_CHECKING:
    from bench.run.suite import Published, Suite

NAME = re.compile(r"[A-Za-z0-9][\w.-]*")  # of a suite: it becomes part of a folder's name
LONGEST_SECONDS = 10_000_000  # of one stage; no wait of the system's takes an endless one
STOPS = ("decided",)
DEEPEST = 10_000  # hits of a query: 12 bytes each
MOST_DISTRACTORS = 1_000_000_000  # hits are kept as 32-bit positions


def check(suite: Suite, where: str) -> Suite:
    """The suite, its numbers of threads once each. InputError says which key, what was expected and what was found."""
    try:
        return _checked(suite)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _checked(suite: Suite) -> Suite:
    if not NAME.fullmatch(suite.name):
        raise _refusal("name", "a letter or digit, then letters, digits, '_', '.' and '-'", suite.name)
    if not suite.passages:
        raise _refusal("passages", "at least one passage set", list(suite.passages))
    suite = _with_numbers(suite)
    _check_modes(suite)
    _check_measures(suite)
    _check_limits(suite)
    for plugin in suite.plugins:
        if not plugin.endswith(".py") or "\0" in plugin:
            raise _refusal("plugins", "Python files, relative to the suite's own", plugin)
    _check_cells(suite)
    _check_names(suite)
    _check_stop(suite)
    if not suite.pairs():
        raise _refusal("cells", "at least one cell", [])
    _check_gate(suite)
    for figure in suite.published:
        _check_figure(figure, suite)
    return suite


def _refusal(key: str, expected: str, found: object) -> InputError:
    return InputError(f"{key}: expected {expected}, found {found!r}")


def _with_numbers(suite: Suite) -> Suite:
    for key in ("rounds", "queries", "k", "depth"):
        if getattr(suite, key) < 1:
            raise _refusal(key, "a whole number of at least 1", getattr(suite, key))
    for key in ("k", "depth"):
        if getattr(suite, key) > DEEPEST:
            raise _refusal(key, f"at most {DEEPEST:,}: so many hits of every query are kept", getattr(suite, key))
    counts = tuple(dict.fromkeys(suite.thread_counts))
    if not counts or min(counts) < 1:
        raise _refusal("threads", "a whole number of at least 1, or a list of them", suite.threads)
    if not 0 <= suite.distractors <= MOST_DISTRACTORS:
        raise _refusal("distractors", f"a whole number from 0 to {MOST_DISTRACTORS:,}", suite.distractors)
    if suite.depth < suite.k:
        raise _refusal("depth", f"at least k = {suite.k}", suite.depth)
    return msgspec.structs.replace(suite, threads=counts if len(counts) > 1 else counts[0])


def _check_modes(suite: Suite) -> None:
    for name in suite.modes:
        if name not in MODES:
            hint = did_you_mean(name, MODES)
            raise InputError(f"modes: expected some of {', '.join(MODES)}, found {name!r}.{hint}")
    if not 0 < suite.rate_seconds <= LONGEST_SECONDS:
        raise _refusal("rate_seconds", f"more than 0, at most {LONGEST_SECONDS:,}", suite.rate_seconds)
    offered_qps(suite.rate, capacity_qps=1.0)
    if suite.p99 is not None:
        longest_ns(suite.p99)


def _check_measures(suite: Suite) -> None:
    cutoffs = {measure: quality.parse(measure)[1] for measure in suite.measures}
    for measure, cutoff in cutoffs.items():
        if cutoff is not None and cutoff > suite.depth:
            raise _refusal("measures", f"no deeper look than the hits are kept, depth = {suite.depth}", measure)
    if suite.primary not in suite.measures:
        raise _refusal("primary", f"one of the measures {', '.join(suite.measures)}", suite.primary)


def _check_limits(suite: Suite) -> None:
    for name in ("seconds", "idle"):
        limit = getattr(suite.limits, name)
        if limit is not None and not 0 < limit <= LONGEST_SECONDS:
            raise _refusal(f"limits.{name}", f"more than 0, at most {LONGEST_SECONDS:,}", limit)
    if suite.limits.memory_bytes <= 0:
        raise _refusal("limits.memory", "more than 0", suite.limits.memory)


def _check_cells(suite: Suite) -> None:
    for group in suite.cells:
        if bool(group.encoders) != bool(group.storages):
            raise _refusal("cells", "encoders and storages together", msgspec.to_builtins(group))
        for name in group.passages or ():
            if name not in suite.passages:
                raise _refusal("cells.passages", f"one of the suite's {', '.join(suite.passages)}", name)


def _check_names(suite: Suite) -> None:
    """A name stands for one cell of a passage set; else one of another run would have several to be compared with."""
    seen: dict[tuple[str, str], str] = {}
    for group in suite.cells:
        spellings = group.spellings()
        if group.name and len(spellings) != 1:
            raise _refusal("cells.name", f"one retriever under the name {group.name!r}", spellings)
        for passage_set in group.on(suite.passages) if group.name else ():
            other = seen.setdefault((passage_set, group.name), spellings[0])
            if other != spellings[0]:
                expected = f"one retriever of a passage set under the name {group.name!r}"
                raise _refusal("cells.name", expected, [other, spellings[0]])


def _check_stop(suite: Suite) -> None:
    if suite.stop is None:
        return
    if suite.stop not in STOPS:
        raise _refusal("stop", " or ".join(map(repr, STOPS)), suite.stop)
    if suite.baseline is None:
        raise _refusal("stop", "with a baseline, beside which the other cells are decided", None)
    if suite.distractors:
        raise _refusal("stop", "without distractors, among which no quality is measured", suite.distractors)


def _check_gate(suite: Suite) -> None:
    gate = suite.gate
    if gate is None:
        return
    for measure in gate.measures:
        if measure not in suite.measures:
            raise _refusal("gate.measures", f"some of the measures {', '.join(suite.measures)}", measure)
    for key in ("quality", "bytes", "slower", "milliseconds"):
        if not 0 <= getattr(gate, key) < float("inf"):
            raise _refusal(f"gate.{key}", "a number of at least 0", getattr(gate, key))
    try:
        gate.budget_seconds(1)  # for what it raises
        shlex.split(gate.install)
    except (InputError, ValueError) as error:
        raise InputError(f"gate: {error}") from error


def _check_figure(figure: Published, suite: Suite) -> None:
    if figure.passage_set not in suite.passages:
        raise _refusal("published.passage_set", f"one of the suite's {', '.join(suite.passages)}", figure.passage_set)
    if figure.measure not in suite.measures:
        raise _refusal("published.measure", f"one of the suite's {', '.join(suite.measures)}", figure.measure)
    limits = {key: given for key in ("value", "within", "at_least") if (given := getattr(figure, key)) is not None}
    if set(limits) not in ({"value", "within"}, {"at_least"}):
        raise _refusal("published", "value and within, or at_least alone", limits)
    for key, given in limits.items():
        if not 0 <= given <= 1:
            raise _refusal(f"published.{key}", "a number from 0 to 1, as the measures are", given)
