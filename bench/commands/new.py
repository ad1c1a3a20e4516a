"""`sparring new`: a package for an adapter of one's own."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from bench.scaffold import create as package
from bench.scaffold.create import Kind


def new(
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help="encoder, storage, retriever or analyser.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of its class: Trigrams.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FOLDER", help="The folder to make; default: sparring-NAME here."),
    ] = None,
) -> None:
    """
    Make a package for an adapter of one's own.

    It works, is typed and tested, and is there to be changed.
    """
    from retrievers.registry import installed

    folder = output or Path(package.package_of(name))
    package.create(kind, name, folder, installed())
    typer.echo(f"cd {shlex.quote(str(folder))} && pip install -e '.[test]'")
    typer.echo(f"pytest && sparring check '{name}()'")
    typer.echo("sparring run suite.toml")
    source = package.origin()
    if source is not None:
        typer.echo(f"# where sparring is not installed yet, first: pip install {shlex.quote(source)}")
