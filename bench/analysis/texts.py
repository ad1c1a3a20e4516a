"""The texts of what a run searched, read where the collection lies: a run keeps none."""

from __future__ import annotations

import msgspec

from bench.errors import InputError
from bench.passages import loader
from bench.passages.loader import Columns, PassageSet
from bench.records.run_folder import Run
from bench.run.suite import Suite


def texts_of(run: Run, kept: PassageSet) -> tuple[PassageSet | None, str]:
    """A set that a run kept, with its texts; None, and why, where they are not those that the run searched."""
    return texts_named(run, kept.name, kept.sha256)


def texts_named(run: Run, name: str, sha256: str) -> tuple[PassageSet | None, str]:
    """The same of a set by its name and hash, also of a run that kept no sets."""
    try:
        suite = msgspec.convert(run.record.suite, Suite)
    except msgspec.ValidationError as error:
        return None, f"no texts: its suite is none that this Sparring can read: {error}"
    source = next((named for named in suite.passages if loader.name_of(named) == name), name)
    columns = msgspec.convert(run.record.columns, Columns) if run.record.columns is not None else None
    try:
        of_source = None if loader.has_card(source) else columns
        found = loader.load(source, columns=of_source, exclude=suite.exclude)
    except InputError as error:
        return None, f"no texts: {error}"
    if found.sha256 != sha256:
        return None, f"no texts: {source} has changed since the run"
    return found, ""
