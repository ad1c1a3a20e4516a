"""The options that say how one's own files are read, each once: of `sparring run` and `sparring plan`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

Text = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="Of a table: the column of the passages' text.", show_default="text"),
]
Title = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="Of a table: the column of the passages' titles.", show_default="none"),
]
Identifier = Annotated[
    str | None,
    typer.Option(
        "--id",
        metavar="COLUMN",
        help="Of a table: the column of the passages' ids.",
        show_default="_id, id, pid ..., else row numbers",
    ),
]
Parent = Annotated[
    str | None,
    typer.Option(
        "--parent",
        metavar="COLUMN",
        help="Of a table: the column of the document that a passage is a part of; its best part counts.",
        show_default="none",
    ),
]
QueryText = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Of a file of queries: the column of their text.")
]
QueryId = Annotated[str | None, typer.Option(metavar="COLUMN", help="Of a file of queries: the column of their ids.")]
Delimiter = Annotated[
    str | None,
    typer.Option(
        metavar="SIGN",
        help="What separates the columns of tables: one character, or tab.",
        show_default="as the first line has it",
    ),
]
Qrels = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="Of a table or a folder: the file of judgments; repeatable, as of a judging sheet beside it.",
    ),
]
Language = Annotated[
    str | None,
    typer.Option(metavar="CODE", help="Language of one's own passages (ISO 639).", show_default="en"),
]


def named(files: Sequence[Path] | None) -> str | tuple[str, ...] | None:
    """The files of judgments as `Columns` has them."""
    paths = tuple(map(str, files or ()))
    return paths if len(paths) > 1 else next(iter(paths), None)
