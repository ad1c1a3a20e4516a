"""Paths that no file system takes, and homes that are not there: one clear message, whichever option has them."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from bench import cache, cli
from bench.errors import InputError
from bench.passages import loader
from tests.helpers.begun import begin

LONG = "a" * 300
OWN = ["run", "--queries", "q.txt", "BM25() @ CSR()", "--passages"]


@pytest.fixture
def ended(tmp_path, monkeypatch, capsys):
    """What a command that is refused prints, in a folder with some passages; its exit code is 2."""
    (tmp_path / "p.csv").write_text("id,text\na,apple\n")
    (tmp_path / "q.txt").write_text("apple\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))

    def run(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["sparring", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        printed = capsys.readouterr()
        assert 2 == stopped.value.code, printed.err
        return printed.err

    return run


@pytest.mark.parametrize(
    "arguments",
    [
        [*OWN, f"{LONG}.csv"],
        [*OWN, f"./{LONG}"],
        [*OWN, "p.csv", "-o", LONG],
        [*OWN, "p.csv", "--qrels", LONG],
        ["run", f"{LONG}.toml"],
        ["table", LONG],
        ["compare", LONG, LONG],
        ["explain", LONG, "a"],
        ["show", LONG, "q"],
        ["gate", LONG, "--reference", LONG],
        ["history", LONG],
        ["export", LONG, "-o", "x"],
        ["export", "primer", "-o", LONG],
        ["judge-sheet", LONG, "-o", "x.csv"],
        ["fetch", "--from", LONG, "scifact"],
        ["fetch", f"{LONG}.toml"],
        ["import", LONG, "--passages", "primer", "-o", "x"],
        ["import", "p.csv", "--passages", f"{LONG}.csv", "-o", "x"],
        ["train", f"{LONG}.toml"],
        ["check", "--plugin", f"{LONG}.py", "Mine()"],
        [*OWN, "p.csv", "--plugin", f"{LONG}.py"],
    ],
    ids=" ".join,
)
def test_names_that_are_too_long(ended, tmp_path, arguments):
    """
    A name that no file can have is a mistake of who gives it, and nothing is left.
    """
    message = ended(*arguments)

    assert message.startswith(("sparring: ", "Usage: "))
    assert "Traceback" not in message
    assert {"p.csv", "q.txt"} >= {path.name for path in tmp_path.iterdir()} - {"cache"}


@pytest.mark.parametrize("arguments", [[*OWN, "~nobody-here/p.csv"], ["fetch", "~nobody-here/x.toml"]])
def test_a_home_that_is_not_there(ended, arguments):
    """
    `~` of somebody who is unknown is said, with what to do.
    """
    assert "found `~` and no home for it" in ended(*arguments)


@pytest.mark.parametrize("variable", ["SPARRING_DATA", "SPARRING_CACHE", "XDG_CACHE_HOME"])
def test_a_home_in_the_environment(ended, monkeypatch, variable):
    """
    So is it in a variable of the environment.
    """
    monkeypatch.delenv("SPARRING_CACHE")
    monkeypatch.setenv(variable, "~nobody-here")

    assert "~nobody-here" in ended("run", "--passages", "scifact", "BM25() @ CSR()")


def test_no_home(ended, monkeypatch):
    """
    A user id without an entry and without HOME, as containers have it, is told what to set.
    """
    monkeypatch.delenv("SPARRING_CACHE")
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda _: (_ for _ in ()).throw(KeyError("no entry")))

    assert "set SPARRING_CACHE to a folder that can be written" in ended(*OWN, "p.csv")


def test_a_passage_set_longer_than_any_name():
    """
    What is longer than any name of a file is refused as what names no passage set.
    """
    with pytest.raises(InputError, match="expected a BEIR folder"):
        loader.load(f"./{'a/' * 3000}b.csv.x")


@pytest.mark.parametrize("arguments", [["table", "loop"], ["gate", "run", "--accept", "--reference", "loop"]])
def test_a_loop_of_links(ended, tmp_path, arguments):
    """
    A path that leads round in a circle is refused, whichever way it is read.
    """
    (tmp_path / "loop").symlink_to("loop")
    begin(tmp_path / "run")

    assert "loop" in ended(*arguments)


def test_a_working_directory_that_is_gone(ended, tmp_path, monkeypatch):
    """
    A command whose own folder was removed says so, and what to do.
    """
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    assert "expected a working directory, found it removed: change to one that is there" in ended("datasets")
    monkeypatch.chdir(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
class TestCachesOfOthers:
    @pytest.mark.parametrize("mode", [0o777, 0o757, 0o1777])
    def test_that_anybody_writes_to(self, ended, tmp_path, mode):
        """
        A cache that everybody can write to is refused before a run begins, with both remedies.
        """
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache").chmod(mode)

        said = " ".join(ended(*OWN, "p.csv", "-o", "out").split())

        assert "expected one that nobody else can write to, found drwx" in said
        assert f"chmod go-w {tmp_path / 'cache'}, or set SPARRING_CACHE" in said
        assert not (tmp_path / "out").exists()

    def test_of_a_group_of_others(self, tmp_path, monkeypatch):
        """
        One that a group of one's own alone can write to is one's own; one of another group is not, nor another user's.
        """
        folder = tmp_path / "cache"
        folder.mkdir()
        folder.chmod(0o775)
        monkeypatch.setenv("SPARRING_CACHE", str(folder))

        own = SimpleNamespace(gr_name="me", gr_mem=[])
        monkeypatch.setattr("pwd.getpwuid", lambda _: SimpleNamespace(pw_name="me"))
        for alike in ({}, {"gr_mem": ["you"]}, {"gr_name": "users"}):
            monkeypatch.setattr("grp.getgrgid", lambda _, alike=alike: SimpleNamespace(**(vars(own) | alike)))
            if not alike:
                assert folder == cache.prepared()
                continue
            with pytest.raises(InputError, match="nobody else can write to"):
                cache.prepared()
        monkeypatch.setattr("grp.getgrgid", lambda _: own)
        monkeypatch.setattr("os.getegid", lambda: folder.stat().st_gid + 1)
        with pytest.raises(InputError, match="nobody else can write to"):
            cache.prepared()
        folder.chmod(0o755)
        assert folder == cache.prepared()
        monkeypatch.setattr("os.geteuid", lambda: 12345)
        if folder.stat().st_uid:
            with pytest.raises(InputError, match="nobody else can write to"):
                cache.prepared()

    def test_that_is_new(self, tmp_path, monkeypatch):
        """
        A cache is made for its owner alone.
        """
        monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "new" / "cache"))

        assert 0o700 == cache.prepared().stat().st_mode & 0o777
