"""Fetching: the files of cards, each whole and verified, or not at all; one at a time, and with others."""

from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.passages import cards
from bench.passages.fetch import fetch
from tests.helpers.archives import zipped
from tests.helpers.fetched import CONTENT, OTHER, Told, get, left, refused, write_card
from tests.helpers.server import endless, serving, silent, status, well

pytestmark = pytest.mark.usefixtures("alone")


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


def test_unknown_name():
    """
    A name that no card has is an error with the nearest one.
    """
    with pytest.raises(InputError, match="Did you mean scifact"):
        fetch(["scifacts"])
