"""After which share of the queries a finished comparison would have been decided, had they been asked in chunks."""

from __future__ import annotations

import msgspec

from bench.analysis.compare import CellPair, Comparison, retrievers
from bench.analysis.difference import Difference, Stopping, clusters_of_either, values
from bench.records.run_folder import Run
from bench.statistics import sequential_quality
from bench.statistics.clusters import totals, without_noise
from bench.statistics.paired import ALPHA, MARGINS, Margins


def with_stopping(old: Run, new: Run, comparison: Comparison, *, margins: Margins = MARGINS) -> Comparison:
    """
    A comparison that says of each pair where its queries could have been left off, by the primary measure.

    Retrievers compared on one passage set share alpha, each an equal part (Bonferroni): whichever stops first, the
    others are held to what they were promised. Those whose values are identical get none: all queries say so.
    """
    given = new.record.suite.get("seed")
    seed = given if isinstance(given, int) else sequential_quality.SEED
    families: dict[str, set[tuple[str, str]]] = {}
    for pair in comparison.pairs:
        if _decidable(pair):
            families.setdefault(pair.passage_set, set()).add(retrievers(pair))
    pairs = [_pair(old, new, pair, len(families.get(pair.passage_set, ())), margins, seed) for pair in comparison.pairs]
    return msgspec.structs.replace(comparison, pairs=tuple(pairs))


def _decidable(pair: CellPair) -> Difference | None:
    """The primary measure of a pair, where its queries were compared and some differ."""
    primary = next((d for d in pair.differences if d.primary), None)
    return primary if primary is not None and primary.p is not None and primary.verdict != "identical" else None


def _pair(old: Run, new: Run, pair: CellPair, n_retrievers: int, margins: Margins, seed: int) -> CellPair:
    primary = _decidable(pair)
    if primary is None:
        return pair
    before, after = values(old, pair.old)[primary.name], values(new, pair.new)[primary.name]
    differences = without_noise(after - before)
    sums, sizes = totals(differences, clusters_of_either((new, pair.new), (old, pair.old)))
    stop = sequential_quality.stop(sums, sizes, margins=margins, alpha=ALPHA / n_retrievers, seed=seed)
    if stop is None:
        return pair
    return msgspec.structs.replace(pair, stopping=Stopping(stop=stop, n_retrievers=n_retrievers, seed=seed))
