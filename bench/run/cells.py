"""The cells of a suite: its retrievers on its passage sets, made, with their defaults resolved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from bench.errors import InputError
from bench.formats import arrays
from bench.passages.loader import PassageSet
from bench.run.identity import (
    build_spelling,
    cell_key,
    encoder_key,
    identity_of,
    matrix_key,
    queries_key,
    takes_synthetic_text,
)
from bench.run.resolve import parse_retriever, resolve_language
from bench.run.suite import Suite
from bench.stage import plugin_files
from retrievers.contract import Adapter, Aligned, NotFound, Persistent, VectorRetriever, is_exact, spell
from retrievers.registry import Registry, SpellingError

MOST_HITS = arrays.MOST_BYTES // 16  # a row of 4 bytes and a score of 8 at most, and what is beside them


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One retriever on one passage set, its options resolved."""

    key: str
    passage_set: PassageSet
    spelling: str
    threads: int = 1  # of query encoding and search
    among_threads: bool = False  # whether it is measured under other numbers of them too
    given_name: str = ""  # by the suite
    written: Adapter = None  # as the suite spells it; None where it cannot be made
    retriever: Adapter = None  # the same with its defaults resolved
    encoder: str | None = None  # the resolved encoder's spelling; None of an engine
    encoder_key: str | None = None  # the identity of the encoder
    matrix_key: str | None = None  # the identity of what the encoder makes of the passages
    queries_key: str | None = None  # and of the queries
    plugins: dict[str, Path] = field(default_factory=dict)  # of the encoder: adapter -> the folder of its plug-in
    build_spelling: str = ""  # without search-time options: cells that differ in those alone share one build
    identity: str | None = None  # hash of the models and the code behind its numbers
    problem: str = ""  # why it cannot be made

    @property
    def name(self) -> str:
        """What tells it from every other cell of its passage set."""
        return f"{self.spelling} (threads={self.threads})" if self.among_threads else self.spelling

    @property
    def searcher(self) -> Adapter:
        """The storage of a pair, or the engine."""
        return self.retriever.storage if isinstance(self.retriever, VectorRetriever) else self.retriever

    @property
    def given(self) -> bool:
        """Whether its vectors were made elsewhere, so that there is no encoding to measure."""
        return isinstance(self.retriever, VectorRetriever) and isinstance(self.retriever.encoder, Aligned)

    @property
    def timed_apart(self) -> bool:
        """Whether it has an encoder of its own, so that query encoding and search are timed apart."""
        return self.encoder is not None and not self.given

    @property
    def savable(self) -> bool:
        """Whether its storage or engine is built once, and loaded in every round."""
        return isinstance(self.searcher, Persistent)

    @property
    def joinable(self) -> bool:
        """Whether both parts can be loaded into one process."""
        return self.timed_apart and self.savable and isinstance(self.retriever.encoder, Persistent)

    @property
    def takes_synthetic_text(self) -> bool:
        """Whether its encoder is given synthetic texts, not vectors in place of its own."""
        return isinstance(self.retriever, VectorRetriever) and takes_synthetic_text(self.retriever.encoder)

    @property
    def exact(self) -> bool | None:
        """Whether it finds what brute force finds; None where its storage does not say."""
        return is_exact(self.searcher)

    def searched_apart(self, suite: Suite) -> bool:
        """Whether the first k hits are those of a search for k, since one for the depth may find others."""
        return (self.exact is not True or self.passage_set.has_parts) and suite.k < suite.depth

    @property
    def parts(self) -> tuple[str | None, str | None]:
        """Encoder and storage as the suite spells them; (None, None) of an engine."""
        if not isinstance(self.written, VectorRetriever):
            return None, None
        return spell(self.written.encoder), spell(self.written.storage)


def make_cells(
    suite: Suite, passage_sets: Sequence[PassageSet], registry: Registry, *, lenient: bool = False
) -> list[Cell]:
    """
    The suite's cells with every default resolved, once each. What breaks in making one is that cell's problem.

    Raises SpellingError for a name or a spelling that is none; InputError for two passage sets of one name (hits and
    records are kept by it), for more hits than a file of them may hold, and for a model or a file that a cell names and
    that is not there: lenient, that is its problem too.
    """
    by_name = {passage_set.name: passage_set for passage_set in passage_sets}
    if len(by_name) < len(passage_sets):
        names = [passage_set.name for passage_set in passage_sets]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"passage sets: expected each name once, found {twice!r} again: rename its file or folder")
    for each in passage_sets:
        if (n := len(each.queries) * suite.depth) > MOST_HITS:
            raise InputError(
                f"passage set {each.name!r}: expected at most {MOST_HITS:,} hits to keep of a retriever, found {n:,} "
                f"({len(each.queries):,} queries times depth {suite.depth:,}): lower depth, or take fewer queries"
            )
    named = dict(zip(suite.passages, passage_sets, strict=True)) | by_name
    cells: dict[str, Cell] = {}
    given_names = suite.names()
    for name, spelling in suite.pairs():
        for threads in suite.thread_counts:
            one = msgspec.structs.replace(suite, threads=threads)
            cell = _make(spelling, named[name], one, registry, lenient=lenient)
            cell = replace(cell, threads=threads, among_threads=len(suite.thread_counts) > 1)
            known = cells.setdefault(cell.key, cell)
            cells[cell.key] = replace(known, given_name=known.given_name or given_names.get((name, spelling), ""))
    return list(cells.values())


def _make(spelling: str, passage_set: PassageSet, suite: Suite, registry: Registry, *, lenient: bool) -> Cell:
    unmade = Cell(key=cell_key(passage_set, spelling, suite), passage_set=passage_set, spelling=spelling)
    try:
        written = parse_retriever(spelling, registry)
        retriever = resolve_language(written, passage_set.language)
        encoder = retriever.encoder if isinstance(retriever, VectorRetriever) else None
        unmade = Cell(
            key=cell_key(passage_set, spell(retriever), suite),
            passage_set=passage_set,
            spelling=spell(written),
            written=written,
            retriever=retriever,
            encoder=spell(encoder) if encoder is not None else None,
        )
        if passage_set.vectors is not None and not isinstance(encoder, Aligned):
            raise InputError(
                f"passage set {passage_set.name!r} holds vectors and no text: expected an encoder of given vectors, "
                f"such as Vectors() @ Flat(), found {spell(written)}"
            )
        key = encoder_key(encoder, suite, registry) if encoder is not None else None
        matrix = matrix_key(key, encoder, passage_set, suite) if key is not None else None
        return replace(
            unmade,
            encoder_key=key,
            matrix_key=matrix,
            queries_key=queries_key(matrix, encoder, passage_set) if matrix is not None else None,
            plugins=plugin_files.folders(unmade.encoder or "", registry.targets()),
            build_spelling=build_spelling(retriever),
            identity=identity_of(retriever, passage_set, registry),
        )
    except SpellingError:
        raise
    except NotFound as error:
        if not lenient:
            raise InputError(f"{unmade.spelling} on {passage_set.name}: {error}") from error
        return replace(unmade, problem=str(error))
    except Exception as error:  # an adapter or a model may break in any way: it breaks its own row
        return replace(unmade, problem=str(error) or type(error).__name__)
