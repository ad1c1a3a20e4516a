"""
The leak audit: what of a test set its training set has shown. It is told, and nothing is taken out.

Texts are compared as `resemblance` has it, after Broder 1997, "On the resemblance and containment of documents", with
shingles of characters instead of words: so it holds for languages that set no spaces.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from bench.passages.passage_set import PassageSet
from bench.training.pairs import relevant

SHINGLE = 10  # characters
NEAR = 0.5  # resemblance from which on two texts are near-duplicates
FEATURES = 1 << 22  # that shingles are hashed to: two of a text's thousand meet in one bin in 1 of 4,000 cases
BLOCK = 256  # texts compared with all others at a time
SHOWN = 3  # examples


class Leaks(msgspec.Struct, frozen=True, kw_only=True):
    """What a test set shares with a training set: passages that answer questions, and questions."""

    passages: int  # that are relevant in the test set
    same_passages: int  # of them, relevant in the training set too
    near_passages: int  # of them, other than those: with a near-duplicate that is relevant in the training set
    queries: int  # of the test set
    same_queries: int  # of them, asked in the training set too, as `plain` has it
    examples: tuple[
        tuple[str, str], ...
    ] = ()  # ids (test, training) of the nearest such passages, then of such queries

    def told(self, part: str) -> str:
        """One sentence; part: what the training set is called."""
        return (
            f"of {self.passages:,} relevant test passages {self.same_passages:,} are relevant in {part} too and "
            f"{self.near_passages:,} have a near-duplicate there; of {self.queries:,} test questions "
            f"{self.same_queries:,} are asked there"
        )


def audit(train: PassageSet, test: PassageSet) -> Leaks:
    """What the questions of `test` and their relevant passages share with those of `train`."""
    asked, wanted = relevant(train), relevant(test)
    known = {text: name for name, text in asked.items()}
    same = [(name, known[text]) for name, text in wanted.items() if text in known]
    others = {name: text for name, text in wanted.items() if text not in known}
    near, at = nearest(list(others.values()), list(asked.values()))
    trained = list(asked)
    close = sorted(
        (
            (float(value), name, trained[row])
            for name, value, row in zip(others, near, at, strict=True)
            if value >= NEAR
        ),
        key=lambda found: -found[0],
    )
    questions = {plain(text): name for name, text in zip(train.query_ids, train.queries, strict=True)}
    repeated = [
        (name, questions[plain(text)])
        for name, text in zip(test.query_ids, test.queries, strict=True)
        if plain(text) in questions
    ]
    nearby = [*same, *((name, other) for _, name, other in close)]
    return Leaks(
        passages=len(wanted),
        same_passages=len(same),
        near_passages=len(close),
        queries=len(test.query_ids),
        same_queries=len(repeated),
        examples=(*nearby[:SHOWN], *repeated[:SHOWN]),
    )


def plain(text: str) -> str:
    """The text's letters and digits alone, NFKC and folded in case."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def nearest(texts: Sequence[str], others: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """
    The greatest resemblance of each text with any of the others, and the position of that one; both (n,).

    Resemblance: |A ∩ B| / |A ∪ B| of the sets of a text's shingles; a text without any resembles none (0).
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    if not texts or not others:
        return np.zeros(len(texts)), np.zeros(len(texts), np.int64)
    shingles = HashingVectorizer(
        preprocessor=plain, analyzer="char", ngram_range=(SHINGLE, SHINGLE), n_features=FEATURES,
        binary=True, norm=None, alternate_sign=False, dtype=np.float32,
    )  # fmt: skip
    blocks = list(_nearest(csr_array(shingles.transform(texts)), csr_array(shingles.transform(others))))
    return np.concatenate([near for near, _ in blocks]), np.concatenate([at for _, at in blocks])


def _nearest(texts: csr_array, others: csr_array) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
    sizes = others.sum(axis=1)
    for start in range(0, texts.shape[0], BLOCK):
        block = texts[start : start + BLOCK]
        both = (block @ others.T).toarray()
        either = block.sum(axis=1)[:, None] + sizes[None, :] - both
        resemblance = np.divide(both, either, out=np.zeros(both.shape), where=either > 0)
        at = resemblance.argmax(axis=1)
        yield resemblance[np.arange(len(at)), at], at
