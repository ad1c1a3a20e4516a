"""`sparring export`: hits, judgments and passage sets for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.commands import completion, read_run


def export(
    what: Annotated[
        str,
        typer.Argument(
            metavar="RUN|SET",
            help="A run folder, or a passage set (name or folder).",
            autocompletion=completion.datasets,
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="Folder to write into.")],
    form: Annotated[
        Literal["trec", "json", "beir"] | None,
        typer.Option(
            "--format", metavar="[trec|json|beir]", help="Of a run: trec (as a rule) or json. Of a passage set: beir."
        ),
    ] = None,
) -> None:
    """
    Write a run, or a passage set, for other tools.

    A run's hits and qrels are theirs to score; a passage set, as a BEIR folder, to search.
    """
    from bench.analysis.export import export as export_run
    from bench.analysis.export import export_set
    from bench.errors import InputError
    from bench.passages import loader
    from bench.passages.loader import Columns
    from bench.report.text import printable

    path = Path(what)
    is_set = loader.has_card(what) or path.is_file() or any(path.glob("corpus.jsonl*"))
    if form is not None and is_set != (form == "beir"):
        kind, forms = ("a passage set", "beir") if is_set else ("a run", "trec or json")
        raise InputError(f"--format: expected {forms} of {kind}, found {form!r} of {what}")
    if is_set:
        passage_set = loader.load(what)
        written = export_set(passage_set, output)
        if passage_set.language != Columns().language:
            typer.echo(
                f"{passage_set.name}: a BEIR folder has no language: run it with --language {passage_set.language}",
                err=True,
            )
        typer.echo(
            printable(f"{passage_set.name}: licence {passage_set.licence}; who passes it on, keeps to it"), err=True
        )
    else:
        run = read_run(path)
        written = export_run(run, output, "json" if form == "json" else "trec")
        for m in run.measurements:
            if m.status != "ok":
                typer.echo(printable(f"not exported: {m.passage_set}: {m.retriever} ({m.status})"), err=True)
    for file in written:
        typer.echo(printable(str(file)))
