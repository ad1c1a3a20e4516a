"""
Measure how far paired differences vary on real sets: `python -m tests.benchmarks.spreads`, a benchmark and not a test.

What it prints is bench/analysis/assumed_spreads.py: of each measure the upper quartile over sets, of which three of
four vary less. It needs SPARRING_DATA; half an hour of one core.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.instruments import quality
from bench.passages import loader
from bench.run.resolve import parse_retriever, resolve_language
from bench.statistics.power import Spread, spread_of
from retrievers.registry import installed

MEASURES = ("R@1", "R@5", "R@10", "R@100", "nDCG@10", "RR@10", "AP@100", "P@10", "Success@10")
DEPTH = 100
QUARTILE = 0.75
BASELINE = "BM25() @ CSR()"
SMALL = ("cranfield", "primer", "xquad-en")  # which a bi-encoder reads in minutes
SETS = (
    *SMALL,
    *(
        "arcd",
        "cacm",
        "cmrc2018",
        "drcd",
        "jaquad-dev",
        "korquad",
        "medquad",
        "pubmedqa",
        "scifact",
        "squad",
        "vaswani",
    ),
    *("xquad-de", "xquad-th"),
)
# What a baseline is compared with, how that is called, and on which sets.
PAIRS = {
    "other options (BM25)": ("BM25(k1=1.2, b=0.75) @ CSR()", SETS),
    "another lexical encoder (TF-IDF, BM25)": ("TfIdf() @ CSR()", SETS),
    "dense and lexical (MiniLM, BM25)": ('BiEncoder("all-MiniLM-L6-v2") @ Flat()', SMALL),
}

Values = dict[str, NDArray[np.float64]]


def values(name: str, spelling: str) -> Values:
    """Each measure's value of every judged query of a set."""
    passage_set = loader.load(name)
    retriever = resolve_language(parse_retriever(spelling, installed()), passage_set.language)
    retriever.index(passage_set.passages)
    hits = retriever.search(passage_set.queries, DEPTH)
    qrels = passage_set.qrels or {}
    return quality.measure(hits, passage_set.passage_ids, passage_set.query_ids, qrels, MEASURES)


def clusters(name: str) -> Sequence[Hashable] | None:
    """The cluster of every judged query; a set with judgments has no other queries."""
    return loader.load(name).clusters


def upper(spreads: Sequence[Spread | None], clustered: Sequence[bool]) -> Spread:
    """The upper quartile of each figure over sets, of correlation over those with clusters; nothing differs: all 0."""
    found = np.array([spread or Spread(0.0, 0.0, 0.0) for spread in spreads])
    of = np.array(clustered, np.bool_)
    deviation, _, discordant = np.quantile(found, QUARTILE, axis=0).round(3).tolist()
    return Spread(deviation, round(float(np.quantile(found[of, 1], QUARTILE)), 3), discordant)


def main() -> None:
    known = {(name, BASELINE): values(name, BASELINE) for name in SETS}
    print("ASSUMED: dict[str, dict[str, Spread]] = {")
    for pair, (spelling, names) in PAIRS.items():
        print(f'    "{pair}": {{')
        others = {name: values(name, spelling) for name in names}
        clustered = [clusters(name) is not None for name in names]
        for measure in MEASURES:
            spreads = [
                spread_of(others[name][measure] - known[name, BASELINE][measure], clusters(name)) for name in names
            ]
            print(f'        "{measure}": Spread({", ".join(f"{figure:g}" for figure in upper(spreads, clustered))}),')
        print("    },")
    print("}")


if __name__ == "__main__":
    main()
