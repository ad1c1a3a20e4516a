"""The same adapter in a process of its own: made from its spelling, asked the same, watched for threads and prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from retrievers.conformance.common_rules import registry_of
from retrievers.conformance.subject import Answers, NotApplicable, Subject
from retrievers.contract import Persistent, spell

THREADS = 1  # what the child is told, in every way libraries listen to
THREAD_VARIABLES = ("OMP", "MKL", "OPENBLAS", "NUMBA", "RAYON", "VECLIB")
SECONDS = 300  # after which a child is given up
CHILD = "retrievers.conformance.answers_child"


@dataclass(frozen=True)
class ProcessAnswers:
    """What a child answered."""

    printed: str  # on stdout
    said: str  # on stderr
    broken: str = ""  # what it raised, or how it ended; empty where it answered
    answers: dict[str, Answers] = field(default_factory=dict)  # by collection
    threads: int = 0  # at work at once while it was asked; 0: cannot be told here


@lru_cache(maxsize=4)  # several rules look at what one child answered
def answers_elsewhere(subject: Subject) -> ProcessAnswers:
    """Make, learn, load and ask in a child. NotApplicable where the adapter cannot be made in another process."""
    with tempfile.TemporaryDirectory(prefix="sparring-check-") as folder:
        scratch = Path(folder)
        (scratch / "job.json").write_text(json.dumps(_job(subject, scratch)), encoding="utf-8")
        printed, said = scratch / "stdout", scratch / "stderr"  # files: a process that it leaves may hold a pipe open
        try:
            with printed.open("wb") as out, said.open("wb") as err:
                code = subprocess.call(  # noqa: S603  # our own interpreter and module
                    [sys.executable, "-P", "-m", CHILD, folder],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    env=_environment(),
                    timeout=SECONDS,
                )
            how = f"exit code {code}"
        except subprocess.TimeoutExpired:
            how = f"no end within {SECONDS} s"
        told = printed.read_text("utf-8", "replace"), said.read_text("utf-8", "replace").strip()
        if not (scratch / "answers.npz").is_file():
            last_line = told[1].rpartition("\n")[2]
            return ProcessAnswers(*told, broken=f"{how}; it said last: {last_line}")
        answers: dict[str, dict[str, Any]] = defaultdict(dict)  # Any: see Answers
        with np.load(scratch / "answers.npz", allow_pickle=False) as arrays:
            for name in set(arrays) - {"threads"}:
                collection, _, part = name.partition("/")
                answers[collection][part] = arrays[name]
            return ProcessAnswers(*told, answers=dict(answers), threads=int(arrays["threads"].max()))


def _job(subject: Subject, scratch: Path) -> dict[str, Any]:  # Any: JSON
    """What the child is to do; what it is to load is saved."""
    with subject.fresh() as adapter:
        entries, spelled, saved = registry_of(adapter).entries.values(), spell(adapter), isinstance(adapter, Persistent)
    for place, collection in enumerate(subject.collections if saved else ()):
        folder = scratch / f"saved-{place}"
        folder.mkdir()
        with subject.taught(collection) as adapter:
            try:
                adapter.save(folder)
            except Exception as error:
                raise NotApplicable(f"it cannot be saved, see saves-and-loads: {error}") from error
    return {
        "spelling": spelled,
        "entries": [[entry.group, entry.name, entry.target, entry.package] for entry in entries],
        "collections": [collection.name for collection in subject.collections],
        "saved": saved,
    }


def _environment() -> dict[str, str]:
    """This process's, with its path of modules; one thread, and texts that hash otherwise."""
    threads = {f"{name}_NUM_THREADS": str(THREADS) for name in THREAD_VARIABLES}
    path = os.pathsep.join(os.path.abspath(each) for each in sys.path)  # noqa: PTH100  # "" is the present folder
    hash_seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    ours = {"TOKENIZERS_PARALLELISM": "false", "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path}
    return os.environ | threads | ours
