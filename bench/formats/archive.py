"""
Archives: the regular files of a .tar, .tar.gz, .tgz or .zip, and nothing else that one could hold.

What an archive says of itself is not believed: bytes are counted as they come out, and every name is held to rules
under which it names one file below the folder on any system. Whatever breaks a rule is refused, not repaired.
"""

from __future__ import annotations

import gzip
import io
import re
import stat
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple, TypeVar

from bench.errors import InputError
from bench.formats.files import Content

MOST_MEMBERS = 100_000  # the largest collection here has 5,508; a folder of more is slow on any system
MOST_BYTES = 8 * 2**30  # twice what the largest public text collection (MS MARCO's passages) comes to
MOST_RATIO = 200  # text packs 3 to 10 times smaller, many small files in a tar some 20; deflate ends at 1,032
FREE_BYTES = 16 * 2**20  # no bomb below: an honest archive of one line repeated packs as well as a bomb
IN_MEMORY = 64 * 2**20  # bytes of a .tar.gz that are unpacked in memory, before the disk is taken
CHUNK = 2**18  # bytes read at a time, so that a bomb is found before it is unpacked
END_BYTES, LONGEST_COMMENT = 22, 2**16 - 1  # of the last record of a zip, and of the comment that may follow it
MANY = 2**16 - 1  # members: so many or more, told elsewhere (zip64)
ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others unpack without a bound on what one read gives
DRIVE = re.compile(r"[A-Za-z]:")
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
# Whatever the standard library's readers raise on broken bytes. tarfile: ValueError and OverflowError for numbers,
# RecursionError for headers without end; zipfile: NotImplementedError and RuntimeError for what it can not read.
DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, OSError, EOFError),
    *(ValueError, OverflowError, RuntimeError, IndexError, KeyError),
)
Item = TypeVar("Item")


class Member(NamedTuple):
    """A regular file of an archive."""

    name: str  # relative, with slashes, without `.` parts
    data: bytes


class _Entry(NamedTuple):
    """A regular file of an archive, unread: `chunks` are its bytes, to be had until the next entry is asked for."""

    name: str
    chunks: Iterator[bytes]


def members(source: Path | Content) -> Iterator[Member]:
    """
    The regular files of an archive in its order, one at a time in memory.

    source: a path, or a content (its data may be a tar that `bench.formats.files.read` uncompressed). What kind of
    archive it is, its first bytes tell.

    Raises InputError naming archive and member: a name that is absolute, has `..`, a drive, a backslash or a control
    character, or is not UTF-8 (also where Unicode normalisation makes it so); two names that are one on some system
    (case, NFC and NFD); a link, a device or a sparse file; more than MOST_MEMBERS, MOST_BYTES, or MOST_RATIO times the
    archive; an encrypted zip; a truncated or damaged archive; one without any file. Files before the one that is
    refused were given already: keep none of them.
    """
    for name, chunks in _entries(source):
        yield Member(name, b"".join(chunks))


def unpack(archive: Path, folder: Path) -> None:
    """
    Write the regular files of an archive below `folder`, all of them or none: the folder appears when it is whole.

    Raises InputError as `members` does, and where the folder is there already and not empty, or can not be written.
    Permissions, owners and times in the archive are not taken over.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
            whole = Path(temporary) / "whole"
            whole.mkdir()
            for name, chunks in _entries(archive):
                path = whole / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("xb") as file:
                    file.writelines(chunks)
            whole.replace(folder)
    except OSError as error:
        raise InputError(
            f"{folder}: expected to unpack {archive} into a new folder, found: {error.strerror or error} "
            f"({error.filename2 or error.filename}): name a folder that is not there yet, on a disk with room"
        ) from error


def _entries(source: Path | Content) -> Iterator[_Entry]:
    path = source.path if isinstance(source, Content) else source
    names = _Names(path)
    with _opened(source) as packed:
        budget = _Budget(path, packed.seek(0, io.SEEK_END))
        packed.seek(0)
        magic = packed.read(4)
        packed.seek(0)
        if magic in (b"PK\x03\x04", b"PK\x05\x06"):
            yield from _guarded(_zip_entries(packed, names, budget), path)
        elif magic[:2] == b"\x1f\x8b":
            with tempfile.SpooledTemporaryFile(IN_MEMORY) as plain:
                for chunk in budget.spent(_guarded(_chunks(gzip.GzipFile(fileobj=packed)), path)):
                    plain.write(chunk)
                plain.seek(0)
                yield from _guarded(_tar_entries(plain, names), path)
        else:
            yield from _guarded(_tar_entries(packed, names), path)
    if not names.files:
        raise InputError(f"{path}: expected an archive of files, found no file in it: get the file anew")


def _opened(source: Path | Content) -> IO[bytes]:
    if isinstance(source, Content):
        return io.BytesIO(source.data)
    try:
        return source.open("rb")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{source}: expected an archive that can be read, found: {reason}") from error


def _tar_entries(file: IO[bytes], names: _Names) -> Iterator[_Entry]:
    with tarfile.open(fileobj=file, mode="r:", encoding="utf-8") as archive:
        for header in archive:
            kind = "link" if header.islnk() or header.issym() else "sparse file" if header.issparse() else "device"
            if header.isdir():
                names.add(header.name, folder=True)
            elif header.isreg() and not header.issparse():
                name = names.add(header.name)
                data = archive.extractfile(header)
                if data is not None:  # it is none of a link alone
                    yield _Entry(name, _guarded(_chunks(data), names.path, name))
            else:
                raise names.refusal(header.name, "a regular file or a folder", f"a {kind}")
        # tarfile takes a damaged header for the end: the end is zeros, at least a block of them, and nothing else.
        file.seek(archive.offset)
        rest = 0
        for chunk in _chunks(file):
            rest += len(chunk)
            if chunk.strip(b"\0"):
                raise tarfile.ReadError(f"no header of a member at byte {archive.offset}")
        if rest < tarfile.BLOCKSIZE:
            raise tarfile.ReadError("it has no end")


def _zip_entries(file: IO[bytes], names: _Names, budget: _Budget) -> Iterator[_Entry]:
    with zipfile.ZipFile(file) as archive:
        declared, found = _declared(file), len(archive.infolist())
        if declared not in (found, MANY):  # a damaged length in its directory hides the member that follows
            raise zipfile.BadZipFile(f"its end says {declared} members, its directory has {found}")
        for header in archive.infolist():
            mode = header.external_attr >> 16  # of a Unix file; other systems leave it 0
            name = names.add(header.orig_filename, folder=header.is_dir())
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise names.refusal(name, "a regular file or a folder", "a link or a device")
            if header.flag_bits & 1:
                raise names.refusal(name, "a file that is not encrypted", "an encrypted one")
            if header.compress_type not in ZIP_METHODS:
                raise names.refusal(name, "a file that is stored or deflated", f"method {header.compress_type}")
            with archive.open(header) as data:  # a folder's too: it holds its name in the directory to that before it
                if not header.is_dir():
                    yield _Entry(name, budget.spent(_guarded(_chunks(data), names.path, name), name))


def _declared(file: IO[bytes]) -> int:
    """How many members the end of a zip says there are (APPNOTE.TXT 4.3.16); MANY where they are too many for it."""
    file.seek(-min(file.seek(0, io.SEEK_END), END_BYTES + LONGEST_COMMENT), io.SEEK_END)
    tail = file.read()
    end = tail.rfind(b"PK\x05\x06")
    return int.from_bytes(tail[end + 10 : end + 12], "little")


def _chunks(file: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def _guarded(items: Iterator[Item], path: Path, name: str = "") -> Iterator[Item]:
    """The items, damage found while one is made turned into InputError; what is done with them is not looked at."""
    while True:
        try:
            item = next(items)
        except StopIteration:
            return
        except DAMAGE as error:
            where = f"{path}: member {name!r}" if name else str(path)
            raise InputError(
                f"{where}: expected a whole .tar, .tar.gz, .tgz or .zip, found a truncated or damaged one, or another "
                f"format ({type(error).__name__}: {error}): get the file anew"
            ) from error
        yield item


class _Budget:
    """Counts the bytes that come out of one archive."""

    def __init__(self, path: Path, packed: int) -> None:
        self.path = path
        self.packed = packed  # bytes of the archive
        self.total = 0  # bytes that came out

    def spent(self, chunks: Iterator[bytes], name: str = "") -> Iterator[bytes]:
        """The same chunks, counted; InputError where there are too many bytes for an honest archive."""
        where = f"{self.path}: member {name!r}" if name else str(self.path)
        for chunk in chunks:
            self.total += len(chunk)
            most = min(MOST_BYTES, max(FREE_BYTES, MOST_RATIO * self.packed))
            if self.total > most:
                raise InputError(
                    f"{where}: expected an archive of {self.packed} bytes to hold at most {most}, found more: "
                    f"it may be a bomb; unpack it by hand where you trust it"
                )
            yield chunk


class _Names:
    """The names of one archive, each checked when it is added."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self.files = 0
        self.taken: dict[str, tuple[str, bool]] = {}  # by folded name: the name, and whether it is a folder's

    def add(self, name: str, *, folder: bool = False) -> str:
        """The name with slashes and without `.` parts; InputError where it is unsafe, taken, or one too many."""
        self.count += 1
        if self.count > MOST_MEMBERS:
            raise self.refusal(name, f"at most {MOST_MEMBERS} members", "more")
        # Also as a system that normalises names sees it: U+2025, the two dot leader, is `..` there.
        problem = _problem(name) or _problem(unicodedata.normalize("NFKC", name))
        if problem:
            raise self.refusal(name, "a name below the folder it is unpacked into", problem)
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if not parts and not folder:
            raise self.refusal(name, "a name", "none")
        for end in range(1, len(parts)):
            self._take("/".join(parts[:end]), folder=True)
        if parts:
            self._take("/".join(parts), folder=folder)
        self.files += not folder
        return "/".join(parts)

    def _take(self, name: str, *, folder: bool) -> None:
        """A folder may be named again, in the same words; a file may not."""
        key = _folded(name)
        if key in self.taken and not (folder and self.taken[key] == (name, True)):
            raise self.refusal(
                name, "every name once, whatever the case and the Unicode form", repr(self.taken[key][0])
            )
        self.taken[key] = name, folder

    def refusal(self, name: str, expected: str, found: str) -> InputError:
        """What is raised of a member."""
        return InputError(f"{self.path}: member {name!r}: expected {expected}, found {found}: nothing of it is used")


def _folded(name: str) -> str:
    """The name as systems that forget case and Unicode form compare it: canonical caseless matching (Unicode D145)."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def _problem(name: str) -> str:
    """Why a name can not be trusted, empty where it can."""
    if name.startswith("/"):
        return "an absolute one"
    if DRIVE.match(name):
        return "one with a drive"
    if "\\" in name:
        return "one with a backslash, which separates folders on some systems"
    if ".." in name.split("/"):
        return "one with `..`"
    if UNPRINTABLE.search(name):
        return "one with a control character"
    if any("\ud800" <= character <= "\udfff" for character in name):
        return "one that is not UTF-8"
    return ""
