"""
Fetching: the files of cards -> a data folder, each whole and verified, or not at all.

A file is taken from where it lies (a folder, a URL of its card, a mirror), as it is, gzipped, or as a member of an
archive; the card's hash decides whether it is the right one.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote, urlsplit

from bench.cache import cache_folder
from bench.errors import InputError
from bench.formats.archive import members
from bench.formats.files import Content, read, write_whole
from bench.lock import held
from bench.passages import cards
from bench.passages.cards import Card, CardFile, difference
from bench.passages.download import DownloadError, UnreachableError, download
from bench.progress import Progress, Silent
from retrievers.paths import expanded, is_folder

GZIP = b"\x1f\x8b"
SPARE = 2**16  # bytes that a file may have more than its card says: what gzip cannot pack grows by 5 in 65,535
ARCHIVE_TIMES, ARCHIVE_SPARE = 16, 2**26  # an archive may have more than a card takes of it: BEIR's have other splits

Place: TypeAlias = str | Path  # a URL, or a file


def fetch(
    names: Sequence[str], *, origin: str | None = None, to: Path | None = None, progress: Progress | None = None
) -> dict[str, Path]:
    """
    Bring the files of cards into a data folder, but those that are available; where each lies now, by its card's path.

    names: of cards, or paths to cards of one's own. origin: a folder, or the URL of one, that is asked instead of the
    cards' URLs. to: the data folder, complete in itself; left out: the cache's, which completes the others.

    Raises InputError when all was tried, for every file that could not be had: what was expected and found at each
    place, and where to put it by hand.
    """
    told = progress or Silent()
    target = expanded(to).absolute() if to is not None else cache_folder() / "data"
    sets = {name: cards.named(name) for name in names}
    taken = frozenset(each.member for card, _ in sets.values() for each in card.files)
    fetcher = _Fetcher(target, None if origin is None else _mirror(origin), taken, told, whole=to is not None)
    found: dict[str, Path] = {}
    errors = []
    with contextlib.ExitStack() as stack:
        if not all(fetcher.available(each, beside) for card, beside in sets.values() for each in card.files):
            stack.enter_context(held(target, "data", lambda: told.says(f"waiting for another fetch into {target}")))
        for name, (card, beside) in sets.items():
            had = {each.path: fetcher.available(each, beside) for each in card.files}  # another fetch may have ended
            told.says(f"{name}: available" if all(had.values()) else f"{name}: {card.title}; licence: {card.licence}")
            reasons: dict[str, str] = {}
            for each in card.files:
                path = had[each.path] or fetcher.get(each, card, reasons)
                if path is not None:
                    found[each.path] = path
            if missing := [each.path for each in card.files if each.path not in found]:
                errors.append(_explained(name, card, missing, reasons, target))
    if errors:
        raise InputError("\n".join(errors))
    return found


def _explained(name: str, card: Card, missing: Sequence[str], reasons: Mapping[str, str], target: Path) -> str:
    places = "".join(f"\n  {place}: {why}" for place, why in reasons.items()) or " the card has no URL"
    return (
        f"{name}: {', '.join(missing)}: expected in one of these places, found in none:{places}\n"
        f"get what is missing from its makers ({card.citation} Licence: {card.licence}) and put it into {target}, by "
        f"these paths, or name a folder that has it: sparring fetch {name} --from FOLDER"
    )


def _mirror(origin: str) -> Place:
    """What --from names: the URL of a folder, or a folder that is there."""
    if origin.startswith(("http://", "https://")):
        return origin.rstrip("/")
    folder = expanded(origin).absolute()
    if not is_folder(folder):
        raise InputError(f"--from {origin}: expected a folder, or the URL (http, https) of one, found neither")
    return folder


def _sources(file: CardFile, mirror: Place | None) -> list[tuple[Place, str | None]]:
    """
    The places that may have a file, and its name in the archive there, in the order in which they are tried.

    A mirror has it where the card's data folder would, or under the name of a URL of the card, as a browser saves it.
    """
    if mirror is None:
        return [(url, file.member) for url in file.urls]
    own = [file.path, f"{file.path}.gz"]
    saved = list(dict.fromkeys(urlsplit(url).path.rpartition("/")[2] for url in file.urls))
    saved += [f"{name}.gz" for name in saved if file.member is None]
    if isinstance(mirror, str):
        return [(f"{mirror}/{quote(name)}", None) for name in own] + [(f"{mirror}/{n}", file.member) for n in saved]
    names = [(name, None) for name in own] + [(name, file.member) for name in saved]
    present = [each for each in names if (mirror / each[0]).is_file()]
    return [(mirror / name, member) for name, member in present or names]  # where there is none, each is told


class _Fetcher:
    """Brings files into one data folder. It keeps what it took from archives, since several files lie in one."""

    def __init__(
        self, target: Path, mirror: Place | None, taken: frozenset[str | None], progress: Progress, *, whole: bool
    ) -> None:
        self._target = target
        self._mirror = mirror
        self._taken = taken  # of archives: names of members
        self._progress = progress
        self._whole = whole  # whether the target is to have what other data folders have
        self._archives: dict[Place, dict[str, bytes] | DownloadError] = {}

    def available(self, file: CardFile, beside: Sequence[Path]) -> Path | None:
        """
        Where the right file lies, if it does.

        Raises InputError for a wrong one in a folder that is looked at before the target: it hides what is fetched.
        """
        folders = [self._target] if self._whole else [*cards.folders(), *beside]
        path = cards.search(file.path, folders)
        if path is None:
            return None
        try:
            wrong = difference(file, read(path).data)
        except InputError as error:
            wrong = f"the card's file, found one that cannot be read ({error})"
        if wrong and cards.search(file.path, folders[: folders.index(self._target)]) is not None:
            raise InputError(
                f"{path}: expected {wrong}: it is looked at before {self._target}, so that a fetched file would never "
                f"be read: move it away, or take its folder out of SPARRING_DATA"
            )
        return None if wrong else path

    def get(self, file: CardFile, card: Card, reasons: dict[str, str]) -> Path | None:
        """
        The file from the first place that has it, put into the data folder; None, and why not from each, by place.

        Why those before it did not is said; of a mirror it is not, whose names for one file are tried in turn.
        """
        elsewhere = cards.search(file.path, cards.folders()) if self._whole else None
        own: list[tuple[Place, str | None]] = [] if elsewhere is None else [(elsewhere, None)]
        failed: dict[str, str] = {}
        for place, member in own + _sources(file, self._mirror):
            try:
                data = self._read(place, file.bytes + SPARE) if member is None else self._member(place, member, card)
                path = self._put(data, file)
            except DownloadError as error:
                if isinstance(error, UnreachableError) and isinstance(self._mirror, str):
                    failed = {self._mirror: str(error)}
                    break
                whole = member is None or self._archives.get(place) is error  # one reason for all of its members
                failed[f"{place}" if whole else f"{place} ({member})"] = str(error)
            else:
                for tried, why in {} if isinstance(self._mirror, str) else failed.items():
                    self._progress.says(f"{tried}: {why}")
                return path
        reasons.update(failed)
        return None

    def _member(self, place: Place, name: str, card: Card) -> bytes:
        """A member of an archive, which is read once, to its end: one that is refused anywhere gives no file at all."""
        if place not in self._archives:
            most = ARCHIVE_TIMES * sum(each.bytes for each in card.files) + ARCHIVE_SPARE
            try:
                packed = Content(Path("archive"), self._read(place, most))
                self._archives[place] = {each.name: each.data for each in members(packed) if each.name in self._taken}
            except DownloadError as error:
                self._archives[place] = error
            except InputError as error:
                self._archives[place] = DownloadError(str(error))
        archive = self._archives[place]
        if isinstance(archive, DownloadError):
            raise archive
        if name not in archive:
            raise DownloadError(f"expected the member {name!r} in the archive, found none of that name")
        return archive[name]

    def _read(self, place: Place, most: int) -> bytes:
        if isinstance(place, str):
            return download(place, most, self._progress)
        try:
            with place.open("rb") as file:
                data = file.read(most + 1)
        except OSError as error:
            raise DownloadError(f"expected a file that can be read, found: {error.strerror or error}") from error
        if len(data) > most:
            raise DownloadError(f"expected at most {most:,} bytes, found more")
        return data

    def _put(self, data: bytes, file: CardFile) -> Path:
        path = self._target / _verified(data, file)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, data)
            if path != self._target / file.path:
                (self._target / file.path).unlink(missing_ok=True)  # a wrong one: it would be found first
        except OSError as error:
            raise InputError(
                f"{path}: expected a file that can be written, found: {error.strerror or error}: make room or leave to "
                f"write there, or name another folder with --to"
            ) from error
        return path


def _verified(data: bytes, file: CardFile) -> str:
    """
    The path under which bytes are the card's file; DownloadError where they are not.

    A file whose own name ends in .gz is kept gzipped; the hash of any is that of its uncompressed content.
    """
    gzipped = file.path.endswith(".gz")
    wrong = "a gzip file, found none" if gzipped else difference(file, data)
    if not wrong:
        return file.path
    if data.startswith(GZIP):
        try:
            with gzip.open(io.BytesIO(data)) as unpacked:
                wrong = difference(file, unpacked.read(file.bytes + 1))  # no more: it may be a bomb
        except (OSError, EOFError, zlib.error) as error:
            wrong = f"a whole gzip file, found a damaged one ({error})"
    if wrong:
        raise DownloadError(f"expected {wrong}")
    return file.path if gzipped else f"{file.path}.gz"
