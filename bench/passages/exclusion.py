"""
What is left out of a query's hits: the passage that is the query itself, or those that a file names.

Where queries stand among the passages (an argument to be countered, a question asked before), each finds itself first.
BEIR leaves such hits out of the run (Thakur et al. 2021), BRIGHT has lists of its own (Su et al. 2024).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bench.errors import InputError
from bench.formats import exclusions
from bench.formats.files import read
from bench.passages.passage_set import PassageSet, rehashed
from retrievers.paths import expanded

SELF = "self"
MOST = 10_000  # passages that are left out of one query's hits: every search is for so many more


def leave_out(passage_set: PassageSet, exclude: str | None) -> PassageSet:
    """The set without what is asked for: SELF, or a file of pairs; None: as it is. InputError as of both."""
    if exclude is None:
        return passage_set
    if exclude == SELF:
        return without_own(passage_set)
    return without(passage_set, exclusions.read(read(expanded(exclude))), exclude)


def without(passage_set: PassageSet, pairs: Iterable[tuple[str, str]], source: str) -> PassageSet:
    """
    The set, of whose queries some passages are no answers.

    pairs: query id and passage id, of a merged passage too; where another id of the same text is relevant, and no pair
    names that, the text stays. source: where they come from, for messages. Raises InputError where none of them is of
    this set, and for more than MOST of one query.
    """
    rows = passage_set.rows_of
    rows = rows | {passage: rows[kept] for passage, kept in passage_set.merged.items()}
    places = {query: place for place, query in enumerate(passage_set.query_ids)}
    wanted = dict.fromkeys(pairs)
    fitting = [(query, passage) for query, passage in wanted if query in places and passage in rows]
    if not fitting:
        raise InputError(
            f"passage set {passage_set.name!r}: {source}: expected pairs of its queries and passages, found none (the "
            f"first: {next(iter(wanted), 'no pair')}): check which ids it uses; a set that has none runs apart"
        )
    alike: dict[str, set[str]] = {}
    for passage, kept in passage_set.merged.items():
        alike.setdefault(kept, {kept}).add(passage)
    spared = {
        (query, passage)
        for query, passage in fitting
        if _is_relevant(passage_set, query, passage)
        and any((query, twin) not in wanted for twin in alike.get(passage_set.merged.get(passage, passage), ()))
    }
    found = [set(of_query) for of_query in passage_set.excluded or ((),) * len(places)]
    for query, passage in (pair for pair in fitting if pair not in spared):
        found[places[query]].update(rows[passage])
    if (most := max(map(len, found))) > MOST:
        raise InputError(
            f"{source}: expected at most {MOST:,} passages to be left out of a query's hits, found {most:,}"
        )
    remarks = [f"{source}: passages are left out of the hits of {sum(map(bool, found)):,} of {len(places):,} queries"]
    if lost := len(wanted) - len(fitting):
        remarks.append(f"{source}: pairs of a query or passage that is not there: {lost:,}")
    if spared:
        remarks.append(f"{source}: of a text that is relevant under another id too, and kept: {len(spared):,}")
    if judged := sum(_is_relevant(passage_set, *pair) for pair in fitting if pair not in spared):
        remarks.append(f"{source}: judged relevant, and left out: {judged:,}")
    excluded = tuple(tuple(sorted(of_query)) for of_query in found)
    return rehashed(msgspec.structs.replace(passage_set, excluded=excluded, remarks=(*passage_set.remarks, *remarks)))


def without_own(passage_set: PassageSet) -> PassageSet:
    """
    The set, of whose queries the passage of the same id is no answer; where there is none it is as it was.

    InputError for a set of vectors without text: its ids are positions, and two that are alike are no pair.
    """
    if passage_set.vectors is not None:
        raise InputError(
            f"passage set {passage_set.name!r}: exclude {SELF}: expected ids that tell which passage is a query's own, "
            "found positions: leave it out, or name a file of pairs"
        )
    own = {*passage_set.passage_ids, *passage_set.merged}.intersection(passage_set.query_ids)
    if not own:
        said = f"exclude {SELF}: no query has the id of a passage, and nothing is left out"
        return msgspec.structs.replace(passage_set, remarks=(*passage_set.remarks, said))
    return without(passage_set, ((query, query) for query in sorted(own)), f"exclude {SELF}")


def _is_relevant(passage_set: PassageSet, query: str, passage: str) -> bool:
    grades = (passage_set.qrels or {}).get(query, {})
    return grades.get(passage_set.merged.get(passage, passage), 0) > 0
