"""
The files beside a plug-in: which of them its encoder read, and whether they are still the same.

Code is hashed before a run begins; a model, a table of weights or a word list beside it is known only once it has been
read. A process is told of every file that Python opens in it by an audit hook, and of those that a library maps by the
kernel. What a library opens by itself and does not map, or what another process reads, is not seen.

As in `bench.stage.stages`, every import that takes memory stands inside a function.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import msgspec

from bench.records.schema import StageResult
from bench.stage.inputs import Made
from bench.stage.job import Job

# In place of a hash: nothing there could be read, which is fine as long as that stays so; and a file that was another
# before it was read than after, whose vectors are those of neither.
ABSENT, UNSTEADY = "absent", "changed while it was read"
OURS = "retrievers."  # targets of built-in adapters, whose package holds code alone
NOT_BESIDE = {"site-packages", "dist-packages", "__pycache__"}  # told by versions; compiled from what is hashed
MAPS = Path("/proc/self/maps")

Folders: TypeAlias = Mapping[str, Path]  # adapter -> the folder of its plug-in
Stage: TypeAlias = Callable[[Job, Made], StageResult]


class State(NamedTuple):
    """By what a file is seen to have changed while a process lasts."""

    written: int
    size: int
    inode: int


def folders(spelling: str, targets: Iterable[tuple[str, str]]) -> dict[str, Path]:
    """The folder of each adapter that a spelling may name, ours left out. targets: name and target of all adapters."""
    from retrievers import plugin

    found = {}
    for name, target in targets:
        if f"{name}(" in spelling and not target.startswith(OURS):
            folder = plugin.folder_of(target)
            if folder is not None:
                found[name] = folder
    return found


def changed(opened: Mapping[str, str], known: Folders) -> list[str]:
    """Which files are no longer as they were read, in words. opened: of a stage's result; known: where plug-ins lie."""
    return [_said(name) for name, digest in opened.items() if _digest(_path(name, known)) != digest]


def watched(stage: Stage) -> Stage:
    """A stage whose result tells the files beside its encoder's plug-in that it read."""

    def do(job: Job, made: Made) -> StageResult:
        targets = ((name, target) for _, name, target, _ in job.entries)
        watch = Watch(folders(job.encoder or "", targets), others(job))
        result = stage(job, made)
        return msgspec.structs.replace(result, opened=watch.digests())

    return do


def others(job: Job) -> list[Path]:
    """What may lie below a plug-in's folder and is none of its own: the harness's files, scratch, and Python's home."""
    import tempfile

    from bench.cache import cache_folder

    harness = (job.passages, job.queries, job.alignment, job.vectors, job.out, str(Path(job.result).parent))
    elsewhere = (tempfile.gettempdir(), sys.prefix, sys.base_prefix)
    return [cache_folder(), *map(Path, filter(None, (*harness, *elsewhere)))]


class Watch:
    """
    The files beside plug-ins that this process reads, from when it is made until it is asked for their digests.

    Hidden files and folders count for nothing, nor do files that the process has written itself.
    """

    def __init__(self, known: Folders, left_out: Sequence[Path] = ()) -> None:
        # The innermost first: a file belongs to the nearest plug-in.
        self._folders = sorted(known.items(), key=lambda each: (-len(each[1].parts), each[0]))
        self._left_out = left_out
        self._read: dict[str, State | None] = {}  # path -> what it was before it was first read
        self._written: set[str] = set()
        self._ended = not known
        if known:
            sys.addaudithook(self._audit)  # for as long as the process lasts: there is no way to take one away

    def digests(self) -> dict[str, str]:
        """Every file that was read, as `ADAPTER/path` from the folder of its plug-in -> sha256."""
        if self._ended:
            return {}
        self._ended = True
        for path in _mapped():
            self._read.setdefault(path, _state(path))
        found = {}
        for path, before in sorted(self._read.items()):
            name = None if path in self._written or Path(path).is_dir() else self._name(Path(path))
            if name is not None:
                found[name] = _digest(Path(path)) if _state(path) == before else UNSTEADY
        return found

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:  # Any: an event's own
        """What Python tells of an event before it happens; nothing may be raised into it."""
        if self._ended or event not in ("open", "os.rename", "sqlite3.connect"):
            return
        with contextlib.suppress(Exception):
            path = _absolute(arguments[1] if event == "os.rename" else arguments[0])
            if path is None or not any(path.startswith(f"{folder}{os.sep}") for _, folder in self._folders):
                return
            path = _source(path)
            flags = arguments[2] if event == "open" else 0
            if event == "os.rename" or _overwrites(path, flags):
                if self._read.get(path) is None:  # else it was there, and was read
                    self._written.add(path)
            elif path not in self._written and not flags & os.O_WRONLY:
                self._read.setdefault(path, _state(path))

    def _name(self, path: Path) -> str | None:
        """`ADAPTER/path` of a file beside a plug-in; None of one that counts for nothing."""
        for name, folder in self._folders:
            if not path.is_relative_to(folder):
                continue
            inside = path.relative_to(folder)
            if any(part.startswith(".") or part in NOT_BESIDE for part in inside.parts) or _hashed(folder, inside):
                return None
            left_out = [each for each in self._left_out if each.is_relative_to(folder) and each != folder]
            return None if any(map(path.is_relative_to, left_out)) else f"{name}/{inside.as_posix()}"
        return None


def _absolute(path: object) -> str | None:
    """A path as it was opened, from the root; None for what is none, such as a descriptor."""
    return os.path.abspath(os.fsdecode(path)) if isinstance(path, str | bytes | os.PathLike) else None  # noqa: PTH100


def _overwrites(path: str, flags: int) -> bool:
    """Whether a file is opened so that nothing can be read of it but what is written from now on."""
    return bool(flags & os.O_TRUNC or (flags & os.O_CREAT and _state(path) is None))


def _source(path: str) -> str:
    """The file of Python that a compiled one was made from; any other as it is."""
    if f"{os.sep}__pycache__{os.sep}" in path:
        with contextlib.suppress(ValueError, NotImplementedError):
            return importlib.util.source_from_cache(path)
    return path


def _hashed(folder: Path, inside: Path) -> bool:
    """Whether a file is code that `retrievers.plugin.source_sha256` takes in: a module, or of a package beside it."""
    of_package = len(inside.parts) > 1 and (folder / inside.parts[0] / "__init__.py").is_file()
    return inside.suffix == ".py" and (len(inside.parts) == 1 or of_package)


def _mapped() -> Iterator[str]:
    """The files that this process has mapped, as a Linux kernel tells them."""
    with contextlib.suppress(OSError):
        for line in MAPS.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            path = line.split(maxsplit=5)[5:]
            if path and path[0].startswith("/"):
                yield path[0]


def _state(path: str) -> State | None:
    """None where nothing is there."""
    try:
        found = os.stat(path)  # noqa: PTH116  # within the hook nothing is made that is not needed
    except (OSError, ValueError):
        return None
    return State(found.st_mtime_ns, found.st_size, found.st_ino)


def _digest(path: Path | None) -> str:
    """sha256 of a file; of what is none that can be read, ABSENT."""
    with contextlib.suppress(OSError, ValueError):
        if path is not None and path.is_file():  # a pipe would be waited for
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
    return ABSENT


def _path(name: str, known: Folders) -> Path | None:
    """Where a file of a stage's `opened` lies; None where its plug-in is not known."""
    adapter, _, inside = name.partition("/")
    return known[adapter] / inside if adapter in known else None


def _said(name: str) -> str:
    adapter, _, inside = name.partition("/")
    return f"{inside} beside {adapter}"
