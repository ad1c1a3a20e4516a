"""
Differences of real retrievers on real sets as the population: samples of whole clusters, drawn with replacement.

`python -m tests.benchmarks.trust.real` searches the sets and keeps the differences in .benchmarks/trust/population.npz,
summed over clusters, and nothing else of them; `make trust-real` does that once, and draws.
"""

from __future__ import annotations

import functools
import hashlib
import io
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.formats.files import write_whole
from bench.instruments import quality
from bench.passages import loader
from bench.passages.loader import PassageSet
from bench.statistics import intervals, paired
from bench.statistics.clusters import NOISE, totals
from retrievers.analysers import default_analyser
from retrievers.registry import installed, parse, resolved
from tests.benchmarks.intervals import AT_ONCE, SIMULATIONS, Flags, Floats, few, flipped, wrong
from tests.benchmarks.trust.lines import Count, Part, Planned, compared, covers, errs
from tests.helpers.places import ROOT

POPULATION = ROOT / ".benchmarks/trust/population.npz"
BASELINE, DEPTH = "BM25() @ CSR()", 100
# Retriever -> on which sets, by which measures: graded ones where options of one formula differ little.
EVERY = ("scifact", "cranfield", "vaswani", "xquad-en", "squad", "korquad")
COMPARED = {
    "TfIdf() @ CSR()": (EVERY, ("nDCG@10", "R@10")),
    "BM25(b=0.1) @ CSR()": (EVERY, ("nDCG@10", "AP@100")),
    "BM25(k1=1.2) @ CSR()": (EVERY, ("nDCG@10", "AP@100")),
    "RankBM25()": (("scifact", "xquad-en"), ("nDCG@10", "R@10")),
    'BiEncoder("all-MiniLM-L6-v2") @ Flat()': (("xquad-en",), ("nDCG@10", "R@10")),
}
MEASURES = ("nDCG@10", "R@10", "AP@100")


class Population(NamedTuple):
    """The clusters of a set: (n_clusters,) each."""

    sums: Floats  # of differences
    sizes: Floats
    squares: Floats  # of differences, summed

    @property
    def mean(self) -> float:
        return float(self.sums.sum() / self.sizes.sum())

    @property
    def shifted(self) -> Floats:
        """The sums of a population of mean 0: clusters that differ are moved alike, those that do not stay."""
        differs = np.abs(self.sums) > NOISE
        moved = self.sums - self.sums.sum() / self.sizes[differs].sum() * self.sizes
        return np.where(differs, moved, 0.0)


def populations(passage_set: PassageSet, compared_with: dict[str, tuple[str, ...]]) -> dict[str, np.ndarray]:
    """Retriever -> measures to set, retriever and measure -> what `Population` has of them."""
    judged = quality.judged(passage_set.query_ids, passage_set.qrels or {})
    of = passage_set.clusters and [
        label for label, is_judged in zip(passage_set.clusters, judged, strict=True) if is_judged
    ]
    old, found = values(passage_set, BASELINE), {}
    for retriever, measures in compared_with.items():
        new = values(passage_set, retriever)
        for name in measures:
            differences = new[name] - old[name]
            differences[np.abs(differences) <= NOISE] = 0.0
            sums, sizes = totals(differences, of)
            if abs(sums.sum()) > NOISE:
                key = f"{passage_set.name}|{retriever}|{name}"
                found[key] = np.array([sums, sizes, totals(differences**2, of)[0]])
    return found


def values(passage_set: PassageSet, spelled: str) -> dict[str, Floats]:
    """Each measure's value of every judged query: (n_judged,)."""
    retriever = resolved(parse(spelled, installed()), {"analyser": default_analyser(passage_set.language)})
    retriever.index(passage_set.passages)
    hits = retriever.search(passage_set.queries, DEPTH)
    return quality.measure(hits, passage_set.passage_ids, passage_set.query_ids, passage_set.qrels or {}, MEASURES)


def drawn(population: Population, seed: int, n: int) -> dict[str, Flags]:
    """What came of so many samples, each of as many clusters as the population has: (n,) bool by name."""
    n_clusters, parts = len(population.sums), []
    step = max(1, AT_ONCE // n_clusters)
    for start in range(0, n, step):
        chosen = np.random.default_rng((seed, start)).integers(n_clusters, size=(min(step, n - start), n_clusters))
        parts.append(_ask(population, chosen))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _ask(population: Population, chosen: np.ndarray) -> dict[str, Flags]:
    sums, sizes, differ = population.sums[chosen], population.sizes[chosen], population.squares[chosen].sum(axis=1) > 0
    low, high = _intervals(sums, sizes)
    mean = population.mean
    moved = population.shifted[chosen]
    moved_low, moved_high = _intervals(moved, sizes)
    ps = flipped(moved)
    return {
        "few": few(sums),
        "covers": (low <= mean) & (mean <= high),
        "equivalent": wrong(differ, low, high, np.ones(len(sums)), mean),
        "above": low > mean,
        "below": high < mean,
        "better or worse": wrong(differ, moved_low, moved_high, ps, 0.0),
        "sign-flip": ps < paired.ALPHA,
    }


def _intervals(sums: Floats, sizes: Floats) -> tuple[Floats, Floats]:
    """Of samples of clusters, whose sizes are drawn too: (n_samples,) each."""
    if sizes.max() == 1:
        return intervals.of_difference(sums, sizes[0])
    found = np.array([intervals.of_difference(own, of) for own, of in zip(sums, sizes, strict=True)])
    return found[:, 0], found[:, 1]


def measure(population: Population, seed: int) -> list[Count]:
    found = drawn(population, seed, SIMULATIONS)
    one_sided = max(found["above"], found["below"], key=lambda flags: flags.sum())
    return [
        compared("few", found["few"]),
        covers("covers", found["covers"], found["few"]),
        errs("equivalent", found["equivalent"]),
        errs("non-inferior", one_sided),
        errs("better or worse", found["better or worse"]),
        errs("sign-flip", found["sign-flip"]),
    ]


def planned(file: Path = POPULATION) -> list[Planned]:
    if not file.is_file():
        raise SystemExit(f"{file}: expected real differences, found none: make them with `make trust-real`")
    made = []
    with np.load(file) as arrays:
        for key in arrays.files:
            name, retriever, of = key.split("|")
            population = Population(*arrays[key])
            made.append(
                Planned(
                    {
                        "set": name,
                        "against BM25": f"`{retriever}`",
                        "measure": of,
                        "clusters": str(len(population.sums)),
                    },
                    functools.partial(measure, population),
                    hashlib.sha256(arrays[key].tobytes()).hexdigest()[:8],
                )
            )
    return made


PARTS = {
    "real": Part(
        "Real differences",
        """\
The population: the differences of a real retriever from `BM25() @ CSR()` on a real set, cluster by cluster (articles
where the set knows them, otherwise queries). A sample is as many clusters as there are, drawn with replacement, and the
truth is the population's mean. *Equivalent*: verdicts "equivalent" where the margin is that mean itself. *Better or
worse*, and *sign-flip*: found where nothing is, the clusters that differ being moved alike so that the mean is 0, where
sign flips by themselves ask another question (see above). Where most of a difference lies in two or three clusters, a
sample that lacks them knows nothing of them.""",
        planned,
        measure,
    )
}


def main() -> int:
    found = {}
    for name in EVERY:
        of = {retriever: measures for retriever, (sets, measures) in COMPARED.items() if name in sets}
        found |= populations(loader.load(name), of)
        sys.stderr.write(f"{name}: {len(found)} populations\n")
    file = io.BytesIO()
    np.savez_compressed(file, **found)
    POPULATION.parent.mkdir(parents=True, exist_ok=True)
    write_whole(POPULATION, file.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main())
