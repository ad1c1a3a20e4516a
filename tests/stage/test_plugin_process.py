"""Plug-in files that end their process, or never come back: refused in words, before they are loaded here."""

from __future__ import annotations

import subprocess

import psutil
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
        try_out([path])
    assert str(path) in str(found.value)
    return str(found.value)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os._exit(0)", "its process ended (exit code 0): leave out what ends a process"),
        ("import os; print('bye', flush=True); os._exit(3)", "its process ended (exit code 3); it printed last: bye:"),
        ("raise BaseException('on purpose')", "it printed last: BaseException: on purpose"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "(SIGKILL)"),
        ("import os\nprint('plug-in loaded', flush=True)\nos._exit(0)", "its process ended (exit code 0)"),
        ("raise SystemExit(0)", "cannot be loaded:\nSystemExit: 0"),
        ("import no_such_thing_here", "ModuleNotFoundError"),
        ("raise ImportError('x' * 10**6)", "ImportError: xxx"),
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

    assert "within 2 s, found no end" in refused(tmp_path, "while True:\n    pass\n")
    assert "found that it prints without end" in refused(tmp_path, "while True:\n    print('x' * 10**5)\n")


def test_what_was_loaded_once(tmp_path, monkeypatch):
    """
    A file that was loaded is not tried again until it, or what lies beside it, is another.
    """
    path = tmp_path / "mine.py"
    path.write_text(KNOWN.read_text())
    tries = []
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: tries.append(a) or popen(*a, **k))

    try_out([path])
    try_out([path])
    (tmp_path / "beside.py").write_text("x = 1\n")
    try_out([path])
    try_out([path], ["Constant()"])

    assert 3 == len(tries)


def test_a_cache_that_takes_nothing(tmp_path, monkeypatch):
    """
    Where nothing can be remembered the file is tried each time.
    """
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "file"))
    tries = []
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: tries.append(a) or popen(*a, **k))

    try_out([KNOWN])
    try_out([KNOWN])

    assert 2 == len(tries)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("import os; os._exit(0)", "its process ended (exit code 0)"),
        ("raise BaseException('on purpose')", "it printed last: BaseException: on purpose"),
    ],
)
def test_what_ends_where_it_is_made(tmp_path, body, words):
    """
    So is an adapter that ends the process which makes it; one that only raises is the run's, as its cell's failure.
    """
    path = tmp_path / "mine.py"
    code = "class A:\n    def __init__(self): {}\n    def fit(self, p): ...\n    def encode(self, t, role): ...\n"
    path.write_text(code.format(body))

    try_out([path])
    with pytest.raises(PluginError) as found:
        try_out([path], ["A() @ Flat()"])
    path.write_text(code.format("raise ValueError('a mistake')"))
    try_out([path], ["A() @ Flat()"])

    assert words in str(found.value)


def test_what_it_leaves_behind(tmp_path):
    """
    A process that the file starts is ended with the try, which does not wait for it, also where it left its group.
    """
    path = tmp_path / "mine.py"
    start = """
import subprocess, sys
for apart in (False, True):
    subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', 'left'], start_new_session=apart)
"""
    path.write_text(KNOWN.read_text() + start)

    try_out([path])

    commands = [each.info["cmdline"] or [] for each in psutil.process_iter(["cmdline", "status"])]
    assert [] == [command for command in commands if command[-1:] == ["left"]]


def test_no_file(tmp_path):
    """
    What is no file is left to who loads it.
    """
    assert not try_out([tmp_path / "none.py", tmp_path])
