"""
The commands of `sparring`, one module each, and what several of them share.

Nothing heavy is imported before a command needs it: `sparring --help` reads every module here.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.models import OptionInfo

from bench.commands import completion
from bench.errors import did_you_mean

if TYPE_CHECKING:
    from rich.console import Console

    from bench.records.run_folder import Run
    from retrievers.registry import Registry

OK, INPUT_ERROR, CELL_FAILED = 0, 2, 3
UNEXPECTED = 70  # an error of ours, with its traceback (EX_SOFTWARE of sysexits.h)
INTERRUPTED, TERMINATED = 130, 143  # 128 + SIGINT and SIGTERM, as shells have it
NEWEST = 3  # runs that are named where one has to be chosen
PIPE_WIDTH = 120  # columns of a table that is no terminal's, where COLUMNS says nothing
WIDTH = re.compile(r"[1-9][0-9]{0,5}")  # what COLUMNS may say; anything else is as if it were not set

Plugin = Annotated[
    list[Path] | None, typer.Option("--plugin", metavar="FILE", help="A Python file with adapters; repeatable.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON array on stdout.")]
JsonObject = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def one_of(option: str, names: Collection[str], about: str) -> OptionInfo:
    """An option that takes one of some names. about: its line of help."""

    def parsed(value: str) -> str:
        if value not in names:
            raise typer.BadParameter(
                f"expected one of {', '.join(names)}, found {value!r}.{did_you_mean(value, names)}"
            )
        return value

    made: OptionInfo = typer.Option(
        option, parser=parsed, metavar=f"[{'|'.join(names)}]", help=about, autocompletion=completion.among(names)
    )
    return made


def chosen_format(given: str | None, flags: Mapping[str, bool], default: str) -> str:
    """The format that --format names, or a flag of that name does; a usage error where they name two."""
    named = {name: f"--{name}" for name, is_set in flags.items() if is_set}
    if given is not None:
        named.setdefault(given, f"--format {given}")
    if len(named) > 1:
        raise typer.BadParameter(f"{' and '.join(named.values())} exclude each other")
    return next(iter(named), default)


def standard_output() -> Console:
    """Standard output as wide as COLUMNS says, else as the terminal; where there is none, wide enough for a table."""
    from bench.report.console.safe import SafeConsole

    columns = WIDTH.fullmatch(os.environ.get("COLUMNS", ""))
    if columns is not None:
        return SafeConsole(width=int(columns.group()))
    return SafeConsole(width=None if sys.stdout.isatty() else PIPE_WIDTH)


@contextlib.contextmanager
def stoppable(says: Callable[[str], None], goes_on: str) -> Iterator[None]:
    """Ctrl-C and a signal to end, told with how to go on, as the exit codes that shells have for them."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as stopped:
        code = INTERRUPTED if isinstance(stopped, KeyboardInterrupt) else stopped.code
        if code not in (INTERRUPTED, TERMINATED):
            raise
        says(f"stopped; {goes_on}")
        raise typer.Exit(int(code)) from None


def echo_json(rows: object) -> None:
    """Print a value as one line of JSON on stdout, in UTF-8 whatever the letters of the terminal: programs read it."""
    import msgspec

    typer.echo(msgspec.json.encode(rows))


def write_file(path: Path, content: str | bytes, option: str) -> None:
    """Write a file whole, and say where it is; InputError, naming the option, where it cannot be written there."""
    from bench.errors import InputError
    from bench.formats.files import write_whole
    from bench.report.text import printable

    try:
        write_whole(path, content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise InputError(f"{option}: expected a file that can be written, found {path}: {error.strerror}") from error
    typer.echo(printable(str(path)))


def read_run(folder: Path) -> Run:
    """The run in a folder; InputError for a folder of runs names the newest of them."""
    from bench.errors import InputError
    from bench.records import run_folder

    inside = {path.parent: path.stat().st_mtime for path in folder.glob(f"*/{run_folder.RUN}")}
    if inside and not (folder / run_folder.RUN).is_file():
        newest = ", ".join(map(str, sorted(inside, key=lambda run: -inside[run])[:NEWEST]))
        found = f"a folder of {len(inside)} runs"
        raise InputError(f"run {folder}: expected a run folder, found {found}: name one, the newest first: {newest}")
    return run_folder.read(folder)


def registry_with(plugins: list[Path] | None, spellings: Sequence[str] = ()) -> Registry:
    """
    The installed adapters, and those of the given plug-in files; spellings: of what will be made of them.

    PluginError for a file that cannot be loaded, and where making an adapter ends its process.
    """
    from bench.stage.plugin_process import try_out
    from retrievers.registry import installed

    registry = installed()
    try_out(plugins or [], spellings)
    with contextlib.redirect_stdout(sys.stderr):  # what a plug-in prints is none of the answer
        for path in plugins or []:
            registry.add_file(path)
    return registry
