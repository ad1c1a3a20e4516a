"""Archives: what is read of a tar or zip, and what is refused, with which words."""

from __future__ import annotations

import gzip
import io
import stat
import struct
import tarfile
import unicodedata
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import InputError
from bench.formats import archive
from bench.formats.archive import members, unpack
from bench.formats.files import Content

FILES = {"zoo/otter.txt": b"holds hands", "zoo/giraffe.txt": b"", "readme": b"two animals"}
KINDS = {"a.tar": "tar", "a.tar.gz": "tar.gz", "a.tgz": "tar.gz", "a.zip": "zip"}
NFC, NFD = (unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))
UNSAFE = {
    "/etc/passwd": "an absolute one",
    "../out": "one with `..`",
    "a/../../out": "one with `..`",
    "a/..": "one with `..`",
    "C:/out": "one with a drive",
    "c:out": "one with a drive",
    "..\\out": "one with a backslash",
    "\\\\host\\out": "one with a backslash",
    "a\nb": "one with a control character",
    "\u2025/out": "one with `..`",  # two dot leader: `..` after NFKC
    "\uff0e\uff0e\uff0fout": "one with `..`",  # full width
    "a/\uff3cout": "one with a backslash",
}
COLLIDING = [
    ("a", "a"),
    ("a", "./a"),
    ("a", "A"),
    ("stra\u00dfe", "STRASSE"),
    (NFC, NFD),
    (f"{NFC}/x", f"{NFD}/y"),
    ("a/x", "A/y"),
    ("a", "a/x"),
    ("a/x", "a"),
]


def tar_of(entries: list[tuple[str, bytes]], kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as file:
        for name, data in entries:
            header = tarfile.TarInfo(name)
            header.size, header.type, header.linkname = len(data), kind, link
            file.addfile(header, io.BytesIO(data))
    return packed.getvalue()


def zip_of(entries: list[tuple[str, bytes]], mode: int = 0, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as file:
        for name, data in entries:
            header = zipfile.ZipInfo(name)
            header.filename = name  # as it is: the constructor makes slashes of what this system separates by
            header.external_attr, header.compress_type = mode << 16, method
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


@pytest.mark.parametrize("name", KINDS)
def test_members_of_a_path(tmp_path, name):
    """
    The members of a .tar, .tar.gz, .tgz or .zip are its files in the archive's order.
    """
    (tmp_path / name).write_bytes(packed(KINDS[name], list(FILES.items())))

    found = list(members(tmp_path / name))

    assert list(FILES.items()) == found


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip"])
def test_members_of_a_content(kind):
    """
    What kind of archive a content is, its bytes tell, not its name.
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
@pytest.mark.parametrize("name", UNSAFE)
def test_unsafe_names(kind, name):
    """
    A name that leads out of the folder on any system is refused, naming archive and member.
    """
    found = refusal(packed(kind, [("fine", b"x"), (name, b"x")]), "zoo.tar")

    assert found.startswith(f"zoo.tar: member {name!r}: expected a name below the folder it is unpacked into, found ")
    assert UNSAFE[name] in found


def test_a_name_with_a_nul():
    """
    A name that is cut short by a NUL on some systems is refused.
    """
    data = zip_of([("a.txt_.exe", b"x")]).replace(b"a.txt_", b"a.txt\0")

    assert "one with a control character" in refusal(data)


def test_a_name_that_is_not_utf8():
    """
    A name that is not UTF-8 is refused.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT, encoding="latin-1") as file:
        file.addfile(tarfile.TarInfo("caf\u00e9"))

    assert "one that is not UTF-8" in refusal(packed.getvalue())


@pytest.mark.parametrize("kind", ["tar", "zip"])
@pytest.mark.parametrize("names", COLLIDING)
@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_two_names_that_are_one(kind, names):
    """
    Two members that are one file on some system, by case, Unicode form or a folder in their way, are refused.
    """
    found = refusal(packed(kind, [(name, b"x") for name in names]))

    assert "expected every name once, whatever the case and the Unicode form, found" in found


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (tarfile.SYMTYPE, "a link"),
        (tarfile.LNKTYPE, "a link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.BLKTYPE, "a device"),
        (tarfile.FIFOTYPE, "a device"),
        (tarfile.GNUTYPE_SPARSE, "a sparse file"),
    ],
)
def test_only_regular_files_of_a_tar(kind, what):
    """
    Links, devices and sparse files in a tar are refused.
    """
    found = refusal(tar_of([("odd", b"")], kind, link="fine"), "zoo.tar")

    assert f"zoo.tar: member 'odd': expected a regular file or a folder, found {what}: nothing of it is used" == found


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_only_regular_files_of_a_zip(mode):
    """
    Links and devices in a zip are refused.
    """
    assert "found a link or a device" in refusal(zip_of([("odd", b"/etc/passwd")], mode | 0o777))


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


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_too_many_members(monkeypatch, kind):
    """
    One member more than the limit is refused.
    """
    monkeypatch.setattr(archive, "MOST_MEMBERS", 3)
    entries = [(str(number), b"") for number in range(4)]

    found = list(members(Content(Path("a"), packed(kind, entries[:3]))))

    assert 3 == len(found)
    assert "member '3': expected at most 3 members, found more" in refusal(packed(kind, entries))


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_bombs(monkeypatch, kind):
    """
    An archive that unpacks to many times its bytes is refused; below a floor of bytes any ratio is taken.
    """
    monkeypatch.setattr(archive, "FREE_BYTES", 2**20)
    bomb = packed(kind, [("zeros", bytes(2**22))])

    assert "more: it may be a bomb" in refusal(bomb)
    assert [2**19] == [len(data) for _, data in members(Content(Path("a"), packed(kind, [("zeros", bytes(2**19))])))]


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_total_bytes(monkeypatch, kind):
    """
    More bytes in all members together than the limit are refused, though each is below it.
    """
    monkeypatch.setattr(archive, "MOST_BYTES", 60_000)

    found = refusal(packed(kind, [(name, bytes(30_000)) for name in "abc"]))

    assert "to hold at most 60000, found more" in found


def test_bytes_are_counted_not_believed():
    """
    A zip whose headers state a smaller size than comes out is refused.
    """
    data = zip_of([("liar", bytes(1000))]).replace(struct.pack("<L", 1000), struct.pack("<L", 10))

    assert "member 'liar': expected a whole .tar" in refusal(data)


def test_a_zip_that_lost_a_member():
    """
    A zip whose directory names fewer files than its end tells, or a file as a folder, is refused.
    """
    whole = packed("zip", list(FILES.items()))
    directory = whole.index(b"PK\x01\x02")
    longer, folder = bytearray(whole), bytearray(whole)
    longer[directory + 32] = 61 + whole[directory + 32]  # the length of a comment that would cover the next member
    folder[directory + 46 + len("zoo/otter.tx")] = ord("/")

    for damaged in (longer, folder):
        assert "expected a whole .tar" in refusal(bytes(damaged), "a.zip")


@pytest.mark.parametrize("name", KINDS)
@settings(deadline=None, max_examples=60)
@given(st.data())
def test_damage(name, data):
    """
    A truncated archive, or one with a flipped byte, is either refused by InputError or gives the bytes it was made of.
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
            # A tar has no checksum of its contents, and neither format one of what it does not need.
            assert name == "a.tar" or set(FILES.values()) == set(found.values())


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=600), st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08\x00"]))
def test_no_archive_at_all(noise, magic):
    """
    Whatever bytes an archive is made of, nothing but InputError comes of it.
    """
    found = refusal(magic + noise, "noise.zip")

    assert found.startswith("noise.zip: ")


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


def test_a_tar_cut_between_members():
    """
    A tar that ends without its closing zeros is truncated, though every member in it is whole.
    """
    whole = tar_of([("a", b"x"), ("b", b"y")])

    assert "it has no end" in refusal(whole[: 4 * tarfile.BLOCKSIZE])
    assert "no header of a member at byte 1024" in refusal(whole[:1024] + b"junk" + whole[1028:])


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_an_empty_archive(kind):
    """
    An archive without a file is refused.
    """
    assert "found no file in it" in refusal(packed(kind, []))


def test_a_missing_archive(tmp_path):
    """
    An archive that is not there is refused.
    """
    with pytest.raises(InputError, match="expected an archive that can be read, found: No such file"):
        list(members(tmp_path / "none.tar"))


@pytest.mark.parametrize("name", KINDS)
def test_unpack(tmp_path, name):
    """
    Unpacking writes every file below the folder, and leaves nothing beside it.
    """
    (tmp_path / name).write_bytes(packed(KINDS[name], list(FILES.items())))

    unpack(tmp_path / name, tmp_path / "deep" / "zoo")

    found = {p.relative_to(tmp_path / "deep"): p.read_bytes() for p in (tmp_path / "deep").rglob("*") if p.is_file()}
    assert {Path("zoo") / path: data for path, data in FILES.items()} == found


@pytest.mark.parametrize("broken", ["tail", "name"])
def test_unpack_is_whole_or_not_at_all(tmp_path, broken):
    """
    An archive that is refused at its last member leaves no folder.
    """
    last = ("../out", b"x") if broken == "name" else ("last", b"x")
    whole = tar_of([*FILES.items(), last])
    (tmp_path / "a.tar").write_bytes(whole if broken == "name" else whole[:-10_000])

    with pytest.raises(InputError):
        unpack(tmp_path / "a.tar", tmp_path / "zoo")

    assert ["a.tar"] == [path.name for path in tmp_path.iterdir()]


def test_unpack_overwrites_nothing(tmp_path):
    """
    A folder with something in it is refused, and what is in it stays.
    """
    (tmp_path / "a.zip").write_bytes(zip_of([("new", b"x")]))
    (tmp_path / "zoo").mkdir()
    (tmp_path / "zoo" / "old").touch()

    with pytest.raises(InputError, match=r"zoo: expected to unpack .*a.zip into a new folder, found: .* not empty"):
        unpack(tmp_path / "a.zip", tmp_path / "zoo")

    assert ["old"] == [path.name for path in (tmp_path / "zoo").iterdir()]


def test_permissions_are_not_taken_over(tmp_path):
    """
    A file that is set-user-id or executable in the archive is neither on disk.
    """
    (tmp_path / "a.zip").write_bytes(zip_of([("run", b"x")], stat.S_IFREG | 0o6777))

    unpack(tmp_path / "a.zip", tmp_path / "zoo")

    assert 0 == (tmp_path / "zoo" / "run").stat().st_mode & 0o7111
