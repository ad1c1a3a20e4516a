"""Downloads: how a server is asked and followed, and what is said where it fails."""

from __future__ import annotations

import gzip
import hashlib
import io
from http.client import HTTPMessage
from urllib.request import Request

import pytest

from bench.passages import download
from bench.passages.download import DownloadError
from tests.helpers.fetched import CONTENT, OTHER, get, left, refused, write_card
from tests.helpers.server import cut, endless, mute, redirect, saying, silent, status, well

pytestmark = pytest.mark.usefixtures("alone")


def test_who_asks(tmp_path, server):
    """
    The server is told who asks, and that no encoding of the content is wanted.
    """
    get(write_card(tmp_path, {"urls": [server.on("/a.txt", well(CONTENT))]}))

    (asked,) = server.asked
    assert asked.headers["User-Agent"].startswith("sparring/")
    assert "identity" == asked.headers["Accept-Encoding"]


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (status(404), "HTTP status 404 Not Found"),
        (status(403), "HTTP status 403"),
        (status(500), "HTTP status 500"),
        (mute, "silent for too long"),
        (silent(CONTENT, 0), "silent for too long"),
        (silent(CONTENT, 5000), "silent for too long"),
        (cut(CONTENT, 0), f"ended after 0 of {len(CONTENT):,} bytes"),
        (cut(CONTENT, 9), f"ended after 9 of {len(CONTENT):,} bytes"),
        (saying(200, b"5\r\nline \r\n", Transfer_Encoding="chunked"), "IncompleteRead"),
        (
            saying(200, CONTENT, Content_Length=len(CONTENT) + 50),
            f"ended after {len(CONTENT):,} of",
        ),  # announced too long
        (saying(200, CONTENT, Content_Length=9), f"expected bytes {len(CONTENT)}"),  # announced too short
        (well(OTHER), hashlib.sha256(OTHER).hexdigest()),
        (well(b""), "found 0"),
        (well(gzip.compress(OTHER, mtime=0)), hashlib.sha256(OTHER).hexdigest()),
        (well(gzip.compress(CONTENT, mtime=0)[:-9]), "a whole gzip file, found a damaged one"),
        (well(gzip.compress(bytes(10**7), mtime=0)), f"found {len(CONTENT) + 1}"),  # a bomb: no byte more is read
        (well(bytes(10**6)), "found 1,000,000 announced"),
        (endless, "bytes, found more"),
        (saying(200, b"", Content_Length="many"), "found 0"),
        (redirect("/a.txt"), "infinite loop"),
        (redirect("file:///etc/hostname"), "Redirection to url 'file:///etc/hostname' is not allowed"),
        (redirect("data:,line"), "Redirection to url 'data:,line' is not allowed"),
        (redirect("ftp://127.0.0.1/a.txt"), "expected a redirect that stays with http or https, found one to 'ftp:"),
        (redirect("http://[broken/"), "expected a URL, or a redirect to one, found none"),
        (redirect("http://127.0.0.1:port/"), "expected a URL, or a redirect to one, found none"),
        (saying(302, b""), "HTTP status 302"),
    ],
)
def test_failures(tmp_path, server, data, monkeypatch, failure, reason):
    """
    What fails is an error with URL and reason, after one try; nothing is kept of it.
    """
    url = server.on("/a.txt", failure)
    card = write_card(tmp_path, {"urls": [url]})
    if "silent" in reason:
        monkeypatch.setattr(download, "SILENCE", 0.2)

    message = refused(card)

    assert f"  {url}: " in message
    assert reason in message
    assert f"set/a.txt: expected in one of these places, found in none:\n  {url}" in message
    assert "Nobody 2026." in message
    assert f"put it into {data}" in message
    assert "loop" in reason or 1 == len(server.asked)
    assert [] == left(data)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects(tmp_path, server, code):
    """
    Redirects are followed, wherever their names need quoting.
    """
    server.on("/a.txt", redirect("/th%C3%A9re is\u00e9", code))
    server.on("/th%C3%A9re%20is%E9", well(CONTENT))

    path = get(write_card(tmp_path, {"urls": [f"{server.url}/a.txt"]}))

    assert CONTENT == path.read_bytes()


def test_no_way_back_from_https():
    """
    A redirect never leads from https to http.
    """
    asked = Request("https://example.org/a")
    to = "http://example.org/a"

    with pytest.raises(DownloadError, match="found one to 'http://example"):
        download._Redirects().redirect_request(asked, io.BytesIO(), 302, "Found", HTTPMessage(), to)


def test_proxy(tmp_path, server, monkeypatch):
    """
    A proxy that the environment names is asked, with the whole URL.
    """
    monkeypatch.setenv("http_proxy", server.url)
    server.on("http://nowhere.invalid/a.txt", well(CONTENT))

    path = get(write_card(tmp_path, {"urls": ["http://nowhere.invalid/a.txt"]}))

    assert CONTENT == path.read_bytes()
