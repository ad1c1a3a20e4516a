"""A passage set with judgments -> pairs to train on: a question, a passage that is relevant to it, hard negatives."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from bench.errors import InputError
from bench.instruments.spans import folded
from bench.passages.passage_set import PassageSet
from bench.training.recipe import Negatives
from retrievers.contract import Retriever, spell

SEED = 7  # of samples: they are the same for every seed of a recipe


class Pair(NamedTuple):
    """A question, a passage that is relevant to it, all that are, and some that are not."""

    row: int  # of the question, in its set
    query: str
    passage: str
    known: tuple[str, ...]  # every passage known to be relevant to it
    negatives: tuple[str, ...] = ()


class HardNegatives(msgspec.Struct, frozen=True, kw_only=True):
    """Where hard negatives came from, over all pairs."""

    retriever: str = ""  # as it was resolved for the language of the set; cards from before it was told have none
    found: int  # by the retriever
    drawn: int  # at random, where it found too few
    relevant: int  # candidates passed over: they are relevant themselves,
    answering: int  # they hold an answer of the question,
    near: int  # they score nearly as much as the relevant one


def relevant(passage_set: PassageSet) -> dict[str, str]:
    """The passages that are relevant to a question of the set: id -> text, in the set's order."""
    judged = {p for grades in (passage_set.qrels or {}).values() for p, grade in grades.items() if grade > 0}
    texts = zip(passage_set.passage_ids, passage_set.passages, strict=True)
    return {name: text for name, text in texts if name in judged}


def pairs(passage_set: PassageSet, at_most: int | None = None) -> list[Pair]:
    """
    A pair of every question and relevant passage, in the set's order; of more than `at_most` a seeded sample.

    InputError where there is none, and for an empty text.
    """
    texts = relevant(passage_set)
    found = []
    for row, query_id in enumerate(passage_set.query_ids):
        query, grades = passage_set.queries[row], (passage_set.qrels or {}).get(query_id, {})
        own = [passage_id for passage_id, grade in grades.items() if grade > 0 and passage_id in texts]
        for passage_id in own:
            if not query.strip() or not texts[passage_id].strip():
                what = f"question {query_id!r}" if not query.strip() else f"passage {passage_id!r}"
                raise InputError(
                    f"passage set {passage_set.name!r}: expected a text on both sides of a pair, found none of {what}: "
                    "leave it out of the set"
                )
            found.append(Pair(row, query, texts[passage_id], tuple(texts[other] for other in own)))
    if not found:
        raise InputError(
            f"passage set {passage_set.name!r}: expected questions with a relevant passage to train on, found none: "
            "name a set with judgments"
        )
    if at_most is None or len(found) <= at_most:
        return found
    chosen = sorted(random.Random(SEED).sample(range(len(found)), at_most))  # noqa: S311  # a sample, no secret
    return [found[position] for position in chosen]


def mine(
    found: Sequence[Pair], passage_set: PassageSet, asked: Negatives, retriever: Retriever
) -> tuple[list[Pair], HardNegatives]:
    """
    The pairs with `asked.each` hard negatives, the best first, of the passages that any question of the set is about.

    Passed over are passages that are relevant, that hold an answer of the question, and that score more than
    `asked.below` of what the relevant one scores (where it is found). Where too few are left, others are drawn.
    InputError where the set has too few passages.
    """
    texts = list(relevant(passage_set).values())
    most = max(len(pair.known) for pair in found)
    if len(texts) < asked.each + most:
        raise InputError(
            f"passage set {passage_set.name!r}: expected at least {asked.each + most} relevant passages to mine "
            f"{asked.each} hard negatives a question, found {len(texts)}: lower negatives.each"
        )
    retriever.index(texts)
    hits = retriever.search([pair.query for pair in found], min(asked.depth, len(texts)))
    plain = [folded(text) for text in texts]
    row_of = {text: row for row, text in enumerate(texts)}
    rng = random.Random(SEED)  # noqa: S311  # a sample, no secret
    counts = dict.fromkeys(("found", "drawn", "relevant", "answering", "near"), 0)
    mined = []
    for pair, rows, scores in zip(found, hits.rows.tolist(), hits.scores.tolist(), strict=True):
        own = {row_of[text] for text in pair.known}
        answers = [] if passage_set.answers is None else [*filter(None, map(folded, passage_set.answers[pair.row]))]
        score_of = dict(zip(rows, scores, strict=True))
        score = score_of.get(row_of[pair.passage], math.inf)
        # A score may be negative: a share of its size below it, not of itself.
        limit = score - (1 - asked.below) * abs(score) if score < math.inf else score
        chosen: list[int] = []
        for row in rows:
            if row < 0 or len(chosen) == asked.each:
                break
            if row in own:
                counts["relevant"] += 1
            elif any(answer in plain[row] for answer in answers):
                counts["answering"] += 1
            elif score_of[row] > limit:
                counts["near"] += 1
            else:
                chosen.append(row)
        counts["found"] += len(chosen)
        if (missing := asked.each - len(chosen)) > 0:
            others = [row for row in range(len(texts)) if row not in own and row not in chosen]
            silent = [row for row in others if not any(answer in plain[row] for answer in answers)]
            chosen += rng.sample(silent if len(silent) >= missing else others, missing)
            counts["drawn"] += missing
        mined.append(pair._replace(negatives=tuple(texts[row] for row in chosen)))
    return mined, HardNegatives(retriever=spell(retriever), **counts)
