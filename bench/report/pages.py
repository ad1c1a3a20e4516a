"""
Tables and pictures in Markdown pages, made anew from the runs that they name.

A table stands between two lines that GitHub does not show:

    <!-- sparring table results/first --columns R@10,single_p50_ms -->
    <!-- end -->

and a picture, an SVG file, after one:

    <!-- sparring plot frontier results/first -o frontier.svg -->
    ![Quality against time](frontier.svg)

The first line is a command as it is typed, its files relative to the page. What a block of code shows is no marker.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.errors import InputError
from bench.formats.files import write_whole

BEGIN = re.compile(r"<!-- sparring table\b(.*)-->\s*")
END = re.compile(r"<!-- end -->\s*")
PICTURE = re.compile(r"<!-- sparring plot\b(.*)-->\s*")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


class Marker(NamedTuple):
    """One table of a page."""

    begin: int  # index of the first marker's line
    end: int  # index of the last marker's
    arguments: list[str]  # what follows `sparring table`


class Picture(NamedTuple):
    """The marker of one picture of a page."""

    line: int  # index of its line
    arguments: list[str]  # what follows `sparring plot`
    below: str  # the next line that is not empty, which shows the picture


Make = Callable[[list[str], Path], str]  # arguments and the folder they are relative to -> Markdown


def made_anew(page: Path, make: Make) -> tuple[str, str]:
    """
    The text of a page, and the same with its tables made anew.

    InputError for a page that cannot be read or has no table, and for a bad marker: without its end, with words that
    are no command, of a run that is not there. It names the line.
    """
    text = _read(page)
    lines = text.splitlines(keepends=True)
    found = list(_markers(page, lines))
    if not found:
        raise InputError(f"{page}: expected a line `<!-- sparring table RUN -->` and one `<!-- end -->`, found none")
    for marker in reversed(found):
        try:
            table = make(marker.arguments, page.parent)
        except InputError as error:
            raise InputError(f"{page}:{marker.begin + 1}: {error}") from error
        lines[marker.begin + 1 : marker.end] = ["\n", table, "\n"]
    return text, "".join(lines)


def pictures(page: Path) -> list[Picture]:
    """
    The pictures of a page in their order.

    InputError for a page that cannot be read or has none, and for a marker whose words are none; it names the line.
    """
    lines = _read(page).splitlines()
    found = [
        Picture(number, _words(page, number, marker[1]), next(filter(str.strip, lines[number + 1 :]), ""))
        for number, line in _outside_code(lines)
        if (marker := PICTURE.fullmatch(line))
    ]
    if not found:
        raise InputError(f"{page}: expected a line `<!-- sparring plot KIND RUN -o FILE.svg -->`, found none")
    return found


def difference(page: Path, old: str, new: str) -> str:
    """What has to change in a page, as a unified diff; empty where nothing has."""
    was, now = old.splitlines(keepends=True), new.splitlines(keepends=True)
    return "".join(difflib.unified_diff(was, now, str(page), f"{page} (made anew)"))


def write(page: Path, text: str) -> None:
    """Put a page in its place, whole; InputError where it cannot be written."""
    try:
        write_whole(page, text.encode())
    except OSError as error:
        raise InputError(f"{page}: cannot be written: {error.strerror}") from error


def _read(page: Path) -> str:
    try:
        return page.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{page}: expected a Markdown page in UTF-8, found none that can be read: {error}") from error


def _markers(page: Path, lines: list[str]) -> Iterator[Marker]:
    """The tables of a page in their order."""
    begun, arguments = None, ""
    for number, line in _outside_code(lines):
        begin, end = BEGIN.fullmatch(line), END.fullmatch(line)
        if (begin and begun is not None) or (end and begun is None):
            wanted = "<!-- sparring table RUN -->" if end else "<!-- end --> first"
            raise InputError(f"{page}:{number + 1}: expected {wanted}, found {line.strip()}")
        if begin:
            begun, arguments = number, begin[1]
        elif end and begun is not None:
            yield Marker(begun, number, _words(page, begun, arguments))
            begun = None
    if begun is not None:
        raise InputError(f"{page}:{begun + 1}: expected a line `<!-- end -->` after this table, found none")


def _outside_code(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """The lines that no block of code shows, with their indices; what a table made by us holds opens no block."""
    fence, in_table = "", False
    for number, line in enumerate(lines):
        edge = FENCE.match(line)
        if not in_table and edge and (not fence or edge[1].startswith(fence)):
            fence = "" if fence else edge[1]
        if fence:
            continue
        in_table = bool(BEGIN.fullmatch(line)) or (in_table and not END.fullmatch(line))
        yield number, line


def _words(page: Path, number: int, arguments: str) -> list[str]:
    try:
        return shlex.split(arguments)
    except ValueError as error:
        raise InputError(
            f"{page}:{number + 1}: expected words as a shell reads them, found{arguments}: {error}"
        ) from error
