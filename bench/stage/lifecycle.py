"""
What a child does with an adapter besides measuring it: make, warm, account for, save and close it.

As in `bench.stage.stages`, every import that takes memory stands inside a function.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.records.schema import Fact
from bench.stage import failure

if TYPE_CHECKING:
    from retrievers.contract import Adapter, Vectors

MAPPED, MAPPED_RESIDENT = "mapped_bytes", "mapped_resident_bytes"  # facts that are measured
_TOY = ("the quick brown fox", "a lazy dog sleeps", "fox and dog")  # warms code paths before the baseline is taken


def make(spelling: str, entries: Sequence[tuple[str, str, str, str]]) -> Adapter:
    """The adapter of a spelling. entries: group, name, target and package of every adapter that may be named."""
    from retrievers.registry import Entry, Registry, parse

    registry = Registry()
    for group, name, target, package in entries:
        registry.add(Entry(group, name, target, package))  # type: ignore[arg-type]  # groups come from a registry
    return parse(spelling, registry)


def prepare(adapter: Adapter, vectors: Vectors | None = None) -> dict[str, Fact]:
    """
    Imports and compilation done, so that they are not weighed as data.

    Through the adapter's own `prepare`, else by a toy of the same kind, which is closed and let go. An adapter may
    refuse so small an input; then it is weighed a little less finely, and the fact `not_warmed` says why.
    """
    from retrievers.contract import Encoder, Preparable, Retriever

    if isinstance(adapter, Preparable):
        adapter.prepare()
        return {}
    said: dict[str, Fact] = {}
    toys: list[object] = []
    try:
        toy = _toy(adapter)
        toys.append(toy)
        if isinstance(adapter, Encoder):
            toy.fit(_TOY)
            toy.encode(_TOY, "passage")
            toy.encode(_TOY[:1], "query")
        elif vectors is not None:
            toy.build(vectors[:3])
            toy.search(vectors[:1], 1)
        elif isinstance(adapter, Retriever):
            toy.index(_TOY)
            toy.search(_TOY[:1], 1)
    except Exception as error:  # whatever it raises, the real thing shows whether it matters
        said["not_warmed"] = _said(adapter, error)
    finally:
        said |= close(toys)
    return said


def _toy(adapter: Adapter) -> Adapter:
    """
    The adapter made anew, nested ones too: closing a toy closes none of the real one's.

    An analyser that has something to load is prepared and left out: loaded for a toy it would never be weighed.
    """
    from retrievers.analysers import Analyser
    from retrievers.contract import Preparable, options_of

    options = options_of(adapter)
    for name, option in options.items():
        if isinstance(option, Analyser) and isinstance(option, Preparable):
            option.prepare()
            options[name] = None
        else:
            options[name] = _anew(option)
    return type(adapter)(**options)


def _anew(option: Any) -> Any:  # Any: whatever a constructor takes, the same type back
    from retrievers.contract import Encoder, Retriever, Storage
    from retrievers.registry import resolved

    if isinstance(option, list | tuple):
        return tuple(map(_anew, option))
    return resolved(option, {}) if isinstance(option, Encoder | Storage | Retriever) else option


def ledger(adapter: object) -> dict[str, int] | None:
    """Bytes by component, checked; None where the adapter does not tell."""
    from bench.stage.validate import check_ledger
    from retrievers.contract import Accountable

    return check_ledger(adapter.ledger()) if isinstance(adapter, Accountable) else None


def facts(adapter: object) -> dict[str, Fact]:
    """What the adapter says of itself, checked."""
    from bench.stage.validate import check_facts
    from retrievers.contract import Descriptive

    return check_facts(adapter.describe()) if isinstance(adapter, Descriptive) else {}


def save(adapter: Adapter, folder: Path) -> int:
    """Save a persistent adapter into a folder: the bytes of all files there, and of those elsewhere that it needs."""
    from retrievers.contract import Linked

    folder.mkdir(parents=True, exist_ok=True)
    adapter.save(folder)
    files = {path.resolve() for path in folder.rglob("*") if path.is_file()}
    if isinstance(adapter, Linked):
        files |= {Path(path).resolve() for path in adapter.linked_files()}
    return sum(path.stat().st_size for path in files)


def mapped(folder: str | None) -> dict[str, Fact]:
    """
    Facts: how many bytes of the files in a saved adapter's folder this process has mapped, and how many are resident.

    None of them where there is no such folder, where nothing is mapped, or where the system does not tell.
    """
    from bench.instruments import memory

    found = None if folder is None else memory.mapped(Path(folder))
    return {} if found is None else {MAPPED: found.mapped, MAPPED_RESIDENT: found.resident}


def close(made: Sequence[object]) -> dict[str, Fact]:
    """
    Let go of what adapters hold, the last made first.

    What then goes wrong is printed, and spoils no measurement and no other's closing: the fact `not_closed` says it.
    """
    from retrievers.contract import Closeable

    broken = []
    for adapter in reversed(made):
        if isinstance(adapter, Closeable):
            try:
                adapter.close()
            except Exception as error:  # an adapter may raise anything
                failure.show()
                broken.append(_said(adapter, error))
    return {"not_closed": "; ".join(broken)} if broken else {}


def _said(adapter: object, error: Exception) -> str:
    return f"{type(adapter).__name__}: {failure.reason(error)}"
