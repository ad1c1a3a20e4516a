"""`sparring check`: each adapter in a process of its own, which it may end, or never come back from."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from bench.stage.check_process import checked
from retrievers.conformance import checks
from retrievers.registry import PluginError
from tests.helpers.places import PLUGINS
from tests.plugins import broken

BROKEN, ENCODERS = PLUGINS / "broken.py", PLUGINS / "broken_encoders.py"


class TestProcess:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("name", "seconds", "expected"),
        [
            ("Dies", 60, "that the process ended (exit code 0)"),
            ("Hangs", 5, "nothing after 5 s"),
        ],
    )
    def test_what_ends_a_process_is_a_broken_rule(self, name, seconds, expected):
        """
        An adapter that ends its process, or never comes back, fails the check that was held; no later one is run.
        """
        rows = list(checked([f"{name}()", "Tuples()"], [BROKEN, ENCODERS], seconds))

        place = [row.check for row in rows].index("k-zero")
        assert f"expected an answer, found {expected}: " in rows[place].found
        assert {"passed", "not applicable"} == {row.status for row in rows[:place]}
        assert ["failed"] + ["not run"] * (len(rows) - place - 1) == [row.status for row in rows[place:]]
        assert [check.name for check in checks(getattr(broken, name))] == [row.check for row in rows]
        assert {f"{name}()"} == {row.adapter for row in rows}

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("plugin", "expected"),
        [
            ("import os\nos._exit(0)", "found that the process ended (exit code 0)"),
            ("import sys\nsys.exit(0)", "SystemExit: 0"),
            ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "found that the process ended (SIGKILL)"),
            ("import time\ntime.sleep(600)", "found nothing after 2 s"),
        ],
        ids=["dies", "quits", "is ended", "hangs"],
    )
    def test_what_cannot_be_made_is_refused(self, tmp_path, plugin, expected):
        """
        PluginError where a plug-in cannot be had at all, whatever it did to the process.
        """
        (tmp_path / "plugin.py").write_text(plugin)

        with pytest.raises(PluginError) as raised:
            list(checked(["Words()"], [tmp_path / "plugin.py"], 2 if "sleep" in plugin else 60))

        assert expected in str(raised.value)

    @pytest.mark.slow
    def test_what_floods_and_leaves_a_process_is_cleared_up(self, tmp_path):
        """
        However much an adapter prints, its checks go on; a process that it starts in a session of its own is ended.
        """
        (tmp_path / "loud.py").write_text(f"""
import subprocess
from pathlib import Path

child = subprocess.Popen(["sleep", "600"], start_new_session=True)
with Path({str(tmp_path / "started")!r}).open("a") as file:
    print(child.pid, file=file)

class Loud:
    def __call__(self, text):
        print("x" * 100_000)
        return text.split()
""")

        rows = list(checked(["Loud()"], [tmp_path / "loud.py"], 60))

        assert "silent" in [row.check for row in rows if row.status == "failed"]
        assert "passed" in [row.status for row in rows if row.check == "list-of-str"]
        started = [int(line) for line in (tmp_path / "started").read_text().split()]
        assert 0 < len(started)
        assert [] == [process for process in started if runs(process)]


def runs(process: int) -> bool:
    """Whether a process still runs; the kernel may take a moment to end it, and one that nobody waits for has ended."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        if state == "Z":
            return False
        time.sleep(0.05)
    return True


class TestCommand:
    def test_a_line_a_check(self, sparring, tmp_path):
        """
        `sparring check` prints a line a check with its name, how it ended, and what was found; 0 where none failed.
        """
        finished = sparring("check", "Words()", cwd=tmp_path)

        assert 0 == finished.returncode, finished.stderr
        lines = finished.stdout.splitlines()
        assert "Words()" == lines[0]
        assert ["empty-text", "passed"] in [line.split() for line in lines]
        assert "1 reported" in lines[-2]

    def test_a_failed_check(self, sparring, tmp_path):
        """
        Exit code 3 where a check failed, for plug-in files as for what is installed; JSON holds rule and fault.
        """
        finished = sparring("check", "Loud()", "Whitespace()", "--plugin", BROKEN, "--json", cwd=tmp_path)

        assert 3 == finished.returncode, finished.stderr
        rows = json.loads(finished.stdout)
        assert {"adapter", "check", "rule", "status", "found"} == set(rows[0])
        assert ["silent"] == [row["check"] for row in rows if row["status"] == "failed"]
        assert {"Loud()", "Whitespace()"} == {row["adapter"] for row in rows}

    def test_what_could_not_be_tried(self, sparring, tmp_path):
        """
        Exit code 3, and a line that says so, where nothing could be tried; the process's own end does not end it.
        """
        finished = sparring("check", "NeedsMore()", "Dies()", "--plugin", BROKEN, "--plugin", ENCODERS, cwd=tmp_path)

        assert 3 == finished.returncode, finished.stderr
        lines = finished.stdout.splitlines()
        assert "  could not be tried: not proven" in lines
        assert ["k-zero", "failed"] in [line.split()[:2] for line in lines]
        assert "1 failed, " in lines[-2]
        assert " not run" in lines[-2]

    @pytest.mark.parametrize("spelling", ["Wrds()", "Words(", "BM25(k1=-1)"])
    def test_bad_input(self, sparring, tmp_path, spelling):
        """
        Exit code 2 and one message for a spelling that names nothing, or is none; nothing is checked before.
        """
        finished = sparring("check", "Whitespace()", spelling, cwd=tmp_path)

        assert 2 == finished.returncode
        assert "" == finished.stdout
        assert finished.stderr.startswith("sparring: ")
