"""
Cards: what a passage set is, where its files lie, and what they must be.

A card is `datasets/NAME.toml`. Its files are looked for in the folders of `$SPARRING_DATA`, then in the cache, then
beside the card, and are refused where size or hash differ from the card's.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, TypeAlias

import msgspec

import bench
from bench import toml
from bench.cache import cache_folder
from bench.errors import InputError, did_you_mean
from bench.formats import readers
from bench.formats.files import Content, read, text
from bench.formats.readers import READERS, Role
from bench.formats.table import Columns
from retrievers.paths import expanded

Clusters: TypeAlias = Literal["paragraph", "article"]
Join: TypeAlias = Literal["title text", "text"]
Natural: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class CardFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of a collection. `path.gz` is the same file: size and hash are those of the uncompressed content."""

    path: str  # relative to a data folder, with slashes
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    bytes: Natural
    role: Role = "passages"  # which keep all three in some formats; of distractors (SQuAD) the passages alone count
    urls: tuple[Annotated[str, msgspec.Meta(pattern="^https?://")], ...] = ()  # `sparring fetch` tries them in order
    member: str | None = None  # where it lies in the archive (.zip, .tar.gz) that each URL gives

    def __post_init__(self) -> None:
        path = PurePosixPath(self.path)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"expected a path inside a data folder, found {self.path!r}")
        if self.member is not None and not self.urls:
            raise ValueError(f"expected urls of the archive that has the member {self.member!r}, found none")


class Counts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the loaded set must come to, after equal passages were merged."""

    passages: Natural
    queries: Natural
    judgments: Natural  # of the queries that are there
    merged: Natural = 0  # passages dropped as exact duplicates


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One passage set. The name is the card's file name."""

    title: str
    language: str  # any ISO 639 code, or BCP 47
    licence: str
    citation: str  # BibTeX, or a sentence
    bibtex: str = ""  # of a citation that is a sentence: one entry or several
    format: str  # of READERS
    files: tuple[CardFile, ...]
    counts: Counts | Literal["unknown"]  # "unknown": the files were never at hand where the card was written
    join: Join = "title text"  # a passage is title + " " + text where it has a title
    clusters: Clusters | None = None  # queries on one paragraph (or article) are one cluster
    columns: Columns = Columns()  # of a table
    exclude: Literal["self"] | None = None  # a query's own passage, of the same id, is left out of its hits

    def __post_init__(self) -> None:
        if self.format not in READERS:
            hint = did_you_mean(self.format, READERS)
            raise ValueError(f"expected as its format one of {', '.join(READERS)}, found {self.format!r}.{hint}")
        if refusal := readers.refusal(self.format, [file.role for file in self.files if file.role != "excluded"]):
            raise ValueError(refusal)


TABLES: Mapping[str, type[msgspec.Struct]] = {"[files]": CardFile, "counts": Counts, "columns": Columns}  # of a card


def shipped() -> Path:
    """The folder of the cards and sets that ship: in the package (wheel), or beside it (checkout, editable)."""
    package = Path(bench.__file__).parent
    inside = package / "datasets"
    return inside if inside.is_dir() else package.parent / "datasets"


def folders() -> list[Path]:
    """Where data is looked for, in order: `$SPARRING_DATA`, the cache's `data`, the shipped sets. Absolute."""
    named = [Path(folder) for folder in os.environ.get("SPARRING_DATA", "").split(os.pathsep) if folder.strip()]
    return [expanded(folder).absolute() for folder in (*named, cache_folder() / "data", shipped())]


def names() -> list[str]:
    """The passage sets that have a card, in alphabetical order."""
    return toml.names(shipped())


def card(name: str) -> Card:
    """The card of that name; InputError with the nearest name where there is none."""
    known = names()
    if name not in known:
        hint = did_you_mean(name, known, cutoff=0.5)
        raise InputError(
            f"unknown passage set {name!r}: expected a path, or one of {', '.join(known) or 'none shipped'}.{hint}"
        )
    return read_card(shipped() / f"{name}.toml")


def named(name: str) -> tuple[Card, list[Path]]:
    """A card by its name, or by the path of its file; and where its files may lie beside the data folders."""
    if not name.endswith(".toml"):
        if os.sep in name:
            raise InputError(f"{name}: expected a passage set's name, or its card's file (.toml), found another path")
        return card(name), []
    path = expanded(name)
    return read_card(path), [path.parent.absolute()]


def read_card(path: Path) -> Card:
    """The card in a file; InputError names the file and the key that is unknown, missing or of another type."""
    return toml.struct(text(read(path)), f"card {path}", Card, TABLES)


def contents(found: Card, role: Role, beside: Path) -> list[Content]:
    """
    The files of a card in one role, read and verified. beside: the card's folder, looked at last.

    Raises InputError for a file that is nowhere (naming every folder that was looked at), and for one whose size or
    hash is not the card's.
    """
    return [_verified(file, _find(file.path, found, beside)) for file in found.files if file.role == role]


def at_hand(found: Card) -> bool:
    """Whether every file of a card lies in a data folder; none is read."""
    return all(search(file.path, folders()) is not None for file in found.files)


def search(path: str, places: Sequence[Path]) -> Path | None:
    """The first of `path` and `path.gz` in data folders."""
    candidates = (candidate for place in places for candidate in (place / path, place / f"{path}.gz"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def difference(file: CardFile, data: bytes) -> str:
    """What of uncompressed content is not what the card says of its file, as a phrase; empty where all is."""
    facts = (("bytes", file.bytes, len(data)), ("sha256", file.sha256, hashlib.sha256(data).hexdigest()))
    found = (f"{fact} {card} of its (uncompressed) content, found {here}" for fact, card, here in facts if card != here)
    return next(found, "")


def _verified(file: CardFile, path: Path) -> Content:
    content = read(path)
    wrong = difference(file, content.data)
    if wrong:
        raise InputError(
            f"{path}: expected {wrong}: "
            f"another version, or damaged; get the original file, or correct the card where it is yours"
        )
    return content


def _find(path: str, card_of_it: Card, beside: Path) -> Path:
    """The first of `path` and `path.gz` in the data folders."""
    places = list(dict.fromkeys([*folders(), beside.absolute()]))
    found = search(path, places)
    if found is not None:
        return found
    looked = "\n".join(f"  {place}{'' if place.is_dir() else ' (no such folder)'}" for place in places)
    raise InputError(
        f"{path}: expected this file, or {path}.gz, in a data folder, found it in none of\n{looked}\n"
        f"set SPARRING_DATA to the folder that holds it, or get it: sparring fetch {_asked_as(card_of_it)}"
    )


def _asked_as(found: Card) -> str:
    """The name by which a card is asked for; that of no shipped card is its file's."""
    return next((name for name in names() if card(name) == found), "CARD.toml")
