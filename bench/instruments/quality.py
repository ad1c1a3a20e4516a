"""
What was found: hits -> one value a query for each measure, and what else a ranking tells without a clock.

One ranking, the order of `Hits.rows`, is read by all measures. ir-measures names and computes them, with the provider
pinned, from scores that fall by one a rank, so that no provider's way with ties shows. The grades are trec_eval's: a
passage is relevant from grade 1 up, nDCG takes the grade itself as the gain (log2 discount, ideal over all judgments),
and grades below 1 gain nothing; with `rel=2` a passage is relevant from grade 2 up. An unjudged passage is not
relevant.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.formats import HIGHEST_GRADE
from bench.instruments import spans
from retrievers.contract import Hits
from retrievers.ranking import check_hits

Qrels = Mapping[str, Mapping[str, int]]  # query id -> passage id -> grade

OVERLAP_K = 10  # of the agreement of two retrievers
CAPPED = "CappedR"  # ir-measures lacks it
ANSWER = "Answer"  # the share of queries with an answer in their top k, by characters: ours too
JUDGED = "Judged"  # the share of the top k that somebody judged: of no passage that it is relevant
NEEDS_CUTOFF = ("R", "P", "Success", CAPPED, JUDGED)  # and ANSWER, which reads no judgments
MAY_HAVE_CUTOFF = ("nDCG", "RR", "AP")
HAVE_LEVEL = ("R", "P", "Success", CAPPED, "RR", "AP")  # nDCG's gain is the grade itself
EXAMPLES = (
    "R@10, CappedR@10, Success@10, P@10, nDCG@10, RR@10, AP@100, Answer@10, Judged@10, and nDCG, RR, AP at the depth "
    "of the hits; relevant from grade 2 up: R(rel=2)@10"
)
OTHER_NAMES = {  # in lower case, as they are met elsewhere -> ours
    "recall": "R",
    "hit": "Success",
    "hits": "Success",
    "hitrate": "Success",
    "answer": ANSWER,
    "answers": ANSWER,
    "hasanswer": ANSWER,
    "precision": "P",
    "mrr": "RR",
    "map": "AP",
} | {name.lower(): name for name in (*NEEDS_CUTOFF, *MAY_HAVE_CUTOFF)}


class Texts(NamedTuple):
    """What Answer@k reads beside the ranking."""

    passages: Sequence[str]  # one a passage id
    answers: Sequence[Sequence[str]]  # one a query id: the texts that answer it


class MeasureSpelling(NamedTuple):
    """What the spelling of a measure says."""

    name: str
    cutoff: int | None  # None: as deep as the hits
    level: int = 1  # the lowest grade that is relevant


def parse(measure: str) -> MeasureSpelling:
    """
    The name, the cut-off and the level of a measure: `nDCG@10` -> ("nDCG", 10, 1), `RR(rel=2)` -> ("RR", None, 2).

    Raises InputError with the nearest spelling. Imports nothing, so a suite can be checked with it before a run.
    """
    spelled = re.fullmatch(r"(\w+?)(?:\(rel=([1-9][0-9]{0,4})\))?(?:@([1-9][0-9]{0,5}))?", measure)
    if spelled is not None:
        name, level, cutoff = spelled.groups()
        if name in MAY_HAVE_CUTOFF or (name in (*NEEDS_CUTOFF, ANSWER) and cutoff):
            if level and name not in HAVE_LEVEL:
                raise InputError(f"measure {measure!r}: expected rel of {', '.join(HAVE_LEVEL)}, found it of {name}")
            return MeasureSpelling(name, int(cutoff) if cutoff else None, int(level or 1))
    stem = re.split(r"[@_\-. ]", measure)[0]
    near = OTHER_NAMES.get(stem.lower())
    digits = re.search(r"[1-9][0-9]*", measure[len(stem) :])
    hint = f" Did you mean {near}@{digits.group() if digits else 10}?" if near else ""
    raise InputError(f"unknown measure {measure!r}: expected one such as {EXAMPLES}.{hint}")


def judged(query_ids: Sequence[str], qrels: Qrels) -> NDArray[np.bool_]:
    """Which queries have a judgment, of whatever grade, or that nothing is relevant: (n_queries,) bool."""
    return np.array([query in qrels for query in query_ids], np.bool_)


def measure(
    hits: Hits,
    passage_ids: Sequence[str],
    query_ids: Sequence[str],
    qrels: Qrels,
    measures: Sequence[str],
    texts: Texts | None = None,
) -> dict[str, NDArray[np.float64]]:
    """
    The value of each measure, by its spelling, for each judged query: (n_judged,) float64, in the order of query_ids.

    The values belong to `query_ids` where `judged(query_ids, qrels)` holds; a query without judgments has none. A
    judged query scores 0 where nothing was found, and where no judged passage is relevant. Judged passages that are
    not in passage_ids stay in the denominator of recall. Without texts Answer@k is not measured: it is left out.

    Raises InputError for an unknown measure, for one that looks deeper than the hits were kept, for hits that are no
    ranking of these passages, and for a grade above HIGHEST_GRADE.
    """
    wanted = {spelling: parse(spelling) for spelling in measures}
    try:
        check_hits(hits, len(query_ids), None, len(passage_ids), names=query_ids, ties=False)
    except (TypeError, ValueError) as error:
        raise InputError(str(error)) from error
    kept_depth = hits.rows.shape[1]
    cutoffs = [one.cutoff or kept_depth for one in wanted.values()]
    depth = max(cutoffs, default=0)
    if kept_depth < min(depth, len(passage_ids)):
        deep = next(spelling for spelling, one in wanted.items() if one.cutoff == depth)
        raise InputError(f"{deep} was asked of hits kept to depth {kept_depth}: ask the retriever for k={depth}")

    kept = judged(query_ids, qrels)
    queries = [query for query, has in zip(query_ids, kept, strict=True) if has]
    judgments = {query: _grades(query, qrels[query]) for query in queries}
    ranking = {
        query: [passage_ids[row] for row in rows if row >= 0]
        for query, rows in zip(queries, hits.rows[kept, :depth].tolist(), strict=True)
    }
    values = {
        spelling: _capped_recall(ranking, judgments, cutoff, level)
        for spelling, (name, cutoff, level) in wanted.items()
        if name == CAPPED and cutoff is not None
    }
    if texts is not None:
        values |= {
            spelling: spans.holds(texts.passages, hits.rows[:, :cutoff].tolist(), texts.answers)[kept].astype(
                np.float64
            )
            for spelling, (name, cutoff, _) in wanted.items()
            if name == ANSWER
        }
    values |= _by_ir_measures({s: w for s, w in wanted.items() if w.name not in (CAPPED, ANSWER)}, ranking, judgments)
    return {spelling: values[spelling] for spelling in wanted if spelling in values}


def ceilings(
    passage_ids: Sequence[str], query_ids: Sequence[str], qrels: Qrels, measures: Sequence[str], texts: Texts | None
) -> dict[str, float] | None:
    """
    What each Answer@k would be if every query's own passages came first: the share whose relevant passages hold an
    answer, of the judged queries. None where none of the measures is one, or it cannot be measured.
    """
    wanted = [spelling for spelling in measures if parse(spelling)[0] == ANSWER]
    kept = judged(query_ids, qrels)
    if not wanted or texts is None or not kept.any():
        return None
    gold = spans.gold_rows(passage_ids, query_ids, qrels)
    return dict.fromkeys(wanted, float(spans.holds(texts.passages, gold, texts.answers)[kept].mean()))


def _grades(query: str, grades: Mapping[str, int]) -> dict[str, int]:
    """
    One query's judgments as pytrec_eval can take them: a grade below 0 as the 0 it means, a huge one refused.

    pytrec_eval 0.5.11 counts passages in an array indexed by grade. Below 0 it crashes or hangs; its memory grows with
    the highest grade (8 GB for 10^9), and for 10^13 its figures are 0 without a word.
    """
    highest = max(grades, key=grades.__getitem__, default=None)
    if highest is not None and grades[highest] > HIGHEST_GRADE:
        raise InputError(
            f"qrels: expected a grade of at most {HIGHEST_GRADE}, found {grades[highest]} for query {query!r}, "
            f"passage {highest!r}"
        )
    return {passage: max(grade, 0) for passage, grade in grades.items()}


def _by_ir_measures(
    wanted: Mapping[str, MeasureSpelling],
    ranking: Mapping[str, Sequence[str]],
    judgments: dict[str, dict[str, int]],
) -> dict[str, NDArray[np.float64]]:
    """The measures that ir-measures has, by their spelling: (n_judged,) float64, in the order of `ranking`."""
    if not wanted:
        return {}
    import ir_measures

    # trec_eval's reciprocal rank has no cut-off; MS MARCO's has. Everything else is trec_eval's.
    providers = defaultdict(list)
    spelled = {}
    for spelling, (name, cutoff, level) in wanted.items():
        known = getattr(ir_measures, name)
        known = known if level == 1 else known(rel=level)
        known = known if cutoff is None else known @ cutoff
        spelled[known] = spelling
        if name == JUDGED:
            providers[ir_measures.judged].append(known)
        else:
            providers[ir_measures.msmarco if name == "RR" and cutoff else ir_measures.pytrec_eval].append(known)

    run = {
        query: dict(zip(passages, np.arange(len(passages), 0.0, -1.0).tolist(), strict=True))
        for query, passages in ranking.items()
    }
    place = {query: index for index, query in enumerate(ranking)}
    values = {spelling: np.zeros(len(ranking)) for spelling in wanted}
    for provider, known_measures in providers.items():
        for metric in provider.iter_calc(known_measures, judgments, run):
            values[spelled[metric.measure]][place[metric.query_id]] = metric.value
    return values


def _capped_recall(
    ranking: Mapping[str, Sequence[str]], judgments: Mapping[str, Mapping[str, int]], k: int, level: int
) -> NDArray[np.float64]:
    """
    |relevant in the top k| / min(k, |relevant|): 1 is within reach also where more than k passages are relevant.

    Thakur et al. 2021, "BEIR", appendix: "capped recall@k". (n_judged,) float64.
    """
    values = []
    for query, passages in ranking.items():
        relevant = {passage for passage, grade in judgments[query].items() if grade >= level}
        found = sum(passage in relevant for passage in passages[:k])
        values.append(found / min(k, len(relevant)) if relevant else 0.0)
    return np.array(values, np.float64)


def mean(values: NDArray[np.float64]) -> float | None:
    """The mean over the judged queries; None where there are none, since nothing was measured."""
    return float(values.mean()) if len(values) else None


def n_unanswered(hits: Hits, query_ids: Sequence[str], qrels: Qrels) -> int:
    """How many judged queries have no hit at all. They score 0."""
    return int((judged(query_ids, qrels) & ~(hits.rows >= 0).any(axis=1)).sum())


def tie_rate(hits: Hits, k: int) -> float | None:
    """
    The share of all queries in whose top k two hits have equal scores, or the kth and the next one do.

    So it counts the queries where the order by position decides a rank within the k or who is cut. The hit below the
    cut is seen only where the hits were kept deeper than k. None where there are no queries.
    """
    rows, scores = hits.rows[:, : k + 1], hits.scores[:, : k + 1]
    tied = (scores[:, 1:] == scores[:, :-1]) & (rows[:, 1:] >= 0)
    return float(tied.any(axis=1).mean()) if len(rows) else None


def overlap(a: Hits, b: Hits, k: int) -> NDArray[np.float64]:
    """
    How far two retrievers agree: |top k of a ∩ top k of b| / the size of the larger top k; 1 where both are empty.

    (n_queries,) float64. Agreement, never quality. Raises InputError where the two answer different numbers of queries.
    """
    if len(a.rows) != len(b.rows):
        raise InputError(f"overlap compares the same queries: found {len(a.rows)} and {len(b.rows)}")
    top_a, top_b = a.rows[:, :k], b.rows[:, :k]
    found_a, found_b = top_a >= 0, top_b >= 0
    stride = 1 + max(top_a.max(initial=0), top_b.max(initial=0))
    offsets = stride * np.arange(len(top_a), dtype=np.int64)[:, None]  # one range of numbers a query: all at once
    common = found_a & np.isin(top_a + offsets, (top_b + offsets)[found_b])
    larger = np.maximum(found_a.sum(axis=1), found_b.sum(axis=1))
    return np.where(larger == 0, 1.0, common.sum(axis=1) / np.maximum(larger, 1))


def by_label(values: NDArray[np.float64], labels: Sequence[str]) -> dict[str, tuple[int, float]]:
    """
    The count and the mean of each label's values, sorted by label. labels: one a value, so of the judged queries.

    Raises InputError where their numbers differ.
    """
    if len(values) != len(labels):
        raise InputError(f"expected one label per value, found {len(labels)} labels and {len(values)} values")
    groups = defaultdict(list)
    for label, value in zip(labels, values.tolist(), strict=True):
        groups[label].append(value)
    return {label: (len(group), float(np.mean(group))) for label, group in sorted(groups.items())}
