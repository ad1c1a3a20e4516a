"""A start as containers have it: a user id without an entry, no home, nothing to write to but one folder."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.command import SPARRING
from tests.helpers.places import ROOT

NOBODY = 54_321  # of whom the system's lists know nothing
# What Python needs below a folder that is closed to others is put into an empty, open one in its place. Then everything
# is read-only but one folder, and all that is left of the superuser is put down.
START = f"""
mount --make-rprivate / && mount --bind "$0" "$0" || exit 77
%s
while read -r _ place _; do mount -o remount,bind,ro "$place" 2>/dev/null; done < /proc/self/mounts
mount -o remount,bind,rw "$0" || exit 77
cd "$0" && exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups --inh-caps=-all -- sh -c '
    touch /tmp/probe /var/tmp/probe 2>/dev/null && exit 77
    exec "$@"' sh "$@"
"""


def opened(kept):
    """The lines of a shell that open the folders over what a run reads, where they are closed to others."""
    needed = sorted({Path(sys.base_prefix).resolve(), Path(sys.prefix), ROOT})
    tops = {}  # the uppermost closed folder: what is needed below it
    for place in needed:
        closed = [above for above in place.parents if not above.stat().st_mode & 0o001]
        if closed:
            tops.setdefault(closed[-1], []).append(place)
    lines = []
    for top, places in tops.items():
        held = [kept / str(number) for number in range(len(places))]
        pairs = [(shlex.quote(str(place)), shlex.quote(str(hold))) for place, hold in zip(places, held, strict=True)]
        lines += [f"mkdir -p {hold} && mount --bind {place} {hold} || exit 77" for place, hold in pairs]
        lines += [f"mount -t tmpfs -o mode=755 none {shlex.quote(str(top))} || exit 77"]
        lines += [f"mkdir -p {place} && mount --move {hold} {place} || exit 77" for place, hold in pairs]
    return "\n".join(lines)


def started(folder, *arguments, **variables):
    """A command in such a container."""
    command = ["unshare", "--mount", "sh", "-c", START % opened(folder.parent / "held"), folder, *SPARRING, *arguments]
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    done = subprocess.run(
        list(map(str, command)), env=kept | variables, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode in (77, 126, 127) or "unshare failed" in done.stderr:
        pytest.skip(f"no such container can be made here: {done.stderr.strip()[-200:]}")
    return done


@pytest.fixture
def folder(tmp_path):
    """The one folder that can be written to; whoever is asked to stand in it may pass through those above."""
    if os.name != "posix" or os.geteuid() or shutil.which("setpriv") is None:
        pytest.skip("only the superuser can start as another user; setpriv is of util-linux")
    place = tmp_path / "work"
    place.mkdir()
    os.chown(place, NOBODY, NOBODY)
    closed = {above: above.stat().st_mode for above in place.parents if not above.stat().st_mode & 0o001}
    for above, mode in closed.items():
        above.chmod(mode | 0o011)
    yield place
    for above, mode in closed.items():
        above.chmod(mode)


@pytest.mark.slow
def test_it_says_what_to_set(folder):
    """
    Without a home and a place for the cache a run says which variable names one.
    """
    done = started(folder, "run", "--passages", "primer", "TfIdf() @ CSR()", "-o", "out")

    assert 2 == done.returncode, done.stderr
    assert "SPARRING_CACHE" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_it_runs(folder):
    """
    With the cache in the one folder it runs to its table, and the run can be read.
    """
    place = {"SPARRING_CACHE": str(folder / "cache")}
    asked = ("run", "--passages", "primer", "TfIdf() @ CSR()", "BM25() @ Packed()", "--rounds", "1", "--mode", "single")

    done = started(folder, *asked, "-o", "out", **place)
    table = started(folder, "table", "out", "--json", **place)

    assert 0 == done.returncode, done.stderr
    assert 0 == table.returncode, table.stderr
    assert '"status":"ok"' in table.stdout.replace(" ", "")
