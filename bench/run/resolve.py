"""What a suite leaves open, filled in: a retriever's language, and baseline and figures as the cells are spelled."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import msgspec

from bench.errors import InputError, did_you_mean
from bench.run.suite import Published, Suite
from retrievers.analysers import default_analyser
from retrievers.contract import Adapter, Deferring, Encoder, Retriever, Storage, VectorRetriever, options_of, spell
from retrievers.registry import Registry, SpellingError, parse, resolved, within

if TYPE_CHECKING:
    from bench.passages.passage_set import PassageSet
    from bench.run.cells import Cell


def parse_retriever(spelling: str, registry: Registry) -> Retriever:
    """The retriever that is spelled; SpellingError for another adapter."""
    written = settled(parse(spelling, registry))
    if not isinstance(written, Retriever):
        raise SpellingError(
            f"{spelling!r}: expected a retriever, found {_kind(written)}: "
            "a retriever is an encoder with a storage, BM25() @ CSR(), or an engine, RankBM25()"
        )
    return written


def settled(adapter: Adapter) -> Adapter:
    """The adapter made anew with what was left to a model as the model says it, in every part and in every option."""
    if isinstance(adapter, VectorRetriever):
        return VectorRetriever(settled(adapter.encoder), settled(adapter.storage))
    if isinstance(adapter, Deferring):
        adapter = adapter.settled()
    return type(adapter)(**{name: within(value, settled) for name, value in options_of(adapter).items()})


def _kind(adapter: object) -> str:
    """What a lone adapter is, for a reader."""
    known = (("an encoder", Encoder), ("a storage", Storage))
    return next((name for name, protocol in known if isinstance(adapter, protocol)), "an analyser")


def resolve_language(written: Retriever, language: str) -> Retriever:
    """The retriever with what was left to the passage set's language filled in."""
    found: Retriever = resolved(written, {"analyser": default_analyser(language), "language": language})
    return found


def canonical(spelling: str, registry: Registry) -> str:
    """A spelling as its cell prints it; as it was written where the adapter cannot be made. SpellingError for none."""
    try:
        return spell(settled(parse(spelling, registry)))
    except SpellingError:
        raise
    except Exception:  # whatever an adapter raises: it breaks its own row, which keeps the suite's spelling
        return spelling


def resolve_spellings(
    suite: Suite, passage_sets: Sequence[PassageSet], cells: Sequence[Cell], registry: Registry
) -> Suite:
    """The suite with baseline and published figures as its cells are spelled; InputError where they are none."""
    spelled = dict.fromkeys((cell.passage_set.name, cell.spelling) for cell in cells)
    return msgspec.structs.replace(
        suite,
        baseline=resolve_baseline(suite, cells, registry),
        published=resolve_published(suite, [passage_set.name for passage_set in passage_sets], spelled, registry),
    )


def resolve_baseline(suite: Suite, cells: Sequence[Cell], registry: Registry) -> str | None:
    """The suite's baseline as its cells are spelled; InputError where it is none of them, SpellingError as in parse."""
    if suite.baseline is None:
        return None
    spelling = canonical(suite.baseline, registry)
    known = list(dict.fromkeys(cell.spelling for cell in cells))
    if spelling not in known:
        hint = did_you_mean(spelling, known)
        raise InputError(f"baseline: expected one of the cells {', '.join(known)}, found {suite.baseline!r}.{hint}")
    return spelling


def resolve_published(
    suite: Suite, set_names: Sequence[str], cells: Collection[tuple[str, str]], registry: Registry
) -> tuple[Published, ...]:
    """
    The suite's published figures with passage set and retriever as the records will spell them.

    Args:
        suite: as it was read.
        set_names: of the sets that were loaded, in the order of the suite's `passages` (a path there, a name here).
        cells: (name of the set, spelling) of each.
        registry: the adapters that can be spelled.

    Raises InputError for a figure that stands beside no cell, SpellingError as in `retrievers.registry.parse`.
    """
    named = dict(zip(suite.passages, set_names, strict=True))
    found = []
    for figure in suite.published:
        place = named[figure.passage_set], canonical(figure.retriever, registry)
        if place not in cells:
            known = [spelling for name, spelling in cells if name == place[0]]
            hint = did_you_mean(place[1], known)
            raise InputError(
                f"published.retriever: expected one of the cells on {place[0]} ({', '.join(known) or 'none'}), "
                f"found {figure.retriever!r}.{hint}"
            )
        found.append(msgspec.structs.replace(figure, passage_set=place[0], retriever=place[1]))
    return tuple(found)
