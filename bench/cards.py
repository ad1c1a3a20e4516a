"""
Cards: what a passage set is, where its files lie, and what they must be.

A card is `datasets/NAME.toml`. Its files are looked for in the folders of `$SPARRING_DATA`, then in the cache, then
beside the card, and are refused where size or hash differ from the card's.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, TypeAlias

import msgspec

from bench.cache import cache_folder
from bench.errors import InputError
from bench.formats.files import Content, read, text
from bench.formats.table import Columns

Role: TypeAlias = Literal["passages", "queries", "qrels"]
Clusters: TypeAlias = Literal["paragraph", "article"]
Join: TypeAlias = Literal["title text", "text"]
Natural: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class CardFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of a collection. `path.gz` is the same file: size and hash are those of the uncompressed content."""

    path: str  # relative to a data folder, with slashes
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    bytes: Natural
    role: Role = "passages"  # the SQuAD format keeps all three in its passages
    urls: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        path = PurePosixPath(self.path)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"expected a path inside a data folder, found {self.path!r}")


class Counts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the loaded set must come to, after equal passages were merged."""

    passages: Natural
    queries: Natural
    judgments: Natural  # of the queries that are there
    merged: Natural = 0  # passages dropped as exact duplicates


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One passage set. The name is the card's file name."""

    title: str
    language: str  # ISO 639-1
    licence: str
    citation: str  # BibTeX, or a sentence
    format: Literal["beir", "squad", "table"]
    files: tuple[CardFile, ...]
    counts: Counts
    join: Join = "title text"  # a passage is title + " " + text where it has a title
    split: str = "test"
    clusters: Clusters | None = None  # queries on one paragraph (or article) are one cluster
    columns: Columns = Columns()  # of a table

    def __post_init__(self) -> None:
        roles = [file.role for file in self.files]
        if self.format == "squad":
            if set(roles) != {"passages"}:
                raise ValueError(f"expected only files of passages in the format squad, found {roles}")
        elif sorted(roles) not in (["passages", "queries"], ["passages", "qrels", "queries"]):
            raise ValueError(f"expected one file of passages, one of queries and at most one of qrels, found {roles}")


def shipped() -> Path:
    """The folder of the cards and sets that ship: in the package (wheel), or beside it (checkout, editable)."""
    package = Path(__file__).parent
    inside = package / "datasets"
    return inside if inside.is_dir() else package.parent / "datasets"


def folders() -> list[Path]:
    """Where data is looked for, in order: `$SPARRING_DATA`, the cache's `data`, the shipped sets. Absolute."""
    named = [Path(folder) for folder in os.environ.get("SPARRING_DATA", "").split(os.pathsep) if folder.strip()]
    return [folder.expanduser().absolute() for folder in (*named, cache_folder() / "data", shipped())]


def names() -> list[str]:
    """The passage sets that have a card, in alphabetical order."""
    return sorted(path.stem for path in shipped().glob("*.toml"))


def card(name: str) -> Card:
    """The card of that name; InputError with the nearest name where there is none."""
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise InputError(
            f"unknown passage set {name!r}: expected a path, or one of {', '.join(known) or 'none shipped'}.{hint}"
        )
    return read_card(shipped() / f"{name}.toml")


def read_card(path: Path) -> Card:
    """The card in a file; InputError names the file and the key that is unknown, missing or of another type."""
    try:
        return msgspec.convert(tomllib.loads(text(read(path))), Card)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InputError(f"{path}: expected a card (datasets/README.md describes it), found: {error}") from error


def contents(found: Card, role: Role, beside: Path) -> list[Content]:
    """
    The files of a card in one role, read and verified. beside: the card's folder, looked at last.

    Raises InputError for a file that is nowhere (naming every folder that was looked at), and for one whose size or
    hash is not the card's.
    """
    return [_verified(file, beside) for file in found.files if file.role == role]


def at_hand(found: Card) -> bool:
    """Whether every file of a card lies in a data folder; none is read."""
    return all(_search(file.path, folders()) is not None for file in found.files)


def _verified(file: CardFile, beside: Path) -> Content:
    content = read(_find(file.path, beside))
    facts = (
        ("bytes", file.bytes, len(content.data)),
        ("sha256", file.sha256, hashlib.sha256(content.data).hexdigest()),
    )
    for fact, expected, found in facts:
        if expected != found:
            raise InputError(
                f"{content.path}: expected {fact} {expected} of its (uncompressed) content, found {found}: "
                f"another version, or damaged; get the original file, or correct the card where it is yours"
            )
    return content


def _find(path: str, beside: Path) -> Path:
    """The first of `path` and `path.gz` in the data folders."""
    places = list(dict.fromkeys([*folders(), beside.absolute()]))
    found = _search(path, places)
    if found is not None:
        return found
    looked = "\n".join(f"  {place}{'' if place.is_dir() else ' (no such folder)'}" for place in places)
    raise InputError(
        f"{path}: expected this file, or {path}.gz, in a data folder, found it in none of\n{looked}\n"
        f"set SPARRING_DATA to the folder that holds it"
    )


def _search(path: str, places: Sequence[Path]) -> Path | None:
    candidates = (candidate for place in places for candidate in (place / path, place / f"{path}.gz"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)
