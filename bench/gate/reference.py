"""
A reference: what of a run the gate holds later runs to, small enough to commit.

run.json, environment.json  as the run has them
measurements.jsonl          the last line of each cell
sets/                       queries, judgments, clusters, word overlap of each passage set; no text, no ids of passages
quality/                    each measure's value of every judged query

Hits and raw times are left out: quality and bytes are held to it, the times of its measurements never are.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec

from bench.analysis.compare import Comparison
from bench.analysis.difference import Difference, values
from bench.errors import InputError
from bench.gate.judge import unmeasured
from bench.records import kept_overlap, run_folder
from bench.records.run_folder import ENVIRONMENT, MEASUREMENTS, RUN, Run

KEPT = (RUN, ENVIRONMENT, MEASUREMENTS, "sets", "quality")


def accept(run: Run, folder: Path) -> None:
    """
    Make a run the reference in a folder, in place of the one that is there; whole or not at all.

    InputError for a folder that holds something else, or cannot be written, for a run without a measurement or not
    measured to its end, and for values of queries that cannot be read.
    """
    run, folder = unstopped(run), folder.resolve()  # a link stays, and what it names is replaced
    if not run.measurements:
        raise InputError(f"run {run.folder}: expected a finished run to accept, found no measurement in it")
    whole(run, f"run {run.folder}")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"reference {folder}: expected a folder, found a file")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / RUN).is_file():
        raise InputError(f"reference {folder}: expected a reference, or an empty or new folder, found other files")
    if (folder / run_folder.STAGES).exists():
        raise InputError(f"reference {folder}: expected a reference, found a whole run: name another folder")
    others = sorted({path.name for path in folder.glob("*")} - {*KEPT}) if folder.is_dir() else []
    if others:
        raise InputError(
            f"reference {folder}: expected nothing beside {', '.join(KEPT)}, found {', '.join(others)}: the folder is "
            f"replaced as a whole; move them elsewhere"
        )
    part, old = (folder.with_name(f".{folder.name}.{os.getpid()}.{what}") for what in ("part", "old"))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _write(run, part)
        if folder.is_dir():
            folder.replace(old)
        part.replace(folder)
    except OSError as error:
        raise InputError(f"reference {folder}: cannot be written: {error.strerror or error}") from error
    finally:
        if old.is_dir() and not folder.exists():
            old.replace(folder)
        for scratch in (part, old):
            shutil.rmtree(scratch, ignore_errors=True)


def whole(run: Run, name: str) -> None:
    """InputError for a run that lacks a cell of its own, or the values of its queries: it holds less than it says."""
    missing = unmeasured(run)
    if missing:
        raise InputError(
            f"{name}: expected each cell of its own, found {len(missing)} not measured, the first {missing[0][1]} on "
            f"{missing[0][0]}: run it to its end, or restore what was lost"
        )
    for m in run.measurements:
        if m.status == "ok" and any(value is not None for value in (m.quality or {}).values()):
            values(run, m)


def _write(run: Run, folder: Path) -> None:
    (folder / "sets").mkdir(parents=True)
    (folder / "quality").mkdir()
    for name in (RUN, ENVIRONMENT):
        shutil.copyfile(run.folder / name, folder / name)
    lines = []
    for m in run.measurements:
        values = f"quality/{m.cell}.npz"
        kept = {what: path for what, path in m.files.items() if path == values}
        lines.append(msgspec.json.encode(msgspec.structs.replace(m, files=kept)) + b"\n")
        if (run.folder / values).is_file():
            shutil.copyfile(run.folder / values, folder / values)
    (folder / MEASUREMENTS).write_bytes(b"".join(lines))
    for name in dict.fromkeys(m.passage_set for m in run.measurements):
        whole = run_folder.read_set(run.folder, name)
        run_folder.set_file(folder, name).write_bytes(
            msgspec.json.encode(msgspec.structs.replace(whole, passage_ids=(), merged={}))
        )
        overlap = kept_overlap.read_overlap(run.folder, whole)
        if overlap is not None:
            kept_overlap.write_overlap(folder, whole, overlap)


def unstopped(run: Run) -> Run:
    """The same run. InputError for one whose cells were to be stopped once decided: the gate holds every query."""
    stop = run.record.suite.get("stop")
    if stop is not None:
        raise InputError(
            f"run {run.folder}: expected every query asked of every cell, found stop = {stop!r} in its suite: the gate "
            f"holds each query; run it without"
        )
    return run


def changes(found: Comparison) -> list[str]:
    """Every quality figure and every byte count that accepting a run changes, a line each."""
    said = [f"new: {m.retriever} on {m.passage_set}" for m in found.only_new]
    said += [f"gone: {m.retriever} on {m.passage_set}" for m in found.only_old]
    for pair in found.pairs:
        cell = f"{pair.new.retriever} on {pair.passage_set}"
        if pair.problem:
            said.append(f"{cell}: {pair.problem}")
        said += [f"{cell}: {d.name} {_figure(d.old)} -> {_figure(d.new)}" for d in pair.differences if _changed(d)]
    return said


def _changed(d: Difference) -> bool:
    if d.kind not in ("quality", "bytes"):
        return False
    return d.old != d.new or (d.paired is not None and d.paired.verdict != "identical")


def _figure(value: float | None) -> str:
    if value is None:
        return "none"
    return f"{value:.6g}" if isinstance(value, float) and not value.is_integer() else f"{value:,.0f}"
