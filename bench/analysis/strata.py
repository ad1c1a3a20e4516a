"""
A comparison by stratum: queries of one label, of one length, or that share so many words with what is relevant.

Labels and overlap lie in a run's folder. Lengths, and the overlap of a run that kept none, need the texts, which are
read where the collection lies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, TypeAlias, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.analysis.compare import CellPair, Comparison, retrievers
from bench.analysis.difference import Difference, Stratum, clusters_of_either, kept_set, values
from bench.analysis.family import Family
from bench.analysis.overlap import TELLING, THIRDS, OverlapShare, overlap_of, share_of
from bench.analysis.representation import vectors_of
from bench.analysis.texts import texts_of
from bench.errors import InputError, did_you_mean
from bench.instruments import quality
from bench.records.run_folder import Run
from bench.statistics import paired
from bench.statistics.paired import MARGINS, Margins
from bench.statistics.quantile_groups import quantile_groups
from retrievers.analysers import Words, tokens

By: TypeAlias = Literal["label", "length", "overlap"]
BY: tuple[By, ...] = get_args(By)
UNLABELLED = "no label"
UNKNOWN = "no term, or nothing relevant"  # of which no overlap is known


class Groups(NamedTuple):
    """The stratum of every judged query of a set, and the strata in order; or why there are none."""

    of_query: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    said: str = ""
    overlap: NDArray[np.float64] | None = None  # (n_judged,), where that is what they are made from


def stratified(
    old: Run, new: Run, comparison: Comparison, by: By, *, measure: str | None = None, margins: Margins = MARGINS
) -> Comparison:
    """
    A comparison with the strata of every pair.

    Paired as over all queries, clusters as well. p is adjusted over all strata of all retrievers that are compared on a
    set, which are one family; a verdict follows the adjusted p. What a stratum lacks (a second cluster) makes it
    undecided. Queries are not grouped by how hard they were for a retriever: what was low by chance rises, in whatever
    is compared with it.

    Args:
        by: label: as the set has it. length: thirds of the queries by their words. overlap: thirds by their word
            overlap (`bench.instruments.word_overlap`); each pair then has how much of its gap goes with that.
        measure: None: the primary one. InputError for one that no pair has.
    """
    wanted = measure or new.record.suite.get("primary")
    known = {d.name: None for pair in comparison.pairs for d in pair.differences if d.kind == "quality"}
    if measure is not None and measure not in known:
        found = f"expected one of {', '.join(known) or 'none: nothing is judged'}, found {measure!r}"
        raise InputError(f"--measure: {found}.{did_you_mean(measure, known)}")
    grouped = {pair.passage_set: Groups() for pair in comparison.pairs if not pair.problem}
    for name in grouped:
        grouped[name] = groups_of(old, new, name, by)
    pairs = [
        _pair(old, new, pair, wanted, by, grouped[pair.passage_set], margins) if not pair.problem else pair
        for pair in comparison.pairs
    ]
    for name in grouped:
        pairs = _adjusted(pairs, name, margins)
    return msgspec.structs.replace(comparison, pairs=tuple(pairs))


def groups_of(old: Run, new: Run, name: str, by: By) -> Groups:
    """The strata of a passage set of two runs."""
    try:
        kept = kept_set(old, new, name)
    except InputError as error:
        return Groups(said=f"no strata: {error}")
    judged = np.flatnonzero(quality.judged(kept.query_ids, kept.qrels or {})).tolist()
    if by == "label":
        if kept.labels is None:
            return Groups(said="no strata: its queries have no labels")
        labels = tuple(kept.labels[query] or UNLABELLED for query in judged)
        return Groups(labels, tuple(sorted(set(labels))))
    if by == "overlap":
        return _by_overlap(old, new, kept.name, kept.sha256)
    texts, said = texts_of(new, kept)
    if texts is None or texts.vectors is not None:
        return Groups(said=f"no strata: {said or 'it holds vectors and no text'}")
    return _thirds(_lengths([texts.queries[query] for query in judged], texts.language), "{:g}".format)


def _by_overlap(old: Run, new: Run, name: str, sha256: str) -> Groups:
    try:
        overlap, said = overlap_of((new, old), name, sha256)
    except InputError as error:
        overlap, said = None, str(error)
    if overlap is None:
        return Groups(said=f"no strata: {said}")
    return _thirds(overlap, lambda share: f"{share:.3f}".removeprefix("0"))._replace(overlap=overlap)


def _lengths(queries: Sequence[str], language: str) -> NDArray[np.float64]:
    """Words of each query, stop words among them; an ideograph is one: (n_queries,)."""
    words = Words(language, stem=False, stop=False)
    return np.array([len(found) for found in tokens(words, queries)], np.float64)


def _thirds(values: NDArray[np.float64], text: Callable[[float], str]) -> Groups:
    """Queries in thirds by a value, fewer where equal ones, which stay together, do not allow three."""
    third = quantile_groups(values, THIRDS)
    names = []
    for number in range(int(third.max(initial=-1)) + 1):
        inside = values[third == number]
        ends = dict.fromkeys(text(end) for end in (inside.min(), inside.max()))
        names.append(" to ".join(ends))
    of_query = tuple(UNKNOWN if number < 0 else names[number] for number in third.tolist())
    return Groups(of_query, (*dict.fromkeys(names), *([UNKNOWN] if UNKNOWN in of_query else [])))


def _pair(old: Run, new: Run, pair: CellPair, measure: object, by: By, groups: Groups, margins: Margins) -> CellPair:
    """A pair with its strata, not yet adjusted; or with why it has none."""
    whole = next((d for d in pair.differences if d.name == measure and d.kind == "quality"), None)
    if whole is None or whole.paired is None:
        said = "no strata: no judgments" if whole is None else f"no strata: {whole.name}: {whole.why}"
        return msgspec.structs.replace(pair, strata_said=said)
    if groups.said:
        return msgspec.structs.replace(pair, strata_said=groups.said)
    before, after = values(old, pair.old)[whole.name], values(new, pair.new)[whole.name]
    clusters = clusters_of_either((new, pair.new), (old, pair.old))
    if len(groups.of_query) != len(before):
        return msgspec.structs.replace(pair, strata_said="no strata: the set that was kept has other queries")
    found = []
    for name in groups.names:
        own = [query for query, stratum in enumerate(groups.of_query) if stratum == name]
        inside = None if clusters is None else [clusters[query] for query in own]
        of_stratum = paired.paired(before[own], after[own], inside, margins=margins)
        difference = Difference(
            name=whole.name,
            kind="quality",
            old=of_stratum.old,
            new=of_stratum.new,
            interval=of_stratum.interval,
            p=of_stratum.p,
            paired=of_stratum,
            verdict=of_stratum.verdict,
        )
        found.append(Stratum(by=by, name=name, difference=difference))
    share = None
    if groups.overlap is not None and whole.verdict not in TELLING:
        share = OverlapShare(why=f"the gap is {whole.verdict}")
    elif groups.overlap is not None:
        share = share_of((vectors_of(pair.old), before), (vectors_of(pair.new), after), groups.overlap, clusters)
    return msgspec.structs.replace(pair, strata=tuple(found), overlap_share=share)


def _adjusted(pairs: Sequence[CellPair], name: str, margins: Margins) -> list[CellPair]:
    """The pairs with Holm's p of each stratum of one set, and the verdict that it allows."""
    own = [pair for pair in pairs if pair.passage_set == name]
    asked = [((retrievers(pair), stratum.name), stratum.difference.paired) for pair in own for stratum in pair.strata]
    family = Family(asked, "strata and retrievers", margins)

    def one(pair: CellPair, stratum: Stratum) -> Stratum:
        concluded = family.concluded((retrievers(pair), stratum.name), stratum.difference)
        return msgspec.structs.replace(stratum, difference=concluded)

    return [
        msgspec.structs.replace(pair, strata=tuple(one(pair, stratum) for stratum in pair.strata))
        if pair.passage_set == name
        else pair
        for pair in pairs
    ]
