"""
The gate of two run files, of retrievers in any language: both are scored by the same judgments, one held to the other.

A run file says nothing of machine, bytes or times, nor whether its retriever is exact: every query's value is held
exactly, unless a tolerance is named. Each query is its own cluster.
"""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.analysis.compare import Comparison, of_retrievers
from bench.errors import InputError
from bench.formats import files, qrels
from bench.gate.judge import judge
from bench.gate.reference import changes
from bench.gate.verdict import GateVerdict
from bench.instruments import quality
from bench.passages.passage_set import PassageSet
from bench.records import run_folder
from bench.records.schema import digest
from bench.run import imported, outside_run
from bench.run.imported import MEASURES
from bench.run.outside_run import OutsideRun
from bench.run.suite import Gate

REFERENCE = "(reference)"  # behind the name of its file
NAMED = 60  # characters of the judgments' name that the set has, which is the name of files too


@dataclass(frozen=True)
class RunFiles:
    """What is held to what, by which judgments and measures, and how far a mean may move; None: not at all."""

    new: Path
    reference: Path
    qrels: Path
    measures: Sequence[str] = MEASURES
    quality: float | None = None
    non_inferior: float | None = None

    @property
    def policy(self) -> Gate:
        return Gate(quality=self.quality or 0.0, non_inferior=self.non_inferior)

    @property
    def approximate(self) -> bool:
        """Whether a tolerance holds: of an approximate retriever, or of one that ran on another machine."""
        return self.quality is not None or self.non_inferior is not None


def judged(given: RunFiles) -> GateVerdict:
    """The gate's word on two run files. InputError as in `compared`."""
    return judge(compared(given), given.policy, given.measures[0])


def compared(given: RunFiles) -> Comparison:
    """
    Two run files as one pair of cells, with what does not fit among the notes.

    Ties are ordered as by `bench.run.outside_run`. Raises InputError for what cannot be read, with the line where there
    is one, for one file given twice, and for a file without a judged query.
    """
    new, reference = given.new, given.reference
    if new.exists() and reference.exists() and new.samefile(reference):
        raise InputError(f"--run {new}: expected another file than the reference, found the same one")
    runs = [outside_run.read(reference, f"{reference} {REFERENCE}"), outside_run.read(new, str(new))]
    passage_set = _judged_set(given.qrels, runs)
    with tempfile.TemporaryDirectory(prefix="sparring-") as scratch:
        kept = _imported(runs, passage_set, given.measures, Path(scratch))
        found = of_retrievers(kept, kept, *(run.name for run in runs))
    pairs = found.pairs
    if given.approximate:
        pairs = tuple(msgspec.structs.replace(p, new=msgspec.structs.replace(p.new, exact=False)) for p in pairs)
    notes = (*found.notes, *_notes(runs, passage_set, given.measures))
    return msgspec.structs.replace(found, pairs=pairs, notes=notes)


def accept(given: RunFiles) -> tuple[list[str] | None, tuple[str, ...]]:
    """
    Make a run file the reference, in place of the one that is there, whole or not at all.

    Returns every figure that this changes, a line each, and notes; None for the figures where there was no reference.
    Raises InputError as `compared` does, and where the names are of two formats.
    """
    new, reference = given.new, given.reference
    if new.exists() and not new.is_file():
        raise InputError(f"--run {new}: expected a file to accept, found none that can be read twice: write it to one")
    if (files.kind(new) == ".json") != (files.kind(reference) == ".json"):
        raise InputError(f"--reference {reference}: expected a name of the format of {new}: both end in .json, or none")
    runs = [outside_run.read(new, str(new))]  # scored also alone: one that fits no judgments is no reference
    passage_set = _judged_set(given.qrels, runs)
    with tempfile.TemporaryDirectory(prefix="sparring-") as scratch:
        _imported(runs, passage_set, given.measures, Path(scratch))
    changed, notes = None, tuple(_notes(runs, passage_set, given.measures))
    if reference.exists():
        found = compared(given)
        changed, notes = changes(found), found.notes
    content = files.read(new).data
    place = reference.resolve()  # a link stays, and what it names is replaced
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        files.write_whole(place, gzip.compress(content, mtime=0) if reference.suffix == ".gz" else content)
    except OSError as error:
        raise InputError(f"--reference {reference}: cannot be written: {error.strerror}") from error
    return changed, notes


def _imported(
    runs: Sequence[OutsideRun], passage_set: PassageSet, measures: Sequence[str], folder: Path
) -> run_folder.Run:
    """The runs as the cells of a run folder."""
    for measure in measures:
        if quality.parse(measure)[0] == quality.ANSWER:
            raise InputError(f"--measure: expected one that reads judgments alone, found {measure}: it reads texts")
    imported.import_runs(runs, passage_set, 0, folder, measures=measures)
    return run_folder.read(folder)


def _judged_set(path: Path, runs: Sequence[OutsideRun]) -> PassageSet:
    """
    The queries that a file of judgments has, and every passage that it or a run names for one; no texts.

    InputError where the first run, to which others are held, has no judged passage: 0 would be held to 0.
    """
    judged: dict[str, dict[str, int]] = {}
    for query, passage, grade in qrels.read(files.read(path)):
        of_query = judged.setdefault(query, {})
        if passage is not None:
            of_query[passage] = grade
    first = runs[0]
    if not any(grade > 0 for grades in judged.values() for grade in grades.values()):
        raise InputError(f"{path}: expected a grade above 0, found none: nothing is relevant, and 0 would be held to 0")
    if not any(passage in grades for query, grades in judged.items() for passage in first.scores.get(query, ())):
        raise InputError(
            f"{first.name}: expected hits that {path} judges, found none: there {_some(first.scores)}, here "
            f"{_some(judged)}: check which ids they use"
        )
    met = (passage for run in runs for query in judged for passage in run.scores.get(query, ()))
    known = (passage for grades in judged.values() for passage in grades)
    name = Path(path.name.removesuffix(".gz")).stem[:NAMED]
    return PassageSet(
        name=name,
        title=name,
        language="",
        licence="",
        citation="",
        sha256=digest(judged),
        passage_ids=tuple(dict.fromkeys((*known, *met))),
        passages=(),
        query_ids=tuple(judged),
        queries=(),
        qrels=judged,
    )


def _some(found: Mapping[str, Mapping[str, float]]) -> str:
    """A query and a passage of it, to be seen beside others."""
    query, passages = next((query, passages) for query, passages in found.items() if passages)
    return f"query {query!r}, passage {next(iter(passages))!r}"


def _notes(runs: Sequence[OutsideRun], passage_set: PassageSet, measures: Sequence[str]) -> Iterator[str]:
    """Queries that have no hits or no judgments, and hits that are fewer than a measure reads."""
    judged = dict.fromkeys(passage_set.query_ids)
    missing = {run.name: tuple(query for query in judged if not run.scores.get(query)) for run in runs}
    strangers = {run.name: tuple(query for query in run.scores if query not in judged) for run in runs}
    yield from _counted(missing, f"judged queries with no hits (scored 0), of {len(judged):,}")
    yield from _counted(strangers, "queries without judgments, left out")
    cutoffs = {measure: quality.parse(measure)[1] for measure in measures}
    depths = [run.depth for run in runs]
    unequal = len(set(depths)) > 1
    short = [name for name, cutoff in cutoffs.items() if (unequal if cutoff is None else cutoff > min(depths))]
    if short:
        told = " and ".join(f"{run.depth:,} in {run.name}" for run in runs)
        yield f"hits a query, at most: {told}; {', '.join(short)} read no further"


def _counted(queries: Mapping[str, tuple[str, ...]], what: str) -> Iterator[str]:
    """How many queries of each run are so, and the first; once where they are the same in all."""
    said = {name: f"{what}: {len(ids):,}, the first {ids[0]!r}" for name, ids in queries.items() if ids}
    if len(said) > 1 and len(set(queries.values())) == 1:
        said = {"both": next(iter(said.values()))}
    yield from (f"{name}: {each}" for name, each in said.items())
