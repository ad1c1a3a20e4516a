"""Plug-in files that end their process, or never come back: refused in words, before they are loaded here."""

from __future__ import annotations

import subprocess

import pytest

from bench.stage import plugin_process
from bench.stage.plugin_process import try_out
from retrievers.registry import PluginError
from tests.helpers.places import KNOWN


@pytest.fixture(autouse=True)
def _cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))


def refused(folder, code: str) -> str:
    path = folder / "mine.py"
    path.write_text(code)
    with pytest.raises(PluginError) as found:
        try_out(path)
    assert str(path) in str(found.value)
    return str(found.value)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os._exit(0)", "its process ended (exit code 0): leave out of the module what ends it"),
        ("import os; print('bye', flush=True); os._exit(3)", "(exit code 3; it printed last: bye)"),
        ("raise BaseException('on purpose')", "it printed last: BaseException: on purpose"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "(SIGKILL)"),
        (
            "import sys; sys.stdout.close()\nclass A:\n    def __call__(self, text): ...",
            "its process ended (exit code 1",
        ),
        ("raise SystemExit(0)", "cannot be loaded:\nSystemExit: 0"),
        ("import no_such_thing_here", "ModuleNotFoundError"),
        ("x = 1", "holds no adapter"),
        ("class M(type):\n    __mro__ = property(lambda c: 1 / 0)\nclass A(metaclass=M): ...", "plug-in file"),
    ],
)
def test_what_ends_its_process(tmp_path, code, words):
    """
    However the import ends, it is told how, with what to do.
    """
    assert words in refused(tmp_path, code)


def test_what_never_comes_back(tmp_path, monkeypatch):
    """
    An import without an end is ended.
    """
    monkeypatch.setattr(plugin_process, "SECONDS", 2.0)

    assert "expected it to be imported within 2 s, found no end" in refused(tmp_path, "while True:\n    pass\n")


def test_what_was_loaded_once(tmp_path, monkeypatch):
    """
    A file that was loaded is not tried again until it, or what lies beside it, is another.
    """
    path = tmp_path / "mine.py"
    path.write_text(KNOWN.read_text())
    tries = []
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: tries.append(a) or run(*a, **k))

    try_out(path)
    try_out(path)
    (tmp_path / "beside.py").write_text("x = 1\n")
    try_out(path)

    assert 2 == len(tries)


def test_a_cache_that_takes_nothing(tmp_path, monkeypatch):
    """
    Where nothing can be remembered the file is tried each time.
    """
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "file"))

    try_out(KNOWN)


def test_no_file(tmp_path):
    """
    What is no file is left to who loads it.
    """
    try_out(tmp_path / "none.py")
    try_out(tmp_path)
