"""`sparring import`: runs made elsewhere, scored with our measures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.commands import completion, file_options, run_options, standard_output

Searched = Annotated[
    str,
    typer.Option(
        "--passages",
        metavar="RUN|SET",
        help="What was searched: a run folder, a name, a BEIR folder, a SQuAD-style .json.",
        autocompletion=completion.datasets,
    ),
]
Names = Annotated[
    list[str] | None,
    typer.Option("--name", metavar="NAME", help="What to call the retriever: one for each file, in their order."),
]
Measures = Annotated[
    list[str] | None,
    typer.Option(
        "--measure",
        metavar="MEASURE",
        help="A measure, nDCG@10; repeatable. Else the run's of --passages, or the usual.",
    ),
]
Language = Annotated[str | None, typer.Option(metavar="CODE", help="Language of one's own passages (ISO 639).")]

ParentSeparator = Annotated[
    str | None,
    typer.Option(
        metavar="SIGN",
        help="Ids are DOCUMENT, this, PART ('#'): documents are judged, each by its best passage.",
    ),
]


def import_(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="RUN_FILE...", help="TREC or MS MARCO run files, or .json dictionaries; .gz too."),
    ],
    passages: Searched,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="The run folder to make.")],
    name: Names = None,
    measure: Measures = None,
    qrels: file_options.Qrels = None,
    language: Language = None,
    exclude: run_options.Exclude = None,
    parent_separator: ParentSeparator = None,
) -> None:
    """
    Score runs made elsewhere, to stand beside ours.

    They are kept as a run folder like any other, for every table.
    """
    import msgspec

    from bench.commands.run_request import doubts
    from bench.errors import InputError
    from bench.passages import loader
    from bench.records import run_folder
    from bench.report.render import terminal
    from bench.report.text import printable
    from bench.run import imported, outside_run

    if name and len(name) != len(files):
        raise typer.BadParameter(f"--name is given once for each file, in their order: {len(files)} files")
    own = {"qrels": file_options.named(qrels), "language": language}
    given = {option: value for option, value in (own | {"exclude": exclude}).items() if value is not None}
    if (Path(passages) / run_folder.RUN).is_file():
        if given:
            options = ", ".join(f"--{option}" for option in given)
            raise InputError(
                f"{options}: expected only with a set's files, found the run {passages}: name one that was run with it"
            )
        searched = run_folder.read(Path(passages))
        passage_set, size, source = imported.kept_set(searched)
        usual = imported.kept_measures(searched)
    else:
        named = {option: value for option, value in own.items() if value is not None}
        columns = msgspec.convert(named, loader.Columns) if named else None
        passage_set = loader.load(passages, columns=columns, exclude=exclude)
        size = loader.text_bytes(passage_set)
        source = imported.SetSource(passages, None if columns is None else msgspec.to_builtins(columns), exclude)
        for doubt in doubts([passages], [passage_set]):
            typer.echo(printable(doubt), err=True)
        usual = imported.MEASURES
    names: list[str | None] = [*name] if name else [None] * len(files)
    runs = [outside_run.read(path, called, parent_separator) for path, called in zip(files, names, strict=True)]
    command = ("sparring", *sys.argv[1:])
    imported.import_runs(runs, passage_set, size, output, measures=measure or usual, command=command, source=source)
    terminal.table([run_folder.read(output)], standard_output())
    typer.echo(f"records in {printable(str(output))}", err=True)
