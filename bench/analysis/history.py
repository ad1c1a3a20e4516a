"""
A run, time after time: run folders by the date they were made, or every committed version of one folder.

Committed versions are read out of git's objects, as bytes: nothing is checked out, and nothing of them is executed.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.errors import InputError
from bench.git import git, text
from bench.records import run_folder
from bench.records.run_folder import ENVIRONMENT, MEASUREMENTS, RUN, Run
from bench.records.schema import Environment, Measurement, RunRecord
from bench.records.upgrades import decode

SHORT = 8  # digits of a commit that a reader is shown
FILES = (RUN, ENVIRONMENT, MEASUREMENTS)


@dataclass(frozen=True)
class Version:
    """A run at one time."""

    date: str  # UTC, ISO 8601, to the second: of the commit, or when the run was made
    commit: str | None  # of the repository that keeps the folder; of a folder: of the checkout that Sparring ran from
    dirty: bool  # that checkout had uncommitted changes
    name: str  # the folder's name, or the first line of the commit's message
    run: Run


def of_folders(folders: Sequence[Path]) -> tuple[list[Version], list[str]]:
    """
    The runs in some folders (runs, or folders of runs), the oldest first, and what was skipped: a sentence each.

    InputError for a folder that holds no run.
    """
    found: list[Version] = []
    skipped: list[str] = []
    for folder in dict.fromkeys(one for path in folders for one in _runs_in(path)):
        try:
            found.append(of_run(run_folder.read(folder)))
        except (InputError, ValueError) as error:
            skipped.append(f"skipped: {error}")
    return sorted(found, key=lambda version: version.date), skipped


def of_run(run: Run) -> Version:
    """A run folder as a version: by the date that it was made; ValueError where that is no date."""
    machine = run.environment
    return Version(_utc(run.record.made), machine.commit, bool(machine.dirty), run.folder.name, run)


def _runs_in(folder: Path) -> list[Path]:
    if (folder / RUN).is_file():
        return [folder]
    inside = sorted(path.parent for path in folder.glob(f"*/{RUN}"))
    if not inside:
        raise InputError(f"history: expected a run folder, or a folder of runs, found neither in {folder}")
    return inside


def of_git(folder: Path) -> tuple[list[Version], list[str]]:
    """
    Every committed version of a run or reference folder, the oldest first, and what was skipped: a sentence each.

    InputError where there is no git repository, and for a folder that no commit has.
    """
    place = folder.resolve()
    there = next(path for path in (place, *place.parents) if path.is_dir())  # it may be gone from the working tree
    top = Path(os.fsdecode(_told(there, "rev-parse", "--show-toplevel").removesuffix(b"\n")))
    inside = place.relative_to(top).as_posix()
    commits = list(_commits(top, inside))
    skipped = _shallow(top, folder)
    found = []
    for commit, date, subject in commits:
        named = f"{folder} in {commit[:SHORT]} ({date[:10]})"
        contents = {name: _blob(top, commit, f"{inside}/{name}") for name in FILES}
        if contents[RUN] is None:
            skipped.append(f"skipped: {named}: holds no {RUN}: it was removed, or is none yet")
            continue
        try:
            run = _decoded(Path(f"{folder}@{commit[:SHORT]}"), contents)
        except (msgspec.DecodeError, UnicodeDecodeError, InputError) as error:
            skipped.append(f"skipped: {named}: {error}")
            continue
        found.append(Version(date, commit, False, subject, run))
    if not found:
        said = "".join(f"\n{line}" for line in skipped)
        raise InputError(f"history: expected a run or a reference committed in {folder}, found none{said}")
    return found, skipped


def _commits(top: Path, inside: str) -> Iterator[tuple[str, str, str]]:
    """Commit, date and subject of every commit that changed a folder, the oldest first, as its branch has them."""
    fields = "%H%x00%cI%x00%s"
    asked = ("log", "--no-show-signature", "--topo-order", "--reverse", "-z", f"--format={fields}", "HEAD", "--")
    parts = iter(_told(top, *asked, inside).decode("utf-8", "replace").split("\0"))
    for commit, date, subject in zip(parts, parts, parts, strict=False):
        yield commit, _utc(date), subject


def _shallow(top: Path, folder: Path) -> list[str]:
    if _told(top, "rev-parse", "--is-shallow-repository").strip() != b"true":
        return []
    return [f"a shallow clone: older versions of {folder} are not here (git fetch --unshallow brings them)"]


def _decoded(folder: Path, contents: Mapping[str, bytes | None]) -> Run:
    """A run out of the contents of its files; records of older versions as the present ones."""
    missing = next((name for name in FILES if contents[name] is None), None)
    if missing is not None:
        raise InputError(f"holds no {missing}")
    record, environment, lines = (contents[name] or b"" for name in FILES)
    cells = {m.cell: m for m in (decode(line, Measurement) for line in lines.splitlines() if line.strip())}
    return Run(folder, decode(record, RunRecord), decode(environment, Environment), tuple(cells.values()))


def _blob(top: Path, commit: str, path: str) -> bytes | None:
    """A file's bytes as they are committed; None where there is none. No filter and no text conversion is run."""
    found = git(top, "cat-file", "blob", f"{commit}:{path.removeprefix('./')}")
    return None if found.returncode else found.stdout


def _told(folder: Path, *arguments: str) -> bytes:
    found = git(folder, *arguments)
    if found.returncode:
        said = text(found.stderr)
        raise InputError(f"history: expected a git repository with commits round {folder}, found: {said}")
    return found.stdout


def _utc(date: str) -> str:
    """A date with its zone as UTC, so that dates sort as text; ValueError for what is none."""
    moment = datetime.datetime.fromisoformat(date)
    return moment.astimezone(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
