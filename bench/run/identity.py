"""What decides a cell's numbers, hashed: passages, retriever, models, code, libraries, conditions."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bench.instruments import environment, imports, processor
from bench.passages import synthetic
from bench.records import growth
from bench.records.schema import digest
from bench.stage import indexing, job, matrices, outputs
from retrievers import plugin
from retrievers.contract import (
    Adapter,
    Aligned,
    Encoder,
    Fingerprinted,
    Lexical,
    Retriever,
    Role,
    Storage,
    VectorRetriever,
    options_of,
    search_options,
    spell,
)
from retrievers.registry import Entry, Registry

if TYPE_CHECKING:
    from bench.passages.passage_set import PassageSet
    from bench.run.suite import Suite

ROLES: tuple[Role, ...] = ("passage", "query")
# The code that decides what is synthetic, who is given which of it, and how it is written.
SYNTHESISERS = [Path(str(module.__file__)) for module in (synthetic, job, indexing, outputs, matrices)]


def cell_key(passage_set: PassageSet, spelling: str, suite: Suite) -> str:
    """
    The name of a cell in records and files: its passage set, resolved spelling, and under which conditions it is run.

    Judgments and measures are none of them: it may be judged anew. Nor are limits: they may be lifted.
    """
    free = {*growth.FREE, *growth.DECIDING}
    conditions = {name: value for name, value in msgspec.to_builtins(suite).items() if name not in free}
    language = [passage_set.language] if suite.distractors else []  # decides which text is synthetic
    return digest([passage_set.name, passage_set.asked_sha256, spelling, conditions, *language])[:16]


def build_spelling(retriever: Adapter) -> str:
    """The spelling without search-time options: cells that differ in those alone share one build."""
    paired = isinstance(retriever, VectorRetriever)
    searcher = retriever.storage if paired else retriever
    later = search_options(searcher)
    kept = {name: value for name, value in options_of(searcher).items() if name not in later}
    built = spell(type(searcher)(**kept))
    return f"{spell(retriever.encoder)} @ {built}" if paired else built


def identity_of(retriever: Adapter, passage_set: PassageSet, registry: Registry) -> str:
    """
    The hash of the models and the code behind a retriever's numbers.

    Of libraries those that the code imports. Raises what an adapter raises when it is asked for its model's
    fingerprint.
    """
    encoder = retriever.encoder if isinstance(retriever, VectorRetriever) else None
    spelling = spell(retriever)
    libraries = imports.libraries(code_files(spelling, registry))
    code = [sources(spelling, registry), environment.code_sha256("retrievers"), libraries]
    rows = [_alignment(encoder, passage_set, role) for role in ROLES]
    return digest([fingerprints(retriever), code, rows])


def encoder_key(encoder: object, suite: Suite, registry: Registry) -> str:
    """
    The hash of an encoder and of what runs it: models, code, the libraries that the code imports, machine and threads.

    Raises what the encoder raises when it is asked for its model's fingerprint.
    """
    spelling = spell(encoder)
    files = code_files(spelling, registry)
    parts = [
        spelling,
        fingerprints(encoder),
        sources(spelling, registry),
        imports.sha256(file for file in files if imports.is_ours(file)),
        imports.libraries(files),
        environment.machine(),
        suite.encode_threads or processor.cores(),
    ]
    return digest(parts)[:32]


def matrix_key(of_encoder: str, encoder: object, passage_set: PassageSet, suite: Suite) -> str:
    """
    The hash of all that decides an encoder's matrix of passages, and what making it cost: it is found again by that.

    No query and no judgment is in it. of_encoder: its `encoder_key`.
    """
    parts: list[object] = [of_encoder, passage_set.passages_sha256, _alignment(encoder, passage_set, "passage")]
    if suite.distractors:  # the texts and the encoder that they are made from are in the parts above
        parts += [suite.distractors, suite.seed, passage_set.language, takes_synthetic_text(encoder), _synthesisers()]
    return digest(parts)[:32]


def queries_key(matrix: str, encoder: object, passage_set: PassageSet) -> str:
    """The hash of all that decides the vectors of the queries, synthetic ones too. matrix: its `matrix_key`."""
    alignment = _alignment(encoder, passage_set, "query")
    return digest([matrix, passage_set.queries, passage_set.language, _synthesisers(), alignment])[:32]


def _synthesisers() -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in SYNTHESISERS]


def takes_synthetic_text(encoder: object) -> bool:
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


def _alignment(encoder: object, passage_set: PassageSet, role: Role) -> str | None:
    """The hash of which row belongs to which text, where an encoder goes by it: the set's hash tells texts alone."""
    return digest(alignment(passage_set)[role]) if isinstance(encoder, Aligned) else None


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
    """sha256 of the code of every adapter of others that a spelling may name."""
    return sorted(entry.source_sha256() for entry in _named(spelling, registry) if not plugin.is_ours(entry.target))


def code_files(spelling: str, registry: Registry) -> set[Path]:
    """The files of Python that the adapters of a spelling are made of, and those of ours that these import."""
    return imports.followed(path for entry in _named(spelling, registry) for path in plugin.files_of(entry.target))


def _named(spelling: str, registry: Registry) -> list[Entry]:
    return [entry for entry in registry.entries.values() if f"{entry.name}(" in spelling]
