"""TOML that a user writes, read strictly: a key that nobody knows is refused, with the nearest one."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bench.errors import InputError, did_you_mean

T = TypeVar("T", bound=msgspec.Struct)

NEAR_FILE = 0.8  # how near a file's name is that may be meant: all end alike


def names(folder: Path) -> list[str]:
    """What ships in a folder, by name."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def read(name: str, what: str, folder: Path) -> tuple[str, Path]:
    """The text of a file, or of the one of that name that ships in `folder`, and where it lies; else InputError."""
    path = Path(name)
    try:
        if not path.is_file() and (folder / f"{name}.toml").is_file():
            path = folder / f"{name}.toml"
        return path.read_bytes().decode("utf-8"), path
    except UnicodeDecodeError as error:
        raise InputError(f"{what} {path}: expected UTF-8, found byte {error.start} that is none") from error
    except OSError as error:
        raise InputError(f"{what} {name!r}: {_missing(path, folder, error)}") from error


def _missing(path: Path, folder: Path, error: OSError) -> str:
    """What was expected in place of a path that cannot be read, what was found, and what may be meant."""
    shipped = names(folder)
    if path.suffix != ".toml" and len(path.parts) == 1 and isinstance(error, FileNotFoundError):
        return f"expected a TOML file or one of {', '.join(shipped)}, found neither.{did_you_mean(path.name, shipped)}"
    known = {FileNotFoundError: f"none at {path.absolute()}", IsADirectoryError: "a folder"}
    found = known.get(type(error), error.strerror)
    beside = [each.name for each in path.parent.glob("*.toml") if each.is_file()]
    hint = f" Did you mean {path.stem}?" if path.stem in shipped else did_you_mean(path.name, beside, cutoff=NEAR_FILE)
    return f"expected a TOML file, found {found}.{hint}"


def struct(text: str, where: str, kind: type[T], tables: Mapping[str, type[msgspec.Struct]]) -> T:
    """
    The Struct written in `text`; `where` names it in errors.

    tables: header ("limits", "[cells]" of an array of them) -> the Struct of what stands below it. InputError for no
    TOML, a key that a Struct has not, a missing one and a wrong type.
    """
    return convert(loads(text, where), where, kind, tables)


def loads(text: str, where: str) -> dict[str, Any]:  # Any: whatever TOML has
    """The table written in `text`; InputError where it is no TOML."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also a number of thousands of digits, thousands of brackets
        raise InputError(f"{where}: no valid TOML: {error}") from error


def convert(found: Mapping[str, Any], where: str, kind: type[T], tables: Mapping[str, type[msgspec.Struct]]) -> T:
    """As `struct`, of a table that was read before."""
    _refuse_unknown(found, kind, where, tables)
    for header, below in tables.items():
        entries = found.get(header.strip("[]"))
        for entry in entries if isinstance(entries, list) else [entries]:
            if isinstance(entry, dict):
                _refuse_unknown(entry, below, f"{where}: {header.strip('[]')}", {})
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        raise InputError(f"{where}: {error}") from error


def _refuse_unknown(
    found: Mapping[str, object],
    kind: type[msgspec.Struct],
    where: str,
    tables: Mapping[str, type[msgspec.Struct]],
) -> None:
    known = kind.__struct_fields__
    for key in found:
        if key in known:
            continue
        hint = did_you_mean(key, known)
        for header, below in tables.items():
            if key in below.__struct_fields__:
                hint = f" It stands under [{header}]."
        raise InputError(f"{where}: unknown key {key!r}: expected one of {', '.join(known)}.{hint}")
