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
from urllib.error import URLError
from urllib.parse import quote, urlsplit

from bench.cache import cache_folder
from bench.errors import InputError
from bench.formats.archive import members
from bench.formats.files import read
from bench.passages import cards
from bench.passages.cards import Card, CardFile, difference
from bench.passages.download import DownloadError, Patience, Progress, Silent, discard, download, written

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


class _Missing(NamedTuple):
    """A file that no place gave."""

    wanted: _Wanted
    reasons: dict[str, str]  # place -> why not
    answered: bool  # whether anybody could be asked


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
    wanted = {name: _wanted(name, None if to is None else target) for name in names}
    complete = all(_at_hand(each, target) for files in wanted.values() for each in files)
    fetcher = _Fetcher(target, mirror, patience, told)
    found: dict[str, Path] = {}
    missing: list[_Missing] = []
    with contextlib.nullcontext() if complete else _locked(target, told):
        for name, files in wanted.items():
            had = {each.file.path: _at_hand(each, target) for each in files}  # again: another fetch may have ended
            card = files[0].card
            told.says(f"{name}: at hand" if all(had.values()) else f"{name}: {card.title}; licence: {card.licence}")
            for each in files:
                path = had[each.file.path] or fetcher.get(each, _sources(each, mirror, elsewhere=to is not None))
                if isinstance(path, _Missing):
                    missing.append(path)
                else:
                    found[each.file.path] = path
        fetcher.tidy()
    if missing:
        raise InputError("\n".join(_told(missing, target)))
    return found


def _told(missing: Sequence[_Missing], target: Path) -> Iterator[str]:
    """What is to be said of files that could not be had: those that the same places did not give, together."""
    alike: dict[tuple[str, ...], list[_Missing]] = {}
    for each in missing:
        key = tuple(f"  {place}: {why}" for place, why in each.reasons.items()) or (each.wanted.name,)
        alike.setdefault(key, []).append(each)
    for reasons, group in alike.items():
        by_name: dict[str, list[str]] = {}
        for each in group:
            by_name.setdefault(each.wanted.name, []).append(each.wanted.file.path)
        who = "; ".join(f"{name}: {', '.join(paths)}" for name, paths in by_name.items())
        one = len(group) == 1
        it, its = ("it", "its") if one else ("them", "their")
        if group[0].reasons:
            in_vain = f"found {it} in none" if group[0].answered else "none of which could be asked"
            yield "\n".join([f"{who}: expected {it} in one of these places, {in_vain}", *reasons])
        else:
            yield f"{who}: expected a URL in its card, found none"
        makers = "; ".join(dict.fromkeys(f"{e.wanted.card.citation} Licence: {e.wanted.card.licence}" for e in group))
        put = f"put it to {target / group[0].wanted.file.path}" if one else f"put them, by these paths, into {target}"
        yield (
            f"get {it} from {its} makers ({makers}) and {put}, or name a folder that has {it}: "
            f"sparring fetch {' '.join(by_name)} --from FOLDER"
        )


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
    if file.member is None:
        saved |= {f"{name}.gz": None for name in saved}
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

    def __init__(self, target: Path, mirror: str | Path | None, patience: Patience, progress: Progress) -> None:
        self._target = target
        self._mirror = mirror
        self._patience = patience
        self._progress = progress
        self._archives: dict[str, Path | DownloadError] = {}

    def get(self, wanted: _Wanted, sources: Sequence[_Source]) -> Path | _Missing:
        """
        The file from the first place that has it, or why not from each.

        Why those before it did not is said; of a mirror it is not, whose names for one file are tried in turn.
        """
        reasons: dict[str, str] = {}
        answered = False
        for source in sources:
            try:
                path = self._tried(source, wanted)
            except DownloadError as error:
                offline = isinstance(error.__cause__, URLError)
                answered = answered or not offline
                if offline and isinstance(self._mirror, str):
                    reasons[self._mirror] = str(error)
                    break
                # An archive that can not be had is one reason for all of its members.
                place = source.place if error in self._archives.values() else source
                reasons[str(place)] = str(error)
                continue
            for place, why in {} if isinstance(self._mirror, str) else reasons.items():
                self._progress.says(f"{place}: {why}")
            return path
        return _Missing(wanted, reasons, answered)

    def _tried(self, source: _Source, wanted: _Wanted) -> Path:
        with contextlib.suppress(_PiecedError):
            return self._from(source, wanted)
        return self._from(source, wanted)  # anew, in one piece

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
