"""
A run made elsewhere, read from its file, and its hits as positions in a passage set.

The order is trec_eval's: score as a 32-bit float, descending, then passage id, descending; ranks and the order of lines
count for nothing. A passage that is not in the set keeps its rank, so that every measure is what pytrec_eval says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import msgspec
import numpy as np

from bench.errors import InputError
from bench.formats import files, run_json, trec_run
from bench.passages.passage_set import PassageSet
from retrievers.contract import Hits, no_hits

REFUSED = (".lz4", ".pkl", ".pickle", ".parquet")
ENDS = (".gz", ".json", ".run", ".trec", ".txt", ".res", ".tsv", ".csv")  # of a file's name, no part of the retriever's


Scores: TypeAlias = Mapping[str, Mapping[str, float]]  # query id -> passage id -> score


@dataclass(frozen=True)
class OutsideRun:
    """One retriever's ranking, as a file from elsewhere has it."""

    name: str  # of the retriever: free text, no spelling
    origin: str  # format, file and sha256 of its uncompressed content
    scores: Scores

    @property
    def depth(self) -> int:
        """Passages of the query that has most of them."""
        return max(map(len, self.scores.values()), default=0)


def read(path: Path, name: str | None = None, parent_separator: str | None = None) -> OutsideRun:
    """
    The run in a TREC run file, or in a .json of dictionaries; either may be .gz. Without a name it has its file's.

    parent_separator: what stands, last in a passage's id, between that of its document and its own part; the document
    has the score of its best passage. InputError where no id has it.

    Raises InputError for what cannot be read, with the line where there is one.
    """
    if path.suffix.lower() in REFUSED:
        raise InputError(f"{path}: expected a TREC run file or a .json, found {path.suffix}: save it as one of those")
    content = files.read(path)
    kind, parse = ("json", run_json.parse) if files.kind(path) == ".json" else ("trec", trec_run.parse)
    scores: Scores = parse(content)
    if not any(scores.values()):
        raise InputError(f"{path}: expected a run, found no hit: check that it is the right file")
    named = (_stem(path) if name is None else name).strip()
    if not named or not named.isprintable():
        raise InputError(f"{path}: expected a name that can be read, found {name!r}: give another with --name")
    origin = f"{kind} run {path.name.removesuffix('.gz')} sha256:{hashlib.sha256(content.data).hexdigest()}"
    if parent_separator is not None:
        scores, origin = _of_parents(path, scores, parent_separator), f"{origin}, documents before {parent_separator!r}"
    return OutsideRun(named, origin, scores)


def _of_parents(path: Path, scores: Scores, separator: str) -> Scores:
    """Documents in place of passages, each with the score of its best."""
    found: dict[str, dict[str, float]] = {}
    parents = (
        {passage: passage.rpartition(separator)[0] for of in scores.values() for passage in of} if separator else {}
    )
    for query, passages in scores.items():
        best = found.setdefault(query, {})
        for passage, score in passages.items():
            document = parents.get(passage) or passage
            best[document] = max(score, best.get(document, score))
    if not any(parents.values()):
        ids = _some(next(filter(None, scores.values())))
        raise InputError(
            f"{path}: expected passage ids with {separator!r} in them, found {ids}: "
            "leave --parent-separator out, or name what stands before the number of the part"
        )
    return found


def _stem(path: Path) -> str:
    name = path.name
    while Path(name).suffix.lower() in ENDS:
        name = Path(name).stem
    return name


@dataclass(frozen=True)
class PlacedHits:
    """A run's hits as positions, and what became of those that do not fit, a sentence each."""

    hits: Hits
    flags: tuple[str, ...]


def place(runs: Sequence[OutsideRun], passage_set: PassageSet, depth: int) -> tuple[PassageSet, list[PlacedHits]]:
    """
    The hits of each run for the set's queries, to `depth`, and the set with the passages that only the runs know.

    Those stand behind the set's own. A passage that the set merged into its equal counts as the one kept, at the better
    rank of the two. Raises InputError where no query or no passage of a run is the set's, and for a score that 32 bits
    cannot hold.
    """
    own = {*passage_set.passage_ids, *passage_set.merged}
    met = (passage for run in runs for query in passage_set.query_ids for passage in run.scores.get(query, ()))
    outside = tuple(dict.fromkeys(passage for passage in met if passage not in own))
    texts = ("",) * len(outside) if passage_set.passages else ()  # a set that a run kept has no texts
    widened = msgspec.structs.replace(
        passage_set, passage_ids=(*passage_set.passage_ids, *outside), passages=(*passage_set.passages, *texts)
    )
    rows = widened.rows | {passage: widened.rows[kept] for passage, kept in passage_set.merged.items()}
    return widened, [_place(run, passage_set, rows, depth) for run in runs]


def _place(run: OutsideRun, passage_set: PassageSet, rows: Mapping[str, int], depth: int) -> PlacedHits:
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
    hits = passage_set.hit_rules.counted(hits, depth)
    return PlacedHits(hits, tuple(f"{what}: {count:,}" for what, count in said if count))


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


def _some(ids: Sequence[str] | Mapping[str, object]) -> str:
    return ", ".join(list(ids)[:2]) + (", ..." if len(ids) > 2 else "")
