"""The command line's suite: one of the retrievers that it names, or a suite with what it says otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from bench.errors import InputError
from bench.instruments.modes import MODES
from bench.run.suite import CellGroup, Suite
from bench.run.suite_rules import check


def from_retrievers(passages: Iterable[str], retrievers: Iterable[str]) -> Suite:
    """The suite of a command line that names passage sets and retrievers; the first retriever is the baseline."""
    spellings = tuple(retrievers)
    return check(
        Suite(
            name="command",
            passages=tuple(passages),
            baseline=spellings[0] if spellings else None,
            cells=(CellGroup(retrievers=spellings),),
        ),
        "the command line",
    )


def override(suite: Suite, changes: Mapping[str, object], limits: Mapping[str, object]) -> Suite:
    """The suite with what the command line says otherwise; None changes nothing. InputError as of any suite."""
    for name in msgspec.convert(changes.get("modes") or (), tuple[str, ...]):
        if name not in MODES:  # told by the option's name: its key is another
            raise InputError(f"--mode: expected {', '.join(MODES)}, found {name!r}")
    table = msgspec.to_builtins(suite)
    table |= {key: value for key, value in changes.items() if value is not None}
    if changes.get("measures") and suite.primary not in table["measures"]:
        table["primary"] = table["measures"][0]
    table["limits"] |= {key: value for key, value in limits.items() if value is not None}
    try:
        return check(msgspec.convert(table, Suite), "the command line")
    except msgspec.ValidationError as error:
        raise InputError(f"the command line: {error}") from error
