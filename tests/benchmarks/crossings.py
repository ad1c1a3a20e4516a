"""
`A @ CSR()` and `A @ Flat()` find the same hits, for every encoder on every passage set at hand: `make crossings`.

All queries, depth 100; it takes a while, so the tests do the same with a sample of the queries.
"""

from __future__ import annotations

import random
import sys
import time

from bench.passages import cards, loader
from bench.passages.loader import PassageSet
from retrievers.analysers import default_analyser
from retrievers.conformance import same_hits
from retrievers.contract import VectorRetriever
from retrievers.registry import installed, parse, resolved

ENCODERS = ("TfIdf()", "BM25()", 'BiEncoder("all-MiniLM-L6-v2")')
DEPTH = 100


def differences(passage_set: PassageSet, encoder: str, n_queries: int | None = None) -> list[str]:
    """What differs between the hits of CSR and Flat, a line each; n_queries: a seeded sample, None for all."""
    queries = list(passage_set.queries)
    if n_queries is not None:
        queries = random.Random(7).sample(queries, min(n_queries, len(queries)))
    pair = parse(f"{encoder} @ CSR()", installed())
    pair = resolved(pair, {"analyser": default_analyser(passage_set.language)})
    assert isinstance(pair, VectorRetriever)
    pair.encoder.fit(passage_set.passages)
    vectors, asked = pair.encoder.encode(passage_set.passages, "passage"), pair.encoder.encode(queries, "query")
    hits = []
    for storage in (parse("Flat()", installed()), parse("CSR()", installed())):
        storage.build(vectors)
        hits.append(storage.search(asked, DEPTH))
    return same_hits(*hits)


def main() -> int:
    """Print a line for each passage set and encoder; 1 if any differs."""
    found_any = False
    for name in cards.names():
        if not cards.at_hand(cards.card(name)):
            print(f"{name:14s} not at hand: set SPARRING_DATA")
            continue
        passage_set = loader.load(name)
        for encoder in ENCODERS:
            start = time.perf_counter()
            found = differences(passage_set, encoder)
            found_any |= bool(found)
            took = time.perf_counter() - start
            print(
                f"{name:14s} {encoder:32s} {len(passage_set.queries):6d} queries {len(found):4d} differ {took:7.1f} s",
                flush=True,
            )
            print("".join(f"  {line}\n" for line in found[:3]), end="")
    return int(found_any)


if __name__ == "__main__":
    sys.exit(main())
