"""
A plug-in file tried from outside before it is loaded here: it may end its process, or never come back.

So may what it makes: the adapters that are spelled are made there too. What went well once is not tried again as
long as all stays as it was.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from bench import cache
from bench.errors import InputError
from bench.stage import cleanup
from bench.stage.failure import signal_name
from retrievers import plugin
from retrievers.plugin import PluginError

SECONDS = 60.0  # that loading may take
MOST_SAID = 2**20  # bytes that may be printed meanwhile
TAIL = 2_000  # of them, that are looked at
# What it comes to is told by a descriptor of its own, behind a word that no file writes there by chance.
CODE = """
import contextlib, os, sys
from pathlib import Path
from retrievers.registry import PluginError, installed, parse
descriptor, token, most, n, *names = sys.argv[1:]
files, spellings = names[:int(n)], names[int(n):]
registry, refused = installed(), ""
try:
    for file in files:
        registry.add_file(Path(file))
except PluginError as error:
    refused = str(error)
for spelling in spellings if not refused else ():
    with contextlib.suppress(Exception):  # the run says what is wrong with it
        parse(spelling, registry)
os.write(int(descriptor), (token + refused[:int(most)]).encode("utf-8", "surrogateescape"))
"""


def try_out(files: Sequence[Path], spellings: Sequence[str] = ()) -> None:
    """
    PluginError, with what to do, unless a process of its own loads the files, makes what is spelled, and ends.

    It has SECONDS. A file that is not there is left to who loads it.
    """
    there = [path.resolve() for path in files if path.is_file()]
    if not there:
        return
    mark = _mark(there, spellings)
    if mark is not None and mark.exists():
        return
    token = secrets.token_hex(16)
    with tempfile.TemporaryFile() as log:
        how, told = _ended(there, spellings, token, log)
        log.seek(max(log.seek(0, os.SEEK_END) - TAIL, 0))
        said = log.read().decode(errors="replace").strip().splitlines()
    if not told.startswith(token):
        last = f"; it printed last: {said[-1]}" if said else ""
        raise PluginError(
            f"plug-in file {', '.join(map(str, there))} cannot be loaded: expected to import it and to make its "
            f"adapters within {SECONDS:g} s, found {how}{last}: leave out what ends a process, and put what takes long "
            "into a method"
        )
    if told != token:
        raise PluginError(told.removeprefix(token))
    if mark is not None:
        with contextlib.suppress(OSError):  # a cache that takes nothing costs another try
            mark.parent.mkdir(exist_ok=True)
            mark.touch()


def _ended(files: Sequence[Path], spellings: Sequence[str], token: str, log: IO[bytes]) -> tuple[str, str]:
    """How the process that tries them ended, in words, and what it told of itself; all that it started is ended."""
    reader, writer = os.pipe()
    with cleanup.removed() as marked, open(reader, "rb") as pipe:  # noqa: PTH123  # a descriptor
        try:
            numbers = (writer, token, TAIL, len(files))
            child = subprocess.Popen(  # noqa: S603  # what is given as a plug-in is run, here and later
                [sys.executable, "-P", "-c", CODE, *map(str, (*numbers, *files)), *spellings],
                env=os.environ | marked,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(writer,),
                start_new_session=True,
            )
        finally:
            os.close(writer)
        try:
            how = _awaited(child, log)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        os.set_blocking(reader, False)
        return how, (pipe.read() or b"").decode("utf-8", "surrogateescape")


def _awaited(child: subprocess.Popen[bytes], log: IO[bytes]) -> str:
    """How a process ended, or that it did not, or printed without end; not how those ended that it started."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = child.wait(timeout=0.05)
            return f"that its process ended ({f'exit code {code}' if code >= 0 else signal_name(-code)})"
        if os.fstat(log.fileno()).st_size > MOST_SAID:
            return "that it prints without end"
    return "no end"


def _mark(files: Sequence[Path], spellings: Sequence[str]) -> Path | None:
    """What stands for this very code, tried by this very Python; None where the cache is not ours to keep it in."""
    found = hashlib.sha256(
        "\0".join([sys.executable, sys.version, *map(str, files), *spellings]).encode("utf-8", "replace")
    )
    for path in files:
        found.update(path.read_bytes())
        for name, file in sorted(plugin.source_files(str(path))):
            found.update(name.encode("utf-8", "surrogateescape") + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    try:
        return cache.own() / "plugins" / found.hexdigest()[:32]
    except (OSError, InputError):
        return None
