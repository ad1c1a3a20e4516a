"""Downloads: one URL -> its bytes, by HTTP. Whether they are the right ones, whoever asked tells by their hash."""

from __future__ import annotations

import io
from http.client import HTTPException, HTTPMessage, HTTPResponse, InvalidURL
from importlib import metadata
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from bench.progress import Progress

SILENCE = 30.0  # seconds without a byte, of connecting and of every read, after which a server is given up
CHUNK = 2**18  # bytes, at most, of one read


class DownloadError(Exception):
    """A place that did not give its file: the message is the reason alone, since another place may give it."""


class UnreachableError(DownloadError):
    """Nobody could be connected to."""


def download(url: str, most: int, progress: Progress) -> bytes:
    """
    What a URL (http, https) gives, at most so many bytes. Proxies of the environment are used.

    Raises DownloadError with the reason; UnreachableError where nobody can be connected to.
    """
    headers = {"User-Agent": f"sparring/{metadata.version('sparring')}", "Accept-Encoding": "identity"}
    try:
        request = Request(url, headers=headers)  # noqa: S310  # cards, --from and redirects allow http and https alone
        with build_opener(_Redirects).open(request, timeout=SILENCE) as response:
            progress.starts(url.rpartition("/")[2] or url, 0, response.length)
            return _body(response, most, progress)
    except HTTPError as error:
        error.close()
        raise DownloadError(" ".join(f"HTTP status {error.code} {error.reason}".split())) from error
    except URLError as error:
        raise UnreachableError(_words(error.reason)) from error
    except (ValueError, InvalidURL) as error:
        raise DownloadError(f"expected a URL, or a redirect to one, found none ({error})") from error
    except (OSError, HTTPException) as error:
        raise DownloadError(_words(error)) from error


def _words(error: object) -> str:
    return "the server was silent for too long" if isinstance(error, TimeoutError) else str(error) or repr(error)


def _body(response: HTTPResponse, most: int, progress: Progress) -> bytes:
    if response.length is not None and response.length > most:
        raise DownloadError(f"expected at most {most:,} bytes, found {response.length:,} announced")
    body = bytearray()
    while chunk := response.read1(CHUNK):
        body += chunk
        if len(body) > most:
            raise DownloadError(f"expected at most {most:,} bytes, found more")
        progress.moves(len(body))
    if response.length:  # what is left of it: http.client does not tell
        raise DownloadError(f"the connection ended after {len(body):,} of {len(body) + response.length:,} bytes")
    return bytes(body)


class _Redirects(HTTPRedirectHandler):
    """Redirects to http and https alone, never from https to http; what comes with them, maybe endless, is not read."""

    def http_error_302(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage
    ) -> HTTPResponse | None:
        fp.close()
        return super().http_error_302(req, io.BytesIO(), code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        after = urlsplit(newurl).scheme
        if after != "https" and (after != "http" or req.type == "https"):
            raise DownloadError(f"expected a redirect that stays with http or https, found one to {newurl!r}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
