"""
`python -m retrievers.conformance.answers_child FOLDER`: make an adapter, let it learn, load it, write what it answers.

The folder holds job.json and what the adapter saved; the answers and result.json are written there.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from retrievers.conformance.material import MATERIALS, Material
from retrievers.conformance.subject import Subject
from retrievers.registry import Entry, Registry, parse

TASKS = Path("/proc/self/task")  # of Linux: a folder for each thread
ASKED_SECONDS = 0.2  # long enough to be seen at work
LOOK_SECONDS = 0.001
WORKING = 0.05  # share of the processor time from which a thread does work, not housekeeping


def main(folder: Path) -> int:
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    result: dict[str, Any] = {"threads": [] if _can_tell() else None, "broken": ""}  # Any: JSON
    try:
        for place, name in enumerate(job["materials"]):
            _answer(job, folder, place, MATERIALS[name], result)
    except (Exception, SystemExit) as error:  # an adapter may raise anything; the parent tells it
        result["broken"] = f"{type(error).__name__}: {error}"
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
    return 0


def _answer(job: Any, folder: Path, place: int, material: Material, result: Any) -> None:  # Any: JSON
    registry = Registry()
    for group, name, target, package in job["entries"]:
        registry.add(Entry(group, name, target, package))
    subject = Subject(lambda: parse(job["spelling"], registry))
    with subject.learned(material) as adapter, subject.fresh() as loaded:
        asked = adapter
        if job["saved"]:
            with tempfile.TemporaryDirectory(dir=folder) as elsewhere:
                adapter.save(Path(elsewhere))
            loaded.load(folder / f"saved-{place}")
            asked = loaded
        answers = subject.answers(asked, material)  # the first time, when libraries get ready
        if result["threads"] is not None:
            with _watched(result["threads"]):
                end = time.perf_counter() + ASKED_SECONDS
                while time.perf_counter() < end:
                    answers = subject.answers(asked, material)
    np.savez(folder / f"{place}.npz", **answers)  # type: ignore[arg-type]  # its named arrays are not typed apart


def _can_tell() -> bool:
    return (TASKS / str(os.getpid()) / "schedstat").is_file()


@contextmanager
def _watched(found: list[str]) -> Iterator[None]:
    """Note threads that are started inside, and those other than this one that do work; idle ones do not count."""
    watcher = threading.Thread(target=_watch, args=(stop := threading.Event(), most := [0]), daemon=True)
    watcher.start()
    before, watching = _worked(), watcher.native_id
    try:
        yield
    finally:
        after = _worked()
        stop.set()
        watcher.join()
    if most[0] > len(before):
        found.append(f"{most[0] - len(before)} more threads at once than before")
    spent = {task: nanoseconds - before.get(task, 0) for task, nanoseconds in after.items() if task != watching}
    busy = [task for task, nanoseconds in spent.items() if nanoseconds > WORKING * max(1, sum(spent.values()))]
    if len(busy) > 1:
        found.append(f"{len(busy)} threads at work")


def _watch(stop: threading.Event, most: list[int]) -> None:
    while not stop.wait(LOOK_SECONDS):
        most[0] = max(most[0], len(os.listdir(TASKS)))  # noqa: PTH208  # many times a second


def _worked() -> dict[int, int]:
    """Thread -> nanoseconds on a processor so far."""
    worked = {}
    for task in TASKS.iterdir():
        try:
            worked[int(task.name)] = int((task / "schedstat").read_text().split()[0])
        except OSError:  # ended meanwhile
            continue
    return worked


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
