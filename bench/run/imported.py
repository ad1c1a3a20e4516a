"""
Runs made elsewhere -> a run folder like any other: scored with our measures, shown beside ours.

The order is trec_eval's: score as a 32-bit float, descending, then passage id, descending; ranks and the order of lines
count for nothing. A passage that is not in the set keeps its rank, so that every measure is what pytrec_eval says.
"""

from __future__ import annotations

import datetime
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bench.errors import InputError
from bench.formats import files, run_json, trec_run
from bench.instruments import environment, quality
from bench.instruments.quality import OVERLAP_K
from bench.passages.loader import PassageSet
from bench.records import journal, run_folder
from bench.records.schema import Measurement, RunRecord, digest
from bench.run.measurement import quality_fields
from bench.run.suite import CellGroup, Suite
from retrievers.contract import Hits, no_hits

MEASURES = ("R@1", "R@10", "R@100", "nDCG@10", "RR@10")
DEPTH = 100  # of the hits at least, as our own runs keep them; a deeper file is kept whole
MOST_HITS = 50_000_000  # queries times depth: 600 MB of rows and scores
REFUSED = (".lz4", ".pkl", ".pickle", ".parquet")
ENDS = (".gz", ".json", ".run", ".trec", ".txt", ".res")  # of a file's name, no part of the retriever's


@dataclass(frozen=True)
class OutsideRun:
    """One retriever's ranking, as a file from elsewhere has it."""

    name: str  # of the retriever: free text, no spelling
    origin: str  # format, file and sha256 of its uncompressed content
    scores: Mapping[str, Mapping[str, float]]  # query id -> passage id -> score


def read(path: Path, name: str | None = None) -> OutsideRun:
    """
    The run in a TREC run file, or in a .json of dictionaries; either may be .gz. Without a name it has its file's.

    Raises InputError for what can not be read, with the line where there is one.
    """
    if path.suffix.lower() in REFUSED:
        raise InputError(f"{path}: expected a TREC run file or a .json, found {path.suffix}: save it as one of those")
    content = files.read(path)
    kind, parse = ("json", run_json.parse) if files.kind(path) == ".json" else ("trec", trec_run.parse)
    scores = parse(content)
    if not any(scores.values()):
        raise InputError(f"{path}: expected a run, found no hit: check that it is the right file")
    named = (_stem(path) if name is None else name).strip()
    if not named or not named.isprintable():
        raise InputError(f"{path}: expected a name that can be read, found {name!r}: give another with --name")
    sha256 = hashlib.sha256(content.data).hexdigest()
    return OutsideRun(named, f"{kind} run {path.name.removesuffix('.gz')} sha256:{sha256}", scores)


def _stem(path: Path) -> str:
    name = path.name
    while Path(name).suffix.lower() in ENDS:
        name = Path(name).stem
    return name


def kept_set(run: run_folder.Run) -> tuple[PassageSet, int]:
    """
    The one passage set of a run, without texts, and the bytes of its texts; InputError where there are none or several.

    So a run made elsewhere can stand beside ours without the files that ours was made from.
    """
    sizes = {m.passage_set: (m.n_passages, m.text_bytes) for m in run.measurements}
    if len(sizes) != 1:
        found = f"{len(sizes)} ({', '.join(sizes)}): name one of them" if sizes else "no cell measured yet"
        raise InputError(f"run {run.folder}: expected one passage set in it, found {found}")
    ((name, (n, text_bytes)),) = sizes.items()
    passage_set = run_folder.read_set(run.folder, name)
    return msgspec.structs.replace(passage_set, passage_ids=passage_set.passage_ids[:n]), text_bytes


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
) -> tuple[Measurement, ...]:
    """
    Score some runs on one passage set, and write them as the cells of a run folder; the first is the baseline.

    Passages that only the runs know are added behind the set's own ids in the folder's copy of the set, so that hits
    can name them; they count for nothing else. The same runs into the same folder change nothing.

    Raises InputError, before anything is written: two runs of one name, ids that fit nowhere, a score that 32 bits can
    not hold, more than MOST_HITS, a measure of answers that the set has not, a folder that holds anything else.
    """
    names = [run.name for run in runs]
    _refuse_answers(measures, passage_set)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"import: expected a name of its own for every run, found {twice!r} twice: use --name")
    depth = max(DEPTH, *(cutoff or 0 for _, cutoff in map(quality.parse, measures)), *map(_deepest, runs))
    if depth * len(passage_set.query_ids) > MOST_HITS:
        raise InputError(
            f"import: expected at most {MOST_HITS:,} hits, found {depth:,} for each of {len(passage_set.query_ids):,} "
            f"queries: cut the runs to their first 1,000 a query"
        )
    widened, placed = place(runs, passage_set, depth)
    suite = Suite(
        name="import",
        passages=(passage_set.name,),
        measures=tuple(dict.fromkeys(measures)),
        primary="nDCG@10" if "nDCG@10" in measures else measures[0],
        baseline=names[0],
        rounds=1,
        modes=(),
        depth=depth,
        cells=(CellGroup(retrievers=tuple(names)),),
    )
    record = RunRecord(
        suite_sha256=digest([suite, [run.origin for run in runs]]),
        suite=msgspec.to_builtins(suite),
        passage_sets={passage_set.name: passage_set.sha256},
        plugins=(),
        made=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        command=tuple(command),
    )
    _refuse_other_files(folder, runs)
    with journal.opened(folder.resolve(), record, environment.collect()) as writer:
        run_folder.write_set(writer.folder, widened)
        for run, found in zip(runs, placed, strict=True):
            key = digest([passage_set.sha256, run.name, run.origin, suite])[:16]
            if key not in writer.measurements:
                arrays = io.BytesIO()
                np.savez_compressed(arrays, rows=found.hits.rows, scores=found.hits.scores)
                files.write_whole(writer.folder / "hits" / f"{key}.npz", arrays.getvalue())
                agreement = quality.overlap(found.hits, placed[0].hits, OVERLAP_K)
                scored = quality_fields(key, found.hits, suite, widened, writer.folder) | {
                    "overlap_with_baseline": float(agreement.mean()) if len(agreement) else None
                }
                writer.measured(_measurement(key, run, found, suite, passage_set, text_bytes, scored))
        return tuple(writer.measurements.values())


@dataclass(frozen=True)
class Placed:
    """A run's hits as positions, and what became of those that do not fit, a sentence each."""

    hits: Hits
    flags: tuple[str, ...]


def place(runs: Sequence[OutsideRun], passage_set: PassageSet, depth: int) -> tuple[PassageSet, list[Placed]]:
    """
    The hits of each run for the set's queries, to `depth`, and the set with the passages that only the runs know.

    Those stand behind the set's own. A passage that the set merged into its equal counts as the one kept, at the better
    rank of the two. Raises InputError where no query or no passage of a run is the set's, and for a score that 32 bits
    can not hold.
    """
    own = {*passage_set.passage_ids, *passage_set.merged}
    met = (passage for run in runs for query in passage_set.query_ids for passage in run.scores.get(query, ()))
    outside = tuple(dict.fromkeys(passage for passage in met if passage not in own))
    texts = ("",) * len(outside) if passage_set.passages else ()  # a set that a run kept has no texts
    widened = msgspec.structs.replace(
        passage_set, passage_ids=(*passage_set.passage_ids, *outside), passages=(*passage_set.passages, *texts)
    )
    rows = {passage: row for row, passage in enumerate(widened.passage_ids)}
    rows |= {passage: rows[kept] for passage, kept in passage_set.merged.items()}
    return widened, [_place(run, passage_set, rows, depth) for run in runs]


def _place(run: OutsideRun, passage_set: PassageSet, rows: Mapping[str, int], depth: int) -> Placed:
    n = len(passage_set.passage_ids)
    hits = no_hits(len(passage_set.query_ids), depth)
    unknown = dropped = known = 0
    for number, query in enumerate(passage_set.query_ids):
        best: dict[int, float] = {}
        for passage, score in _ranking(run, query):
            row = rows[passage]
            unknown, known = unknown + (row >= n), known + (row < n)
            dropped += row in best
            best.setdefault(row, score)
        hits.rows[number, : len(best)] = list(best)
        hits.scores[number, : len(best)] = list(best.values())
    strangers = len(run.scores.keys() - set(passage_set.query_ids))
    if not known:
        raise InputError(
            f"{run.name}: expected queries and passages of {passage_set.name!r}, found none of them: queries there "
            f"are {_some(run.scores)}, here {_some(passage_set.query_ids)}; passages there are "
            f"{_some(next(filter(None, run.scores.values())))}, here {_some(passage_set.passage_ids)}"
        )
    said = (
        ("hits that name a passage that is not in the set, kept at their rank", unknown),
        ("hits left out because an equal passage stands above them", dropped),
        ("queries left out because they are not in the set, or have no judgment", strangers),
    )
    return Placed(hits, tuple(f"{what}: {count:,}" for what, count in said if count))


def _ranking(run: OutsideRun, query: str) -> list[tuple[str, float]]:
    """One query's passages and scores, best first: 32-bit score, then id, both descending, as trec_eval sorts them."""
    scores = run.scores.get(query, {})
    if not scores:
        return []
    with np.errstate(over="ignore"):
        rounded = np.array(list(scores.values()), np.float64).astype(np.float32)
    if not np.isfinite(rounded).all():
        passage = list(scores)[int(np.isinf(rounded).argmax())]
        raise InputError(
            f"{run.name}: expected scores that a 32-bit float holds, as trec_eval keeps them, found "
            f"{scores[passage]} for query {query!r}, passage {passage!r}: scale the scores"
        )
    # Code points sort as their UTF-8 bytes do, which is what trec_eval compares.
    return sorted(zip(scores, rounded.tolist(), strict=True), key=lambda hit: (hit[1], hit[0]), reverse=True)


def _deepest(run: OutsideRun) -> int:
    return max(map(len, run.scores.values()), default=0)


def _some(ids: Sequence[str] | Mapping[str, object]) -> str:
    return ", ".join(list(ids)[:2]) + (", ..." if len(ids) > 2 else "")


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
    found: Placed,
    suite: Suite,
    passage_set: PassageSet,
    text_bytes: int,
    scored: dict[str, Any],  # Any: fields of a record, of their several types
) -> Measurement:
    """The record of an imported run: every time and every size of it is None."""
    fields = msgspec.structs.fields(Measurement)
    unknown: dict[str, Any] = {field.name: None for field in fields if field.required}  # Any: see above
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
        "limit_seconds": suite.limits.seconds,
        "limit_memory_bytes": suite.limits.memory_bytes,
        "limited_by": "",
        "n_passages": len(passage_set.passage_ids),
        "n_queries": len(passage_set.query_ids),
        "n_merged": len(passage_set.merged),
        "unknown_judgments": passage_set.unknown_judgments,
        "text_bytes": text_bytes,
        "built_apart": True,
        "reused_matrix": False,
        "facts": {},
        "flags": found.flags,
        "files": {"hits": f"hits/{key}.npz"} | ({} if passage_set.qrels is None else {"quality": f"quality/{key}.npz"}),
    }
    return Measurement(**(unknown | known | scored))
