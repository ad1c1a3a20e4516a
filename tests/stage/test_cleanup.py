"""What a stage left behind is ended, and whoever starts the next one is not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bench.stage import cleanup

MARKED = """
import subprocess, sys
sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
left = subprocess.Popen(sleeping, start_new_session=True)
beside = subprocess.Popen(sleeping)
code = "from bench.stage import cleanup; cleanup.end(lambda mark: mark == 'gone')"
shell = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', sys.argv[1]]))"
ender = subprocess.run([sys.executable, "-c", shell, code])
print(ender.returncode, left.wait(10), beside.poll())
beside.kill()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found under /proc")
def test_no_ancestor_is_ended():
    """
    With the mark of a dead run in the environment, as a shell has it that an adapter left, its leftovers are killed,
    and neither who ends them nor those who started that, however many steps above.
    """
    found = subprocess.run(
        [sys.executable, "-c", MARKED],
        env=os.environ | {cleanup.MARK: "gone"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (0, "0 -9 None\n") == (found.returncode, found.stdout), found.stderr


@pytest.mark.parametrize("owner", ["9" * 30, "²", "12x", ""])
def test_a_mark_of_no_process(monkeypatch, tmp_path, owner):
    """
    A folder whose name only looks as if a run had left it ends no run, and stays.
    """
    monkeypatch.setattr(cleanup.tempfile, "gettempdir", lambda: str(tmp_path))
    left = tmp_path / f"{cleanup._home()}{owner}-left"
    left.mkdir()

    with cleanup.removed():
        pass

    assert left.is_dir()
