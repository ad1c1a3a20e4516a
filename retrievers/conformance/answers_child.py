"""
`python -m retrievers.conformance.answers_child FOLDER`: make an adapter, load it, let it learn, write what it answers.

The folder holds job.json and what the adapter saved. answers.npz is written there, where nothing is raised.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from retrievers.conformance.subject import Answers, Subject
from retrievers.conformance.toy_collections import COLLECTIONS, ToyCollection
from retrievers.contract import Adapter
from retrievers.registry import Entry, Registry, parse

TASKS, SCHEDSTAT = Path("/proc/self/task"), "schedstat"  # of Linux: a folder for each thread, its time in a file
WATCHED_SECONDS = 0.2  # long enough to be seen at work
LOOK_SECONDS = 0.001
WORKING = 0.05  # share of the processor time from which a thread does work, not housekeeping


def main(folder: Path) -> None:
    """Answer in this process what the files in `folder` ask, and write the answers there."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    registry = Registry()
    for entry in job["entries"]:
        registry.add(Entry(*entry))
    subject = Subject(lambda: parse(job["spelling"], registry))
    collections = [COLLECTIONS[name] for name in job["collections"]]
    answers: dict[str, Answers] = {}
    threads: list[int] = []

    def ask(adapter: Adapter, collection: ToyCollection) -> None:
        answer = partial(subject.answers, adapter, collection)
        answers[collection.name] = answer()  # the first time, when libraries get ready
        can_tell = (TASKS / str(os.getpid()) / SCHEDSTAT).is_file()
        threads.append(_threads_at_work(answer) if can_tell else 0)

    # Loaded before anything is taught here, or what a class remembers of that would pass for what was saved.
    for place, collection in enumerate(collections if job["saved"] else ()):
        with subject.fresh() as loaded:
            loaded.load(folder / f"saved-{place}")
            ask(loaded, collection)
    for collection in collections:
        with subject.learned(collection) as taught, tempfile.TemporaryDirectory(dir=folder) as elsewhere:
            if job["saved"]:
                taught.save(Path(elsewhere))  # it may print
            else:
                ask(taught, collection)
    arrays = {f"{name}/{part}": array for name, parts in answers.items() for part, array in parts.items()}
    np.savez(folder / "answers.npz", threads=threads, **arrays)  # type: ignore[arg-type]  # its named arrays are not typed apart


def _threads_at_work(call: Callable[[], object]) -> int:
    """How many threads work while something is called over and over, or are added to those that were there."""
    stop, most = threading.Event(), [0]
    watcher = threading.Thread(target=_watch, args=(stop, most), daemon=True)
    watcher.start()
    before, watching = _worked(), watcher.native_id
    end = time.perf_counter() + WATCHED_SECONDS
    while time.perf_counter() < end:
        call()
    spent = [ns - before.get(task, 0) for task, ns in _worked().items() if task != watching]
    stop.set()
    watcher.join()
    return max(most[0] - len(before) + 1, sum(ns > WORKING * sum(spent) for ns in spent))


def _watch(stop: threading.Event, most: list[int]) -> None:
    while not stop.wait(LOOK_SECONDS):
        most[0] = max(most[0], len(os.listdir(TASKS)))  # noqa: PTH208  # many times a second


def _worked() -> dict[int, int]:
    """Thread -> nanoseconds on a processor so far."""
    worked = {}
    for task in TASKS.iterdir():
        with contextlib.suppress(OSError):  # ended meanwhile
            worked[int(task.name)] = int((task / SCHEDSTAT).read_text().split()[0])
    return worked


if __name__ == "__main__":
    main(Path(sys.argv[1]))
