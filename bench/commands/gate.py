"""`sparring gate`: whether a run may pass beside its reference, or a working tree beside a revision."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import INTERRUPTED, OK, JsonObject, Plugin, echo_json, one_of, read_run, standard_output

if TYPE_CHECKING:
    from bench.gate.verdict import GateVerdict

GATE_FAILED = 1
UNDECIDED = ("pass", "fail")

RunFile = Annotated[
    Path | None,
    typer.Option("--run", metavar="FILE", help="A TREC run file, held to the one of --reference by --qrels."),
]
Qrels = Annotated[Path | None, typer.Option(metavar="FILE", help="With --run: the judgments, of TREC or BEIR.")]
Measures = Annotated[
    list[str] | None,
    typer.Option("--measure", metavar="MEASURE", help="With --run: a measure, nDCG@10; repeatable. Else the usual."),
]
Quality = Annotated[
    float | None,
    typer.Option(
        metavar="X", min=0, max=1, help="With --run: a mean may move so far, as .01. Else no query's value may."
    ),
]
NonInferior = Annotated[
    float | None,
    typer.Option("--non-inferior", metavar="X", min=0, max=1, help="With --run: a loss that is surely smaller passes."),
]
Reference = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER|FILE", help="What the run is held to (--accept makes it): a folder; with --run: a run file."
    ),
]
Kept = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FOLDER", help="With --ab: keep the runs of both sides in this folder."),
]
Summary = Annotated[Path | None, typer.Option(metavar="FILE", help="Write a summary in markdown into this file.")]


def gate(
    what: Annotated[
        Path | None, typer.Argument(metavar="[RUN|SUITE]", help="A run folder; with --ab: a suite's TOML file.")
    ] = None,
    reference: Reference = None,
    run_file: RunFile = None,
    qrels: Qrels = None,
    measure: Measures = None,
    quality: Quality = None,
    non_inferior: NonInferior = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Make the run the reference, and print what that changes.")
    ] = False,
    ab: Annotated[
        str | None,
        typer.Option(metavar="REF", help="Measure a git revision and the working tree side by side, speed too."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="A cell without its counterpart in the reference fails.")
    ] = False,
    undecided: Annotated[str, one_of("--undecided", UNDECIDED, "What becomes of a cell that is.")] = "pass",
    plugin: Plugin = None,
    output: Kept = None,
    markdown: Summary = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write JUnit's XML into this file.")] = None,
    as_json: JsonObject = False,
) -> None:
    """
    Pass or fail: a run beside a reference, or a git revision.

    Quality and bytes are held to both, speed to a revision alone (--ab). Of a run file (--run) quality is held.
    """
    if accept and (as_json or junit is not None or markdown is not None):
        raise typer.BadParameter("--accept prints what it changes: leave out --json, --junit and --markdown")
    if run_file is not None:
        if what is not None or ab is not None or output is not None or plugin or strict:
            raise typer.BadParameter("--run takes a file: leave out RUN, --ab, --plugin, -o and --strict")
        if reference is None or qrels is None:
            raise typer.BadParameter("--run: expected --reference OLD.run (--accept makes it) and --qrels FILE with it")
        judgment = _of_files(run_file, reference, qrels, measure, quality, non_inferior, accept=accept)
    else:
        of_files = {"--qrels": qrels, "--measure": measure, "--quality": quality, "--non-inferior": non_inferior}
        given = [option for option, value in of_files.items() if value is not None]
        if given:
            raise typer.BadParameter(f"{', '.join(given)}: expected with --run alone: a run folder has its suite's")
        judgment = _of_runs(
            what, reference, ab, plugin or [], output, accept=accept, strict=strict, undecided=undecided
        )
    if judgment is not None:
        shown = what if ab is None else output and output / "new"
        accepting = [] if ab is not None else ["gate", *_given(what, run_file, qrels), "--accept"]
        steps = _next_steps(judgment, shown, [*accepting, "--reference", str(reference)] if accepting else [])
        _tell(judgment, shown, markdown, junit, steps, as_json=as_json)
        raise typer.Exit(OK if judgment.outcome == "pass" else GATE_FAILED)


def _of_files(
    run_file: Path,
    reference: Path,
    qrels: Path,
    measures: list[str] | None,
    quality: float | None,
    non_inferior: float | None,
    *,
    accept: bool,
) -> GateVerdict | None:
    """The verdict on two run files; None where one was accepted."""
    from bench.errors import InputError
    from bench.gate import run_files
    from bench.report.text import printable

    usual = run_files.RunFiles(run_file, reference, qrels, quality=quality, non_inferior=non_inferior)
    given = usual if measures is None else replace(usual, measures=tuple(measures))
    if accept:
        changed, notes = run_files.accept(given)
        for line in (*(changed or ()), *(f"note: {note}" for note in notes)):
            typer.echo(printable(line))
        said = "the first reference" if changed is None else f"{len(changed)} changes"
        typer.echo(printable(f"gate: accepted - {run_file}, {said}; {reference}, {reference.stat().st_size:,} bytes"))
        return None
    if not reference.is_file():
        raise InputError(
            f"reference {reference}: expected a run file, found {'a folder' if reference.is_dir() else 'none'}; "
            f"`sparring gate --run {run_file} --accept --reference FILE --qrels {qrels}` makes this one the first"
        )
    return run_files.judged(given)


def _of_runs(
    what: Path | None,
    reference: Path | None,
    ab: str | None,
    plugins: list[Path],
    output: Path | None,
    *,
    accept: bool,
    strict: bool,
    undecided: str,
) -> GateVerdict | None:
    """The verdict on a run, or on a suite by --ab; None where a run was accepted."""
    if what is None:
        raise typer.BadParameter("expected a run folder, a suite's file with --ab, or --run FILE, found none")
    if ab is not None:
        if reference is not None or accept:
            raise typer.BadParameter("--ab compares with a revision: leave out --reference and --accept")
        return _against_revision(what, ab, plugins, output, strict=strict, undecided=undecided)
    if reference is None:
        raise typer.BadParameter("expected --reference FOLDER (--accept makes one), or --ab REF")
    if output is not None or plugins:
        raise typer.BadParameter("-o and --plugin belong to --ab")
    if accept:
        _accept(what, reference)
        return None
    from bench.gate import against_reference

    return against_reference.judged(read_run(what), reference, strict=strict, undecided_fails=undecided == "fail")


def _against_revision(
    suite_file: Path, ref: str, plugins: list[Path], keep: Path | None, *, strict: bool, undecided: str
) -> GateVerdict:
    from bench import cache
    from bench.analysis.compare import compare
    from bench.errors import InputError
    from bench.gate.ab import run_ab
    from bench.gate.judge import judge
    from bench.report.console.progress import shown
    from bench.report.console.safe import SafeConsole

    if not suite_file.is_file():
        raise InputError(f"--ab: expected a suite's TOML file in a git repository, found no file {suite_file}")
    cache.prepared()
    with shown(SafeConsole(stderr=True)) as progress:
        try:
            with run_ab(
                suite_file, ref, plugins=plugins, keep=keep, thorough=undecided == "fail", says=progress.says
            ) as duel:
                found = compare(duel.old, duel.new)
                return judge(
                    found,
                    duel.policy,
                    duel.primary,
                    speeds=duel.speeds,
                    strict=strict,
                    notes=duel.notes,
                    changed_policy=duel.changed_policy,
                    undecided_fails=undecided == "fail",
                )
        except KeyboardInterrupt:
            progress.says("stopped; the checkout is removed")
            raise typer.Exit(INTERRUPTED) from None


def _accept(folder: Path, reference: Path) -> None:
    from bench.analysis.compare import compare
    from bench.gate import reference as references
    from bench.records.run_folder import RUN
    from bench.report.text import printable

    run, reference = read_run(folder), reference.resolve()  # the present folder may be the one that is replaced
    known = read_run(reference) if (reference / RUN).is_file() else None
    changes = [] if known is None else references.changes(compare(known, run))
    references.accept(run, reference)
    bad = [m for m in run.measurements if m.status != "ok"]
    for line in (*changes, *(f"accepted as it is: {m.retriever} on {m.passage_set}: {m.status}" for m in bad)):
        typer.echo(printable(line))
    size = sum(path.stat().st_size for path in reference.rglob("*") if path.is_file())
    said = "the first reference" if known is None else f"{len(changes)} changes"
    typer.echo(printable(f"gate: accepted - {len(run.measurements)} cells, {said}; {reference}, {size:,} bytes"))


def _given(what: Path | None, run_file: Path | None, qrels: Path | None) -> list[str]:
    """What was judged, as the command takes it."""
    return [str(what)] if run_file is None else ["--run", str(run_file), "--qrels", str(qrels)]


def _next_steps(judgment: GateVerdict, run: Path | None, accepting: list[str]) -> Iterator[str]:
    """What to do where something got worse: look at a query in the run's folder, or accept it, by this command."""
    from bench.gate.verdict import worse

    found = list(worse(judgment))
    query = next(((cell.passage_set, one.first_worse) for cell, one in found if one.first_worse), None)
    if query is not None and run is not None:
        passage_set, name = query
        several = len({cell.passage_set for cell in judgment.cells if cell.findings[0].kind != "policy"}) > 1
        chosen = ["--passages", passage_set] if several else []
        yield f"what it finds now: {shlex.join(['sparring', 'show', str(run), name, *chosen])}"
    if found and accepting:
        yield f"where that is meant: {shlex.join(['sparring', *accepting])}"


def _tell(
    judgment: GateVerdict,
    folder: Path | None,
    markdown: Path | None,
    junit: Path | None,
    steps: Iterable[str],
    *,
    as_json: bool,
) -> None:
    """The verdict wherever it was asked for, steps in the terminal alone; its line comes last. folder: the run's."""
    import msgspec
    from rich.table import Table
    from rich.text import Text

    from bench.report.render import ci
    from bench.report.text import printable

    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    text = ci.markdown(judgment, None if folder is None else read_run(folder)) if markdown or summary else ""
    if markdown is not None:
        _write(markdown, text.encode())
    if junit is not None:
        _write(junit, ci.junit(judgment))
    if summary:
        try:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(text + "\n")
        except OSError as error:  # the verdict is what counts
            typer.echo(f"note: no summary: {printable(summary)}: {error.strerror}", err=True)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in ci.workflow_commands(judgment):
            typer.echo(line, err=as_json)
    if as_json:
        echo_json(msgspec.to_builtins(judgment))
        return
    table = Table("verdict", "passages", "retriever", "why", box=None, pad_edge=False)
    for cell in judgment.cells:
        texts = (cell.outcome, cell.passage_set, cell.retriever, ci.told(cell))
        table.add_row(*(Text(printable(text)) for text in texts))
    standard_output().print(table)
    for line in (*(f"note: {note}" for note in judgment.notes), *steps, judgment.line):
        typer.echo(printable(line))


def _write(path: Path, content: bytes) -> None:
    from bench.errors import InputError
    from bench.formats.files import write_whole

    try:
        write_whole(path, content)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
