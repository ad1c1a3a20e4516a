"""Files beside a plug-in: which of them its encoder read, and that a matrix made from others is never used."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bench.progress import Silent
from bench.records import run_folder
from bench.records.schema import Measurement
from bench.run import going_on, runner
from bench.stage import plugin_files
from bench.stage.plugin_files import ABSENT, UNSTEADY, changed, folders
from tests.helpers.places import KNOWN
from tests.helpers.tiny import journal, registry, run, suite, tiny_set

# Reads in every way there is; its argument is the folder, and it prints what was seen.
READING = """
import ctypes, json, os, sys
from pathlib import Path

from bench.stage.plugin_files import Watch
from retrievers.plugin import module_of

home = Path(sys.argv[1])
watch = Watch({"Mine": home, "Inner": home / "inner"}, [home / "cache", home])
module_of(home / "mine.py")
os.chdir(home)
for name in ("model.txt", "weights/table.bin", "inner/list.txt", ".hidden/token", "cache/texts", "package/data.txt"):
    Path(name).read_bytes()
Path(home.parent, "outside.txt").read_bytes()
with open(os.open("by_number.txt", os.O_RDONLY), "rb") as file:
    file.read()
with open("log.txt", "a") as file:
    file.write("a line")
Path("scratch.txt").write_text("its own")
Path("scratch.txt").read_text()
Path("scratch.txt").rename("moved.txt")
Path("moved.txt").read_text()
try:
    Path("options.txt").read_text()
except FileNotFoundError:
    pass
Path("moving.txt").write_text(Path("moving.txt").read_text() + "more")
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
descriptor = libc.open(b"mapped.bin", os.O_RDONLY)
assert libc.mmap(None, ctypes.c_size_t(4), 1, 2, descriptor, ctypes.c_long(0)) not in (None, ctypes.c_void_p(-1).value)
print(json.dumps(watch.digests()))
Path("never.txt").read_text()
assert watch.digests() == {}
"""

FROM_FILE = '''
from pathlib import Path

import numpy as np

from retrievers.contract import Spelled


class FromFile(Spelled):
    """An encoder whose numbers come from a file beside it."""

    def fit(self, passages): ...

    def encode(self, texts, role):
        scale = float(Path(__file__).with_name("model.txt").read_text())
        return np.full((len(texts), 1), scale, np.float32)
'''


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class TestWatch:
    @pytest.fixture(scope="class")
    @staticmethod
    def seen(tmp_path_factory):
        """What was seen of a process that reads files beside a plug-in, and elsewhere, in every way."""
        home = tmp_path_factory.mktemp("place") / "home"
        names = (
            *("model.txt", "weights/table.bin", "inner/list.txt", ".hidden/token", "cache/texts", "package/data.txt"),
            *("by_number.txt", "log.txt", "moving.txt", "mapped.bin", "never.txt", "../outside.txt"),
        )
        for name in names:
            path = home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        (home / "package" / "__init__.py").write_text("")
        (home / "library").mkdir()
        (home / "library" / "helper.py").write_text("")
        (home / "mine.py").write_text(
            f"import sys\nsys.path.insert(0, {str(home)!r})\nimport package\nfrom library import helper\n"
        )
        command = [sys.executable, "-c", READING, str(home)]
        told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert 0 == told.returncode, told.stderr
        return json.loads(told.stdout)

    @pytest.mark.slow
    def test_what_is_read_is_told_with_its_hash(self, seen):
        """
        What lies in the plug-in's folder or below it is told, opened by name or number, by a relative path, or mapped
        by a library that opened it itself; of two plug-ins it belongs to the nearer one.
        """
        read = ("model.txt", "weights/table.bin", "package/data.txt", "by_number.txt", "mapped.bin")

        expected = {f"Mine/{name}": sha256(name) for name in read} | {"Inner/list.txt": sha256("inner/list.txt")}

        assert expected.items() <= seen.items()

    @pytest.mark.slow
    def test_code_that_is_hashed_nowhere_else(self, seen):
        """
        A module in a folder that is no package is told, though Python reads what it compiled of it: the plug-in's own
        hash takes in files and packages beside it alone.
        """
        assert sha256("") == seen["Mine/library/helper.py"]

    @pytest.mark.slow
    def test_what_was_not_there(self, seen):
        """
        A file that was looked for in vain is told as absent, and one that changed meanwhile has no hash.
        """
        assert (ABSENT, UNSTEADY) == (seen["Mine/options.txt"], seen["Mine/moving.txt"])

    @pytest.mark.slow
    def test_what_is_left_out(self, seen):
        """
        Not told are hashed code, hidden files, the harness's own, what lies elsewhere, what the process wrote itself,
        and what is read after it was asked.
        """
        assert 9 == len(seen), sorted(seen)


class TestFolders:
    def test_plugins_that_a_spelling_names(self, tmp_path):
        """
        The folders are those of the adapters that a spelling names, nested ones too; ours have none.
        """
        targets = [
            ("Mine", f"{tmp_path}/mine.py:Mine"),
            ("Words", f"{tmp_path}/words/words.py:Words"),
            ("Theirs", "msgspec.json:Theirs"),
            ("BM25", "retrievers.encoders.lexical:BM25"),
            ("Other", f"{tmp_path}/other.py:Other"),
        ]

        found = folders("Mine(BM25(), analyser=Words(), more=Theirs())", targets)

        assert {"Mine": tmp_path, "Words": tmp_path / "words", "Theirs": Path(msgspec.__file__).parent} == found

    def test_what_has_changed(self, tmp_path):
        """
        A file has changed that has another hash, is gone, came, or was unsteady when it was read; so has one of a
        plug-in that nobody knows any more.
        """
        for name in ("same.txt", "other.txt", "came.txt", "unsteady.txt"):
            (tmp_path / name).write_text(name)
        opened = {
            "Mine/same.txt": sha256("same.txt"),
            "Mine/still_absent.txt": ABSENT,
            "Mine/other.txt": sha256("another text"),
            "Mine/gone.txt": sha256("gone.txt"),
            "Mine/came.txt": ABSENT,
            "Mine/unsteady.txt": UNSTEADY,
            "Former/same.txt": sha256("same.txt"),
        }

        found = changed(opened, {"Mine": tmp_path})

        names = ("other.txt", "gone.txt", "came.txt", "unsteady.txt")
        assert [*(f"{name} beside Mine" for name in names), "same.txt beside Former"] == found


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a plug-in whose numbers come from a file beside it."""
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))
    (tmp_path / "plugin").mkdir()
    (tmp_path / "plugin" / "from_file.py").write_text(FROM_FILE)
    (tmp_path / "plugin" / "model.txt").write_text("1")
    return tmp_path


def measured(place: Path, folder: str, plugin: str = "plugin", **how) -> Measurement:
    plugins = [KNOWN, place / plugin / "from_file.py"]
    (found,) = run(suite("FromFile() @ Exact()"), place / folder, plugins=plugins, **how).values()
    return found


class TestReuse:
    @pytest.mark.slow
    def test_another_file_makes_another_matrix(self, place):
        """
        A matrix is reused as long as the file that it was made from is the same, and never once it has changed or is
        gone; its record tells the file.
        """
        reused = [measured(place, folder).reused_matrix for folder in ("one", "two")]
        (place / "plugin" / "model.txt").write_text("2")
        reused += [measured(place, folder).reused_matrix for folder in ("three", "four")]
        (place / "plugin" / "model.txt").unlink()

        failed = measured(place, "five")

        assert [False, True, False, True] == reused
        assert ("failed", True) == (failed.status, "No such file" in failed.reason)
        opened = [
            line.result.opened for name in ("one", "three") for line in journal(place / name) if line.result.opened
        ]
        assert [{"FromFile/model.txt": sha256(text)} for text in ("1", "2")] == opened

    @pytest.mark.slow
    def test_a_copy_of_the_plugin_has_files_of_its_own(self, place):
        """
        The same plug-in elsewhere is held to the files that lie beside it there.
        """
        measured(place, "one")
        (place / "plugin").rename(place / "moved")
        (place / "plugin").mkdir()
        for name in ("from_file.py", "model.txt"):
            (place / "plugin" / name).write_bytes((place / "moved" / name).read_bytes())
        (place / "moved" / "model.txt").write_text("2")

        found = [measured(place, f"in-{name}", plugin=name).reused_matrix for name in ("plugin", "moved")]

        assert [True, False] == found

    @pytest.mark.slow
    def test_a_run_goes_on_with_the_files_that_there_are(self, place):
        """
        In a run folder whose matrix was made, or found, from another file than the one that is there now, all that was
        made from it is taken back and done again.
        """
        made, found = measured(place, "made"), measured(place, "found")
        (place / "plugin" / "model.txt").write_text("2")

        again = [measured(place, folder) for folder in ("made", "found")]

        assert [False, True] == [made.reused_matrix, found.reused_matrix]
        assert [("ok", False), ("ok", True)] == [(m.status, m.reused_matrix) for m in again]
        for folder in ("made", "found"):
            told: dict[str, list[tuple[str, str]]] = {}
            for line in journal(place / folder):
                told.setdefault(line.task, []).append((line.result.status, line.result.reason))
            assert {"encode", "build", "query", "search"} == {task.partition("-")[0] for task in told}
            assert [[("ok", ""), ("failed", going_on.CHANGED), ("ok", "")]] * len(told) == list(told.values())
            (kept,) = (r.opened for task, r in run_folder.stages(place / folder).items() if task.startswith("encode-"))
            assert {"FromFile/model.txt": sha256("2")} == kept

    @pytest.mark.slow
    def test_a_file_that_changes_during_the_run_is_a_flag(self, place):
        """
        Where the file changes after the passages were encoded the cells of that encoder are flagged, and no others.
        """

        class Changing(Silent):
            def starts(self, what, *told):
                if not what.startswith("encode"):
                    (place / "plugin" / "model.txt").write_text("2")

        known = registry(KNOWN, place / "plugin" / "from_file.py")
        cells = suite("FromFile() @ Exact()", "Constant() @ Exact()")

        outcome = runner.run(cells, [tiny_set()], place / "run", known, progress=Changing())

        stale = ("stale: no longer what the passages were encoded with: model.txt beside FromFile",)
        assert [stale, ()] == [tuple(f for f in m.flags if f.startswith("stale")) for m in outcome.measurements]
        assert ["ok", "ok"] == [m.status for m in run_folder.read(place / "run").measurements]


def test_nothing_is_watched_without_a_plugin(monkeypatch):
    """
    Of our own encoders, whose code is hashed and which have no files, no event is listened to.
    """
    monkeypatch.setattr(sys, "addaudithook", lambda hook: pytest.fail("a hook was added"))

    assert {} == plugin_files.Watch({}).digests()
