"""What a stage left behind is ended, and whoever starts the next one is not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bench.stage import cleanup

MARKED = """
import subprocess, sys
left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
code = "from bench.stage import cleanup; cleanup.end(lambda mark: mark == 'gone')"
ender = subprocess.run([sys.executable, "-c", code])
print(ender.returncode, left.wait(10))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found under /proc")
def test_no_ancestor_is_ended():
    """
    With the mark of a dead run in the environment, as a shell has it that an adapter left, its leftovers are killed,
    and neither who ends them nor who started that.
    """
    found = subprocess.run(
        [sys.executable, "-c", MARKED],
        env=os.environ | {cleanup.MARK: "gone"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (0, "0 -9\n") == (found.returncode, found.stdout), found.stderr
