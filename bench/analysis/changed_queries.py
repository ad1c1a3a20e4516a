"""The queries that changed most: what was found first before and after, with texts where they are available."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.analysis.compare import CellPair
from bench.analysis.difference import kept_set, values
from bench.analysis.texts import texts_of
from bench.errors import InputError
from bench.instruments import quality
from bench.instruments.quality import OVERLAP_K
from bench.passages import loader
from bench.passages.loader import PassageSet
from bench.records.run_folder import Run, ranking
from bench.records.schema import Measurement
from bench.statistics.clusters import NOISE
from retrievers.contract import Hits


class Top(NamedTuple):
    """What one side made of a query."""

    value: float | None  # of the primary measure; None: no judgments
    first: str | None  # the passage that it put first; None: it found nothing
    text: str  # of that passage; empty where it is not available
    rank: int | None  # of the first relevant passage, from 1; None: not among the hits that were kept


class Change(NamedTuple):
    """One query, before and after."""

    query: str
    text: str
    old: Top
    new: Top
    overlap: float  # overlap@10 of the two


class Changes(NamedTuple):
    """The queries of one pair of cells that changed most, and what a reader must know."""

    queries: list[Change]
    n_changed: int  # of all queries: those whose value changed, or whose top 10 did where nothing is judged
    said: str  # why there are no queries or no texts; empty where there are


def changes(old: Run, new: Run, pair: CellPair, most: int) -> Changes:
    """
    The `most` queries whose primary measure changed most; none of a pair that is not compared.

    Without judgments, or values of each query, those whose top 10 agree least. Ties keep the order of the queries.
    Texts are read where the collection lies: a run keeps none.
    """
    if pair.problem:
        return Changes([], 0, "")
    if pair.old.is_stopped or pair.new.is_stopped:
        return Changes([], 0, "no queries: not all were asked, since it was decided before")
    try:
        kept = kept_set(old, new, pair.passage_set)
        hits = [ranking(run.folder, m) for run, m in ((old, pair.old), (new, pair.new))]
        overlap = quality.overlap(hits[0], hits[1], OVERLAP_K)
    except InputError as error:
        return Changes([], 0, f"no queries: {error}")
    scores = _scores(old, new, pair, kept)
    moved = 1 - overlap if scores is None else np.abs(scores[1] - scores[0])
    moved = np.where(np.isnan(moved) | (moved <= NOISE), 0.0, moved)
    chosen = [int(query) for query in np.argsort(-moved, kind="stable")[:most] if moved[query] > 0]
    texts, said = texts_of(new, kept) if chosen else (None, "")
    found = [
        Change(
            query=kept.query_ids[query],
            text=texts.queries[query] if texts is not None else "",
            old=_top(hits[0], query, kept, texts, None if scores is None else scores[0]),
            new=_top(hits[1], query, kept, texts, None if scores is None else scores[1]),
            overlap=float(overlap[query]),
        )
        for query in chosen
    ]
    return Changes(found, int((moved > 0).sum()), said)


def _scores(old: Run, new: Run, pair: CellPair, kept: PassageSet) -> tuple[NDArray[np.float64], ...] | None:
    """The primary measure of every query, old and new: (n_queries,) each, NaN where not judged; None without any."""
    primary = next((d.name for d in pair.differences if d.primary), None)
    sides: tuple[tuple[Run, Measurement], ...] = ((old, pair.old), (new, pair.new))
    try:
        found = [values(run, m).get(primary or "") for run, m in sides]
    except InputError:
        return None
    judged = quality.judged(kept.query_ids, kept.qrels or {})
    if any(one is None or len(one) != judged.sum() for one in found):
        return None
    whole = np.full((2, len(judged)), np.nan)
    whole[:, judged] = found
    return whole[0], whole[1]


def _top(hits: Hits, query: int, kept: PassageSet, texts: PassageSet | None, scores: NDArray[np.float64] | None) -> Top:
    rows = [int(row) for row in hits.rows[query] if row >= 0]
    relevant = {passage for passage, grade in (kept.qrels or {}).get(kept.query_ids[query], {}).items() if grade > 0}
    ranks = (rank for rank, row in enumerate(rows, start=1) if loader.id_of(kept, row) in relevant)
    has_text = bool(rows) and texts is not None and rows[0] < len(texts.passages)
    return Top(
        value=None if scores is None else float(scores[query]),
        first=loader.id_of(kept, rows[0]) if rows else None,
        text=texts.passages[rows[0]] if has_text and texts is not None else "",
        rank=next(ranks, None),
    )
