"""
Archives: the files of a .tar, .tar.gz, .tgz or .zip, read within a byte budget. Nothing is ever written by their names.

What an archive says of its sizes is not believed: bytes are counted as they come out. Whether they are the right ones
is not known here: who asks compares a hash, of the archive or of the member.
"""

from __future__ import annotations

import gzip
import io
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from bench.errors import InputError
from bench.formats import files
from bench.formats.files import Content

MOST_MEMBERS = 100_000  # headers are held while an archive is read, and an empty member takes no bytes
ZIP, GZIP = (b"PK\x03\x04", b"PK\x05\x06"), b"\x1f\x8b"  # the second zip holds nothing
ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others unpack without a bound on what one read gives
# Absolute, a drive, `..`, a backslash, a control character, or bytes that are not UTF-8 (as lone surrogates).
ODD = re.compile(r"^/|^[A-Za-z]:|(^|/)\.\.(/|$)|\\|[\x00-\x1f\x7f\ud800-\udfff]")
# Whatever the standard library's readers raise on broken bytes. tarfile: ValueError and OverflowError for numbers,
# RecursionError for headers without end; zipfile: NotImplementedError and RuntimeError for what it cannot read.
DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, OSError, EOFError),
    *(ValueError, OverflowError, RuntimeError, IndexError, KeyError),
)


class Member(NamedTuple):
    """A file of an archive."""

    name: str  # relative, with slashes, without `.` parts
    data: bytes


def members(source: Content) -> Iterator[Member]:
    """
    The files of an archive in its order; its first bytes tell of which kind it is, not its name.

    Raises InputError naming the archive and, where there is one, the member: a name that leads out of a folder or is
    not plain text (ODD); a link, a device or a sparse file; a zip that is encrypted or packed by another method than
    deflate; more than MOST_MEMBERS; once unpacked more than MOST_BYTES, or MOST_RATIO times the archive (a plain tar
    unpacks to itself); damage that shows. Files before the one that is refused were given already: keep none of them.
    """
    try:
        for name, data in _files(source):
            if ODD.search(name):
                expected = "a relative name, without `..`, drive, backslash or control character"
                raise _refusal(source.path, name, expected, "another")
            yield Member(str(PurePosixPath(name)), data)
    except DAMAGE as error:
        raise InputError(
            f"{source.path}: expected a whole .tar, .tar.gz, .tgz or .zip, found a truncated or damaged one, or "
            f"another format ({type(error).__name__}: {error}): get the file anew"
        ) from error


def _files(source: Content) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every file, the names as they stand there."""
    path, packed = source.path, io.BytesIO(source.data)
    most = files.most_unpacked(len(source.data))
    if source.data.startswith(ZIP):
        yield from _zip_files(path, packed, most)
    elif source.data.startswith(GZIP):
        yield from _tar_files(path, io.BytesIO(_read(path, "", gzip.GzipFile(fileobj=packed), most)))
    else:
        yield from _tar_files(path, packed)


def _tar_files(path: Path, file: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=file, mode="r:", encoding="utf-8") as archive:
        for number, header in enumerate(archive):
            _bound(path, number)
            if header.isdir():
                continue
            data = archive.extractfile(header) if header.isreg() and not header.issparse() else None
            if data is None:  # of a sparse file more comes out than the tar holds
                raise _refusal(path, header.name, "a regular file or a folder", "a link, a device or a sparse file")
            yield header.name, data.read()


def _zip_files(path: Path, file: IO[bytes], most: int) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(file) as archive:
        for number, header in enumerate(archive.infolist()):
            _bound(path, number)
            name = header.orig_filename  # not cut at a NUL
            if header.is_dir():
                continue
            if stat.S_IFMT(header.external_attr >> 16) not in (0, stat.S_IFREG):  # other systems than Unix leave it 0
                raise _refusal(path, name, "a regular file or a folder", "a link or a device")
            if header.flag_bits & 1:
                raise _refusal(path, name, "a file that is not encrypted", "an encrypted one")
            if header.compress_type not in ZIP_METHODS:
                raise _refusal(path, name, "a file that is stored or deflated", f"method {header.compress_type}")
            with archive.open(header) as opened:
                data = _read(path, name, opened, most)
            most -= len(data)
            yield name, data


def _bound(path: Path, number: int) -> None:
    if number >= MOST_MEMBERS:
        raise _refusal(path, "", f"at most {MOST_MEMBERS} members", "more")


def _read(path: Path, name: str, file: IO[bytes] | gzip.GzipFile, most: int) -> bytes:
    """All that comes out, at most so many bytes."""
    data = files.unpacked(file, most)
    if data is None:
        raise _refusal(path, name, f"at most {most} bytes from here on", "more: it may be a bomb")
    return data


def _refusal(path: Path, name: str, expected: str, found: str) -> InputError:
    where = f"{path}: member {name!r}" if name else f"{path}"
    return InputError(f"{where}: expected {expected}, found {found}: nothing of it is used")
