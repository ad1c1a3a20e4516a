"""Fetching: a card's files, whole and verified, from servers that fail in every way known to us."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from http.client import HTTPMessage
from pathlib import Path
from urllib.request import Request

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from bench.commands.fetch import fetch as fetch_command
from bench.errors import InputError
from bench.lock import LOCK
from bench.passages import cards, download, loader
from bench.passages.download import DownloadError
from bench.passages.fetch import fetch
from bench.progress import Silent
from bench.report.console.progress import shown
from tests.helpers.server import cut, endless, mute, redirect, saying, serving, silent, status, well

DATA = os.environ.get("SPARRING_DATA")
CONTENT = b"".join(b"line %d of a small file\n" % number for number in range(500))
OTHER = CONTENT.replace(b"small", b"other")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _alone(cache, monkeypatch):
    """A cache of the test's own, no folder of data, and no proxy between."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server():
    with serving() as running:
        yield running


@pytest.fixture
def data(cache) -> Path:
    """The cache's data folder."""
    return cache / "data"


class Told(Silent):
    """What was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def says(self, line):
        self.lines.append(line)


def write_card(folder: Path, *files: dict[str, object]) -> str:
    """The path of a card whose files have CONTENT, where nothing else is said."""
    lines = [
        'title = "A test"\nlanguage = "en"\nlicence = "CC0"\ncitation = "Nobody 2026."\nformat = "squad"',
        "counts = { passages = 1, queries = 1, judgments = 1 }",
    ]
    for file in files:
        content = file.pop("content", CONTENT)
        facts = {"path": "set/a.txt", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} | file
        lines += ["[[files]]", *(f"{key} = {json.dumps(value)}" for key, value in facts.items())]
    path = folder / "a.toml"
    path.write_text("\n".join(lines))
    return str(path)


def get(card: str, progress=None, **options) -> Path:
    """The one file of a card, fetched."""
    (path,) = fetch([card], progress=progress, **options).values()
    return path


def refused(card: str, **options) -> str:
    with pytest.raises(InputError) as caught:
        get(card, **options)
    return str(caught.value)


def left(folder: Path) -> list[str]:
    """The files below a folder, the lock apart."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.name != LOCK)


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


def tarred(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        header = tarfile.TarInfo(name)
        header.size = len(content)
        archive.addfile(header, io.BytesIO(content))
    return buffer.getvalue()


# A server that does well


def test_download(tmp_path, server, data):
    """
    A file is downloaded into the cache's data folder, where a run looks for it, and nothing else is left there.
    """
    card = write_card(tmp_path, {"urls": [server.on("/a.txt", well(CONTENT))]})

    path = get(card)

    assert data / "set/a.txt" == path
    assert CONTENT == path.read_bytes()
    assert ["set/a.txt"] == left(data)
    assert cards.at_hand(cards.read_card(Path(card)))


def test_who_asks(tmp_path, server):
    """
    The server is told who asks, and that no encoding of the content is wanted.
    """
    get(write_card(tmp_path, {"urls": [server.on("/a.txt", well(CONTENT))]}))

    (asked,) = server.asked
    assert asked.headers["User-Agent"].startswith("sparring/")
    assert "identity" == asked.headers["Accept-Encoding"]


def test_available(tmp_path, server, data):
    """
    What is available is said, once a set, and left: nobody is asked for it.
    """
    card = write_card(tmp_path, {"urls": [server.on("/a.txt", well(CONTENT))]})
    (data / "set").mkdir(parents=True)
    (data / "set/a.txt.gz").write_bytes(gzip.compress(CONTENT, mtime=0))
    told = Told()

    path = get(card, told)

    assert data / "set/a.txt.gz" == path
    assert [f"{card}: available"] == told.lines
    assert [] == server.asked


def test_damaged_in_the_cache(tmp_path, server, data):
    """
    A wrong file in the data folder is fetched anew.
    """
    card = write_card(tmp_path, {"urls": [server.on("/a.txt.gz", well(gzip.compress(CONTENT, mtime=0)))]})
    (data / "set").mkdir(parents=True)
    (data / "set/a.txt").write_bytes(OTHER)

    path = get(card)

    assert CONTENT == gzip.decompress(path.read_bytes())
    assert ["set/a.txt.gz"] == left(data)


def test_damaged_where_it_hides_what_is_fetched(tmp_path, server, monkeypatch):
    """
    A wrong file in a folder that is looked at before the data folder is an error: fetching would not help.
    """
    card = write_card(tmp_path, {"urls": [server.on("/a.txt", well(CONTENT))]})
    (tmp_path / "own/set").mkdir(parents=True)
    (tmp_path / "own/set/a.txt").write_bytes(OTHER)
    monkeypatch.setenv("SPARRING_DATA", str(tmp_path / "own"))

    message = refused(card)

    assert str(tmp_path / "own/set/a.txt") in message
    assert hashlib.sha256(CONTENT).hexdigest() in message
    assert "move it away" in message
    assert [] == server.asked


def test_licence_before_the_first_byte(tmp_path, server):
    """
    Title and licence are said before anything is asked of a server.
    """
    said = []
    card = write_card(tmp_path, {"urls": [server.on("/a.txt", lambda handler: answer(handler))]})
    told = Told()

    def answer(handler):
        said.extend(told.lines)
        well(CONTENT)(handler)

    get(card, told)

    assert [f"{card}: A test; licence: CC0"] == said


@pytest.mark.parametrize(
    ("path", "body", "headers", "name"),
    [
        ("set/a.txt", gzip.compress(CONTENT, mtime=0), {}, "set/a.txt.gz"),
        ("set/a.txt", gzip.compress(CONTENT, mtime=0), {"Content_Encoding": "gzip"}, "set/a.txt.gz"),
        ("set/a.txt.gz", gzip.compress(CONTENT, mtime=0), {}, "set/a.txt.gz"),
        ("set/a.txt", gzip.compress(CONTENT[:90], mtime=0) + gzip.compress(CONTENT[90:], mtime=0), {}, "set/a.txt.gz"),
    ],
)
def test_gzip(tmp_path, server, data, path, body, headers, name):
    """
    A gzipped file is kept as it came, under a name in .gz: the card's hash is of the uncompressed content.
    """
    card = write_card(tmp_path, {"path": path, "urls": [server.on("/a", well(body, **headers))]})

    found = get(card)

    assert data / name == found
    assert body == found.read_bytes()
    assert cards.at_hand(cards.read_card(Path(card)))


# Interrupted


@pytest.mark.parametrize("answer", [well(CONTENT), silent(CONTENT, 5000)], ids=["at its end", "in the middle"])
def test_interrupted_by_hand(tmp_path, server, data, answer):
    """
    Ctrl-C leaves nothing half-written, and the same command fetches the file.
    """
    card = write_card(tmp_path, {"urls": [server.on("/a.txt", answer, well(CONTENT))]})

    class Stops(Told):
        def moves(self, done):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(card, Stops())

    assert [] == left(data)
    assert CONTENT == get(card).read_bytes()


def test_killed(tmp_path, server, data):
    """
    A fetch that was killed leaves nothing that stands in the way of the next one.
    """
    card = write_card(tmp_path, {"urls": [server.on("/a.txt", silent(CONTENT, 5000), well(CONTENT))]})
    code = f"from bench.passages.fetch import fetch; fetch([{card!r}])"
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path) as process:
        deadline = time.monotonic() + 60
        while not server.asked and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()

    path = get(card)

    assert CONTENT == path.read_bytes()
    assert ["set/a.txt"] == left(data)


# Servers that fail


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


def test_expected_and_found(tmp_path, server):
    """
    Wrong content of the right size is told by both hashes.
    """
    card = write_card(tmp_path, {"urls": [server.on("/a.txt", well(OTHER))]})

    message = refused(card)

    assert f"expected sha256 {hashlib.sha256(CONTENT).hexdigest()}" in message
    assert f"found {hashlib.sha256(OTHER).hexdigest()}" in message


def test_nobody_there(tmp_path, server):
    """
    Where nobody can be connected to, the next URL is tried.
    """
    with serving() as gone:
        closed = gone.url
    told = Told()
    card = write_card(tmp_path, {"urls": [f"{closed}/a.txt", server.on("/a.txt", well(CONTENT))]})

    path = get(card, told)

    assert CONTENT == path.read_bytes()
    assert [f"{closed}/a.txt: [Errno 111] Connection refused"] == told.lines[1:]


def test_mirrors(tmp_path, server):
    """
    A card's URLs are tried in order; why the first did not do is said.
    """
    urls = [server.on("/1", status(404)), server.on("/2", well(OTHER)), server.on("/3", well(CONTENT))]
    told = Told()

    path = get(write_card(tmp_path, {"urls": urls}), told)

    assert CONTENT == path.read_bytes()
    assert ["/1", "/2", "/3"] == [asked.path for asked in server.asked]
    assert f"{urls[0]}: HTTP status 404 Not Found" in told.lines


def test_the_rest_is_fetched(tmp_path, server, data):
    """
    A file that cannot be had does not keep the others from being fetched; the error comes at the end.
    """
    files = [
        {"path": "set/a.txt", "urls": [server.on("/a", status(404))]},
        {"path": "set/b.txt", "urls": [server.on("/b", well(CONTENT))]},
    ]

    message = refused(write_card(tmp_path, *files))

    assert "set/a.txt: expected in one of these places" in message
    assert ["set/b.txt"] == left(data)


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


# Archives


def test_members(tmp_path, server, data):
    """
    Files that lie in one archive are taken from one download of it; nothing else of it is kept.
    """
    url = server.on("/a.zip", well(zipped(set__a=CONTENT, set__b=OTHER, set__c=b"not asked for")))
    files = [
        {"path": "set/a.txt", "member": "set/a", "urls": [url]},
        {"path": "set/b.txt", "member": "set/b", "urls": [url], "content": OTHER},
    ]

    found = fetch([write_card(tmp_path, *files)])

    assert [CONTENT, OTHER] == [path.read_bytes() for path in found.values()]
    assert ["/a.zip"] == [asked.path for asked in server.asked]
    assert ["set/a.txt", "set/b.txt"] == left(data)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (zipped(set__a=CONTENT, **{"..__..__evil": b"x"}), "../../evil"),
        (zipped(set__a=CONTENT, __evil=b"x"), "/evil"),
        (tarred("../evil", b"x"), "../evil"),
        (tarred("set/a", bytes(3 * 10**7)), "bomb"),
        (zipped(set__a=CONTENT)[:-30], "damaged"),
        (zipped(set__b=CONTENT), "expected the member 'set/a'"),
        (zipped(set__a=OTHER), hashlib.sha256(OTHER).hexdigest()),
        (b"no archive at all", "found"),
        (b"", "found"),
    ],
    ids=["zip-slip", "absolute", "tar-slip", "bomb", "cut", "no member", "other content", "none", "empty"],
)
def test_archives_that_are_refused(tmp_path, server, data, body, reason):
    """
    An archive that would write elsewhere, a bomb, and one that is damaged or without the member give nothing at all.
    """
    url = server.on("/a.zip", well(body))

    message = refused(write_card(tmp_path, {"member": "set/a", "urls": [url]}))

    assert f"  {url}: " in message or f"  {url} (set/a): " in message
    assert reason in message
    assert [] == left(data)
    assert [] == list(tmp_path.rglob("evil"))


def test_an_archive_that_is_not_there_is_told_once(tmp_path, server):
    """
    Where an archive cannot be had, its URL and the reason are said once, whatever is wanted of it, at the end alone.
    """
    with serving() as gone:
        url = f"{gone.url}/a.zip"
    files = [{"path": f"set/{name}.txt", "member": f"set/{name}", "urls": [url]} for name in "abc"]
    card, told = write_card(tmp_path, *files), Told()

    message = refused(card, progress=told)

    first, reason, _ = message.splitlines()
    assert f"{card}: set/a.txt, set/b.txt, set/c.txt: expected in one of these places, found in none:" == first
    assert f"  {url}: [Errno 111] Connection refused" == reason
    assert [f"{card}: A test; licence: CC0"] == told.lines


def test_endless_archive(tmp_path, server, data, monkeypatch):
    """
    An archive is bounded, too, by what the card takes of it.
    """
    monkeypatch.setattr("bench.passages.fetch.ARCHIVE_SPARE", 10**5)
    url = server.on("/a.zip", endless)

    message = refused(write_card(tmp_path, {"member": "set/a", "urls": [url]}))

    assert "bytes, found more" in message
    assert [] == left(data)


# Without a network


def test_from_a_folder(tmp_path, server, data):
    """
    With --from a folder, files are copied from there, plain or gzipped, and nobody is asked.
    """
    files = [{"path": f"set/{name}.txt", "urls": [server.on("/a", well(CONTENT))]} for name in "ab"]
    (tmp_path / "usb/set").mkdir(parents=True)
    (tmp_path / "usb/set/a.txt").write_bytes(CONTENT)
    (tmp_path / "usb/set/b.txt.gz").write_bytes(gzip.compress(CONTENT, mtime=0))

    card, told = write_card(tmp_path, *files), Told()

    found = fetch([card], origin=str(tmp_path / "usb"), progress=told)

    assert [data / "set/a.txt", data / "set/b.txt.gz"] == list(found.values())
    assert [f"{card}: A test; licence: CC0"] == told.lines
    assert [] == server.asked


def test_from_a_browsers_folder(tmp_path, data):
    """
    With --from, a file is also found under the name that a browser saves it by; an archive is opened.
    """
    files = [
        {"path": "set/a.txt", "urls": ["https://example.org/x/plain.txt?raw=1"]},
        {"path": "set/b.txt", "urls": ["https://example.org/x/b.zip"], "member": "set/b", "content": OTHER},
    ]
    (tmp_path / "plain.txt").write_bytes(CONTENT)
    (tmp_path / "b.zip").write_bytes(zipped(set__b=OTHER))

    found = fetch([write_card(tmp_path, *files)], origin=str(tmp_path))

    assert [CONTENT, OTHER] == [path.read_bytes() for path in found.values()]
    assert ["a.toml", "b.zip", "plain.txt"] == sorted(p.name for p in tmp_path.iterdir() if p.is_file())


def test_from_a_browsers_folder_gzipped(tmp_path, data):
    """
    With --from, a file that was saved from its URL and gzipped is found too.
    """
    card = write_card(tmp_path, {"urls": ["https://example.org/x/plain.txt"]})
    (tmp_path / "plain.txt.gz").write_bytes(gzip.compress(CONTENT, mtime=0))

    path = get(card, origin=str(tmp_path))

    assert data / "set/a.txt.gz" == path


def test_wrong_in_the_folder(tmp_path, data):
    """
    A wrong file in the folder of --from is refused and left as it is.
    """
    (tmp_path / "usb/set").mkdir(parents=True)
    (tmp_path / "usb/set/a.txt").write_bytes(OTHER)

    message = refused(write_card(tmp_path, {}), origin=str(tmp_path / "usb"))

    assert f"{tmp_path / 'usb/set/a.txt'}: expected sha256" in message
    assert OTHER == (tmp_path / "usb/set/a.txt").read_bytes()
    assert [] == left(data)


def test_too_large_in_the_folder(tmp_path, data):
    """
    A file in the folder of --from is read no further than the card's can reach.
    """
    (tmp_path / "usb/set").mkdir(parents=True)
    with (tmp_path / "usb/set/a.txt").open("wb") as file:
        file.truncate(2**32)

    message = refused(write_card(tmp_path, {}), origin=str(tmp_path / "usb"))

    assert f"{tmp_path / 'usb/set/a.txt'}: expected at most " in message
    assert [] == left(data)


def test_from_a_mirror(tmp_path, server):
    """
    With --from a URL, files are asked for below it, by the card's paths, and the card's own URLs are not.
    """
    server.on("/mirror/set/a%20b.txt.gz", well(gzip.compress(CONTENT, mtime=0)))
    card = write_card(tmp_path, {"path": "set/a b.txt", "urls": [server.on("/own", well(CONTENT))]})

    path = get(card, origin=f"{server.url}/mirror/")

    assert CONTENT == gzip.decompress(path.read_bytes())
    assert ["/mirror/set/a%20b.txt", "/mirror/set/a%20b.txt.gz"] == [asked.path for asked in server.asked]


def test_a_mirror_is_asked_for_each_name_in_silence(tmp_path, server):
    """
    Names that a mirror does not have are no news where it has another of the same file.
    """
    server.on("/mirror/set/a.txt.gz", well(gzip.compress(CONTENT, mtime=0)))
    card, told = write_card(tmp_path, {}), Told()

    get(card, told, origin=f"{server.url}/mirror")

    assert [f"{card}: A test; licence: CC0"] == told.lines


def test_a_mirror_that_nobody_answers_is_told_once(tmp_path):
    """
    Where nobody can be connected to at the mirror, it is told once, by its own address, and no other name is tried.
    """
    with serving() as gone:
        mirror = f"{gone.url}/mirror"
    files = [{"path": f"set/{name}.txt", "urls": ["https://example.org/a.txt"]} for name in "ab"]

    message = refused(write_card(tmp_path, *files), origin=mirror)

    assert [f"  {mirror}: [Errno 111] Connection refused"] == message.splitlines()[1:-1]


@pytest.mark.parametrize("origin", ["nowhere", "file:///tmp", "a.toml"])
def test_from_nowhere(tmp_path, monkeypatch, origin):
    """
    --from takes a folder that is there, or a URL of http or https.
    """
    monkeypatch.chdir(tmp_path)

    message = refused(write_card(tmp_path, {}), origin=origin)

    assert f"--from {origin}: expected a folder, or the URL (http, https) of one, found neither" in message


def test_a_folder_to_carry(tmp_path, server, data):
    """
    With --to, a folder becomes complete in itself: what is available elsewhere is copied, the rest is downloaded.
    """
    files = [{"path": "set/a.txt"}, {"path": "set/b.txt", "urls": [server.on("/b", well(CONTENT))]}]
    (data / "set").mkdir(parents=True)
    (data / "set/a.txt").write_bytes(CONTENT)
    card = write_card(tmp_path, *files)

    found = fetch([card], to=tmp_path / "usb")

    assert [tmp_path / "usb/set/a.txt", tmp_path / "usb/set/b.txt"] == list(found.values())
    assert ["set/a.txt", "set/b.txt"] == left(tmp_path / "usb")
    assert ["set/a.txt"] == left(data)


def test_no_url(tmp_path, data):
    """
    A card without a URL says where the file is to be had, where to put it, and how to name a folder that has it.
    """
    card = write_card(tmp_path, {})

    message = refused(card)

    words = ["set/a.txt", "the card has no URL", "Nobody 2026.", "Licence: CC0", f"into {data}", f"fetch {card} --from"]
    assert [] == [word for word in words if word not in message]


# The disk, and others


def test_full_disk(tmp_path, server, data, monkeypatch):
    """
    A full disk is an error that says so, not a server's failure: no other URL is tried, and nothing is left.
    """

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bench.formats.files.os.fsync", full)
    urls = [server.on("/1", well(CONTENT)), server.on("/2", well(CONTENT))]

    message = refused(write_card(tmp_path, {"urls": urls}))

    assert f"{data / 'set/a.txt'}: expected a file that can be written, found: No space left on device" in message
    assert ["/1"] == [asked.path for asked in server.asked]
    assert [] == left(data)


def test_no_folder_to_write(tmp_path, server):
    """
    A data folder that cannot be made is an error that names it, before a server is asked.
    """
    (tmp_path / "file").write_text("")
    card = write_card(tmp_path, {"urls": [server.on("/a.txt", well(CONTENT))]})

    message = refused(card, to=tmp_path / "file" / "folder")

    assert f"{tmp_path / 'file' / 'folder'}" in message
    assert [] == server.asked


def test_two_at_once(tmp_path, server, data):
    """
    Two fetches of one file do not clash: the second waits, and finds it available.
    """
    asked, go_on = threading.Event(), threading.Event()

    def answer(handler):
        asked.set()
        go_on.wait(10)
        well(CONTENT)(handler)

    card = write_card(tmp_path, {"urls": [server.on("/a.txt", answer)]})
    second = Told()
    second.says = lambda line: (second.lines.append(line), go_on.set())
    first = threading.Thread(target=fetch, args=([card],))
    first.start()
    asked.wait(10)

    path = fetch([card], progress=second)["set/a.txt"]
    first.join(10)

    assert CONTENT == path.read_bytes()
    assert [f"waiting for another fetch into {data}", f"{card}: available"] == second.lines
    assert 1 == len(server.asked)


# Cards and the command


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ({"urls": ["file:///etc/passwd"]}, "urls"),
        ({"urls": ["ftp://example.org/a"]}, "urls"),
        ({"member": "a"}, "expected urls of the archive that has the member 'a', found none"),
    ],
)
def test_cards_that_are_refused(tmp_path, file, reason):
    """
    A card's URLs are of http or https, and a member needs a URL of its archive.
    """
    message = refused(write_card(tmp_path, file))

    assert "card " in message
    assert reason in message


def test_addresses_of_shipped_cards():
    """
    The shipped cards' URLs are of https; a zip names the member that it is opened for, and nothing else does.
    """
    addresses = [(url, file) for name in cards.names() for file in cards.card(name).files for url in file.urls]

    assert addresses
    assert [] == [url for url, _ in addresses if not url.startswith("https://")]
    assert [] == [url for url, file in addresses if url.endswith(".zip") != (file.member is not None)]


def test_run_names_the_command():
    """
    A run never downloads: its error for files that are missing names the command that does.
    """
    with pytest.raises(InputError) as caught:
        loader.load("xquad-de")

    assert "sparring fetch xquad-de" in str(caught.value)


def test_unknown_name():
    """
    A name that no card has is an error with the nearest one.
    """
    with pytest.raises(InputError, match="Did you mean scifact"):
        fetch(["scifacts"])


@pytest.fixture
def command():
    """The command line, in this process."""
    app = typer.Typer()
    app.command()(fetch_command)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def test_command(tmp_path, server, data, command):
    """
    The command prints where each file lies on stdout, and what happened on stderr.
    """
    card = write_card(tmp_path, {"urls": [server.on("/a.txt", well(CONTENT))]})

    finished = command(card)

    assert 0 == finished.exit_code
    assert f"{data / 'set/a.txt'}\n" == finished.stdout
    assert f"{card}: A test; licence: CC0\n" == finished.stderr


def test_command_options(tmp_path, command):
    """
    --from and --to are the folders that they say.
    """
    (tmp_path / "usb/set").mkdir(parents=True)
    (tmp_path / "usb/set/a.txt").write_bytes(CONTENT)

    finished = command(write_card(tmp_path, {}), "--from", str(tmp_path / "usb"), "--to", str(tmp_path / "there"))

    assert f"{tmp_path / 'there/set/a.txt'}\n" == finished.stdout


def test_command_stopped(tmp_path, command, monkeypatch):
    """
    Ctrl-C says how to go on, and ends as shells have it.
    """

    def stops(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("bench.passages.fetch.fetch", stops)

    finished = command("scifact")

    assert 130 == finished.exit_code
    assert "stopped; the same command fetches what is missing\n" == finished.stderr


def test_bar():
    """
    On a terminal, a bar shows the name, made fit for it, and the bytes of what is under way, and of nothing before.
    """
    console = Console(file=io.StringIO(), force_terminal=True, width=100)

    with shown(console, "bytes") as progress:
        progress.starts("first.zip", 0, None)
        progress.starts("sec[red]ond\x1b.zip", 1000, 4000)
        progress.moves(2000)
        (task,) = progress._progress.tasks
        progress.says("[bold]said")

    assert ("sec[red]ond\N{REPLACEMENT CHARACTER}.zip", 2000, 4000) == (task.description, task.completed, task.total)
    assert "[bold]said" in console.file.getvalue()


@pytest.mark.skipif(DATA is None, reason="SPARRING_DATA is not set: it names the folder of the real collections")
def test_real_collections_by_folder(data):
    """
    Without a network, every shipped card is complete from a copy of the data: but those whose files nobody had.
    """
    assert DATA is not None
    counted = [name for name in cards.names() if cards.card(name).counts != "unknown"]
    names = [name for name in counted if name not in ("primer", "primer-ko")]

    fetch(names, origin=DATA)

    assert [] == [name for name in names if not cards.at_hand(cards.card(name))]
