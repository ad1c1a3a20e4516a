"""The rules about what stays: files, another process, bytes, and what the machine sees."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from retrievers.conformance.answers_process import THREADS, answers_elsewhere
from retrievers.conformance.common_rules import first, same, same_as_anew
from retrievers.conformance.held_bytes import HeldBytes, held_bytes
from retrievers.conformance.subject import Answers, BrokenRule, NotApplicable, Rule, Subject, spelled
from retrievers.conformance.toy_collections import SMALLEST, Given, ToyCollection
from retrievers.contract import Accountable, Closeable, Linked, Persistent, Predictable, is_deterministic

TOLERANCE = 0.02  # of a ledger's sum: small objects round the arrays
SLACK_BYTES = 4096  # the same, of very small ones
FIELDS_BYTES = 256  # of a component: the fields round a few arrays, less than the smallest array of a collection


def saves_and_loads(subject: Subject) -> str | None:
    """What was saved into a folder that is there, also for the second time, and loaded by a fresh one says the same."""
    _persistent(subject)
    total = 0
    for collection in subject.collections:
        with (
            subject.taught(collection) as adapter,
            subject.fresh() as loaded,
            tempfile.TemporaryDirectory(prefix="sparring-check-") as made,
        ):
            expected, folder = subject.said(collection), Path(made)
            adapter.save(folder)
            adapter.save(folder)
            same(expected, subject.answers(adapter, collection), collection, "saved", "leave what is saved as it was")
            made_as = spelled(loaded)
            loaded.load(folder)
            remedy = "write in save all that fit, build or index learned, and read it in load"
            same(expected, subject.answers(loaded, collection), collection, "loaded", remedy)
            if spelled(loaded) != made_as:
                raise BrokenRule(f"{made_as} after load", spelled(loaded), "options are the constructor's, not load's")
            total = max(total, sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))
    return f"{total:,} bytes on disk"


def linked_files_found(subject: Subject) -> str | None:
    """The files that it needs beside what it saves are there when it has learned."""
    with subject.taught(first(subject)) as adapter:
        if not isinstance(adapter, Linked):
            raise NotApplicable("it names no files beside what it saves")
        files = [Path(path) for path in adapter.linked_files()]
        lacking = [path for path in files if not path.is_file()]
        if lacking:
            raise BrokenRule("files that are there", f"none at {lacking[0]}", "name files in full, and no folders")
        return f"{len(files)} files, {sum(path.stat().st_size for path in files):,} bytes"


def failed_load_harmless(subject: Subject) -> str | None:
    """After a load from an empty folder has failed, it learns as if nothing had been."""
    _persistent(subject)
    collection = first(subject)
    with subject.fresh() as adapter, tempfile.TemporaryDirectory(prefix="sparring-check-") as empty:
        said = "loads nothing without a word"
        try:
            adapter.load(Path(empty))
        except Exception as error:
            said = f"raises {type(error).__name__}"
        subject.learn(adapter, collection.passages())
        found = subject.answers(adapter, collection)
        same_as_anew(subject, found, collection, "taught after a failed load", "set nothing before all is read")
    return said


def same_in_another_process(subject: Subject) -> str | None:
    """Loaded (or, where it cannot be saved, taught) in another process it says the same."""
    found = answers_elsewhere(subject)
    for collection in subject.collections:
        expected = _said_here(subject, collection)
        if found.broken:
            raise BrokenRule(
                "answers from another process", found.broken, "keep nothing outside the folder it is saved to"
            )
        remedy = "depend on nothing of this process: module state, paths, hash() of a text"
        same(expected, found.answers[collection.name], collection, "in another process", remedy)
    with subject.fresh() as adapter:
        return "loaded there" if isinstance(adapter, Persistent) else "taught there"


def _said_here(subject: Subject, collection: ToyCollection) -> Answers:
    """What a loaded one says in this process, so that a fault of saving is found by one rule."""
    with subject.taught(collection) as adapter, tempfile.TemporaryDirectory(prefix="sparring-check-") as folder:
        if not isinstance(adapter, Persistent):
            return subject.said(collection)
        with subject.fresh() as loaded:
            try:
                adapter.save(Path(folder))
                loaded.load(Path(folder))
                return subject.answers(loaded, collection)
            except BrokenRule:
                raise
            except Exception as error:
                raise NotApplicable(f"it cannot be loaded here either, see saves-and-loads: {error}") from error


def _persistent(subject: Subject) -> None:
    with subject.fresh() as adapter:
        if not isinstance(adapter, Persistent):
            raise NotApplicable("it has no save and load")


# What the machine sees


def silent(subject: Subject) -> str | None:
    """It prints nothing on standard output: that is the harness's. What it says on standard error is reported."""
    found = answers_elsewhere(subject)
    if found.printed:
        text = found.printed.strip().split("\n")[0]
        raise BrokenRule("nothing on standard output", repr(text or "blank lines"), "leave out the print")
    lines = found.said.splitlines()
    return f"on standard error: {lines[0]} ({len(lines)} lines)" if lines and not found.broken else None


def threads_respected(subject: Subject) -> str | None:
    """Told to use one thread by the environment (OMP_NUM_THREADS and its like), it works with one while it is asked."""
    found = answers_elsewhere(subject)
    if found.broken:
        for collection in subject.collections:
            subject.said(collection)  # hits that are broken here too cannot be held to this rule either
        raise NotApplicable("it did not work in another process, see same-in-another-process")
    if not found.threads:
        raise NotApplicable("threads can be told apart on Linux only")
    if found.threads > THREADS:
        raise BrokenRule(f"{THREADS} thread", f"{found.threads}", "ask the environment how many threads there may be")
    return None


def ledger_adds_up(subject: Subject) -> str | None:
    """
    The ledger names whole numbers of bytes that come to no less than its arrays and no more than it holds.

    Arrays: every numpy or scipy array (and whatever tells its `nbytes`) reachable from its attributes. Held: those and
    Python's own objects, or what it saves if that is more. Where it holds something that nobody can look into, such as
    a C++ index, what it saves is reported beside the sum: of a storage the sum is no less, and no more if its bytes are
    said to follow from a formula.
    """
    said = []
    for collection in subject.collections:
        with subject.taught(collection) as adapter, tempfile.TemporaryDirectory(prefix="sparring-check-") as made:
            if not isinstance(adapter, Accountable):
                raise NotApplicable("it has no ledger")
            ledger = adapter.ledger()
            if not isinstance(ledger, dict) or not ledger or not all(isinstance(name, str) for name in ledger):
                raise BrokenRule("a dict of str to bytes", repr(ledger), "name each component")
            wrong = {name: n for name, n in ledger.items() if not isinstance(n, int | np.integer) or n < 0}
            if wrong:
                raise BrokenRule("whole bytes from 0", repr(wrong), "count with nbytes")
            total, held = int(sum(ledger.values())), held_bytes(adapter)
            saved = 0
            if isinstance(adapter, Persistent):
                adapter.save(Path(made))
                saved = sum(path.stat().st_size for path in Path(made).rglob("*") if path.is_file())
            by_formula = isinstance(adapter, Predictable) and is_deterministic(adapter) and bool(saved)
            _hold_from_below(total, held, saved if subject.kind == "storage" else 0, collection)
            if by_formula or not held.opaque:
                _hold_from_above(total, max(held.everything, saved), collection)
            said.append(f"{total:,} ({held.arrays:,} in arrays, {saved:,} saved)")
    return f"bytes: {'; '.join(said)}"


def _hold_from_below(total: int, held: HeldBytes, saved: int, collection: ToyCollection) -> None:
    """saved: by a storage, else 0: the files of an encoder or engine may hold what is never in its memory."""
    if total < held.arrays:
        expected = f"at least the {held.arrays:,} bytes of its arrays ({collection.name})"
        raise BrokenRule(expected, f"{total:,}", "count the nbytes of each")
    if held.opaque and total < saved * (1 - TOLERANCE) - SLACK_BYTES:
        expected = f"about the {saved:,} bytes that it saves, since not all it holds can be seen ({collection.name})"
        raise BrokenRule(expected, f"{total:,}", "count what is inside too, or save no more than it holds")


def _hold_from_above(total: int, most: int, collection: ToyCollection) -> None:
    if total > most * (1 + TOLERANCE) + SLACK_BYTES:
        expected = f"at most the {most:,} bytes that it holds or saves ({collection.name})"
        raise BrokenRule(expected, f"{total:,}", "count what is there")


def ledger_predicted(subject: Subject) -> str | None:
    """
    A storage predicts its ledger from the size of the vectors alone, component by component, within 2 %.

    Of one that says `deterministic = False` it is reported how near it comes. Dense vectors have no zeros here, as
    embeddings have none: how many a sparse format could leave out is not among the three numbers.
    """
    said = []
    for collection in subject.collections:
        vectors = _without_zeros(collection.passages())
        with subject.fresh() as untaught, subject.fresh() as adapter:
            if (
                subject.kind != "storage"
                or not isinstance(untaught, Predictable)
                or not isinstance(adapter, Accountable)
            ):
                raise NotApplicable("it predicts no ledger")
            subject.learn(adapter, vectors)
            nonzeros = None if isinstance(vectors, np.ndarray) else int(vectors.nnz)
            n, dims = vectors.shape
            predicted, ledger = untaught.predict_ledger(n, dims, nonzeros), adapter.ledger()
            if is_deterministic(untaught):
                _hold_to_ledger(predicted, ledger, collection)
            said.append(f"{sum(predicted.values()):,} for {sum(ledger.values()):,}")
    return f"bytes: {'; '.join(said)}"


def _without_zeros(vectors: Given) -> Given:
    """Dense vectors without zeros; whatever else it is is left as it is."""
    return np.where(vectors == 0, np.float32(SMALLEST), vectors) if isinstance(vectors, np.ndarray) else vectors


def _hold_to_ledger(predicted: dict[str, int], ledger: dict[str, int], collection: ToyCollection) -> None:
    if predicted.keys() != ledger.keys():
        expected = f"the components of the ledger, {', '.join(ledger)} ({collection.name})"
        raise BrokenRule(expected, ", ".join(predicted) or "none", "give both the same names")
    pairs = {name: (predicted[name], ledger[name]) for name in ledger}
    for name, (told, found) in (pairs | {"the sum": (sum(predicted.values()), sum(ledger.values()))}).items():
        if abs(told - found) > TOLERANCE * found + FIELDS_BYTES:
            expected = f"{name} predicted within {TOLERANCE:.0%} of its {found:,} bytes ({collection.name})"
            raise BrokenRule(expected, f"{told:,}", "correct predict_ledger, or say deterministic = False")


def closes_twice(subject: Subject) -> str | None:
    """It can be closed twice, and before it has learned anything."""
    with subject.fresh() as untaught, subject.fresh() as adapter:
        if not isinstance(adapter, Closeable):
            raise NotApplicable("it has no close")
        untaught.close()
        subject.learn(adapter, first(subject).passages())
        adapter.close()
        adapter.close()
    return None


KEPT: tuple[Rule, ...] = (
    saves_and_loads,
    linked_files_found,
    failed_load_harmless,
    same_in_another_process,
    ledger_adds_up,
    ledger_predicted,
    silent,
    threads_respected,
    closes_twice,
)
