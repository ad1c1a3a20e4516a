"""
The folder a run lives in.

run.json            what it was made from (RunRecord)
environment.json    where it was made
stages.jsonl        one line a finished stage, appended: what a killed run resumes from
measurements.jsonl  one line a cell, appended; the last line of a cell counts
sets/               ids, qrels and labels of each passage set; no text, and no judgments while children run;
                    .overlap.npz: the word overlap of its judged queries, once the run has ended
hits/               rows and scores of every query, to the suite's depth
quality/            each measure's value of every judged query; of a cell that was stopped, .asked.npz: of those asked
samples/            raw times
old-N/              what was here before a run began anew
lock                held while a run writes here
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.formats import arrays, hits_npz
from bench.formats.files import write_whole
from bench.lock import LOCK
from bench.passages.loader import PassageSet
from bench.records.folder_files import check_names, check_places, content, is_name, refuse_links
from bench.records.kept_overlap import overlap_file
from bench.records.schema import Environment, Measurement, Record, RunRecord, StageResult
from bench.records.upgrades import decode
from retrievers.contract import Hits

RUN, ENVIRONMENT, STAGES, MEASUREMENTS = "run.json", "environment.json", "stages.jsonl", "measurements.jsonl"
CONTENTS = (ENVIRONMENT, MEASUREMENTS, "sets", "hits", "quality", "samples", STAGES)  # beside RUN
WORK = "work"  # of a run that is under way: builds, by passage set
NAMES = (RUN, LOCK, *CONTENTS, WORK)
WITHHELD: dict[str, dict[str, int]] = {}  # in place of qrels: a set that is judged has some
CLUSTERS = "clusters"  # beside the measures in a file of `quality`: the number of every judged query's cluster
ASKED = "asked"  # the same of a cell that was stopped: which of the judged queries have a value


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
    """Read a run folder, the cells that it is made of. InputError names the file and line that is not a record."""
    if not (folder / RUN).is_file():
        raise InputError(
            f"run {folder}: expected a run folder with {RUN}, found none; `sparring run -o FOLDER` makes one"
        )
    refuse_links(folder, NAMES)
    measurements = {m.cell: m for m in lines(folder / MEASUREMENTS, Measurement)}
    for m in measurements.values():
        check_names(folder / MEASUREMENTS, m)
    record = read_record(folder / RUN, RunRecord)
    outside = [name for name in record.passage_sets if not is_name(name)]
    if outside:
        raise InputError(f"{folder / RUN}: expected names of passage sets without folders, found {outside[0]!r}")
    cells = measurements if record.cells is None else record.cells
    return Run(
        folder,
        record,
        read_record(folder / ENVIRONMENT, Environment),
        tuple(m for cell, m in measurements.items() if cell in cells),
    )


def stages(folder: Path) -> dict[str, StageResult]:
    """The stages that a run has finished, by their task: its last line counts, and takes back what it says is lost."""
    last = {line.task: line.result for line in lines(folder / STAGES, FinishedStage)}
    for result in last.values():
        check_places(folder / STAGES, [] if result.samples is None else [result.samples])
    return {task: result for task, result in last.items() if result.status == "ok"}


def samples(folder: Path, results: Sequence[StageResult], name: str) -> list[NDArray[np.int64]]:
    """The raw times of some rounds, nanoseconds, of those that have them."""
    found = []
    for result in results:
        if result.samples:
            times = arrays.read(folder / result.samples, "raw times").get(name)
            if times is not None:
                found.append(times)
                if times.ndim < 1 or times.dtype.kind not in "iu":
                    raise InputError(
                        f"{folder / result.samples}: expected raw times, nanoseconds by pass and call, found "
                        f"{times.dtype} of shape {times.shape}: it is damaged"
                    )
    return found


def is_reference(folder: Path) -> bool:
    """Whether a run folder holds what a gate has accepted alone: no journal, hits or samples of a run."""
    beside = (STAGES, "hits", "samples")
    return (folder / RUN).is_file() and not any((folder / name).exists() for name in beside)


def hits_file(folder: Path, cell: str, k: int | None = None) -> Path:
    """Where the hits of a cell lie: of the search for the depth, or of that for k."""
    deep = folder / "hits" / f"{cell}.npz"
    return deep if k is None else hits_npz.of_search_for(deep, k)


def read_hits(folder: Path, cell: str) -> Hits:
    """The hits of every query that the first round of a cell found, to the depth."""
    return _read(folder, cell)


def _read(folder: Path, cell: str, k: int | None = None) -> Hits:
    if is_reference(folder):
        raise InputError(
            f"run {folder}: expected hits, found an accepted reference, which keeps none: name the run itself"
        )
    return hits_npz.read(hits_file(folder, cell, k), f"cell {cell}")


def searched_apart(m: Measurement) -> bool:
    """Whether the hits of the search for k are kept beside those for the depth, since they may be others."""
    return "hits_k" in m.files


def asked(folder: Path, cell: str) -> NDArray[np.int64] | None:
    """The positions of the queries that a cell was asked before it was stopped; None: all."""
    return hits_npz.asked(hits_file(folder, cell))


def read_timed(folder: Path, cell: str, k: int, *, apart: bool) -> Hits:
    """
    The first k hits of every query as they are timed: those of a search for k, which is kept apart where it may find
    others than a search for more. InputError where they are to be there and are not.
    """
    if apart:
        return _read(folder, cell, k)
    deep = read_hits(folder, cell)
    return Hits(deep.rows[:, :k], deep.scores[:, :k])


def ranking(folder: Path, m: Measurement) -> Hits:
    """
    The hits of every query of a measured cell: the first k as they are timed, then what the search for the depth has.

    InputError where they are not those of so many queries and passages.
    """
    found = read_ranking(folder, m.cell, m.k, apart=searched_apart(m))
    last, n_passages = int(found.rows.max(initial=-1)), m.n_passages
    if last >= n_passages:  # an import names passages beyond the set's own
        n_passages = len(read_set(folder, m.passage_set).passage_ids) + m.n_distractors
    n_queries, depth = found.rows.shape
    if n_queries != m.n_queries or depth > max(m.k, m.depth) or last >= n_passages:
        raise InputError(
            f"{hits_file(folder, m.cell)}: expected hits of {m.n_queries:,} queries among {n_passages:,} passages, "
            f"found {depth:,} of {n_queries:,} queries, up to passage {last:,}: it is damaged"
        )
    return found


def read_ranking(folder: Path, cell: str, k: int, *, apart: bool) -> Hits:
    """The hits of every query: the first k as they are timed, then what else the search for the depth found."""
    deep = read_hits(folder, cell)
    if not apart:
        return deep
    top = _read(folder, cell, k)
    if len(top.rows) != len(deep.rows):
        path = hits_file(folder, cell, k)
        raise InputError(f"{path}: expected hits of {len(deep.rows):,} queries, found {len(top.rows):,}")
    again = (deep.rows[:, :, None] == top.rows[:, None, :]).any(axis=2) & (deep.rows >= 0)
    order = np.argsort(again | (deep.rows < 0), axis=1, kind="stable")  # what is not in the top first, in its order
    rest = np.take_along_axis(np.where(again, -1, deep.rows), order, axis=1)
    scores = np.take_along_axis(np.where(again, -np.inf, deep.scores), order, axis=1)
    rows, scores = np.hstack([top.rows, rest]), np.hstack([top.scores, scores]).astype(np.float32)
    order = np.argsort(rows < 0, axis=1, kind="stable")[:, : deep.rows.shape[1]]  # padding last
    return Hits(np.take_along_axis(rows, order, axis=1), np.take_along_axis(scores, order, axis=1))


def read_set(folder: Path, name: str, *, judged: bool = True) -> PassageSet:
    """
    A passage set of a run as the run kept it: ids, qrels, labels and clusters, without any text.

    judged: with its judgments, if it has any. InputError where they are withheld, since the run goes on or was killed.
    """
    kept = read_record(set_file(folder, name), PassageSet)
    if not kept.rows_of.keys() >= {*kept.merged.values()}:
        raise InputError(f"{set_file(folder, name)}: expected merged passages to name one that was kept: it is damaged")
    if judged and kept.qrels == WITHHELD:
        raise InputError(
            f"{set_file(folder, name)}: expected the judgments of {name}, found none yet: a run keeps them from its "
            f"children until it ends; wait for it or, where it was killed, let it go on: the command that began it, "
            f"with -o {folder}"
        )
    return kept


def write_set(folder: Path, passage_set: PassageSet, *, withheld: bool = False) -> None:
    """
    Keep a passage set beside its hits, without its texts: those are the collection's.

    withheld: without its judgments, if it has any, nor what was made from them: clusters name the passage judged best.
    """
    bare = msgspec.structs.replace(
        passage_set,
        passages=(),
        queries=(),
        title_lengths=None,
        answers=None,
        passage_rows=None,
        query_rows=None,
        vectors=None,
    )
    if withheld and passage_set.qrels is not None:
        bare = msgspec.structs.replace(bare, qrels=WITHHELD, labels=None, clusters=None, articles=None)
    write_whole(set_file(folder, passage_set.name), msgspec.json.encode(bare))


@contextlib.contextmanager
def judgments_withheld(folder: Path, passage_sets: Sequence[PassageSet]) -> Iterator[None]:
    """
    A run's sets without their judgments while its children run, and whole again afterwards, however that ends.

    Nor is there what follows from judgments, the word overlap: a run that is killed has lost it, and makes it anew.
    """
    overlaps: dict[Path, bytes] = {}
    for passage_set in passage_sets:
        write_set(folder, passage_set, withheld=True)
        path = overlap_file(folder, passage_set.name)
        if path.is_file():
            overlaps[path] = path.read_bytes()
            path.unlink()
    try:
        yield
    finally:
        for passage_set in passage_sets:
            write_set(folder, passage_set)
        for path, overlap in overlaps.items():
            write_whole(path, overlap)


def set_file(folder: Path, name: str) -> Path:
    """Where a passage set lies in a run folder."""
    return folder / "sets" / f"{name}.json"


def read_record(path: Path, kind: type[Record]) -> Record:
    """The record in a file. InputError for one that cannot be read, or is of another kind."""
    try:
        return decode(content(path), kind)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected {kind.__name__}, found: {error}") from error


def lines(path: Path, kind: type[Record]) -> list[Record]:
    """Every whole line of an append-only file; a torn last line (no newline yet) is left out."""
    try:
        found = content(path)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    records = []
    for number, line in enumerate(found[: found.rfind(b"\n") + 1].splitlines(), start=1):
        try:
            records.append(decode(line, kind))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{path}:{number}: expected {kind.__name__}, found: {error}") from error
    return records


def pretty(record: msgspec.Struct) -> bytes:
    """A record as indented JSON, for a file of its own."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"
