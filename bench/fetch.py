"""
Fetching: the files of cards -> a data folder, each whole and verified, or not at all.

A file is taken from where it lies (a folder, a URL of its card, a mirror), as it is, gzipped, or as a member of an
archive; the card's hash decides whether it is the right one. What was stopped goes on from its `.part` file.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import hashlib
import os
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from bench import cards
from bench.cache import cache_folder
from bench.cards import Card, CardFile, difference
from bench.download import DownloadError, Patience, Progress, Silent, discard, download, written
from bench.errors import InputError
from bench.formats.archive import members
from bench.formats.files import read

GZIP = b"\x1f\x8b"
# What is more than this was not made from the card's file: gzip adds a few bytes to what it can not pack, an archive
# has other files too (of BEIR's, other splits).
GZIP_SPARE, GZIP_SHARE = 4096, 100
ARCHIVE_SPARE, ARCHIVE_TIMES = 2**26, 16


class _Source(NamedTuple):
    """One place that may have a file."""

    place: str | Path  # a URL, or a file
    member: str | None  # where it lies in the archive at that place

    def __str__(self) -> str:
        return f"{self.place}" if self.member is None else f"{self.place} ({self.member})"


class _Wanted(NamedTuple):
    """One file of a card that was asked for."""

    name: str  # of the card, as it was asked for
    card: Card
    file: CardFile
    places: list[Path]  # data folders where it may be at hand


class _PiecedError(DownloadError):
    """The wrong content, put together from several requests: asked for in one, it may be right."""


def fetch(
    names: Sequence[str],
    *,
    origin: str | None = None,
    to: Path | None = None,
    patience: Patience = Patience(),  # noqa: B008  # frozen
    progress: Progress | None = None,
) -> dict[str, Path]:
    """
    Bring the files of cards into a data folder, those apart that are at hand; where each lies now, by its card's path.

    names: of cards, or paths to cards of one's own. origin: a folder, or the URL of one, that is asked instead of the
    cards' URLs. to: the data folder, complete in itself; left out: the cache's, which completes the others.

    Raises InputError when all was tried, for every file that could not be had: what was expected and found at each
    place, and where to put it by hand.
    """
    told = progress or Silent()
    target = to.expanduser().absolute() if to is not None else cache_folder() / "data"
    mirror = None if origin is None else _mirror(origin)
    wanted = [each for name in dict.fromkeys(names) for each in _wanted(name, None if to is None else target)]
    complete = all(_at_hand(each, target) for each in wanted)
    fetcher = _Fetcher(target, patience, told)
    found, failures, licences = {}, [], set()
    with contextlib.nullcontext() if complete else _locked(target, told):
        for each in wanted:
            path = _at_hand(each, target)  # again, under the lock: another fetch may have brought it
            if path is not None:
                told.says(f"at hand: {path}")
            else:
                if each.name not in licences:
                    told.says(f"{each.name}: {each.card.title}; licence: {each.card.licence}")
                    licences.add(each.name)
                try:
                    path = fetcher.get(each, _sources(each, mirror, elsewhere=to is not None))
                except DownloadError as error:
                    failures.append(str(error))
                    continue
            found[each.file.path] = path
        fetcher.tidy()
    if failures:
        raise InputError("\n".join(dict.fromkeys(failures)))
    return found


def _wanted(name: str, folder: Path | None) -> list[_Wanted]:
    """The files of a card and where they may be at hand: in that folder alone, or wherever a run would look."""
    own = Path(name).expanduser() if name.endswith(".toml") else None
    card = cards.card(name) if own is None else cards.read_card(own)
    beside = [] if own is None else [own.parent.absolute()]
    places = [*cards.folders(), *beside] if folder is None else [folder]
    return [_Wanted(name, card, file, places) for file in card.files]


def _at_hand(wanted: _Wanted, target: Path) -> Path | None:
    """
    Where the right file lies, if it does.

    Raises InputError for a wrong one in a folder that is looked at before the target: it would hide what is fetched.
    """
    path = cards.search(wanted.file.path, wanted.places)
    if path is None:
        return None
    wrong = _wrong(path, wanted.file)
    if not wrong:
        return path
    before = wanted.places[: wanted.places.index(target)]
    if cards.search(wanted.file.path, before) is not None:
        raise InputError(
            f"{path}: expected {wrong}: it is looked at before {target}, so that a fetched file would never be read: "
            f"move it away, or take its folder out of SPARRING_DATA"
        )
    return None


def _wrong(path: Path, file: CardFile) -> str:
    """What is wrong with a file as `read` has it; empty where nothing is."""
    try:
        return difference(file, read(path).data)
    except InputError as error:
        return f"the card's file, found one that can not be read ({error})"


def _mirror(origin: str) -> str | Path:
    """What --from names: the URL of a folder, or a folder that is there."""
    if origin.startswith(("http://", "https://")):
        return origin.rstrip("/")
    folder = Path(origin).expanduser()
    if "://" in origin or not folder.is_dir():
        raise InputError(
            f"--from {origin}: expected a folder, or the URL (http, https) of one, found "
            f"{'another kind of URL' if '://' in origin else 'no such folder'}"
        )
    return folder.absolute()


def _sources(wanted: _Wanted, mirror: str | Path | None, *, elsewhere: bool) -> list[_Source]:
    """
    The places that may have a file, in the order in which they are tried.

    A mirror has it where the card's data folder would, or under the name of a URL of the card, as a browser saves it.
    elsewhere: what is at hand counts as a place.
    """
    file = wanted.file
    there = [file.path, f"{file.path}.gz"]
    saved = dict.fromkeys(urlsplit(url).path.rpartition("/")[2] for url in file.urls)
    sources = []
    if elsewhere and (path := cards.search(file.path, cards.folders())) is not None:
        sources.append(_Source(path, None))
    if mirror is None:
        sources += [_Source(url, file.member) for url in file.urls]
    elif isinstance(mirror, str):
        sources += [_Source(f"{mirror}/{quote(name)}", None) for name in there]
        sources += [_Source(f"{mirror}/{name}", file.member) for name in saved]
    else:
        places = [(mirror / name, None) for name in there] + [(mirror / name, file.member) for name in saved]
        present = [place for place in places if place[0].is_file()]
        sources += [_Source(*place) for place in present or places]  # where there is none, each is told
    return sources


class _Fetcher:
    """Brings files into one data folder. It keeps the archives that it downloaded, since several files lie in one."""

    def __init__(self, target: Path, patience: Patience, progress: Progress) -> None:
        self._target = target
        self._patience = patience
        self._progress = progress
        self._archives: dict[str, Path | DownloadError] = {}

    def get(self, wanted: _Wanted, sources: Sequence[_Source]) -> Path:
        """The file from the first place that has it; DownloadError says why not from each, and what to do."""
        reasons = []
        for source in sources:
            try:
                with contextlib.suppress(_PiecedError):
                    return self._from(source, wanted)
                return self._from(source, wanted)  # anew, in one piece
            except DownloadError as error:
                reasons.append(f"  {source}: {error}")
                self._progress.says(reasons[-1].strip())
        file, card = wanted.file, wanted.card
        why = "\n".join(["expected it in one of these places, found it in none", *reasons])
        raise DownloadError(
            f"{wanted.name}: {file.path}: {why if sources else 'expected a URL in its card, found none'}\n"
            f"get it from its makers ({card.citation} Licence: {card.licence}) and put it to "
            f"{self._target / file.path}, or name a folder that has it: sparring fetch {wanted.name} --from FOLDER"
        )

    def tidy(self) -> None:
        """Delete the archives: what was wanted of them was taken."""
        for archive in self._archives.values():
            if isinstance(archive, Path):
                discard(archive)

    def _from(self, source: _Source, wanted: _Wanted) -> Path:
        file, place = wanted.file, source.place
        part = self._target / f"{file.path}.part"
        pieced = False
        if source.member is not None:
            archive = place if isinstance(place, Path) else self._archive(place, wanted.card)
            _fill(part, _member(archive, source.member))
        elif isinstance(place, Path):
            _fill(part, _copied(place, _most(file)))
        else:
            size, most = file.bytes, _most(file)
            pieced = download(place, part, most=most, size=size, patience=self._patience, progress=self._progress)
        name, wrong = _settled(part, file)
        if wrong:
            discard(part)
            raise (_PiecedError if pieced else DownloadError)(f"expected {wrong}")
        final = self._target / name
        with written(final):
            part.replace(final)
            if name != file.path:
                (self._target / file.path).unlink(missing_ok=True)  # a wrong one: it would be found first
        discard(part)
        return final

    def _archive(self, url: str, card: Card) -> Path:
        """The archive of a URL, read through once: one that is refused anywhere gives no file at all."""
        if url not in self._archives:
            self._archives[url] = self._downloaded(url, card)
        archive = self._archives[url]
        if isinstance(archive, DownloadError):
            raise archive
        return archive

    def _downloaded(self, url: str, card: Card) -> Path | DownloadError:
        most = ARCHIVE_SPARE + ARCHIVE_TIMES * sum(file.bytes for file in card.files)
        digest = hashlib.sha256(url.encode()).hexdigest()[:12]
        path = self._target / ".archives" / f"{digest}.part"
        for _ in range(2):
            try:
                pieced = download(url, path, most=most, patience=self._patience, progress=self._progress)
                deque(members(path), maxlen=0)
                return path
            except DownloadError as error:
                return error
            except InputError as error:
                refused = DownloadError(str(error).removeprefix(f"{path}: "))
                discard(path)
                if not pieced:
                    break
        return refused


def _most(file: CardFile) -> int:
    """The bytes that a file has at most, as it is or gzipped."""
    return file.bytes + file.bytes // GZIP_SHARE + GZIP_SPARE


def _member(archive: Path, name: str) -> bytes:
    """A member's bytes; the archive is read to its end, since one that is refused anywhere gives none."""
    try:
        found = [member.data for member in members(archive) if member.name == name]
    except InputError as error:
        raise DownloadError(str(error).removeprefix(f"{archive}: ")) from error
    if not found:
        raise DownloadError(f"expected the member {name!r} in the archive, found none of that name")
    return found[0]


def _copied(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise DownloadError(f"expected a file that can be read, found: {error.strerror or error}") from error
    if len(data) > most:
        raise DownloadError(f"expected at most {most:,} bytes, found more")
    return data


def _fill(part: Path, data: bytes) -> None:
    discard(part)  # and what is known of an earlier download
    with written(part):
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)


def _settled(part: Path, file: CardFile) -> tuple[str, str]:
    """
    The name under which the bytes of a part are the card's file, and what is wrong with them (then nothing is right).

    A file whose own name ends in .gz is kept gzipped; the hash of any is that of its uncompressed content.
    """
    with written(part), part.open("rb") as opened:
        os.fsync(opened.fileno())
        data = opened.read()
    wrong = difference(file, data)
    if not wrong and not file.path.endswith(".gz"):
        return file.path, ""
    if data.startswith(GZIP):
        try:
            with gzip.open(part) as unpacked:
                wrong = difference(file, unpacked.read(file.bytes + 1))  # no more: it may be a bomb
        except (OSError, EOFError, zlib.error) as error:
            wrong = f"a whole gzip file, found a damaged one ({error})"
        return file.path if file.path.endswith(".gz") else f"{file.path}.gz", wrong
    return file.path, wrong or "a gzip file, found its uncompressed content"


@contextlib.contextmanager
def _locked(folder: Path, progress: Progress) -> Iterator[None]:
    """Alone in a data folder: another fetch is waited for. The lock goes with the process that held it."""
    lock = folder / ".lock"
    with written(lock):
        folder.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.says(f"waiting for another fetch into {folder}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
