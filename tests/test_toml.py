"""A TOML file that is named and cannot be read: what is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import toml
from bench.errors import InputError


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A folder of two suites that ship; the present folder is another, with one of one's own and a folder."""
    (tmp_path / "here" / "d.toml").mkdir(parents=True)
    (tmp_path / "here" / "mine.toml").write_text("")
    (tmp_path / "shipped").mkdir()
    for name in ("first", "storage"):
        (tmp_path / "shipped" / f"{name}.toml").write_text("")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "shipped"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nofile.toml", "suite 'nofile.toml': expected a TOML file, found none at HERE/nofile.toml."),
        ("a/b", "suite 'a/b': expected a TOML file, found none at HERE/a/b."),
        ("mien.toml", "suite 'mien.toml': expected a TOML file, found none at HERE/mien.toml. Did you mean mine.toml?"),
        ("first.toml", "suite 'first.toml': expected a TOML file, found none at HERE/first.toml. Did you mean first?"),
        ("d.toml", "suite 'd.toml': expected a TOML file, found a folder."),
        ("frist", "suite 'frist': expected a TOML file or one of first, storage, found neither. Did you mean first?"),
        ("nothing", "suite 'nothing': expected a TOML file or one of first, storage, found neither."),
        ("x" * 300, f"suite '{'x' * 300}': expected a TOML file, found File name too long."),
    ],
)
def test_what_cannot_be_read(shipped, name, said):
    """
    A file that is simply not there is said to be, with where it was looked for; a bare name may be one that ships.
    """
    with pytest.raises(InputError) as caught:
        toml.read(name, "suite", shipped)

    assert said.replace("HERE", str(Path.cwd())) == str(caught.value)


def test_what_can(shipped):
    """
    A file goes before one that ships under its name.
    """
    Path("first").write_text("mine")

    assert [("mine", Path("first")), ("", shipped / "storage.toml")] == [
        toml.read(name, "suite", shipped) for name in ("first", "storage")
    ]
