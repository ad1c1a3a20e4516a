"""
A plug-in file tried from outside before it is loaded here: it may end its process, or never come back.

What was loaded once is not tried again as long as it stays as it was.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from bench import cache
from bench.stage.failure import signal_name
from retrievers import plugin
from retrievers.plugin import PluginError

SECONDS = 60.0  # that loading one may take
LOADED = "plug-in loaded"  # the last line of a process in which it was
CODE = f"""
import sys
from pathlib import Path
from retrievers.registry import PluginError, Registry
try:
    Registry().add_file(Path(sys.argv[1]))
except PluginError as error:
    sys.stderr.write(str(error))
    sys.exit(2)
sys.__stdout__.write("{LOADED}")
sys.__stdout__.flush()
"""


def try_out(path: Path) -> None:
    """PluginError, with what to do, unless a process of its own loads the file and comes to its end within SECONDS."""
    path = path.resolve()
    known = _known(path)
    if known is None or known.exists():
        return
    command = [sys.executable, "-P", "-c", CODE, str(path)]
    try:
        child = subprocess.run(  # noqa: S603  # what is given as a plug-in is run, here and later
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PluginError(
            f"plug-in file {path} cannot be loaded: expected it to be imported within {SECONDS:g} s, found no end: "
            f"what takes long belongs into a method"
        ) from error
    if child.stdout.endswith(LOADED):
        _remember(known)
    elif child.returncode == 2 and child.stderr:
        raise PluginError(child.stderr)
    else:
        raise PluginError(_ended(path, child))


def _ended(path: Path, child: subprocess.CompletedProcess[str]) -> str:
    """What a process did that ended while the file was imported."""
    code, said = child.returncode, (child.stderr or child.stdout).strip().splitlines()
    how = f"exit code {code}" if code >= 0 else signal_name(-code)
    last = f"; it printed last: {said[-1]}" if said else ""
    return (
        f"plug-in file {path} cannot be loaded: expected to import it, found that its process ended ({how}{last}): "
        f"leave out of the module what ends it"
    )


def _known(path: Path) -> Path | None:
    """The mark that this very code was loaded by this very Python; None where there is no such file to try."""
    if not path.is_file():
        return None
    found = hashlib.sha256(f"{sys.executable} {sys.version} {path}".encode())
    for name, file in sorted(plugin.source_files(str(path))):
        found.update(name.encode("utf-8", "surrogateescape") + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return cache.cache_folder() / "plugins" / found.hexdigest()[:32]


def _remember(mark: Path) -> None:
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError:  # a cache that takes nothing costs another try
        return
