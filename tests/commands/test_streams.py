"""What a command does where its output goes nowhere: it ends as it would have, or says why not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from bench import cli
from tests.helpers.collections import beir_folder
from tests.helpers.command import SPARRING

PRINTS = ["datasets"]  # a page of text


def ended(tmp_path, *arguments: str, stdout: int, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SPARRING, *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=os.environ | {"SPARRING_CACHE": str(tmp_path / "cache")} | variables,
        text=True,
        errors="replace",
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "code"), [(PRINTS, 0), (["table", "nowhere"], 2), (["explain", "nowhere", "x"], 2)]
)
def test_a_reader_that_has_gone(tmp_path, arguments, code):
    """
    The exit code is the command's own, and nothing is said of the pipe.
    """
    reader, writer = os.pipe()
    os.close(reader)

    found = ended(tmp_path, *arguments, stdout=writer)
    os.close(writer)

    assert code == found.returncode, found.stderr
    assert "pipe" not in found.stderr.lower()


def test_bytes_that_are_no_text(tmp_path):
    """
    An argument that is no UTF-8 is refused before anything is written.
    """
    place = os.fsencode(tmp_path) + b"/o\xffut"

    found = subprocess.run(
        [*SPARRING, "run", "--passages", "primer", "BM25() @ CSR()", "-o", place],
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert (2, b"") == (found.returncode, found.stdout)
    assert b"sparring: expected arguments in UTF-8, found" in found.stderr
    assert [] == list(tmp_path.iterdir())


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")  # noqa: PTH110
def test_a_full_disk(tmp_path):
    """
    An answer that cannot be written is exit code 2, with a word, and no traceback.
    """
    with open("/dev/full", "w") as full:  # noqa: PTH123
        found = ended(tmp_path, *PRINTS, stdout=full.fileno())

    assert 2 == found.returncode
    assert "sparring: standard output: expected a place that takes the answer, found: No space left" in found.stderr
    assert "Traceback" not in found.stderr
    assert "Exception ignored" not in found.stderr


def test_a_closed_output(tmp_path):
    """
    So is one where there is none.
    """
    command = " ".join(["exec", sys.executable, "-P", "-c", "'from bench.cli import main; main()'", *PRINTS, ">&-"])

    found = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True, timeout=60, check=False)

    assert 2 == found.returncode
    assert "sparring: standard output: expected a place for the answer, found it closed" in found.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_few_letters(tmp_path, encoding):
    """
    What the output's encoding has not is replaced.
    """
    (tmp_path / "a.json").write_text('{"q1": {"고양이": 2.0, "d2": 1.0}}')
    folder = beir_folder(tmp_path / "set", '{"_id": "고양이", "text": "고양이"}\n{"_id": "d2", "text": "개"}\n')
    made = ended(
        tmp_path, "import", f"{tmp_path}/a.json", "--passages", folder, "--qrels", f"{tmp_path}/set/qrels/test.tsv",
        "-o", f"{tmp_path}/run", stdout=subprocess.PIPE,
    )  # fmt: skip
    assert 0 == made.returncode, made.stderr

    for command in (("compare", f"{tmp_path}/run", f"{tmp_path}/run"), ("show", f"{tmp_path}/run", "q1")):
        found = ended(tmp_path, *command, stdout=subprocess.PIPE, PYTHONIOENCODING=encoding)
        assert (0, "") == (found.returncode, found.stderr)
        assert command[0] == "compare" or "?" in found.stdout


@pytest.mark.parametrize("place", ["/dev/full", "a pipe"])
def test_words_that_nobody_reads(tmp_path, place):
    """
    What is said beside an answer ends nothing, wherever it goes.
    """
    reader, writer = os.pipe()
    os.close(reader)
    with open("/dev/full", "w") as full:  # noqa: PTH123
        error = full.fileno() if place == "/dev/full" else writer
        command = [*SPARRING, "table", "nowhere"]
        found = subprocess.run(command, stderr=error, stdout=subprocess.PIPE, timeout=60, check=False)
    os.close(writer)

    assert (2, b"") == (found.returncode, found.stdout)


@pytest.mark.parametrize(("before", "is_ours"), [(signal.SIG_DFL, True), (signal.SIG_IGN, False)])
def test_a_terminal_that_is_closed(before, is_ours):
    """
    A closed terminal ends a command as SIGTERM does, tidily; what `nohup` has started goes on.
    """
    old = {number: signal.signal(number, before) for number in (signal.SIGHUP, signal.SIGTERM)}
    try:
        cli._end_tidily()
        found = [signal.getsignal(number) for number in old]
        for handler in found if is_ours else ():
            with pytest.raises(SystemExit, match="143"):
                handler(signal.SIGHUP, None)
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)

    assert [is_ours] * 2 == [callable(handler) and handler is not before for handler in found]
