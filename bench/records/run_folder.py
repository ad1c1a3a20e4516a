"""
The folder a run lives in.

run.json            what it was made from (RunRecord)
environment.json    where it was made
stages.jsonl        one line a finished stage, appended: what a killed run resumes from
measurements.jsonl  one line a cell, appended; the last line of a cell counts
sets/               ids, qrels and labels of each passage set; no text
hits/               rows and scores of every query, to the suite's depth
quality/            each measure's value of every judged query
samples/            raw times
lock                held while a run writes here
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.formats.files import write_whole
from bench.passages.loader import PassageSet
from bench.records.schema import Environment, Measurement, Record, RunRecord, StageResult
from bench.records.upgrades import decode
from retrievers.contract import Hits

RUN, ENVIRONMENT, STAGES, MEASUREMENTS = "run.json", "environment.json", "stages.jsonl", "measurements.jsonl"
CLUSTERS = "clusters"  # beside the measures in a file of `quality`: the number of every judged query's cluster


class FinishedStage(msgspec.Struct, frozen=True):
    """One line of the journal: the task, and what it measured."""

    task: str
    result: StageResult


@dataclass(frozen=True)
class Run:
    """A run folder as it was read: the last line of each cell."""

    folder: Path
    record: RunRecord
    environment: Environment
    measurements: tuple[Measurement, ...]


def read(folder: Path) -> Run:
    """Read a run folder. InputError names the file and line that is not a Sparring record."""
    if not (folder / RUN).is_file():
        raise InputError(
            f"run {folder}: expected a run folder with {RUN}, found none; `sparring run -o FOLDER` makes one"
        )
    measurements = {m.cell: m for m in lines(folder / MEASUREMENTS, Measurement)}
    for m in measurements.values():
        _check_names(folder, m)
    return Run(
        folder,
        read_record(folder / RUN, RunRecord),
        read_record(folder / ENVIRONMENT, Environment),
        tuple(measurements.values()),
    )


def _check_names(folder: Path, m: Measurement) -> None:
    """InputError for a record whose files lie outside its folder: a run may be a stranger's, and is copied from."""
    bad = [name for name in (m.cell, m.passage_set) if len(PurePosixPath(name).parts) != 1 or name == ".."]
    paths = [(name, PurePosixPath(name)) for name in m.files.values()]
    bad += [name for name, path in paths if path.is_absolute() or ".." in path.parts]
    if bad:
        raise InputError(
            f"{folder / MEASUREMENTS}: expected files within the run's folder, and names without folders, "
            f"found {bad[0]!r}"
        )


def samples(folder: Path, results: Sequence[StageResult], name: str) -> list[NDArray[np.int64]]:
    """The raw times of some rounds, nanoseconds, of those that have them."""
    found = []
    for result in results:
        if result.samples:
            try:
                with np.load(folder / result.samples, allow_pickle=False) as arrays:
                    if name in arrays:
                        found.append(arrays[name])
            except (OSError, ValueError, zipfile.BadZipFile) as error:
                raise InputError(f"{folder / result.samples}: expected raw times, found none: {error}") from error
    return found


def read_hits(folder: Path, cell: str) -> Hits:
    """The hits of every query that the first round of a cell found."""
    path = folder / "hits" / f"{cell}.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return Hits(arrays["rows"].astype(np.int64), arrays["scores"])
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: expected the hits of cell {cell}, found none that can be read: {error}") from error


def read_set(folder: Path, name: str) -> PassageSet:
    """A passage set of a run as the run kept it: ids, qrels, labels and clusters, without any text."""
    return read_record(set_file(folder, name), PassageSet)


def write_set(folder: Path, passage_set: PassageSet) -> None:
    """Keep a passage set beside its hits, without its texts: those are the collection's."""
    bare = msgspec.structs.replace(
        passage_set, passages=(), queries=(), answers=None, passage_rows=None, query_rows=None, vectors=None
    )
    write_whole(set_file(folder, passage_set.name), msgspec.json.encode(bare))


def set_file(folder: Path, name: str) -> Path:
    """Where a passage set lies in a run folder."""
    return folder / "sets" / f"{name}.json"


def read_record(path: Path, kind: type[Record]) -> Record:
    """The record in a file. InputError for one that cannot be read, or is of another kind."""
    try:
        return decode(path.read_bytes(), kind)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected {kind.__name__}, found: {error}") from error


def lines(path: Path, kind: type[Record]) -> list[Record]:
    """Every whole line of an append-only file; a torn last line (no newline yet) is left out."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    records = []
    for number, line in enumerate(content[: content.rfind(b"\n") + 1].splitlines(), start=1):
        try:
            records.append(decode(line, kind))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{path}:{number}: expected {kind.__name__}, found: {error}") from error
    return records


def pretty(record: msgspec.Struct) -> bytes:
    """A record as indented JSON, for a file of its own."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"
