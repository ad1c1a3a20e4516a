"""Fetching without the network: from a folder or a mirror (--from), and into a folder to carry (--to)."""

from __future__ import annotations

import gzip
import os

import pytest

from bench.passages import cards
from bench.passages.fetch import fetch
from tests.helpers.archives import zipped
from tests.helpers.fetched import CONTENT, OTHER, Told, get, left, refused, write_card
from tests.helpers.server import serving, well

pytestmark = pytest.mark.usefixtures("alone")
DATA = os.environ.get("SPARRING_DATA")


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
