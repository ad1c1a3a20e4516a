"""Writing into a run folder: one process at a time, appending; only the same suite on the same machine resumes."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from bench.errors import InputError
from bench.formats.files import write_whole
from bench.lock import LOCK, held
from bench.records.comparability import LIBRARY, differences
from bench.records.run_folder import (
    ENVIRONMENT,
    MEASUREMENTS,
    RUN,
    STAGES,
    FinishedStage,
    lines,
    pretty,
    read_record,
)
from bench.records.schema import Environment, Measurement, RunRecord, StageResult

# What a disk says that is full, worn out, or no longer to be written to: nothing an adapter or this code has done.
OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


class Writer:
    """The one process that may write into a run folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stages = {line.task: line.result for line in lines(folder / STAGES, FinishedStage)}
        self.measurements = {m.cell: m for m in lines(folder / MEASUREMENTS, Measurement)}

    def finished(self, task: str, result: StageResult) -> None:
        """Record one stage that went well."""
        self.stages[task] = result
        self._append(STAGES, FinishedStage(task, result))

    def measured(self, measurement: Measurement) -> None:
        """Record one cell."""
        self.measurements[measurement.cell] = measurement
        self._append(MEASUREMENTS, measurement)

    def ended(self, mhz: float | None) -> None:
        """Record at which frequency the clock ran when the last child had ended, beside that of the beginning."""
        path = self.folder / ENVIRONMENT
        began = read_record(path, Environment)
        write_whole(path, pretty(msgspec.structs.replace(began, mhz_end=mhz)))

    def _append(self, name: str, record: msgspec.Struct) -> None:
        path = self.folder / name
        with path.open("ab+") as file:
            _drop_torn_line(file.fileno())
            file.write(msgspec.json.encode(record) + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _drop_torn_line(descriptor: int) -> None:
    """Cut what a killed writer left after the last newline: the next line would be glued to it."""
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        content = os.pread(descriptor, size, 0)
        os.ftruncate(descriptor, content.rfind(b"\n") + 1)


def _is_beginning(path: Path) -> bool:
    """Whether a file is one that a run killed at its very start may leave."""
    return path.name in (LOCK, ENVIRONMENT) or path.name.endswith(".part")


@contextlib.contextmanager
def opened(folder: Path, record: RunRecord, environment: Environment) -> Iterator[Writer]:
    """
    Hold a run folder for writing: a new one, or one made from the same suite on the same machine, to resume.

    InputError, and nothing is touched, where another run holds it, or it holds another suite, other passage sets or
    another environment, or files that are no run's. InputError too where the disk takes no more while it is held.
    """
    existing = folder / RUN
    if folder.exists() and not folder.is_dir():
        raise InputError(f"run folder {folder}: expected a folder, found a file; choose another with -o")
    if folder.is_dir() and not existing.exists() and not all(map(_is_beginning, folder.iterdir())):
        raise InputError(
            f"run folder {folder}: expected a new or empty folder or a run, found other files; choose another with -o"
        )
    with held(folder, "run"), _disk_errors_explained(folder):
        if existing.exists():
            old = _refuse_other(folder, record, environment)
            known = {cell: identity for cell, identity in record.identities.items() if identity is not None}
            gate = {"gate": record.suite.get("gate")}  # it decides no number
            kept = msgspec.structs.replace(
                old,
                identities=old.identities | known,  # of cells that could not be made before
                suite=old.suite if old.suite.get("gate") == gate["gate"] else old.suite | gate,
            )
            if kept != old:
                write_whole(existing, pretty(kept))
        else:
            write_whole(folder / ENVIRONMENT, pretty(environment))
            write_whole(existing, pretty(record))
        for name in ("sets", "hits", "quality", "samples"):
            (folder / name).mkdir(exist_ok=True)
        for part in (*folder.glob(".*.part"), *folder.glob("*/*.part*")):  # of a writer that was killed
            part.unlink(missing_ok=True)
        yield Writer(folder)


@contextlib.contextmanager
def _disk_errors_explained(folder: Path) -> Iterator[None]:
    """What the disk refuses, of the run folder or the cache, as an InputError that says how to go on."""
    try:
        yield
    except OSError as error:
        if error.errno not in OF_THE_DISK:
            raise
        place = f" ({error.filename})" if error.filename else ""
        raise InputError(
            f"run folder {folder}: the run stopped: {error.strerror}{place}; what is recorded stays: "
            f"make room for the rest, and the same command with -o {folder} goes on from here"
        ) from error


def _refuse_other(folder: Path, record: RunRecord, environment: Environment) -> RunRecord:
    """The folder's own record; InputError where it is not this run's."""
    old = read_record(folder / RUN, RunRecord)
    for name in ("suite_sha256", "passage_sets", "plugins"):
        if getattr(old, name) != getattr(record, name):
            what = ", ".join(_changed(old, record)) if name == "suite_sha256" else f"{getattr(old, name)}"
            raise InputError(
                f"run folder {folder} holds another run: {name.replace('_sha256', '')} differs ({what}); "
                "choose another folder with -o"
            )
    for cell, identity in record.identities.items():
        known = old.identities.get(cell)
        if known is not None and identity is not None and known != identity:
            raise InputError(
                f"run folder {folder}: the model or the code of {cell} has changed since it was begun; "
                "choose another folder with -o"
            )
    changed = differences(read_record(folder / ENVIRONMENT, Environment), environment)
    changed.pop("dirty", None)  # the code's own hash says whether what runs has changed
    changed.pop("commit", None)
    changed.pop("affinity", None)  # how many CPUs there are counts; which of them may be another choice each time
    if changed:
        raise InputError(
            f"run folder {folder} was begun in another environment ({_named(changed)}): numbers of both in one "
            f"table would mislead; begin another folder with -o"
        )
    return old


def _named(changed: Mapping[str, tuple[object, object]]) -> str:
    """What of an environment has changed, in words where its value is a hash."""
    libraries = any(name.startswith(LIBRARY) for name in changed)
    hashes = {"code_sha256": "Sparring's own code has changed"}
    hashes["installed_sha256"] = "" if libraries else "the installed packages have changed"
    said = [
        hashes.get(name, f"{name.removeprefix(LIBRARY)} was {was}, is {now}") for name, (was, now) in changed.items()
    ]
    return "; ".join(filter(None, said))


def _changed(old: RunRecord, new: RunRecord) -> list[str]:
    keys = old.suite.keys() | new.suite.keys()
    as_json = {
        key: [
            msgspec.json.encode(suite.get(key), order="sorted") for suite in (old.suite, msgspec.to_builtins(new.suite))
        ]
        for key in keys
    }
    return sorted(key for key, (was, now) in as_json.items() if was != now)
