"""What `sparring run` and `sparring plan` were asked for, read: suite, passage sets, plug-ins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from bench.formats.table import Columns
    from bench.passages.passage_set import PassageSet
    from bench.run.suite import Suite
    from retrievers.registry import Registry


class RunRequest(NamedTuple):
    """What is to be run."""

    suite: Suite
    sets: list[PassageSet]
    registry: Registry
    plugins: list[Path]
    columns: Columns | None  # how one's own files were read

    def doubts(self) -> list[str]:
        """What a reader should know of the passage sets before their numbers, a line each."""
        return [*doubts(self.suite.passages, self.sets), *_judged(self.graded)]

    @property
    def graded(self) -> list[PassageSet]:
        """The sets whose judgments are a file that `--qrels` names."""
        from bench.passages import loader

        if self.columns is None or self.columns.qrels is None:
            return []
        return [found for name, found in zip(self.suite.passages, self.sets, strict=True) if not loader.has_card(name)]


def doubts(names: Sequence[str], sets: Sequence[PassageSet]) -> Iterator[str]:
    """What a reader should know of passage sets before their numbers, a line each; names: as they were asked for."""
    from bench.passages import loader
    from bench.passages.scripts import unsuited
    from retrievers.analysers import unstemmed

    for name, found in zip(names, sets, strict=True):
        if found.unknown_judgments:
            said = "judgments that name a passage or query that is not there"
            yield f"{found.name}: {said}: {found.unknown_judgments:,}"
        yield from (f"{found.name}: {remark}" for remark in found.remarks)
        if empty := sum(max(grades.values(), default=0) <= 0 for grades in (found.qrels or {}).values()):
            said = "judged queries to which nothing is relevant"
            yield f"{found.name}: {said}: {empty:,}: they score 0, whatever is found"
        if found.vectors is not None:
            continue
        if unstemmed(found.language):
            yield f"{found.name}: no stemmer for {found.language!r}: words are not stemmed"
        letters = None if loader.has_card(name) else unsuited(found.passages, found.language)
        if letters is not None:
            said = f"most letters are {letters}, and the language is {found.language!r}"
            yield f"{found.name}: {said}: name it with --language"


def _judged(sets: Sequence[PassageSet]) -> Iterator[str]:
    """How much of each set is judged, and what the rest counts as."""
    for found in sets:
        qrels = found.qrels or {}
        pairs = sum(map(len, qrels.values()))
        of = f"{len(qrels):,} of {found.n_file_queries:,} queries have judgments, {pairs:,} pairs"
        rest = "; the others are left out" if len(found.query_ids) < found.n_file_queries else ""
        if len(qrels) < len(found.query_ids):
            rest = "; all are asked and timed, quality is of these"
        yield f"{found.name}: {of}{rest}; a passage without one counts as not relevant"
