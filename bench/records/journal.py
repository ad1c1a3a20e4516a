"""Writing into a run folder: one process at a time, appending; a run goes on, and grows, on the same machine."""

from __future__ import annotations

import contextlib
import datetime
import errno
import os
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from pathlib import Path

import msgspec

from bench.errors import InputError
from bench.formats.files import write_whole
from bench.lock import LOCK, held
from bench.records import growth, run_folder
from bench.records.comparability import plugin_files
from bench.records.folder_files import refuse_links
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
OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG)

# What decides whether a folder holds the very same run: the field's name, and what of it counts.
DECIDES: Mapping[str, Callable[[RunRecord], object]] = {
    "suite_sha256": attrgetter("suite_sha256"),
    "passage_sets": attrgetter("passage_sets"),
    "plugins": plugin_files,
}


class Writer:
    """The one process that may write into a run folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.began = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")  # the run, or this part of it
        self.stages = run_folder.stages(folder)
        self.measurements = {m.cell: m for m in lines(folder / MEASUREMENTS, Measurement)}

    def finished(self, task: str, result: StageResult) -> None:
        """Record one stage that went well."""
        self.stages[task] = result
        self._append(STAGES, FinishedStage(task, result))

    def forgets(self, task: str, reason: str) -> None:
        """Record that a stage has to be done again, and why: it counts no longer, also for who reads the journal."""
        known = self.stages.pop(task, None)
        if known is not None:
            self._append(STAGES, FinishedStage(task, StageResult(stage=known.stage, status="failed", reason=reason)))

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


def _is_begun(folder: Path) -> bool:
    """Whether all that a folder without a record holds is what a run leaves that is killed at its very start."""
    put_away = any(folder.glob(f"{growth.OLD}*/{RUN}"))  # and maybe not all of it
    known = {LOCK, ENVIRONMENT, *(run_folder.CONTENTS if put_away else ())}
    return all(
        path.name in known or path.name.endswith(".part") or (put_away and path.name.startswith(growth.OLD))
        for path in folder.iterdir()
    )


@contextlib.contextmanager
def opened(
    folder: Path, record: RunRecord, environment: Environment, *, was: RunRecord | None = None, fresh: bool = False
) -> Iterator[Writer]:
    """
    Hold a run folder for writing: a new one, or one that holds a run, to go on there on the same machine.

    Args:
        folder: absolute.
        record: what the run is made from.
        environment: where.
        was: the record that is there, from which this one has grown; None: only the same goes on.
        fresh: what is there is put away first.

    InputError, and nothing is touched, where another run holds it, or it holds another suite, other passage sets or
    another environment, or files that are no run's. InputError too where the disk takes no more while it is held.
    """
    existing = folder / RUN
    if folder.exists() and not folder.is_dir():
        raise InputError(f"run folder {folder}: expected a folder, found a file; choose another with -o")
    if folder.is_dir() and not existing.exists() and not _is_begun(folder):
        raise InputError(
            f"run folder {folder}: expected a new or empty folder or a run, found other files; choose another with -o"
        )
    if folder.is_dir():
        refuse_links(folder, run_folder.NAMES)
    with held(folder, "run"), _disk_errors_explained(folder):
        if (fresh and existing.exists()) or (not existing.exists() and (folder / STAGES).exists()):
            growth.put_away(folder)
        if existing.exists():
            _go_on(folder, record, environment, was)
        else:
            write_whole(folder / ENVIRONMENT, pretty(environment))
            write_whole(existing, pretty(record))
        parts = [*folder.glob(".*.part")]
        for name in ("sets", "hits", "quality", "samples"):  # and nothing of what others keep beside them
            (folder / name).mkdir(exist_ok=True)
            parts += (folder / name).glob("*.part*")
        for part in parts:  # of a writer that was killed
            part.unlink(missing_ok=True)
        yield Writer(folder)


def _go_on(folder: Path, record: RunRecord, environment: Environment, was: RunRecord | None) -> None:
    """Write what the folder's records are from now on; InputError where they are not those that may be gone on with."""
    old = read_record(folder / RUN, RunRecord)
    began = read_record(folder / ENVIRONMENT, Environment)
    growth.refuse_other_environment(folder, began, environment)
    if was is None:
        record = _same(folder, old, record)
    elif was != old:
        raise InputError(f"run folder {folder}: expected it as it was read, found another run's changes; run it again")
    if began.libraries != environment.libraries:
        write_whole(folder / ENVIRONMENT, pretty(msgspec.structs.replace(environment, mhz=began.mhz)))
    if record != old:
        write_whole(folder / RUN, pretty(record))


@contextlib.contextmanager
def _disk_errors_explained(folder: Path) -> Iterator[None]:
    """What the disk refuses, of the run folder or the cache, as an InputError that says how to go on."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOENT and not (folder / RUN).is_file():
            raise InputError(
                f"run folder {folder}: expected it to stay while it is written, found it gone: it was moved or removed "
                "since the run began; the same command begins anew"
            ) from error
        if error.errno not in OF_THE_DISK:
            raise
        place = f" ({error.filename})" if error.filename else ""
        raise InputError(
            f"run folder {folder}: the run stopped: {error.strerror}{place}; what is recorded stays: "
            f"make room for the rest, and the same command with -o {folder} goes on from here"
        ) from error


def _same(folder: Path, old: RunRecord, record: RunRecord) -> RunRecord:
    """The folder's own record; InputError where it was made from anything else."""
    for name, of in DECIDES.items():
        if of(old) != of(record):
            what = ", ".join(_changed(old, record)) if name == "suite_sha256" else f"{of(old)}"
            raise InputError(
                f"run folder {folder} holds another run: {name.replace('_sha256', '')} differs ({what}); {growth.FRESH}"
            )
    return old


def _changed(old: RunRecord, new: RunRecord) -> list[str]:
    keys = old.suite.keys() | new.suite.keys()
    as_json = {
        key: [
            msgspec.json.encode(suite.get(key), order="sorted") for suite in (old.suite, msgspec.to_builtins(new.suite))
        ]
        for key in keys
    }
    return sorted(key for key, (was, now) in as_json.items() if was != now)
