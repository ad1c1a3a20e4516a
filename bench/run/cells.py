"""The cells of a suite: retrievers made, defaults resolved, and the identity of all that decides their numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from bench.errors import InputError, did_you_mean
from bench.instruments import environment
from bench.passages import synthetic
from bench.passages.loader import PassageSet
from bench.records.schema import digest
from bench.run.suite import Suite, canonical, published
from bench.stage import matrices, stages
from retrievers.analysers import default_analyser
from retrievers.contract import (
    Aligned,
    Encoder,
    Fingerprinted,
    Lexical,
    Retriever,
    Role,
    Storage,
    VectorRetriever,
    is_exact,
    options_of,
    search_options,
    spell,
)
from retrievers.registry import Registry, SpellingError, parse, resolved

# The code that decides what is synthetic, who is given which of it, and how it is written.
SYNTHESISERS = [Path(str(module.__file__)) for module in (synthetic, stages, matrices)]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One retriever on one passage set, its options resolved."""

    key: str
    passage_set: PassageSet
    spelling: str
    threads: int = 1  # of query encoding and search
    among_threads: bool = False  # whether it is measured under other numbers of them too
    given_name: str = ""  # by the suite
    written: Any = None  # Any: an adapter as the suite spells it, None where it can not be made
    retriever: Any = None  # Any: the same with its defaults resolved
    encoder: str | None = None  # the resolved encoder's spelling; None of an engine
    matrix_key: str | None = None  # the identity of what the encoder makes
    build_spelling: str = ""  # without search-time options: cells that differ in those alone share one build
    identity: str | None = None  # hash of the models and the code behind its numbers
    problem: str = ""  # why it can not be made

    @property
    def name(self) -> str:
        """What tells it from every other cell of its passage set."""
        return f"{self.spelling} (threads={self.threads})" if self.among_threads else self.spelling

    @property
    def searcher(self) -> Any:  # Any: the storage of a pair, or the engine
        return self.retriever.storage if isinstance(self.retriever, VectorRetriever) else self.retriever

    @property
    def given(self) -> bool:
        """Whether its vectors were made elsewhere, so that there is no encoding to measure."""
        return isinstance(self.retriever, VectorRetriever) and isinstance(self.retriever.encoder, Aligned)

    @property
    def counts_words(self) -> bool:
        """Whether its encoder counts words (`counts_words`)."""
        return isinstance(self.retriever, VectorRetriever) and counts_words(self.retriever.encoder)

    @property
    def exact(self) -> bool | None:
        return is_exact(self.searcher)

    @property
    def parts(self) -> tuple[str | None, str | None]:
        """Encoder and storage as the suite spells them; (None, None) of an engine."""
        if not isinstance(self.written, VectorRetriever):
            return None, None
        return spell(self.written.encoder), spell(self.written.storage)


def make_cells(suite: Suite, passage_sets: Sequence[PassageSet], registry: Registry) -> list[Cell]:
    """
    The suite's cells with every default resolved, once each. What breaks in making one is that cell's problem.

    Raises SpellingError for a name or a spelling that is none, InputError for two passage sets of one name: hits and
    records are kept by it.
    """
    by_name = {passage_set.name: passage_set for passage_set in passage_sets}
    if len(by_name) < len(passage_sets):
        names = [passage_set.name for passage_set in passage_sets]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"passage sets: expected each name once, found {twice!r} again: rename its file or folder")
    named = dict(zip(suite.passages, passage_sets, strict=True)) | by_name
    cells: dict[str, Cell] = {}
    given_names = suite.names()
    for name, spelling in suite.pairs():
        for threads in suite.thread_counts:
            one = msgspec.structs.replace(suite, threads=threads)
            cell = _make(spelling, named[name], one, registry)
            cell = replace(cell, threads=threads, among_threads=len(suite.thread_counts) > 1)
            known = cells.setdefault(cell.key, cell)
            cells[cell.key] = replace(known, given_name=known.given_name or given_names.get((name, spelling), ""))
    return list(cells.values())


def written_as(spelling: str, registry: Registry) -> Retriever:
    """The retriever that is spelled; SpellingError for another adapter."""
    written = parse(spelling, registry)
    if not isinstance(written, Retriever):
        raise SpellingError(
            f"{spelling!r}: expected a retriever, found {_kind(written)}: "
            "a retriever is an encoder with a storage, BM25() @ CSR(), or an engine, RankBM25()"
        )
    return written


def of_language(written: Retriever, language: str) -> Retriever:
    """The retriever with what was left to the passage set's language filled in."""
    found: Retriever = resolved(written, {"analyser": default_analyser(language), "language": language})
    return found


def _make(spelling: str, passage_set: PassageSet, suite: Suite, registry: Registry) -> Cell:
    unmade = Cell(key=_key(passage_set, spelling, suite), passage_set=passage_set, spelling=spelling)
    try:
        written = written_as(spelling, registry)
        retriever = of_language(written, passage_set.language)
        encoder = retriever.encoder if isinstance(retriever, VectorRetriever) else None
        unmade = Cell(
            key=_key(passage_set, spell(retriever), suite),
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
        code = [sources(spell(retriever), registry), environment.code_sha256("retrievers")]
        return replace(
            unmade,
            matrix_key=matrix_key(encoder, passage_set, suite, registry) if encoder is not None else None,
            build_spelling=_build_spelling(retriever),
            identity=digest([fingerprints(retriever), code, _alignment(encoder, passage_set)]),
        )
    except SpellingError:
        raise
    except Exception as error:  # an adapter or a model may break in any way: it breaks its own row
        return replace(unmade, problem=str(error) or type(error).__name__)


def _key(passage_set: PassageSet, spelling: str, suite: Suite) -> str:
    conditions = {
        name: value
        for name, value in msgspec.to_builtins(suite).items()
        if name not in ("name", "passages", "cells", "published", "baseline", "gate")
    }
    language = [passage_set.language] if suite.distractors else []  # decides which text is synthetic
    return digest([passage_set.name, passage_set.sha256, spelling, conditions, *language])[:16]


def _build_spelling(retriever: Any) -> str:  # Any: a retriever of any kind
    paired = isinstance(retriever, VectorRetriever)
    server = retriever.storage if paired else retriever
    later = search_options(server)
    kept = {name: value for name, value in options_of(server).items() if name not in later}
    built = spell(type(server)(**kept))
    return f"{spell(retriever.encoder)} @ {built}" if paired else built


def matrix_key(encoder: object, passage_set: PassageSet, suite: Suite, registry: Registry) -> str:
    """
    The hash of all that decides an encoder's matrix, and what making it cost: a matrix is found again by it alone.

    Raises what the encoder raises when it is asked for its model's fingerprint.
    """
    spelling = spell(encoder)
    parts = [
        passage_set.sha256,
        spelling,
        fingerprints(encoder),
        sources(spelling, registry),
        environment.code_sha256("retrievers"),
        environment.installed_sha256(),
        environment.versions(),
        environment.machine(),
        suite.encode_threads or environment.cores(),
        _alignment(encoder, passage_set),
    ]
    if suite.distractors:  # the texts and the encoder that they are made from are in the parts above
        code = [hashlib.sha256(path.read_bytes()).hexdigest() for path in SYNTHESISERS]
        parts += [suite.distractors, suite.seed, passage_set.language, counts_words(encoder), code]
    return digest(parts)[:32]


def counts_words(encoder: object) -> bool:
    """Whether an encoder can be given synthetic texts by the million: it names its terms, and carries no model."""
    return isinstance(encoder, Lexical) and not isinstance(encoder, Fingerprinted)


def fingerprints(adapter: object) -> list[str]:
    """The hashes of the models that an adapter carries, or any adapter nested in its options."""
    if isinstance(adapter, VectorRetriever):
        return fingerprints(adapter.encoder) + fingerprints(adapter.storage)
    if isinstance(adapter, list | tuple):
        return [found for item in adapter for found in fingerprints(item)]
    if not isinstance(adapter, Encoder | Storage | Retriever):
        return []
    own = [adapter.fingerprint()] if isinstance(adapter, Fingerprinted) else []
    return own + [found for option in options_of(adapter).values() for found in fingerprints(option)]


def _alignment(encoder: object, passage_set: PassageSet) -> str | None:
    """The hash of which row belongs to which text, where an encoder goes by it: the set's hash tells texts alone."""
    return digest(alignment(passage_set)) if isinstance(encoder, Aligned) else None


def alignment(passage_set: PassageSet) -> dict[Role, tuple[tuple[int, ...], int]]:
    """Where the collection's files hold each text: its row, and how many rows there are."""
    sides: dict[Role, tuple[tuple[str, ...], tuple[int, ...] | None, int]] = {
        "passage": (passage_set.passages, passage_set.passage_rows, passage_set.n_file_passages),
        "query": (passage_set.queries, passage_set.query_rows, passage_set.n_file_queries),
    }
    return {
        role: (tuple(range(len(texts))), len(texts)) if rows is None else (rows, n)
        for role, (texts, rows, n) in sides.items()
    }


def sources(spelling: str, registry: Registry) -> list[str]:
    """sha256 of the code of every adapter that a spelling may name."""
    return sorted(entry.source_sha256() for entry in registry.entries.values() if f"{entry.name}(" in spelling)


def _kind(adapter: object) -> str:
    """What a lone adapter is, for a reader."""
    known = (("an encoder", Encoder), ("a storage", Storage))
    return next((name for name, protocol in known if isinstance(adapter, protocol)), "an analyser")


def baseline(suite: Suite, cells: Sequence[Cell], registry: Registry) -> str | None:
    """The suite's baseline as its cells are spelled; InputError where it is none of them, SpellingError as in parse."""
    if suite.baseline is None:
        return None
    spelling = canonical(suite.baseline, registry)
    known = list(dict.fromkeys(cell.spelling for cell in cells))
    if spelling not in known:
        hint = did_you_mean(spelling, known)
        raise InputError(f"baseline: expected one of the cells {', '.join(known)}, found {suite.baseline!r}.{hint}")
    return spelling


def settled(suite: Suite, passage_sets: Sequence[PassageSet], cells: Sequence[Cell], registry: Registry) -> Suite:
    """The suite with baseline and published figures as its cells are spelled; InputError where they are none."""
    spelled = dict.fromkeys((cell.passage_set.name, cell.spelling) for cell in cells)
    return msgspec.structs.replace(
        suite,
        baseline=baseline(suite, cells, registry),
        published=published(suite, [passage_set.name for passage_set in passage_sets], spelled, registry),
    )
