"""
A passage set in three parts, for what learns from it: `squad:train`, `squad:dev` and `squad:test`.

The passages are the whole set's in every part; its questions are shared out by article, so that no part asks about an
article (or, where a format knows none, a passage) of another one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from itertools import compress
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np

from bench.errors import InputError
from bench.passages.passage_set import PassageSet, rehashed

SEED = 7  # of a part that names none
SHARES = {"test": 0.3, "dev": 0.1, "train": 0.6}  # of the questions, as near as whole articles come
SPELLED = re.compile(r"(?P<whole>.+):(?P<name>train|dev|test)(?::(?P<seed>\d{1,9}))?", re.DOTALL)
NAMED = re.compile(r"(?P<whole>.+)\.(?:train|dev|test)(?:\.\d{1,9})?", re.DOTALL)

Value = TypeVar("Value")


class Part(NamedTuple):
    """Which part of a set: what stands behind its name."""

    name: str  # of SHARES
    seed: int = SEED

    @property
    def suffix(self) -> str:
        """What the part's set is called by, behind the whole one's name; no colon, as files are called by it."""
        return f".{self.name}" if self.seed == SEED else f".{self.name}.{self.seed}"


def parsed(spelling: str) -> tuple[str, Part | None]:
    """`squad:test` or `squad:test:13` (another seed) as the whole set's spelling and the part; None: it names none."""
    found = SPELLED.fullmatch(spelling)
    if found is None:
        return spelling, None
    return found["whole"], Part(found["name"], int(found["seed"] or SEED))


def whole(name: str) -> str:
    """The name of the whole set that a set of this name is a part of; its own where it is none."""
    found = NAMED.fullmatch(name)
    return name if found is None else found["whole"]


def part(passage_set: PassageSet, wanted: Part) -> PassageSet:
    """
    The set with the part's queries alone, and all of its passages; queries without judgments are in no part.

    InputError where the set has no qrels, or so few articles that a part of it would be empty.
    """
    if passage_set.qrels is None:
        raise InputError(
            f"passage set {passage_set.name!r}: expected qrels to share its queries out, found none: "
            "leave the part out of its name"
        )
    judged = _with_queries(passage_set, [query in passage_set.qrels for query in passage_set.query_ids])
    parts = shared_out(groups(judged), wanted.seed)
    if missing := [name for name in SHARES if name not in parts]:
        raise InputError(
            f"passage set {passage_set.name!r}: expected articles enough for {', '.join(SHARES)}, found "
            f"{len(set(groups(judged)))} that share no passage, and none is left for {', '.join(missing)}: "
            "name sets of your own for each part"
        )
    found = _with_queries(judged, [name == wanted.name for name in parts])
    return rehashed(msgspec.structs.replace(found, name=passage_set.name + wanted.suffix))


def _with_queries(passage_set: PassageSet, kept: Sequence[bool]) -> PassageSet:
    """The set with some of its queries; its name and its hash are still the whole one's. kept: one a query."""

    def of(values: Sequence[Value] | None) -> tuple[Value, ...] | None:
        return None if values is None else tuple(compress(values, kept))

    queries, qrels = of(passage_set.query_ids) or (), passage_set.qrels or {}
    return msgspec.structs.replace(
        passage_set,
        query_ids=queries,
        queries=of(passage_set.queries),
        qrels={query: qrels[query] for query in queries},
        labels=of(passage_set.labels),
        clusters=of(passage_set.clusters),
        articles=of(passage_set.articles),
        answers=of(passage_set.answers),
        query_rows=of(passage_set.query_rows),
        excluded=of(passage_set.excluded),
    )


def groups(passage_set: PassageSet) -> list[str]:
    """
    The group of each query: those on one article, or with a judged passage in common, however many steps apart.

    A group is called by the first of its articles, passages and queries in the order of their names, so by the same
    one whatever the order of the file.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    held = [_held(passage_set, position) for position in range(len(passage_set.query_ids))]
    rows = {name: row for row, name in enumerate(sorted({name for own in held for name in own}))}
    edges = [(rows[own[-1]], rows[name]) for own in held for name in own]
    graph = coo_array((np.ones(len(edges), bool), tuple(np.transpose(edges))), (len(rows), len(rows)))
    _, component = connected_components(graph, directed=False)
    first: dict[int, str] = {}
    for name, row in rows.items():
        first.setdefault(component[row], name)
    return [first[component[rows[own[-1]]]] for own in held]


def _held(passage_set: PassageSet, position: int) -> list[str]:
    """What a query is held together with others by: its article and its judged passages; last the query itself."""
    query, articles = passage_set.query_ids[position], passage_set.articles
    article = [] if articles is None else [f"article {articles[position]}"]
    return [*article, *(f"passage {passage}" for passage in (passage_set.qrels or {}).get(query, {})), f"query {query}"]


def shared_out(named: Sequence[str], seed: int) -> list[str]:
    """
    The part of each query, whose group `named` says.

    Groups are put in the order of the SHA-256 of seed and name, and the line of all queries is cut at the shares: a
    group goes where its middle lies. Nothing else moves it.
    """
    sizes = dict.fromkeys(sorted(set(named), key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest()), 0)
    for group in named:
        sizes[group] += 1
    parts, before = {}, 0
    for group, size in sizes.items():
        parts[group] = _at((before + size / 2) / len(named))
        before += size
    return [parts[group] for group in named]


def _at(place: float) -> str:
    """The part that a place on the line from 0 to 1 belongs to."""
    end = 0.0
    for name, share in SHARES.items():
        end += share
        if place < end:
            return name
    return next(reversed(SHARES))
