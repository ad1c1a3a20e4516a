"""What a command does where its output goes nowhere: it ends as it would have, or says why not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from bench import cli

SPARRING = [sys.executable, "-P", "-c", "from bench.cli import main; main()"]
PRINTS = ["datasets"]  # a page of text


def ended(tmp_path, *arguments: str, stdout: int, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SPARRING, *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=os.environ | {"SPARRING_CACHE": str(tmp_path / "cache")} | variables,
        text=True,
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
    found = ended(tmp_path, "show", "primer-ko", stdout=subprocess.PIPE, PYTHONIOENCODING=encoding)
    listed = ended(tmp_path, *PRINTS, stdout=subprocess.PIPE, PYTHONIOENCODING=encoding)

    assert 0 == listed.returncode, listed.stderr
    assert "primer" in listed.stdout
    assert found.returncode in (0, 2)
    assert "Traceback" not in found.stderr


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
