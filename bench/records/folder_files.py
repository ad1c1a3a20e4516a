"""The files of a run folder, which may be a stranger's: what is refused before anything of them is believed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from bench.errors import InputError
from bench.records.schema import Measurement

OF_CELLS = ("hits", "quality", "samples")  # folders of the files that a cell's record names
LARGEST_RECORDS = 2**30  # bytes of one file of records


def refuse_links(folder: Path, names: Sequence[str]) -> None:
    """
    InputError for a link, a pipe or a device in a run folder, where files are written, removed and copied: it may be a
    stranger's.

    names: of what it may hold, files and folders of files. The folder itself may be reached by a link.
    """
    try:
        for name in names:
            place = folder / name
            inside = [] if place.is_symlink() or not place.is_dir() else [Path(each.path) for each in os.scandir(place)]
            for each in (place, *inside):
                if each.is_symlink():
                    raise InputError(
                        f"run {folder}: expected files of its own, found a link: {each.relative_to(folder)}: copy what "
                        f"it points to in its place, if the run is yours"
                    )
                if each.exists() and not (each.is_file() or each.is_dir()):
                    raise InputError(
                        f"run {folder}: expected files, found a pipe or a device: {each.relative_to(folder)}: remove it"
                    )
    except OSError as error:
        raise InputError(f"run {folder}: cannot be read: {error.strerror} ({error.filename})") from error


def check_names(path: Path, m: Measurement) -> None:
    """InputError for a record, of that file, whose files are none that a run writes: these are read, and copied."""
    for name in (m.cell, m.passage_set):
        if not is_name(name):
            raise InputError(f"{path}: expected names without folders, found {name!r:.200}")
    check_places(path, m.files.values())


def check_places(path: Path, places: Iterable[str]) -> None:
    """InputError for a file that a record names, in that file, where no run writes one."""
    for place in places:
        inside, _, name = place.partition("/")
        if inside not in OF_CELLS or not is_name(name):
            raise InputError(f"{path}: expected files in {', '.join(OF_CELLS)}, found {place!r:.200}")


def is_name(name: str) -> bool:
    """Whether it is the name of one file, whatever folder it is in."""
    return len(PurePosixPath(name).parts) == 1 and name != ".." and "\0" not in name and "/" not in name


def content(path: Path) -> bytes:
    """What a record's file holds. OSError where it cannot be read; InputError where it is none, or far too large."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):  # a folder is refused by the system
        raise InputError(f"{path}: expected a file, found a pipe or a device")
    if found.st_size > LARGEST_RECORDS:
        raise InputError(f"{path}: expected records of at most {LARGEST_RECORDS:,} bytes, found {found.st_size:,}")
    return path.read_bytes()
