"""The `sparring` command: thin, and nothing heavy is imported before a command needs it."""

from __future__ import annotations

import errno
import os
import reprlib
import signal
import sys
import traceback
from typing import Annotated

import typer

from bench import streams
from bench.commands import INPUT_ERROR, TERMINATED, UNEXPECTED
from bench.commands.calibrate import calibrate
from bench.commands.check import check
from bench.commands.compare import compare
from bench.commands.datasets import datasets
from bench.commands.explain import explain
from bench.commands.export import export
from bench.commands.fetch import fetch
from bench.commands.gate import gate
from bench.commands.history import history
from bench.commands.import_ import import_
from bench.commands.judge_sheet import judge_sheet
from bench.commands.models import models
from bench.commands.new import new
from bench.commands.plan import plan
from bench.commands.plot import plot
from bench.commands.retrievers import retrievers
from bench.commands.run import run
from bench.commands.show import show
from bench.commands.suites import suites
from bench.commands.table import table
from bench.commands.train import train
from bench.commands.usage import CommandInWords, epilog

OF_A_PATH = (errno.ENAMETOOLONG, errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR)
LONGEST_SHOWN = 200  # characters of a path that its error quotes

app = typer.Typer(
    name="sparring",
    help="Sparse and dense retrievers in the same ring: recall, latency and memory over the same passages.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        typer.echo(f"sparring {metadata.version('sparring')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[  # told before any command is asked for
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None: ...


for command in (
    run,
    plan,
    table,
    compare,
    gate,
    history,
    plot,
    show,
    explain,
    judge_sheet,
    datasets,
    suites,
    models,
    retrievers,
    fetch,
    check,
    calibrate,
    train,
    new,
    export,
):
    app.command(cls=CommandInWords, epilog=epilog(command.__name__))(command)
app.command("import", cls=CommandInWords, epilog=epilog("import"))(import_)


def _of_a_path(error: BaseException) -> Exception | None:
    """What a path is refused for, wherever the system met it first: a name too long, a loop of links, no permission."""
    from bench.errors import InputError

    before = error.__context__
    if isinstance(error, RuntimeError) and isinstance(before, OSError) and before.errno == errno.ELOOP:
        error = before  # of Path.resolve, before Python 3.13
    if not isinstance(error, OSError) or error.filename is None or error.errno not in OF_A_PATH:
        return None
    found = reprlib.Repr()
    found.maxstring = found.maxother = LONGEST_SHOWN
    return InputError(
        f"expected a path that the system takes, found {found.repr(str(error.filename))}: {error.strerror}"
    )


def _refuse_no_folder() -> None:
    """InputError where the folder that the command is started in is gone: no path could be read from there."""
    from bench.errors import InputError

    try:
        os.getcwd()  # noqa: PTH109  # no path is wanted
    except FileNotFoundError as error:
        raise InputError("expected a working directory, found it removed: change to one that is there") from error


def _refuse_bytes() -> None:
    """InputError for an argument that is no text: paths stand in records, which are UTF-8."""
    from bench.errors import InputError

    for word in sys.argv[1:]:
        try:
            word.encode()
        except UnicodeEncodeError as error:
            raise InputError(f"expected arguments in UTF-8, found {word!r:.80}: rename what it names") from error


def _end_tidily() -> None:
    """Let what ends us, a closed terminal too, take with it what was started; `nohup` has its way."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: sys.exit(TERMINATED))


def main() -> None:
    """Run the command; a caller's mistake is one clear message and exit code 2."""
    _end_tidily()
    try:
        try:
            streams.open_standard()
            _refuse_no_folder()
            _refuse_bytes()
            app(standalone_mode=True)
        finally:
            sys.stdout.flush()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # an adapter may raise anything
        from bench.errors import InputError
        from bench.report.text import printable
        from retrievers.contract import NotFound
        from retrievers.registry import PluginError, SpellingError

        error = _of_a_path(error) or error
        if not isinstance(error, InputError | NotFound | PluginError | SpellingError):
            traceback.print_exc()  # and not the interpreter's own code, 1: that is the gate's word
            sys.exit(UNEXPECTED)
        lines = map(printable, str(error).split("\n"))  # our messages have lines, what they quote may have anything
        typer.echo("sparring: " + "\n".join(lines), err=True)
        sys.exit(INPUT_ERROR)
