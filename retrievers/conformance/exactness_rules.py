"""The rules about what is found: by storages, held to brute force, and in text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrievers.conformance.hits import all_scores, brute_force, dense, same_hits
from retrievers.conformance.hits_rules import each
from retrievers.conformance.subject import CLOSE, BrokenRule, K, NotApplicable, Refusal, Rule, Subject, tidy
from retrievers.conformance.toy_collections import CROWD, SEASONS, TWIN_QUERY, UNKNOWN, VECTORS, ToyCollection, count
from retrievers.contract import Encoder, Hits, Role, Unsupported, VectorRetriever

FLOOR = 0.1  # overlap@10 of an approximate search with the exact one; by chance it would be 0.02
DEPTH = 100  # to which the harness keeps hits
BLOCK = 25  # texts at once: few, since what is wrong with many is told by other rules
FOUND_SHARE = 0.9  # of the crowd by an approximate engine


def holds_or_refuses(subject: Subject) -> str | None:
    """What it cannot hold, of sparse and dense vectors, it refuses by Unsupported."""
    for collection in VECTORS:
        error = subject.refusal(collection)
        if error is not None and not isinstance(error, Refusal | Unsupported):
            expected, found = f"Unsupported, or {collection.name} to be held", f"{type(error).__name__}: {error}"
            raise BrokenRule(expected, found, "raise retrievers.contract.Unsupported") from error
    return "holds " + ", ".join(collection.name for collection in subject.collections)


def exact_as_claimed(subject: Subject) -> str | None:
    """Where `exact` is True it finds what brute force finds; scores may differ by 1e-5, near ties swap."""
    if not subject.exact:
        raise NotApplicable("it does not claim to be exact")
    for collection, expected, found, _ in _held_to_brute_force(subject, DEPTH):
        differs = same_hits(expected, found)
        if differs:
            remedy = "compare every passage, or set exact = False"
            raise BrokenRule(
                f"what brute force finds ({collection.name})", f"{len(differs)} ranks differ: {differs[0]}", remedy
            )
    return None


def first_k(subject: Subject) -> str | None:
    """Where `exact` is True a search for few finds the first of what one for many finds; near ties may swap."""
    if not subject.exact:
        raise NotApplicable("it does not claim to be exact")
    for collection, adapter in each(subject):
        deep = subject.hits(adapter, collection, DEPTH)
        for k in (1, K):
            differs = same_hits(Hits(deep.rows[:, :k], deep.scores[:, :k]), subject.hits(adapter, collection, k))
            if differs:
                expected = f"at k = {k} the first of what k = {DEPTH} finds ({collection.name})"
                raise BrokenRule(expected, differs[0], "search alike whatever k is, or set exact = False")
    return None


def overlap(subject: Subject) -> str | None:
    """Where it does not claim to be exact, its top 10 shares much with that of brute force; how much is reported."""
    if subject.exact:
        raise NotApplicable("it claims to be exact")
    said = []
    for collection, expected, found, scores in _held_to_brute_force(subject, K):
        shares = [
            sum(row >= 0 and scores[query, row] >= last for row in found.rows[query]) / number
            for query in range(len(expected.rows))
            if (number := int((expected.rows[query] >= 0).sum()))
            for last in [expected.scores[query, number - 1] * (1 - np.sign(expected.scores[query, number - 1]) * CLOSE)]
        ]
        share = float(np.mean(shares))
        if share < FLOOR:
            raise BrokenRule(f"an overlap@{K} of {FLOOR} at least ({collection.name})", f"{share:.2f}", "search wider")
        said.append(f"{share:.2f} ({collection.name})")
    return f"overlap@{K} {', '.join(said)}"


def _held_to_brute_force(
    subject: Subject, k: int
) -> Iterator[tuple[ToyCollection, Hits, Hits, Any]]:  # Any: (n_queries, n) float64
    """
    ToyCollection, hits of brute force, hits found (by the sparse rule without those that are none), all scores.

    A pair is held to it in a crowd too, whose vectors are made a few at a time.
    """
    for collection, adapter in each(subject, *([CROWD] if subject.is_pair else [])):
        passages, queries = collection.passages(), collection.queries()
        positive = subject.is_sparse(collection, adapter)
        if positive is None:
            raise NotApplicable("an engine's scores are its own: nobody else computes them")
        if isinstance(adapter, VectorRetriever):
            passages = _encoded(adapter.encoder, passages, "passage")
            queries = _encoded(adapter.encoder, queries, "query")
        found = subject.hits(adapter, collection, k)
        if positive:
            found = tidy((found.rows, np.where(found.scores > 0, found.scores, -np.inf)), count(queries), k)
        yield collection, brute_force(passages, queries, k, positive=positive), found, all_scores(passages, queries)


def _encoded(encoder: Encoder, texts: Sequence[str], role: Role) -> NDArray[np.float32]:
    blocks = [texts[start : start + BLOCK] for start in range(0, len(texts), BLOCK)]
    return np.concatenate([dense(encoder.encode(block, role)) for block in blocks])


# Text


def unknown_text(subject: Subject) -> str | None:
    """The empty query and queries of unknown words are answered."""
    subject.require_any_text()
    (collection,) = subject.collections
    with subject.taught(collection) as adapter:
        hits = subject.hits(adapter, collection, K, list(UNKNOWN))
    return f"{int((hits.rows[0] >= 0).sum())} hits for the empty query, {int((hits.rows[2] >= 0).sum())} for no word"


def empty_passage(subject: Subject) -> str | None:
    """A passage without text keeps its position."""
    subject.require_any_text()
    (collection,) = subject.collections
    passages = ["", *collection.passages()[1:-1], " "]
    with subject.taught(collection) as whole, subject.fresh() as adapter:
        subject.learn(adapter, passages)
        rows = [int(subject.hits(one, collection, 1).rows[TWIN_QUERY, 0]) for one in (whole, adapter)]
    whole_of_them = collection.passages()
    wanted, got = (text[row] if row >= 0 else None for text, row in zip((whole_of_them, passages), rows, strict=True))
    if wanted != got:
        found = f"row {rows[1]}, {got!r}"
        raise BrokenRule(
            f"{wanted!r} for the query {collection.queries()[TWIN_QUERY]!r}", found, "leave out no passage"
        )
    return None


def normal_forms(subject: Subject) -> str | None:
    """Whether text that is composed otherwise (NFC, NFD) has the same hits is reported."""
    subject.require_any_text()
    (collection,) = subject.collections
    composed, decomposed = ([unicodedata.normalize(form, q) for q in collection.queries()] for form in ("NFC", "NFD"))
    with subject.taught(collection) as adapter:
        one, two = (subject.hits(adapter, collection, K, queries) for queries in (composed, decomposed))
    differ = int((one.rows != two.rows).any(axis=1).sum())
    return f"{differ} of {len(composed)} queries find other passages when decomposed (NFD)"


# Engines: what nobody else can compute is held to what anybody expects


def own_words(subject: Subject) -> str | None:
    """
    Asked with its own words, each of 500 passages is among the first 10; of an approximate engine 9 in 10 are.
    """
    passages = CROWD.passages()
    ranks: list[int] = []  # from 1; 0 is not found
    with subject.taught(CROWD) as adapter:
        for start in range(0, len(passages), BLOCK):
            hits = subject.hits(adapter, CROWD, K, passages[start : start + BLOCK])
            own = hits.rows == np.arange(start, start + len(hits.rows))[:, np.newaxis]
            ranks += np.where(own.any(axis=1), own.argmax(axis=1) + 1, 0).tolist()
    lost = [row for row, rank in enumerate(ranks) if rank == 0]
    if len(lost) > (1 - FOUND_SHARE) * len(ranks) * (subject.exact is False):
        expected = f"each of {len(ranks)} passages among the first {K} for its own words"
        found = f"{len(ranks) - len(lost)}; not row {lost[0]}, {passages[lost[0]]!r}"
        raise BrokenRule(expected, found, "index every passage, and answer with its position")
    return f"{ranks.count(1)} of {len(ranks)} first, {len(ranks) - ranks.count(1) - len(lost)} among the first {K}"


def depth(subject: Subject) -> str | None:
    """k = 100 finds 100 passages where more of them share the word that is asked for; of an approximate engine some."""
    with subject.taught(CROWD) as adapter:
        hits = subject.hits(adapter, CROWD, DEPTH, list(SEASONS))
    least = int((hits.rows >= 0).sum(axis=1).min())
    if least < (1 if subject.exact is False else DEPTH):
        share = len(CROWD.passages()) // len(SEASONS)
        expected = f"{DEPTH} hits for a word that {share} passages share"
        raise BrokenRule(expected, f"{least}", "find as many as k asks for")
    return f"{least} hits"


FOUND: tuple[Rule, ...] = (exact_as_claimed, first_k, overlap)
TEXT: tuple[Rule, ...] = (unknown_text, empty_passage, normal_forms)
ALONE: tuple[Rule, ...] = (own_words, depth)
