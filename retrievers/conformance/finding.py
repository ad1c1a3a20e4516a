"""The rules about what is found: by storages, held to brute force, and in text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

import numpy as np

from retrievers.conformance.hits import all_scores, brute_force, same_hits
from retrievers.conformance.material import PASSAGES, TWIN_QUERY, UNKNOWN, VECTORS, Material
from retrievers.conformance.searching import each
from retrievers.conformance.subject import CLOSE, Broken, K, NotApplicable, Rule, Subject, count, tidy
from retrievers.contract import Hits, Unsupported, VectorRetriever

FLOOR = 0.1  # overlap@10 of an approximate search with the exact one; by chance it would be 0.03


def holds_or_refuses(subject: Subject) -> str | None:
    """Of sparse and dense vectors it holds one kind at least, and what it can not hold it refuses by Unsupported."""
    for name, error in subject.refused.items():
        if not isinstance(error, Unsupported):
            found = f"{type(error).__name__}: {error}"
            raise Broken(
                f"Unsupported, or {name} to be held,", found, "raise retrievers.contract.Unsupported"
            ) from error
    held = [material.name for material in VECTORS if material.name not in subject.refused]
    if not held:
        raise Broken("sparse or dense vectors to be held", f"{next(iter(subject.refused.values()))}", "hold one kind")
    return "holds " + ", ".join(held)


def exact_as_claimed(subject: Subject) -> str | None:
    """Where `exact` is True it finds what brute force finds; scores may differ by 1e-5, near ties swap."""
    if not subject.exact:
        raise NotApplicable("it does not claim to be exact")
    for material, expected, found, _ in _held_to_brute_force(subject):
        differs = same_hits(expected, found)
        if differs:
            remedy = "compare every passage, or set exact = False"
            raise Broken(
                f"what brute force finds ({material.name})", f"{len(differs)} ranks differ: {differs[0]}", remedy
            )
    return None


def overlap(subject: Subject) -> str | None:
    """Where it does not claim to be exact, its top 10 shares much with that of brute force; how much is reported."""
    if subject.exact:
        raise NotApplicable("it claims to be exact")
    said = []
    for material, expected, found, scores in _held_to_brute_force(subject):
        shares = [
            sum(row >= 0 and scores[query, row] >= last for row in found.rows[query]) / number
            for query in range(len(expected.rows))
            if (number := int((expected.rows[query] >= 0).sum()))
            for last in [expected.scores[query, number - 1] * (1 - np.sign(expected.scores[query, number - 1]) * CLOSE)]
        ]
        share = float(np.mean(shares))
        if share < FLOOR:
            raise Broken(f"an overlap@{K} of {FLOOR} at least ({material.name})", f"{share:.2f}", "search wider")
        said.append(f"{share:.2f} ({material.name})")
    return f"overlap@{K} {', '.join(said)}"


def _held_to_brute_force(subject: Subject) -> Iterator[tuple[Material, Hits, Hits, Any]]:  # Any: (n_queries, n) float64
    """Material, hits of brute force, hits found (by the sparse rule without those that are none), all scores."""
    for material, adapter in each(subject):
        passages, queries = material.passages(), material.queries()
        if isinstance(adapter, VectorRetriever):
            passages = adapter.encoder.encode(passages, "passage")
            queries = adapter.encoder.encode(queries, "query")
        elif subject.kind != "storage":
            raise NotApplicable("an engine's scores are its own: nobody else computes them")
        positive = not isinstance(passages, np.ndarray)
        found = subject.hits(adapter, material, K)
        if positive:
            found = tidy((found.rows, np.where(found.scores > 0, found.scores, -np.inf)), count(queries), K)
        yield material, brute_force(passages, queries, K, positive=positive), found, all_scores(passages, queries)


# Text


def unknown_text(subject: Subject) -> str | None:
    """The empty query and queries of unknown words are answered."""
    subject.require_any_text()
    (material,) = subject.materials
    with subject.taught(material) as adapter:
        hits = subject.hits(adapter, material, K, list(UNKNOWN))
    return f"{int((hits.rows[0] >= 0).sum())} hits for the empty query, {int((hits.rows[2] >= 0).sum())} for no word"


def empty_passage(subject: Subject) -> str | None:
    """A passage without text keeps its position."""
    subject.require_any_text()
    (material,) = subject.materials
    passages = ["", *material.passages()[1:-1], " "]
    with subject.taught(material) as whole, subject.fresh() as adapter:
        subject.learn(adapter, passages)
        rows = [int(subject.hits(one, material, 1).rows[TWIN_QUERY, 0]) for one in (whole, adapter)]
    wanted, got = (text[row] if row >= 0 else None for text, row in zip((PASSAGES, passages), rows, strict=True))
    if wanted != got:
        found = f"row {rows[1]}, {got!r}"
        raise Broken(f"{wanted!r} for the query {material.queries()[TWIN_QUERY]!r}", found, "leave out no passage")
    return None


def normal_forms(subject: Subject) -> str | None:
    """Whether text that is composed otherwise (NFC, NFD) has the same hits is reported."""
    subject.require_any_text()
    (material,) = subject.materials
    composed, decomposed = ([unicodedata.normalize(form, q) for q in material.queries()] for form in ("NFC", "NFD"))
    with subject.taught(material) as adapter:
        one, two = (subject.hits(adapter, material, K, queries) for queries in (composed, decomposed))
    differ = int((one.rows != two.rows).any(axis=1).sum())
    return f"{differ} of {len(composed)} queries find other passages when decomposed (NFD)"


FOUND: tuple[Rule, ...] = (exact_as_claimed, overlap)
TEXT: tuple[Rule, ...] = (unknown_text, empty_passage, normal_forms)
