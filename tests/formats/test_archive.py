"""Archives: what is read of a tar or zip, and what is refused, with which words."""

from __future__ import annotations

import gzip
import io
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import InputError
from bench.formats import archive, files
from bench.formats.archive import members
from bench.formats.files import Content

FILES = {"zoo/otter.txt": b"holds hands", "zoo/giraffe.txt": b"", "readme": b"two animals"}
KINDS = {"a.tar": "tar", "a.tar.gz": "tar.gz", "a.tgz": "tar.gz", "a.zip": "zip"}
ODD = ["/etc/passwd", "../out", "a/../../out", "a/..", "C:/out", "c:out", "..\\out", "\\\\host\\out", "a\nb"]


def tar_of(entries: list[tuple[str, bytes]], kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as file:
        for name, data in entries:
            header = tarfile.TarInfo(name)
            header.size, header.type, header.linkname = len(data), kind, link
            file.addfile(header, io.BytesIO(data))
    return packed.getvalue()


def zip_of(entries: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as file:
        for name, data in entries:
            header = zipfile.ZipInfo(name)
            header.filename = name  # as it is: the constructor makes slashes of what this system separates by
            header.compress_type = method
            file.writestr(header, data)
    return packed.getvalue()


def packed(kind: str, entries: list[tuple[str, bytes]]) -> bytes:
    if kind == "zip":
        return zip_of(entries)
    return gzip.compress(tar_of(entries), mtime=0) if kind == "tar.gz" else tar_of(entries)


def refusal(data: bytes, path: str = "a.bin") -> str:
    with pytest.raises(InputError) as refused:
        list(members(Content(Path(path), data)))
    return str(refused.value)


def outcome(data: bytes, path: str) -> dict[str, bytes] | str:
    """The members, or what the refusal says."""
    try:
        return dict(members(Content(Path(path), data)))
    except InputError as error:
        return str(error)


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip"])
def test_members(kind):
    """
    The members of a .tar, .tar.gz or .zip are its files in order; its bytes tell which it is, not its name.
    """
    content = Content(Path("whatever.gz"), packed(kind, list(FILES.items())))

    found = list(members(content))

    assert list(FILES.items()) == found


def test_folders_are_no_members():
    """
    Folders are passed over, and a name loses its `.` parts.
    """
    folders = tar_of([("./", b""), ("./zoo", b"")], tarfile.DIRTYPE)[: 2 * tarfile.BLOCKSIZE]
    tar = folders + tar_of([("./zoo/otter", b"swims")])
    zipped = zip_of([("zoo/", b""), ("zoo/./otter", b"swims")])

    assert [("zoo/otter", b"swims")] == list(members(Content(Path("a.tar"), tar)))
    assert [("zoo/otter", b"swims")] == list(members(Content(Path("a.zip"), zipped)))


@settings(deadline=None, max_examples=50)
@given(
    st.sampled_from(["tar", "tar.gz", "zip"]),
    st.lists(st.binary(max_size=2000), min_size=1, max_size=5),
)
def test_what_was_packed_is_unpacked(kind, contents):
    """
    Members are what the standard library packed, whatever their bytes.
    """
    entries = [(f"n{number}", data) for number, data in enumerate(contents)]

    found = list(members(Content(Path("a"), packed(kind, entries))))

    assert entries == found


@pytest.mark.parametrize("kind", ["tar", "zip"])
@pytest.mark.parametrize("name", ODD)
def test_odd_names(kind, name):
    """
    A name that leads out of a folder on any system, or holds what a terminal obeys, is refused with archive and member.
    """
    found = refusal(packed(kind, [("fine", b"x"), (name, b"x")]), "zoo.tar")

    assert found.startswith(f"zoo.tar: member {name!r}: expected a relative name, without `..`, drive, backslash or ")


def test_a_name_with_a_nul():
    """
    A name that is cut short by a NUL on some systems is refused.
    """
    data = zip_of([("a.txt_.exe", b"x")]).replace(b"a.txt_", b"a.txt\0")

    assert "expected a relative name, without `..`, drive, backslash or control character" in refusal(data)


def test_a_name_that_is_not_utf8():
    """
    A name that is not UTF-8 is refused.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT, encoding="latin-1") as file:
        file.addfile(tarfile.TarInfo("caf\u00e9"))

    assert "member 'caf\\udce9': expected a relative name" in refusal(packed.getvalue())


@pytest.mark.parametrize(
    "kind",
    [
        *(tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE),
        tarfile.GNUTYPE_SPARSE,
    ],
)
def test_only_regular_files_of_a_tar(kind):
    """
    Links, devices and sparse files in a tar are refused.
    """
    found = refusal(tar_of([("odd", b"")], kind, link="fine"), "zoo.tar")

    assert found.startswith("zoo.tar: member 'odd': expected a regular file or a folder, found a link, a device or a ")


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_only_regular_files_of_a_zip(mode):
    """
    So are links and devices in a zip that was made on a Unix.
    """
    buffer, header = io.BytesIO(), zipfile.ZipInfo("odd")
    header.external_attr = (mode | 0o644) << 16
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(header, b"x")

    found = refusal(buffer.getvalue())

    assert "member 'odd': expected a regular file or a folder, found a link or a device" in found


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_many_members(monkeypatch, kind):
    """
    An archive of more members than any collection has is refused, though they hold no bytes.
    """
    monkeypatch.setattr(archive, "MOST_MEMBERS", 3)
    entries = [(str(number), b"") for number in range(4)]

    assert 3 == len(list(members(Content(Path("a"), packed(kind, entries[:3])))))
    assert "expected at most 3 members, found more" in refusal(packed(kind, entries))


def test_encrypted_zip():
    """
    An encrypted member of a zip is refused.
    """
    data = bytearray(zip_of([("secret", b"x")]))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1

    assert "member 'secret': expected a file that is not encrypted, found an encrypted one" in refusal(bytes(data))


def test_unbounded_methods_of_zip():
    """
    A zip packed by anything but deflate is refused: one read of the others has no bound.
    """
    data = zip_of([("a", b"x")], method=zipfile.ZIP_LZMA)

    assert "expected a file that is stored or deflated, found method 14" in refusal(data)


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_bombs(monkeypatch, kind):
    """
    An archive that unpacks to many times its bytes is refused; below a floor of bytes any ratio is taken.
    """
    monkeypatch.setattr(files, "FREE_BYTES", 2**20)
    bomb = packed(kind, [("zeros", bytes(2**22))])

    assert f"expected at most {2**20} bytes from here on, found more: it may be a bomb" in refusal(bomb)
    assert [2**19] == [len(data) for _, data in members(Content(Path("a"), packed(kind, [("zeros", bytes(2**19))])))]


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_total_bytes(monkeypatch, kind):
    """
    More bytes in all members together than the limit are refused, though each is below it.
    """
    monkeypatch.setattr(files, "MOST_BYTES", 60_000)

    found = refusal(packed(kind, [(name, bytes(30_000)) for name in "abc"]))

    assert "found more: it may be a bomb" in found


def test_bytes_are_counted_not_believed():
    """
    A zip whose headers state a smaller size than comes out is refused.
    """
    data = zip_of([("liar", bytes(1000))]).replace(struct.pack("<L", 1000), struct.pack("<L", 10))

    assert "expected a whole .tar" in refusal(data)


@pytest.mark.parametrize("name", KINDS)
@settings(deadline=None, max_examples=60)
@given(st.data())
def test_damage(name, data):
    """
    A truncated archive, or one with a flipped byte, is refused by InputError, or gives files that it was made of.
    """
    whole = packed(KINDS[name], list(FILES.items()))
    cut = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytearray(whole)
    flipped[cut] ^= data.draw(st.integers(1, 255))

    for damaged in (whole[:cut], bytes(flipped)):
        found = outcome(damaged, name)

        if isinstance(found, str):
            assert found.startswith(name)
        else:
            # A tar has no checksum of its contents, and a zip none of its names.
            assert name == "a.tar" or set(found.values()) <= set(FILES.values())


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=600), st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08\x00"]))
def test_no_archive_at_all(noise, magic):
    """
    Whatever bytes an archive is made of, nothing but InputError comes of it.
    """
    found = outcome(magic + noise, "noise.zip")

    assert found == {} or found.startswith("noise.zip: ")


@settings(deadline=None, max_examples=200)
@given(st.binary(min_size=500, max_size=500), st.sampled_from([b"0", b"x", b"g", b"L", b"K", b"S", b"5", b"\0"]))
def test_headers_of_noise(noise, kind):
    """
    A tar whose header has its checksum right and anything in its fields ends in InputError, or in its members.
    """
    header = bytearray(noise + bytes(12))
    header[156:157] = kind
    header[257:265] = b"ustar\x0000"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)

    found = outcome(bytes(header) + bytes(1024), "noise.tar")

    assert (
        found.startswith("noise.tar: ") if isinstance(found, str) else all(len(data) <= 1024 for data in found.values())
    )


def test_headers_without_end():
    """
    Long-name headers that follow one another without end are damage.
    """
    one = tar_of([("n", b"x")], tarfile.GNUTYPE_LONGNAME)[: 2 * tarfile.BLOCKSIZE]

    assert "RecursionError" in refusal(one * 2000 + tar_of([("a", b"x")]))
