"""Runs made elsewhere -> a run folder like any other: scored with our measures, shown beside ours."""

from __future__ import annotations

import datetime
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from bench.errors import InputError
from bench.formats.files import write_whole
from bench.instruments import environment, quality
from bench.passages import loader
from bench.passages.loader import PassageSet
from bench.records import journal, run_folder
from bench.records.schema import Measurement, RecordedColumns, RecordFields, RunRecord, digest
from bench.run import flags, word_overlaps
from bench.run.outside_run import OutsideRun, PlacedHits, place
from bench.run.quality_fields import quality_fields
from bench.run.suite import CellGroup, Suite

MEASURES = ("R@1", "R@10", "R@100", "nDCG@10", "RR@10")
DEPTH = 100  # of the hits at least, as our own runs keep them; a deeper file is kept whole
MOST_HITS = 50_000_000  # queries times depth: 600 MB of rows and scores


class SetSource(NamedTuple):
    """Where a passage set was read from, as a run's record has it."""

    passages: str  # as it was asked for
    columns: RecordedColumns | None  # how one's own files were read
    exclude: str | None  # what was left out of its queries' hits


def kept_set(run: run_folder.Run) -> tuple[PassageSet, int, SetSource]:
    """
    The one passage set of a run, without texts, the bytes of its texts, and where these lay.

    So a run made elsewhere can stand beside ours without the files that ours was made from. InputError where there is
    no set or there are several.
    """
    sizes = {m.passage_set: (m.n_passages, m.text_bytes) for m in run.measurements}
    if len(sizes) != 1:
        found = f"{len(sizes)} ({', '.join(sizes)}): name one of them" if sizes else "no cell measured yet"
        raise InputError(f"run {run.folder}: expected one passage set in it, found {found}")
    ((name, (n, text_bytes)),) = sizes.items()
    passage_set = run_folder.read_set(run.folder, name)
    asked = msgspec.convert(run.record.suite.get("passages", []), list[str])
    exclude = msgspec.convert(run.record.suite.get("exclude"), str | None)
    source = SetSource(next((one for one in asked if loader.name_of(one) == name), name), run.record.columns, exclude)
    return msgspec.structs.replace(passage_set, passage_ids=passage_set.passage_ids[:n]), text_bytes, source


def kept_measures(run: run_folder.Run) -> tuple[str, ...]:
    """The measures of a run that need no texts, since it keeps none; the usual ones where it has no such."""
    named = msgspec.convert(run.record.suite.get("measures", []), list[str])
    return tuple(name for name in named if quality.parse(name)[0] != quality.ANSWER) or MEASURES


def import_runs(
    runs: Sequence[OutsideRun],
    passage_set: PassageSet,
    text_bytes: int,
    folder: Path,
    *,
    measures: Sequence[str] = MEASURES,
    command: Sequence[str] = (),
    source: SetSource | None = None,
) -> tuple[Measurement, ...]:
    """
    Score some runs on one passage set, and write them as the cells of a run folder; the first is the baseline.

    Passages that only the runs know are added behind the set's own ids in the folder's copy of the set, so that hits
    can name them; they count for nothing else. The same runs into the same folder change nothing. source: where the
    set lies, so that its texts are found again; None: it is called by its name.

    Raises InputError, before anything is written: two runs of one name, ids that fit nowhere, a score that 32 bits
    cannot hold, more than MOST_HITS, a measure of answers that the set has not, a folder that holds anything else.
    """
    suite = _suite(runs, passage_set, measures, source)
    widened, placed = place(runs, passage_set, suite.depth)
    record = RunRecord(
        suite_sha256=digest([suite, [run.origin for run in runs]]),
        suite=msgspec.to_builtins(suite),
        passage_sets={passage_set.name: passage_set.sha256},
        plugins=(),
        made=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        command=tuple(command),
        columns=None if source is None else source.columns,
    )
    _refuse_other_files(folder, runs)
    unplaced = msgspec.structs.replace(suite, passages=(passage_set.name,))  # wherever the set lies, a cell is the same
    with journal.opened(folder.resolve(), record, environment.collect()) as writer:
        run_folder.write_set(writer.folder, widened)
        word_overlaps.keep([passage_set], writer.folder)
        for run, found in zip(runs, placed, strict=True):
            key = digest([passage_set.sha256, run.name, run.origin, unplaced])[:16]
            if key not in writer.measurements:
                arrays = io.BytesIO()
                np.savez_compressed(arrays, rows=found.hits.rows, scores=found.hits.scores)
                write_whole(writer.folder / "hits" / f"{key}.npz", arrays.getvalue())
                agreement = quality.overlap(found.hits, placed[0].hits, quality.OVERLAP_K)
                scored = quality_fields(key, found.hits, suite, widened, writer.folder) | {
                    "overlap_with_baseline": float(agreement.mean()) if len(agreement) else None
                }
                writer.measured(_measurement(key, run, found, suite, passage_set, text_bytes, scored))
        return tuple(writer.measurements.values())


def _suite(
    runs: Sequence[OutsideRun], passage_set: PassageSet, measures: Sequence[str], source: SetSource | None
) -> Suite:
    """The suite that the runs are the cells of; InputError for what `import_runs` refuses of them."""
    names = [run.name for run in runs]
    _refuse_answers(measures, passage_set)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"import: expected a name of its own for every run, found {twice!r} twice: use --name")
    depth = max(DEPTH, *(one.cutoff or 0 for one in map(quality.parse, measures)), *(run.depth for run in runs))
    if depth * len(passage_set.query_ids) > MOST_HITS:
        raise InputError(
            f"import: expected at most {MOST_HITS:,} hits, found {depth:,} for each of {len(passage_set.query_ids):,} "
            f"queries: cut the runs to their first 1,000 a query"
        )
    return Suite(
        name="import",
        passages=(passage_set.name if source is None else source.passages,),
        measures=tuple(dict.fromkeys(measures)),
        primary="nDCG@10" if "nDCG@10" in measures else measures[0],
        baseline=names[0],
        rounds=1,
        modes=(),
        depth=depth,
        exclude=None if source is None else source.exclude,
        cells=(CellGroup(retrievers=tuple(names)),),
    )


def _refuse_answers(measures: Sequence[str], passage_set: PassageSet) -> None:
    """InputError for a measure that reads texts which the set has not."""
    wanted = next((name for name in measures if quality.parse(name)[0] == quality.ANSWER), None)
    if wanted is not None and passage_set.answers is None:
        found, remedy = (
            ("one that has no answers", "leave the measure out")
            if passage_set.passages
            else ("it as a run keeps it, without texts", "name the set itself with --passages")
        )
        raise InputError(
            f"import: {wanted}: expected {passage_set.name!r} with texts and answers, found {found}: {remedy}"
        )


def _refuse_other_files(folder: Path, runs: Sequence[OutsideRun]) -> None:
    """InputError where the folder holds a run of the same name from another file."""
    if not (folder / run_folder.RUN).is_file():
        return
    origins = {run.name: run.origin for run in runs}
    for m in run_folder.read(folder).measurements:
        if m.origin is not None and origins.get(m.retriever, m.origin) != m.origin:
            raise InputError(
                f"run folder {folder}: expected {m.retriever} to be {m.origin}, found {origins[m.retriever]}; "
                f"choose another folder with -o"
            )


def _measurement(
    key: str,
    run: OutsideRun,
    found: PlacedHits,
    suite: Suite,
    passage_set: PassageSet,
    text_bytes: int,
    scored: RecordFields,
) -> Measurement:
    """The record of an imported run: every time and every size of it is None."""
    fields = msgspec.structs.fields(Measurement)
    unknown: RecordFields = {field.name: None for field in fields if field.required}
    known = {
        "cell": key,
        "suite": suite.name,
        "origin": run.origin,
        "passage_set": passage_set.name,
        "passage_set_sha256": passage_set.sha256,
        "language": passage_set.language,
        "retriever": run.name,
        "resolved": run.name,
        "options": {},
        "status": "ok",
        "reason": "",
        "output": (),
        "seed": suite.seed,
        "rounds": 0,
        "threads": suite.thread_counts[0],
        "k": suite.k,
        "depth": suite.depth,
        "limit_memory_bytes": suite.limits.memory_bytes,
        "limited_by": "",
        "n_passages": len(passage_set.passage_ids),
        "n_queries": len(passage_set.query_ids),
        "n_merged": len(passage_set.merged),
        "unknown_judgments": passage_set.unknown_judgments,
        "text_bytes": text_bytes,
        "built_apart": True,
        "reused_matrix": False,
        "facts": flags.hit_facts(found.hits, passage_set, suite.k, is_searched=False),
        "flags": (*found.flags, *flags.of_hits((found.hits, found.hits), passage_set, suite, is_exact=False)),
        "files": {"hits": f"hits/{key}.npz"} | ({} if passage_set.qrels is None else {"quality": f"quality/{key}.npz"}),
    }
    return Measurement(**(unknown | known | scored))
