"""What makes a cell again: a command, and the suite file that it needs where options cannot say all of it."""

from __future__ import annotations

import shlex
from typing import Any

import msgspec
import tomli_w

from bench.passages import loader
from bench.passages.loader import Columns
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.run.suite import CellGroup, Suite

SUITE_FILE = "again.toml"
# Option of `sparring run` -> key of a suite; the limits are told apart.
OPTIONS = {"--rounds": "rounds", "--threads": "threads", "--seed": "seed", "--queries": "queries", "--mode": "modes"}
OPTIONS |= {"--distractors": "distractors", "--rate": "rate", "--p99": "p99", "--exclude": "exclude"}


def command_of(run: Run, m: Measurement) -> tuple[str, str | None]:
    """The command that makes a cell again, and the suite file that it needs where options cannot say all of it."""
    if m.origin is not None:
        return shlex.join(run.record.command), None
    whole = msgspec.convert(run.record.suite, Suite)
    source = next((name for name in whole.passages if loader.name_of(name) == m.passage_set), m.passage_set)
    # Looks are at the difference from the baseline, and decide which queries are timed: both are made again.
    baseline, stop = (None, None) if m.decision is None else (m.decision.baseline, whole.stop)
    retrievers = (m.retriever,) if baseline is None else (baseline, m.retriever)
    plain = Suite(name="again", passages=(source,), cells=(CellGroup(retrievers=retrievers),))
    one = msgspec.structs.replace(whole, name="again", passages=plain.passages, cells=plain.cells, baseline=baseline)
    one = msgspec.structs.replace(one, published=(), gate=None, stop=stop, threads=m.threads)
    plugins = [word for path, _ in run.record.plugin_hashes for word in ("--plugin", path)]
    columns = [] if loader.has_card(source) else _columns(run)
    options = {name: getattr(one, name) for name in (*OPTIONS.values(), "limits")}
    into = ["-o", f"results/again-{m.cell[:8]}"]  # a cell each: a folder holds one suite
    if one == msgspec.structs.replace(plain, **options):
        words = [m.retriever, "--passages", source, *_options(one, plain)]
        return shlex.join(["sparring", "run", *words, *columns, *plugins, *into]), None
    return shlex.join(["sparring", "run", SUITE_FILE, *plugins, *into]), toml(one)


def _options(one: Suite, plain: Suite) -> list[str]:
    """The options of `sparring run` that make the suite `plain` the suite `one`."""
    said = [(option, getattr(one, name), getattr(plain, name)) for option, name in OPTIONS.items()]
    limits = ("seconds", "idle", "memory")
    said += [(f"--{name}", getattr(one.limits, name), getattr(plain.limits, name)) for name in limits]
    changed = [(option, value) for option, value, usual in said if value != usual]
    return [
        word
        for option, value in changed
        for each in (value if isinstance(value, tuple) else (value,))
        for word in (option, f"{each:g}" if isinstance(each, float) else str(each))
    ]


def _columns(run: Run) -> list[str]:
    """The options of `sparring run` that say how one's own files are read."""
    given, usual = run.record.columns or {}, msgspec.to_builtins(Columns())
    changed = {name: value for name, value in given.items() if value is not None and value != usual[name]}
    return [
        word
        for name, value in changed.items()
        for each in ([value] if isinstance(value, str) else value)
        for word in (f"--{name.replace('_', '-')}", each)
    ]


def toml(suite: Suite) -> str:
    """A suite as the text of a file that it is read from."""
    return tomli_w.dumps(_without_none(msgspec.to_builtins(suite)))


def _without_none(table: dict[str, Any]) -> dict[str, Any]:  # Any: whatever TOML has
    """TOML has no null: what is not named is the default."""
    found = {name: _without_none(value) if isinstance(value, dict) else value for name, value in table.items()}
    return {name: value for name, value in found.items() if value not in (None, ())}
