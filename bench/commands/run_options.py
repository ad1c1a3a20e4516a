"""
The options of `sparring run` that `sparring plan` has too, each once, and what they come to.

Each alias is one option: both commands spell it in their signature, and hand all to RunOptions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import completion, file_options, registry_with
from bench.commands.run_request import RunRequest
from bench.instruments.modes import DEFAULT, MODES, RATE
from retrievers.paths import is_file

if TYPE_CHECKING:
    from bench.formats.table import Columns
    from bench.run.suite import Suite

OF_SUITE = "or the suite's"
NUMBER = r"[0-9]{1,18}"  # longer ones are names: Python refuses to read the longest
_MODES = ", ".join(f"{mode.name} ({mode.help})" for mode in MODES.values())

What = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SUITE|RETRIEVER...",
        help="A suite (a name or a TOML file); with --passages: retrievers, 'BM25() @ CSR()'.",
        autocompletion=completion.suites_and_spellings,
    ),
]
Passages = Annotated[
    list[str] | None,
    typer.Option(
        "--passages",
        metavar="SET",
        autocompletion=completion.datasets,
        help="A passage set: a name, a BEIR folder, a SQuAD-style .json, a table, vectors (.hdf5); repeatable.",
    ),
]
Queries = Annotated[
    list[str] | None,
    typer.Option(
        "--queries",
        metavar="FILE|N",
        help="Of a table: the file of queries. A number: how many queries are timed at most.",
        show_default=f"500 are timed, {OF_SUITE}",
    ),
]
Rounds = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Rounds of every cell.", show_default=f"5, {OF_SUITE}")
]
Threads = Annotated[
    list[int] | None,
    typer.Option(
        metavar="N",
        min=1,
        help="Threads of query encoding and search; repeatable: each in turn.",
        show_default=f"1, {OF_SUITE}",
    ),
]
Seed = Annotated[
    int | None, typer.Option(metavar="N", help="Seed of samples and order.", show_default=f"7, {OF_SUITE}")
]
Distractors = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=0,
        help="Synthetic passages to grow every set by: for bytes and time only.",
        show_default=f"0, {OF_SUITE}",
    ),
]
ModeNames = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MODE",
        autocompletion=completion.among(MODES),
        help=f"How queries are timed: {_MODES}; repeatable.",
        show_default=f"{' and '.join(DEFAULT)}, {OF_SUITE}",
    ),
]
Rate = Annotated[
    str | None,
    typer.Option(
        metavar="RATE",
        help="Offered in mode rate: a share of a cell's own capacity, or queries a second (200/s).",
        show_default=f"70%, {OF_SUITE}",
    ),
]
P99 = Annotated[
    str | None,
    typer.Option(
        "--p99",
        metavar="TIME",
        help="With mode rate: find the highest rate whose p99 stays within it (10ms).",
        show_default="none, or the suite's",
    ),
]
Stop = Annotated[
    str | None,
    typer.Option(
        metavar="decided",
        help="decided: ask a retriever no more queries once it is decided beside the baseline.",
        show_default="none, or the suite's",
    ),
]
Measure = Annotated[
    list[str] | None,
    typer.Option(
        "--measure",
        metavar="MEASURE",
        help="A measure, nDCG@10; repeatable. The first is primary, unless the suite's is among them.",
        show_default="the usual five, or the suite's",
    ),
]
Exclude = Annotated[
    str | None,
    typer.Option(
        metavar="self|FILE",
        help="Leave out of a query's hits: the passage of its own id, or pairs of a file.",
        show_default="none, or the suite's",
    ),
]
Seconds = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", min=0.001, help="Limit of time of one stage.", show_default=f"none, {OF_SUITE}"),
]
Idle = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        min=0.001,
        help="End a stage that makes no progress for so many seconds.",
        show_default=f"600, {OF_SUITE}",
    ),
]
Memory = Annotated[
    str | None, typer.Option(metavar="SIZE", help="Limit of memory of one stage.", show_default=f"8GB, {OF_SUITE}")
]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options as they were given, by the names of the commands' parameters; None: not given."""

    what: list[str] | None
    passages: list[str] | None
    text: str | None
    title: str | None
    identifier: str | None
    parent: str | None
    queries: list[str] | None
    query_text: str | None
    query_id: str | None
    delimiter: str | None
    qrels: list[Path] | None
    language: str | None
    rounds: int | None
    threads: list[int] | None
    seed: int | None
    distractors: int | None
    mode: list[str] | None
    rate: str | None
    p99: str | None
    stop: str | None
    measure: list[str] | None
    exclude: str | None
    seconds: float | None
    idle: float | None
    memory: str | None
    plugin: list[Path] | None

    def request(self) -> RunRequest:
        """Read the suite, its passage sets and plug-ins. Raises InputError, PluginError or a usage error of typer's."""
        from bench import cache
        from bench.passages import loader
        from bench.run.overrides import override
        from bench.run.suite import without_plugins

        numbers, file = _numbers(self.queries or [])
        changes: dict[str, object] = {
            "rounds": self.rounds,
            "threads": self.threads or None,
            "seed": self.seed,
            "queries": numbers,
            "modes": self.mode,
            "rate": self.rate,
            "p99": self.p99,
            "stop": self.stop,
            "measures": self.measure or None,
            "exclude": self.exclude,
            "distractors": self.distractors,
        }
        suite = _suite(self.what or [], self.passages or [])
        suite = override(suite, changes, {"seconds": self.seconds, "idle": self.idle, "memory": self.memory})
        if self.p99 is not None and RATE.name not in suite.modes:
            raise typer.BadParameter(f"--p99: expected with --mode {RATE.name}, found {', '.join(suite.modes)}")
        columns = _columns(self._files(file), self.passages or [])
        suite, plugins = without_plugins(suite, self.plugin or [])
        cache.prepared()
        registry = registry_with(plugins, list(dict.fromkeys(spelling for _, spelling in suite.pairs())))
        sets = [
            loader.load(name, columns=None if loader.has_card(name) else columns, exclude=suite.exclude)
            for name in suite.passages
        ]
        return RunRequest(suite, sets, registry, plugins, columns)

    def _files(self, queries: str | None) -> dict[str, str | tuple[str, ...] | None]:
        """How one's own files are read, by the names of `Columns`; queries: the file of them."""
        return {
            "text": self.text,
            "title": self.title,
            "id": self.identifier,
            "parent": self.parent,
            "language": self.language,
            "qrels": file_options.named(self.qrels),
            "queries": queries,
            "query_text": self.query_text,
            "query_id": self.query_id,
            "delimiter": "\t" if self.delimiter in ("tab", "\\t") else self.delimiter,
        }


def _suite(what: list[str], passages: list[str]) -> Suite:
    from bench.passages import cards
    from bench.run import overrides, suite

    suites = [name for name in what if "(" not in name and (name in suite.shipped() or name.endswith(".toml"))]
    sets = [name for name in what if name in cards.names() and name not in suites and not is_file(name)]
    spelled = [name for name in what if "(" in name and not is_file(name)]
    if passages:
        if not what:
            raise typer.BadParameter("with --passages, at least one retriever is expected: 'BM25() @ CSR()'")
        if suites:
            raise typer.BadParameter(f"{suites[0]} is a suite: run it without --passages")
        return overrides.from_retrievers(passages, what)
    if sets:
        raise typer.BadParameter(f"{sets[0]} is a passage set: sparring run --passages {sets[0]} RETRIEVER")
    if spelled:
        raise typer.BadParameter(f"{spelled[0]} is a retriever: add --passages NAME")
    if len(what) != 1:
        raise typer.BadParameter(
            f"expected one suite ({', '.join(suite.shipped())}, or a TOML file), found {len(what)}; "
            "retrievers are run with --passages"
        )
    return suite.load(what[0])


def _numbers(values: list[str]) -> tuple[int | None, str | None]:
    """`--queries` takes a number (how many are timed) and a file (what is asked): (number, file)."""
    numbers = [int(value) for value in values if re.fullmatch(NUMBER, value)]
    files = [value for value in values if not re.fullmatch(NUMBER, value)]
    if len(numbers) > 1 or len(files) > 1:
        raise typer.BadParameter("--queries takes one file and one number at most")
    return next(iter(numbers), None), next(iter(files), None)


def _columns(given: dict[str, str | tuple[str, ...] | None], passages: Sequence[str]) -> Columns | None:
    """How one's own files are read; None where nothing was said. InputError where no own file is there to take it."""
    import msgspec

    from bench.errors import InputError
    from bench.passages.loader import Columns, has_card

    named = {name: value for name, value in given.items() if value is not None}
    if not named:
        return None
    if all(map(has_card, passages)):  # a suite names no --passages
        options = ", ".join(f"--{name.replace('_', '-')}" for name in named)
        raise InputError(
            f"{options}: expected only with --passages and a path to one's own files, found "
            f"{', '.join(passages) or 'a suite'}: leave {options} out, or give such a path"
        )
    return msgspec.convert(named, Columns)
