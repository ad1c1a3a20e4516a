"""A command of the command line in this process."""

from __future__ import annotations

from collections.abc import Callable

import typer
from click.testing import Result
from typer.testing import CliRunner


def call(command: Callable[..., None], *arguments: object) -> Result:
    """Its exit code and output; what it raises is raised."""
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, list(map(str, arguments)))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
