"""Files -> text and lines: gzip, UTF-8 and JSON, with errors that name file and line. And files written whole."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import re
import shutil
import stat
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple, TypeVar

import msgspec
import psutil

from bench.errors import InputError

# Found in JSON that is none, as other programs write it -> what is meant.
NO_JSON = {
    re.compile(r"[:\[,]\s*-?(NaN|Infinity|nan)\b"): "JSON has no NaN: write null",
    re.compile(r"[:\[,]\s*(None|True|False)\b"): "that is Python's spelling: write null, true and false",
    re.compile(
        r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    ): "half of a character stands alone (\\ud800 to \\udfff), where a text was cut: replace it",
}
MOST_BYTES = 2 * 2**30  # that come out of a packed file: a set is held in memory
MOST_RATIO = 200  # text packs 3 to 10 times smaller, many small files in a tar some 20; deflate ends at 1,032
FREE_BYTES = 16 * 2**20  # no bomb below: an honest file of one line repeated packs as well as a bomb
CHUNK = 2**18  # bytes read at a time, so that a bomb is found before it is unpacked
EXCERPT = 60  # characters of a broken line that its error shows
Decoded = TypeVar("Decoded")


class Content(NamedTuple):
    """A file that was read whole."""

    path: Path  # as it was found, for messages
    data: bytes  # uncompressed


def read(path: Path) -> Content:
    """The content of a file, uncompressed where its name ends in .gz; InputError where it cannot be had whole."""
    try:
        found = path.stat()
        if stat.S_ISCHR(found.st_mode) or stat.S_ISBLK(found.st_mode):  # of /dev/zero there is no end
            raise InputError(f"{path}: expected a file that can be read, found a device")
        if found.st_size > psutil.virtual_memory().available:
            raise InputError(
                f"{path}: expected a file that the free memory has room for, found {found.st_size:,} bytes"
            )
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path}: expected a file that can be read, found: {reason}") from error
    if path.suffix != ".gz":
        return Content(path, data)
    most = most_unpacked(len(data))
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            whole = unpacked(file, most)
        if whole is None:
            raise InputError(
                f"{path}: expected at most {most:,} bytes to come out of {len(data):,}, found more: it may be a bomb; "
                f"if it is yours, unpack it (gunzip) and name the file itself"
            )
        return Content(path, whole)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path}: expected a whole gzip file, found a truncated or damaged one ({error}): get the file anew"
        ) from error


def most_unpacked(size: int) -> int:
    """How many bytes may come out of so many packed ones."""
    return min(MOST_BYTES, max(FREE_BYTES, MOST_RATIO * size))


def unpacked(file: IO[bytes] | gzip.GzipFile, most: int) -> bytes | None:
    """All that comes out; None where that is more than `most` bytes, found before more is taken."""
    chunks, total = [], 0
    while chunk := file.read(CHUNK):
        total += len(chunk)
        if total > most:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def write_whole(path: Path, content: bytes | Iterable[bytes]) -> None:
    """
    Write a file so that it is there whole or not at all, in place of an old one: OSError leaves that as it was.

    A device or a pipe is written into: nothing takes its place.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        with path.open("wb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
        return
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """
    A folder to write into, whose files are in `folder` at the end: all of them, or, where anything goes wrong, none.

    Files of other names that are there stay. InputError where the disk refuses, and of those raised within the path is
    `folder`'s.
    """
    is_new = not folder.exists()
    name = f".{folder.absolute().name}.{os.getpid()}.part"
    part = folder.absolute().with_name(name) if is_new else folder / name  # beside it there may be another disk
    above = [each for each in folder.absolute().parents if not each.exists()]
    try:
        part.mkdir(parents=True)
        yield part
        if is_new:
            part.replace(folder)
            return
        moves = {path: folder / path.relative_to(part) for path in sorted(part.rglob("*")) if path.is_file()}
        for place in moves.values():
            _refuse_in_the_way(place, folder)
        for path, place in moves.items():
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)
    except InputError as error:
        raise InputError(str(error).replace(str(part), str(folder))) from error
    except OSError as error:
        raise InputError(f"{folder}: expected a folder that can be written, found: {error.strerror}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        for each in above:  # the innermost first: those that were made for nothing
            with contextlib.suppress(OSError):
                each.rmdir()


def _refuse_in_the_way(place: Path, folder: Path) -> None:
    """InputError where a file is to be and a folder is, or where one of the folders above it is a file."""
    if place.is_dir():
        raise InputError(f"{place}: expected a place for a file, found a folder: choose another folder with -o")
    for each in place.parents:
        if each == folder:
            return
        if each.exists() and not each.is_dir():
            raise InputError(f"{each}: expected a folder, found a file: choose another folder with -o")


def settle(path: Path, *, within: bool = True) -> None:
    """Wait until a file, or a folder (with all that is within it), is on the disk: no record may name what is lost."""
    paths = [path, *path.rglob("*")] if within and path.is_dir() else [path]
    for each in paths:
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def kind(path: Path) -> str:
    """The suffix that tells the format, in lower case: `.csv` for docs.csv and for docs.csv.gz."""
    return Path(path.name.removesuffix(".gz")).suffix.lower()


def text(content: Content) -> str:
    """The content as text, a byte order mark dropped; InputError for what is not UTF-8 and for NUL bytes."""
    try:
        decoded = content.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{content.path}:{line}: expected UTF-8, found the byte 0x{error.object[error.start]:02x} "
            f"({error.reason}): save the file as UTF-8"
        ) from error
    nul = decoded.find("\0")
    if nul >= 0:
        line = decoded.count("\n", 0, nul) + 1
        raise InputError(f"{content.path}:{line}: expected text, found a NUL byte: the file is damaged, or no text")
    return decoded


def lines(content: Content) -> Iterator[tuple[str, str]]:
    """Every line that is not blank with its place, `path:number`, from 1."""
    # Not str.splitlines: it also splits at characters such as U+2028, which JSON strings may hold.
    for number, line in enumerate(text(content).split("\n"), start=1):
        if line.strip():
            yield f"{content.path}:{number}", line.removesuffix("\r")


def json_lines(content: Content, shape: type[Decoded]) -> Iterator[tuple[str, Decoded]]:
    """Every line that is not blank as the JSON object that `shape` describes, with its place."""
    decoder = msgspec.json.Decoder(shape)
    for place, line in lines(content):
        yield place, _decode(decoder, line, place)


def json_document(content: Content, shape: type[Decoded]) -> Decoded:
    """The whole file as one JSON object that `shape` describes."""
    return _decode(msgspec.json.Decoder(shape), text(content), str(content.path))


def _decode(decoder: msgspec.json.Decoder[Decoded], source: str, place: str) -> Decoded:
    try:
        return decoder.decode(source)
    except (msgspec.DecodeError, RecursionError) as error:
        excerpt = source if len(source) <= EXCERPT else source[:EXCERPT] + "..."
        raise InputError(
            f"{place}: expected a JSON object of its format, found {excerpt!r}: {_in_words(error, source)}"
        ) from error


def _in_words(error: Exception, source: str) -> str:
    """What is wrong with JSON that other programs write, and what it should be; else what the library says."""
    known = next((said for pattern, said in NO_JSON.items() if pattern.search(source)), "")
    return f"{error}{f': {known}' if known else ''}"
