"""
What is left out of a query's hits: the passage that is the query itself, or those that a file names.

Where queries stand among the passages (an argument to be countered, a question asked before), each finds itself first.
BEIR leaves such hits out of the run (Thakur et al. 2021), BRIGHT has lists of its own (Su et al. 2024).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from bench.errors import InputError
from bench.formats import exclusions
from bench.formats.files import read
from bench.passages.passage_set import PassageSet, fingerprint
from retrievers.paths import expanded

SELF = "self"


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

    pairs: query id and passage id, of a merged passage too. source: where they come from, for messages. InputError
    where none of them is of this set.
    """
    rows: dict[str, list[int]] = {}
    for row, passage in enumerate(passage_set.passage_ids):
        rows.setdefault(passage, []).append(row)
    rows |= {passage: rows[kept] for passage, kept in passage_set.merged.items()}
    places = {query: place for place, query in enumerate(passage_set.query_ids)}
    known = passage_set.excluded or ((),) * len(places)
    found, first = [set(of_query) for of_query in known], None
    fitting = 0
    for query, passage in pairs:
        first = first or (query, passage)
        if query in places and passage in rows:
            fitting += 1
            found[places[query]].update(rows[passage])
    if not fitting:
        raise InputError(
            f"passage set {passage_set.name!r}: {source}: expected pairs of its queries and passages, found none (the "
            f"first: {first}): check which ids it uses"
        )
    judged = sum(_judged(passage_set, [set(new) - set(old) for new, old in zip(found, known, strict=True)]))
    changed = msgspec.structs.replace(
        passage_set,
        excluded=tuple(tuple(sorted(of_query)) for of_query in found),
        remarks=(
            *passage_set.remarks,
            f"{source}: passages are left out of the hits of {sum(map(bool, found)):,} of {len(places):,} queries",
            *([f"{source}: judged relevant, and left out: {judged:,}"] if judged else []),
        ),
    )
    return msgspec.structs.replace(changed, sha256=fingerprint(changed))


def without_own(passage_set: PassageSet) -> PassageSet:
    """The set, of whose queries the passage of the same id is no answer; where there is none it is as it was."""
    own = {*passage_set.passage_ids, *passage_set.merged}.intersection(passage_set.query_ids)
    if not own:
        said = f"exclude {SELF}: no query has the id of a passage, and nothing is left out"
        return msgspec.structs.replace(passage_set, remarks=(*passage_set.remarks, said))
    return without(passage_set, ((query, query) for query in passage_set.query_ids), f"exclude {SELF}")


def _judged(passage_set: PassageSet, excluded: list[set[int]]) -> Iterator[bool]:
    """Of each passage that is left out, whether it is judged relevant."""
    for query, rows in zip(passage_set.query_ids, excluded, strict=True):
        grades = (passage_set.qrels or {}).get(query, {})
        yield from (grades.get(passage, 0) > 0 for passage in {passage_set.passage_ids[row] for row in rows})
