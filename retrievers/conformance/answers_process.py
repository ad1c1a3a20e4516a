"""The same adapter in a process of its own: made from its spelling, asked the same, watched for threads and prints."""

from __future__ import annotations

import importlib.machinery
import inspect
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from retrievers.conformance.subject import Answers, NotApplicable, Subject, kind_of
from retrievers.contract import Persistent, VectorRetriever, options_of, spell
from retrievers.registry import Entry, Group, Registry

GROUP_OF: dict[str, Group] = {
    "encoder": "encoders",
    "storage": "storages",
    "retriever": "retrievers",
    "analyser": "analysers",
}
THREADS = 1  # what the child is told, in every way libraries listen to
THREAD_VARIABLES = ("OMP", "MKL", "OPENBLAS", "NUMBA", "RAYON", "VECLIB")
SECONDS = 300  # after which a child is given up
SHOWN = 3  # last lines of a child that broke


@dataclass(frozen=True)
class Seen:
    """What a child found."""

    answers: dict[str, Answers]  # material -> what it said
    broken: str  # what it raised; empty where nothing
    printed: str  # on stdout
    said: str  # on stderr
    threads: list[str] | None  # what ran beside the one thread while it was asked; None: can not be told here


def entries_of(adapter: object) -> Iterator[Entry]:
    """Where the class of an adapter is found, and that of each adapter among its options. NotApplicable for none."""
    if isinstance(adapter, VectorRetriever):
        yield from (*entries_of(adapter.encoder), *entries_of(adapter.storage))
        return
    yield Entry(GROUP_OF[kind_of(adapter)], type(adapter).__name__, _target(type(adapter)), "the adapter under check")
    for option in options_of(adapter).values():
        for value in option if isinstance(option, list | tuple) else [option]:
            if value is not None and not isinstance(value, str | bool | int | float | list | tuple):
                yield from entries_of(value)


def _target(adapter: type) -> str:
    if "." in adapter.__qualname__:
        raise NotApplicable(
            f"{adapter.__name__} can not be made elsewhere: its class stands inside {adapter.__module__}"
        )
    top = adapter.__module__.partition(".")[0]
    if top != "__main__" and importlib.machinery.PathFinder.find_spec(top) is not None:
        return f"{adapter.__module__}:{adapter.__name__}"
    try:
        return f"{Path(inspect.getfile(adapter)).resolve()}:{adapter.__name__}"  # of a plug-in file
    except (OSError, TypeError) as error:
        raise NotApplicable(f"{adapter.__name__} can not be made elsewhere: {error}") from error


def registry_of(adapter: object) -> Registry:
    """The names that the spelling of an adapter needs. NotApplicable where it has no spelling."""
    registry = Registry()
    try:
        for entry in entries_of(adapter):
            if (entry.group, entry.name) not in registry.entries:
                registry.add(entry)
    except (TypeError, ValueError) as error:
        raise NotApplicable(f"it can not be spelled ({error}), see options-kept") from error
    return registry


@lru_cache(maxsize=4)  # several rules look at what one child saw
def seen(subject: Subject) -> Seen:
    """Make, learn, load and ask in a child. NotApplicable where the adapter can not be made in another process."""
    with tempfile.TemporaryDirectory(prefix="sparring-check-") as scratch:
        return _seen(subject, Path(scratch))


def _seen(subject: Subject, scratch: Path) -> Seen:
    with subject.fresh() as adapter:
        registry = registry_of(adapter)
        job: dict[str, Any] = {  # Any: JSON
            "spelling": spell(adapter),
            "entries": [[e.group, e.name, e.target, e.package] for e in registry.entries.values()],
            "materials": [material.name for material in subject.materials],
            "saved": isinstance(adapter, Persistent),
            "path": [os.path.abspath(path) for path in sys.path],  # noqa: PTH100  # "" is the present folder
        }
    if job["saved"]:
        _save(subject, scratch)
    (scratch / "job.json").write_text(json.dumps(job), encoding="utf-8")
    printed, said = scratch / "stdout", scratch / "stderr"
    hash_seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"  # not this process's
    environment = os.environ | {f"{name}_NUM_THREADS": str(THREADS) for name in THREAD_VARIABLES}
    environment |= {"TOKENIZERS_PARALLELISM": "false", "PYTHONHASHSEED": hash_seed}
    environment["PYTHONPATH"] = os.pathsep.join(job["path"])
    broken = ""
    with printed.open("wb") as out, said.open("wb") as err:
        try:
            code = subprocess.run(  # noqa: S603  # our own interpreter and module
                [sys.executable, "-P", "-m", "retrievers.conformance.answers_child", str(scratch)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environment,
                timeout=SECONDS,
                check=False,
            ).returncode
            broken = "" if (scratch / "result.json").is_file() else f"exit code {code}"
        except subprocess.TimeoutExpired:
            broken = f"no end within {SECONDS} s"
    last_lines = said.read_text("utf-8", "replace").strip()
    result = scratch / "result.json"
    found = json.loads(result.read_text(encoding="utf-8")) if result.is_file() else {}
    answers: dict[str, Answers] = {}
    for place, name in enumerate(job["materials"]):
        if (file := scratch / f"{place}.npz").is_file():
            with np.load(file, allow_pickle=False) as arrays:
                answers[name] = dict(arrays)
    if broken and not found.get("broken"):
        found["broken"] = f"{broken}; it said last: {' / '.join(last_lines.splitlines()[-SHOWN:])}"
    return Seen(
        answers, found.get("broken", ""), printed.read_text("utf-8", "replace"), last_lines, found.get("threads")
    )


def _save(subject: Subject, scratch: Path) -> None:
    for place, material in enumerate(subject.materials):
        with subject.taught(material) as adapter:
            folder = scratch / f"saved-{place}"
            folder.mkdir()
            try:
                adapter.save(folder)
            except Exception as error:
                raise NotApplicable(f"it can not be saved, see saves-and-loads: {error}") from error
