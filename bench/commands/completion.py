"""What a shell completes: names that need nothing heavy to be known. A file is completed by the shell itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from importlib import import_module, metadata
from pathlib import Path


def datasets(incomplete: str) -> list[str]:
    """Names of passage sets."""
    from bench.passages import cards

    return _beginning(incomplete, cards.names())


def suites(incomplete: str) -> list[str]:
    """Names of the suites that ship."""
    return _beginning(incomplete, _shipped("bench.run", "suites"))


def recipes(incomplete: str) -> list[str]:
    """Names of the recipes that ship."""
    return _beginning(incomplete, _shipped("bench.training", "recipes"))


def spellings(incomplete: str) -> list[str]:
    """
    What may come next of a retriever in quotes: Rank -> RankBM25(); behind an encoder, with or without @, a storage.

    Where one encoder alone is left its pairings are given, so that a shell does not end the quotes behind it. Without
    quotes nothing: a shell would take the parentheses.
    """
    if not _in_quotes():
        return []
    if "@" in incomplete:
        return _paired(incomplete)
    encoders = _beginning(incomplete, _calls("encoders"))
    engines = _beginning(incomplete, _calls("retrievers"))
    return _paired(f"{encoders[0]} @ ") if len(encoders) == 1 and not engines else sorted(encoders + engines)


def adapters(incomplete: str) -> list[str]:
    """What `check` takes: in quotes an adapter of any kind, or a pairing."""
    if "@" in incomplete:
        return spellings(incomplete)
    calls = _calls("encoders", "storages", "retrievers", "analysers")
    return _beginning(incomplete, calls) if _in_quotes() else []


def among(names: Iterable[str]) -> Callable[[str], list[str]]:
    """One of some names."""

    def beginning(incomplete: str) -> list[str]:
        return _beginning(incomplete, names)

    return beginning


def suites_and_spellings(incomplete: str) -> list[str]:
    """What `run` and `plan` take."""
    return suites(incomplete) + spellings(incomplete)


def _paired(incomplete: str) -> list[str]:
    """What is written up to the last @, with each storage that what follows it may be."""
    begun = incomplete.rpartition("@")[2].lstrip()
    before = incomplete.removesuffix(begun)
    return [before + call for call in _beginning(begun, _calls("storages"))]


def _calls(*groups: str) -> list[str]:
    """The adapters of installed packages, none of them imported, as calls without options."""
    points = (point for group in groups for point in metadata.entry_points(group=f"sparring.{group}"))
    return sorted({f"{point.name}()" for point in points})


def _shipped(package: str, folder: str) -> list[str]:
    """What a package ships in a folder; the package alone is imported, and no module of it."""
    from bench import toml

    return toml.names(Path(import_module(package).__path__[0]) / folder)


def _in_quotes() -> bool:
    """Whether the line that a shell asks about, as typer is handed it, has a quote that is still open."""
    line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or ""
    return any(line.count(quote) % 2 for quote in "\"'")


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))
