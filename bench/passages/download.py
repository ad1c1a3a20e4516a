"""
Downloads: one URL -> one file, by HTTP, through a `.part` file from which an interrupted download goes on.

What a server says of length, range and identity only decides whether to go on or to begin anew. Whether the content is
the right one is not known here: whoever asked compares its hash.
"""

from __future__ import annotations

import contextlib
import re
import string
import time
from collections.abc import Iterator
from http.client import HTTPException, HTTPMessage, HTTPResponse, InvalidURL
from importlib import metadata
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.error import URLError
from urllib.parse import quote, urljoin, urlsplit
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request, UnknownHandler

import msgspec

from bench.errors import InputError

CHUNK = 2**18  # bytes, at most, of one read: what a stalled server costs at the end
MOST_REDIRECTS = 10  # as browsers and curl have them, or fewer
REDIRECTS = (301, 302, 303, 307, 308)
PASSING = (408, 425, 429, 500, 502, 503, 504)  # what a server says of a state that may pass
CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")


class DownloadError(Exception):
    """A URL that did not give its file: the message is the reason alone, since another URL may give it."""


class Patience(NamedTuple):
    """How long a server is waited for, and how often it is asked."""

    timeout: float = 30.0  # seconds without a byte, of connecting and of every read
    tries: int = 5
    wait: float = 1.0  # seconds before the second try; doubled before each that follows


class Progress(Protocol):
    """Who is told how far it is."""

    def starts(self, what: str, done: int, total: int | None) -> None: ...

    def moves(self, done: int) -> None: ...  # bytes of what was started last

    def says(self, line: str) -> None: ...


class Silent:
    """Tells nobody."""

    def starts(self, what: str, done: int, total: int | None) -> None: ...

    def moves(self, done: int) -> None: ...

    def says(self, line: str) -> None: ...


class _Passing(Exception):  # noqa: N818  # not an error yet
    """What may go better the next time."""


class _Origin(msgspec.Struct, frozen=True):
    """Where the bytes in a `.part` file came from, kept beside it."""

    url: str
    validator: str | None  # a strong ETag, else the date of the last change
    total: int | None  # bytes of the whole


def download(
    url: str,
    part: Path,
    *,
    most: int,
    size: int | None = None,
    patience: Patience = Patience(),  # noqa: B008  # frozen
    progress: Progress | None = None,
) -> bool:
    """
    Write what a URL gives to `part`; whether it was pieced together from several answers, as no changed file may be.

    most: bytes after which it is given up. size: bytes that it likely has: a server that goes silent after them, or
    announced more, has given it all.

    What lies in `part` is gone on from (Range, If-Range) where it came from the same URL and its validator, or without
    one its size, is still the same; it stays there when this call is interrupted or fails. Redirects go to http and
    https alone, and never from https to http. Proxies of the environment are used.

    Raises DownloadError with the reason, after one try where nobody can be connected to; InputError where `part` can
    not be written.
    """
    progress = progress or Silent()
    for attempt in range(patience.tries):
        try:
            return _attempt(url, part, most, patience.timeout, progress) > 0
        except _Passing as passing:
            if size is not None and _kept(part, url)[1] == size:
                return True
            reason = str(passing)
        if attempt + 1 < patience.tries:
            progress.says(f"{url}: {reason}; trying again")
            time.sleep(patience.wait * 2**attempt)
    raise DownloadError(f"{reason} (tried {patience.tries} times)")


def discard(part: Path) -> None:
    """Delete a `.part` file and what is known of it."""
    with written(part):
        part.unlink(missing_ok=True)
        _beside(part).unlink(missing_ok=True)


@contextlib.contextmanager
def written(path: Path) -> Iterator[None]:
    """What goes wrong with the disk inside, as InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path}: expected a file that can be written, found: {error.strerror or error}: make room or leave to "
            f"write there, or name another folder with --to; the same command goes on from what is there"
        ) from error


def _attempt(url: str, part: Path, most: int, timeout: float, progress: Progress) -> int:
    """One request, its body written; the bytes that were kept of those before it."""
    known, have = _kept(part, url)
    headers = {}
    if known is not None:
        headers["Range"] = f"bytes={have}-"
        if known.validator is not None:
            headers["If-Range"] = known.validator
    with _opened(url, headers, timeout) as response:
        if response.status not in (200, 206, 416):
            error = _Passing if response.status in PASSING else DownloadError
            raise error(f"HTTP status {response.status} {response.reason}".strip())
        origin, start = _origin(url, response), _start(response)
        if response.status == 416 and known is not None and have == origin.total:
            return have  # nothing was missing
        if response.status == 416 or start not in (0, have) or (start and not _same(known, origin)):
            discard(part)
            raise _Passing("the file there is not the one begun with")
        if origin.total is not None and origin.total > most:
            raise DownloadError(f"expected at most {most:,} bytes, found {origin.total:,} announced")
        progress.starts(url.rpartition("/")[2] or url, start, origin.total)
        _write(response, part, origin, start, most, progress)
    return start


def _write(response: HTTPResponse, part: Path, origin: _Origin, start: int, most: int, progress: Progress) -> None:
    done = start
    with written(part):
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab" if start else "wb") as file:
            # After the truncation: a part must never be told to come from where its bytes did not.
            _beside(part).write_bytes(msgspec.json.encode(origin))
            for chunk in _chunks(response):
                done += len(chunk)
                if done > most:
                    break
                file.write(chunk)
                file.flush()  # a full disk is found at once, and a killed process loses nothing
                progress.moves(done)
    if done > most:
        discard(part)
        raise DownloadError(f"expected at most {most:,} bytes, found more")
    if origin.total is not None and done < origin.total:
        raise _Passing(f"the connection ended after {done:,} of {origin.total:,} bytes")


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    """The body as it comes; an error of reading is no error of writing."""
    while True:
        try:
            chunk = response.read1(CHUNK)
        except (OSError, HTTPException) as error:
            raise _Passing(_reason(error)) from error
        if not chunk:
            return
        yield chunk


def _opened(url: str, headers: dict[str, str], timeout: float) -> HTTPResponse:
    """
    The response to GET after redirects, its body unread.

    urllib's own handler of redirects reads their bodies without a bound, and would go from https to http.
    """
    opener = OpenerDirector()
    for handler in (ProxyHandler, HTTPHandler, HTTPSHandler, UnknownHandler):
        opener.add_handler(handler())
    headers |= {"User-Agent": f"sparring/{metadata.version('sparring')}", "Accept-Encoding": "identity"}
    for _ in range(MOST_REDIRECTS + 1):
        try:
            response: HTTPResponse = opener.open(Request(url, headers=headers), timeout=timeout)  # noqa: S310  # checked
        except (ValueError, InvalidURL) as error:
            raise DownloadError(f"expected a URL, found {url!r} ({error})") from error
        except URLError as error:  # no connection: offline, nothing is tried twice
            raise DownloadError(_reason(error)) from error
        except (OSError, HTTPException) as error:
            raise _Passing(_reason(error)) from error
        if response.status not in REDIRECTS:
            return response
        response.close()
        url = _redirected(url, response.headers)
    raise DownloadError(f"expected at most {MOST_REDIRECTS} redirects, found more, the last to {url}")


def _redirected(url: str, headers: HTTPMessage) -> str:
    location = headers.get("Location", "")
    try:
        target = urljoin(url, location)
        before, after = urlsplit(url).scheme, urlsplit(target).scheme
    except ValueError as error:
        raise DownloadError(f"expected a redirect to a URL, found one to {location!r} ({error})") from error
    if after not in ("http", "https") or (before == "https" and after == "http"):
        expected = "https" if before == "https" else "http or https"
        raise DownloadError(f"expected a redirect to {expected}, found one to {target!r}")
    # Headers are decoded as Latin-1: what is not ASCII goes back as the bytes that the server sent.
    return quote(target, encoding="latin-1", errors="replace", safe=string.punctuation)


def _reason(error: BaseException) -> str:
    """What happened, in words, of an error of connecting or reading."""
    reason = getattr(error, "reason", error)  # urllib wraps those of connecting
    if isinstance(reason, TimeoutError):
        return "the server was silent for too long"
    return str(reason) or type(reason).__name__


def _origin(url: str, response: HTTPResponse) -> _Origin:
    etag = response.headers.get("ETag", "")
    validator = etag if etag.startswith('"') else response.headers.get("Last-Modified")  # W/"..." may hide a change
    if response.status == 200:
        return _Origin(url, validator, response.length)
    matched = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return _Origin(url, validator, int(matched[2]) if matched and matched[2].isdecimal() else None)


def _start(response: HTTPResponse) -> int | None:
    """Where the body begins in the file; None where the server does not say."""
    if response.status == 200:
        return 0
    matched = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return int(matched[1]) if matched and matched[1] else None


def _same(known: _Origin | None, found: _Origin) -> bool:
    """Whether a range is of the file that was begun with: by validator, and by size."""
    return known is not None and known.validator == found.validator and known.total in (None, found.total)


def _beside(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _kept(part: Path, url: str) -> tuple[_Origin | None, int]:
    """Where the bytes of a part came from and their count; None and 0 where they can not be gone on from."""
    try:
        origin, have = msgspec.json.decode(_beside(part).read_bytes(), type=_Origin), part.stat().st_size
    except (OSError, msgspec.DecodeError):
        return None, 0
    known = origin.url == url and (origin.validator is not None or origin.total is not None)
    return (origin, have) if known and have else (None, 0)
