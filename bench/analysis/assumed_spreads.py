"""
How far paired differences vary where no pilot says: measured on real sets by `python -m tests.benchmarks.spreads`.

Each figure is the upper quartile over sets, of which three of four vary less: the standard deviation of the paired
differences, their correlation in a cluster (over sets with clusters: articles, in primer paragraphs), and the share of
queries that differ. The 16 sets: arcd, cacm, cmrc2018, cranfield, drcd, jaquad-dev, korquad, medquad, primer, pubmedqa,
scifact, squad, vaswani, xquad-de, xquad-en, xquad-th; the bi-encoder on cranfield, primer and xquad-en alone.
"""

from __future__ import annotations

from bench.statistics.power import Spread

# What is compared -> measure -> its spread. Options: BM25() and BM25(k1=1.2, b=0.75).
ASSUMED: dict[str, dict[str, Spread]] = {
    "other options (BM25)": {
        "R@1": Spread(0.161, 0.01, 0.081),
        "R@5": Spread(0.116, 0, 0.04),
        "R@10": Spread(0.081, 0.004, 0.033),
        "R@100": Spread(0.053, 0.001, 0.011),
        "nDCG@10": Spread(0.082, 0.014, 0.243),
        "RR@10": Spread(0.155, 0.012, 0.184),
        "AP@100": Spread(0.09, 0.011, 0.315),
        "P@10": Spread(0.018, 0.004, 0.033),
        "Success@10": Spread(0.105, 0.004, 0.011),
    },
    "another lexical encoder (TF-IDF, BM25)": {
        "R@1": Spread(0.398, 0.039, 0.223),
        "R@5": Spread(0.238, 0.021, 0.17),
        "R@10": Spread(0.19, 0.02, 0.115),
        "R@100": Spread(0.104, 0, 0.037),
        "nDCG@10": Spread(0.228, 0.042, 0.475),
        "RR@10": Spread(0.311, 0.042, 0.378),
        "AP@100": Spread(0.251, 0.041, 0.559),
        "P@10": Spread(0.036, 0.02, 0.115),
        "Success@10": Spread(0.26, 0.02, 0.07),
    },
    "dense and lexical (MiniLM, BM25)": {
        "R@1": Spread(0.428, 0.021, 0.255),
        "R@5": Spread(0.323, 0.02, 0.42),
        "R@10": Spread(0.322, 0.04, 0.409),
        "R@100": Spread(0.297, 0.012, 0.388),
        "nDCG@10": Spread(0.313, 0.008, 0.628),
        "RR@10": Spread(0.385, 0.008, 0.372),
        "AP@100": Spread(0.331, 0.008, 0.683),
        "P@10": Spread(0.095, 0.04, 0.409),
        "Success@10": Spread(0.347, 0.04, 0.155),
    },
}
