"""A comparison over several passage sets: the mean of the differences, and in how many a retriever won."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from bench.analysis.compare import CellPair, Comparison, retrievers
from bench.analysis.difference import OverSets, clusters_of_either, values
from bench.analysis.family import Family
from bench.records.run_folder import Run
from bench.statistics import over_sets
from bench.statistics.over_sets import SetValues
from bench.statistics.paired import MARGINS, Margins


def with_means(old: Run, new: Run, comparison: Comparison, *, margins: Margins = MARGINS) -> Comparison:
    """
    A comparison with the mean over sets of each retriever and measure that was compared on two sets or more.

    Sets count alike, and are taken as they are: `bench.statistics.over_sets`. p is adjusted over the retrievers,
    measure by measure. The same content under two names is one set; one retriever under several numbers of threads has
    one quality, that of the first.
    """
    sets: dict[tuple[tuple[str, str], str], dict[str, CellPair]] = defaultdict(dict)
    primary = dict.fromkeys(d.name for pair in comparison.pairs for d in pair.differences if d.primary)
    for pair in comparison.pairs:
        for d in pair.differences:
            if d.paired is not None:
                sets[retrievers(pair), d.name].setdefault(pair.new.passage_set_sha256, pair)
    found = [
        _mean(old, new, names, measure, list(by_set.values()), margins, is_primary=measure in primary)
        for (names, measure), by_set in sets.items()
        if len(by_set) > 1
    ]
    for measure in dict.fromkeys(one.measure for one in found):
        found = _adjusted(found, measure, margins)
    order = {names: place for place, names in enumerate(dict.fromkeys((one.old, one.new) for one in found))}
    found.sort(key=lambda one: (order[one.old, one.new], not one.primary))
    return msgspec.structs.replace(comparison, over_sets=tuple(found))


def _mean(
    old: Run,
    new: Run,
    names: tuple[str, str],
    measure: str,
    pairs: Sequence[CellPair],
    margins: Margins,
    *,
    is_primary: bool,
) -> OverSets:
    """One measure of one retriever, not yet adjusted."""
    mean = over_sets.over_sets(
        [
            SetValues(
                values(old, pair.old)[measure],
                values(new, pair.new)[measure],
                clusters_of_either((new, pair.new), (old, pair.old)),
            )
            for pair in pairs
        ],
        margins=margins,
    )
    compared = {pair.new.passage_set_sha256 for pair in pairs}
    others = [
        m.passage_set
        for run, name in ((old, names[0]), (new, names[1]))
        for m in run.measurements
        if m.retriever == name and m.passage_set_sha256 not in compared
    ]
    return OverSets(
        old=names[0],
        new=names[1],
        measure=measure,
        primary=is_primary,
        passage_sets=tuple(pair.passage_set for pair in pairs),
        left_out=tuple(dict.fromkeys(others)),
        mean=mean,
        p_holm=None,
        verdict=mean.verdict,
    )


def _adjusted(found: Sequence[OverSets], measure: str, margins: Margins) -> list[OverSets]:
    """With Holm's p over the retrievers of one measure, and the verdict that it allows."""
    asked = [((one.old, one.new), one.mean) for one in found if one.measure == measure]
    family = Family(asked, "retrievers", margins)

    def one_of(one: OverSets) -> OverSets:
        said = family.conclusion((one.old, one.new), one.mean) if one.measure == measure else None
        return msgspec.structs.replace(one, p_holm=said.p_holm, verdict=said.verdict, why=said.why) if said else one

    return [one_of(one) for one in found]
