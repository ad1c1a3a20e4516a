"""
What a run folder grows by: retrievers, sets, judgments, queries, measures, limits. What was measured stays.

What would put numbers that were measured in another way under one name is refused.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from pathlib import Path, PurePath
from typing import NamedTuple

import msgspec

from bench.errors import InputError
from bench.records import run_folder
from bench.records.comparability import LIBRARY, differences
from bench.records.schema import UNTRIED, Environment, Measurement, RunRecord

# Keys of a suite that decide nothing of what was measured (the code of `plugins` does, by which a cell is identified);
# DECIDING do where a suite stops what is decided.
FREE = ("name", "passages", "plugins", "cells", "published", "gate", "limits", "measures")
DECIDING = ("baseline", "primary", "measures")
OLD = "old-"  # and a number: a folder of what was there before a run began anew
FRESH = "choose another folder with -o, or add --fresh: what is there goes to a folder old-1 within it"


class Held(NamedTuple):
    """What a run folder holds before a run goes on there."""

    record: RunRecord
    environment: Environment
    measurements: tuple[Measurement, ...]

    def finished(self) -> list[Measurement]:
        """What stays even if no command asks for it any more; what failed does not."""
        return [m for m in self.measurements if m.status in ("ok", *UNTRIED)]


def held(folder: Path) -> Held | None:
    """What a folder holds; None where no run was begun there. InputError where it cannot be read."""
    if not (folder / run_folder.RUN).is_file():
        return None
    found = run_folder.read(folder)
    return Held(found.record, found.environment, found.measurements)


def refuse_other_conditions(folder: Path, old: RunRecord, new: RunRecord) -> None:
    """InputError where a run would measure otherwise than the cells of a folder were."""
    suite = new.suite
    stops = suite.get("stop") is not None or old.suite.get("stop") is not None
    free = set(FREE) - set(DECIDING) if stops else {*FREE, *DECIDING}
    for key in sorted((old.suite.keys() | suite.keys()) - free):
        was, now = (msgspec.json.encode(each.get(key), order="sorted").decode() for each in (old.suite, suite))
        if was != now:
            raise InputError(f"run folder {folder}: expected {key} = {was}, as it was begun, found {now}; {FRESH}")
    for name, sha256 in new.passage_sets.items() if stops else ():
        if old.passage_sets.get(name, sha256) != sha256:  # which queries are asked hangs on the judgments
            raise InputError(f"run folder {folder}: expected {name} as it was decided by, found it changed; {FRESH}")


def refuse_other_environment(folder: Path, was: Environment, now: Environment) -> None:
    """
    InputError where numbers of two environments would stand in one table.

    A library that was not there before is in no number of before, and the libraries that an adapter uses are part of
    its own identity. Of the commit the code's hash says whether what runs has changed; how many CPUs there are counts,
    and which of them may be another choice each time.
    """
    changed = differences(was, now)
    for name in ("dirty", "commit", "affinity", "installed_sha256"):
        changed.pop(name, None)
    said = [
        "Sparring's own code has changed"
        if name == "code_sha256"
        else f"{name.removeprefix(LIBRARY)} was {before}, is {after}"
        for name, (before, after) in changed.items()
        if not (name.startswith(LIBRARY) and before is None)
    ]
    if said:
        raise InputError(
            f"run folder {folder} was begun in another environment ({'; '.join(said)}): numbers of both in one table "
            f"would mislead; {FRESH}"
        )


def merged(old: Held, new: RunRecord, kept: Collection[Measurement]) -> RunRecord:
    """The record of a folder whose cells are those of a new one, and the measurements that are kept beside them."""
    sets = {m.passage_set for m in kept}
    names = {f"{m.passage_set}: {m.retriever}" for m in kept}
    others = {name: identity for name, identity in old.record.identities.items() if name in names}
    now = {(PurePath(path).name, sha256) for path, sha256 in new.plugin_hashes}  # maybe seen from another folder
    before = {path: sha256 for path, sha256 in old.record.plugin_hashes if (PurePath(path).name, sha256) not in now}
    plugins = before | dict(new.plugin_hashes)
    return msgspec.structs.replace(
        new,
        passage_sets={name: sha256 for name, sha256 in old.record.passage_sets.items() if name in sets}
        | new.passage_sets,
        identities=others | new.identities,
        cells=(*(m.cell for m in kept), *(new.cells or ())),
        plugins=tuple(f"{path} sha256:{sha256}" for path, sha256 in plugins.items()),
        made=old.record.made,
        columns=new.columns or old.record.columns,
    )


def put_away(folder: Path) -> Path:
    """Move what a run folder holds into a folder old-N within it, all but its lock; that folder."""
    number = 1
    while (folder / f"{OLD}{number}").exists():
        number += 1
    away = folder / f"{OLD}{number}"
    away.mkdir()
    # The record goes first: what is left without it is no run. The stages last: they tell that not all is away.
    for name in (run_folder.RUN, *run_folder.CONTENTS):
        with contextlib.suppress(FileNotFoundError):
            (folder / name).replace(away / name)
    return away
