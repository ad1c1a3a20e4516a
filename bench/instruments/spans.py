"""
Answers as spans: whether a passage holds an answer of its query, character by character.

A passage holds an answer where the answer's characters stand in it in one piece, both composed (NFC), in lower case,
and with any run of white space as one space. So it is for languages that glue particles to their words, or set no
spaces at all. Karpukhin et al. 2020 ("Dense passage retrieval", has_answer) compare whole tokens instead, which most
Korean, Japanese and Chinese passages fail on their own answers.

Where a passage that has nothing to do with the question holds the same characters, it counts too: a short answer is
often found by chance. And what no gold passage holds, no retriever can find: the ceiling is read beside the measure.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray


def folded(text: str) -> str:
    """The text composed (NFC), in lower case, each run of white space one space, none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).lower().split())


def holds(
    passages: Sequence[str], rows: Sequence[Collection[int]], answers: Sequence[Sequence[str]]
) -> NDArray[np.bool_]:
    """
    Which queries have an answer in one of their passages: (n_queries,) bool.

    rows: positions in `passages`, some for each query; a negative one is padding. answers: the texts that answer each
    query; an empty one is none, and a query without any is held by no passage.
    """

    @cache
    def passage(row: int) -> str:
        return folded(passages[row])

    found = []
    for own, texts in zip(rows, answers, strict=True):
        spans = [span for span in map(folded, texts) if span]
        found.append(any(span in passage(row) for row in own if row >= 0 for span in spans))
    return np.array(found, np.bool_)


def gold_rows(
    passage_ids: Sequence[str], query_ids: Sequence[str], qrels: Mapping[str, Mapping[str, int]]
) -> list[list[int]]:
    """The positions of each query's relevant passages (grade 1 or more), of those that are there."""
    rows: dict[str, list[int]] = {}
    for row, passage in enumerate(passage_ids):
        rows.setdefault(passage, []).append(row)
    return [
        [row for passage, grade in qrels.get(query, {}).items() if grade >= 1 for row in rows.get(passage, ())]
        for query in query_ids
    ]
