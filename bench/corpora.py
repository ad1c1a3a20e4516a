"""Cards and files -> PassageSet."""

from __future__ import annotations

import msgspec


class PassageSet(msgspec.Struct, frozen=True, kw_only=True):
    """Passages, queries and qrels of one collection, loaded and verified; equal passages merged into the first."""

    name: str
    title: str
    language: str  # ISO 639-1
    licence: str
    citation: str
    sha256: str  # of everything below that a retriever or a measure can see
    passage_ids: tuple[str, ...]
    passages: tuple[str, ...]  # title and text joined, one a passage id
    query_ids: tuple[str, ...]
    queries: tuple[str, ...]
    qrels: dict[str, dict[str, int]] | None  # query id -> passage id -> grade; None: no judgments
    labels: tuple[str, ...] | None = None  # one a query: what it tests
    clusters: tuple[str, ...] | None = None  # one a query: queries on one paragraph (or article) are one cluster
    merged: dict[str, str] = {}  # id of a passage dropped as an exact duplicate -> id of the one kept
    unknown_judgments: int = 0  # qrels lines that name a passage or a query that is not there
