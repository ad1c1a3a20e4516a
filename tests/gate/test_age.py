"""What the gate says of a reference that has grown old."""

from __future__ import annotations

import json
import shutil

import msgspec
import numpy as np
import pytest

from bench.commands.gate import gate
from bench.gate import reference
from bench.records import run_folder
from bench.records.run_folder import Run
from bench.records.schema import Footprint
from tests.helpers import command
from tests.helpers.run_folders import N, cell
from tests.helpers.tiny import tiny_set


def written(run: Run, made: str = "", **environment: object) -> Run:
    """A run of the helper's as a folder that a command reads, of another day or machine."""
    record = msgspec.structs.replace(run.record, made=made or run.record.made)
    machine = msgspec.structs.replace(run.environment, **environment)
    (run.folder / run_folder.RUN).write_bytes(run_folder.pretty(record))
    (run.folder / run_folder.ENVIRONMENT).write_bytes(run_folder.pretty(machine))
    lines = [msgspec.json.encode(m) + b"\n" for m in run.measurements]
    (run.folder / run_folder.MEASUREMENTS).write_bytes(b"".join(lines))
    return run_folder.read(run.folder)


def told(old: Run, new: Run) -> tuple[str, list[str]]:
    """The gate's outcome and notes, of a reference that the old run was accepted as."""
    folder = old.folder.with_name("reference")
    shutil.rmtree(folder, ignore_errors=True)
    reference.accept(old, folder)
    found = json.loads(command.call(gate, new.folder, "--reference", folder, "--json").stdout)
    return found["outcome"], found["notes"]


def ran(folders, name: str, first: float = 1.0, *, rest: float = 1.0, exact: bool = True, gate=None, **fields):
    """A run whose first query has a value of its own, and all others another."""
    values = np.full(N, rest)
    values[0] = first
    known = {"quality": {"nDCG@10": float(values.mean())}, "passage_set_sha256": folders.passage_set.sha256}
    one = cell(**known | {"exact": exact, "storage_weight": None} | fields)
    return folders.run(name, one, values={"nDCG@10": values}, gate=gate or {})


def test_nothing_has_changed(folders):
    """
    Of a reference that is only of another day there is nothing to say.
    """
    old, new = written(ran(folders, "old")), written(ran(folders, "new"), "2026-09-01T00:00:00+00:00")

    assert ("pass", []) == told(old, new)


def test_other_libraries(folders):
    """
    Libraries that may change hits are named with both versions, and the reference is dated, with Sparring's versions.
    """
    old = written(ran(folders, "old"), libraries={"numpy": "2.3.1", "sparring": "0.2.0"})
    libraries = {"numpy": "2.4.0", "scipy": "1.17.1", "sparring": "0.3.0"}
    new = written(ran(folders, "new"), "2026-02-01T04:00:00+00:00", libraries=libraries)

    outcome, notes = told(old, new)

    assert "pass" == outcome
    differ = "libraries.numpy 2.3.1 -> 2.4.0, libraries.scipy none -> 1.17.1"
    assert [
        f"another environment than the reference's ({differ}): hits that nearly tie may swap",
        "the reference was measured on 2026-01-02, 30 days before the run, Sparring 0.2.0 -> 0.3.0",
    ] == notes


def test_dates_that_cannot_be_subtracted(folders):
    """
    A record whose date has no zone is dated all the same.
    """
    libraries = {"numpy": "2.4.0"}
    old, new = written(ran(folders, "old"), "2025-01-01"), written(ran(folders, "new"), libraries=libraries)

    assert "the reference was measured on 2025-01-01" == told(old, new)[1][-1]


def test_another_set(folders):
    """
    Of a set that is another under the same name it is said what of it is; its cells fail, as they did.
    """
    old = written(ran(folders, "old"))
    folders.passage_set = tiny_set(N + 1, N)
    folders.passage_set.qrels["q0"]["p1"] = 1
    new = written(ran(folders, "new", n_passages=old.measurements[0].n_passages + 1))

    outcome, notes = told(old, new)

    was, now = old.measurements[0], new.measurements[0]
    assert "fail" == outcome
    assert (
        f"tiny is another set than the reference's: passages {was.n_passages:,} -> {now.n_passages:,}, judgments "
        f"differ (sha256 {was.passage_set_sha256[:8]} -> {now.passage_set_sha256[:8]}); its cells are held once it is "
        "accepted"
    ) == notes[-1]


def test_texts_of_a_set(folders):
    """
    Where counts and judgments are alike the texts are not.
    """
    old, new = written(ran(folders, "old")), written(ran(folders, "new", passage_set_sha256="f" * 64))

    assert "tiny is another set than the reference's: texts, ids or their order differ" in told(old, new)[1][-1]


@pytest.mark.parametrize(("gate", "is_said"), [({}, True), ({"measures": ["nDCG@10"]}, False)])
def test_measures_that_the_reference_has_not(folders, gate, is_said):
    """
    A measure that the suite has gained is not held, and said; unless the policy names others.
    """
    old = written(ran(folders, "old", gate=gate))
    gained = {"nDCG@10": 1.0, "R@10": 0.5}
    new = written(ran(folders, "new", gate=gate, quality=gained))

    outcome, notes = told(old, new)

    assert "pass" == outcome
    said = "measured now and not in the reference, so held once it is accepted: R@10 (1 cell)"
    assert is_said == (said in notes)


@pytest.mark.parametrize(("loss", "used"), [(0.16, ""), (0.32, "0.0080 of 0.01"), (0.4, "0.0100 of 0.01")])
def test_a_tolerance_that_is_used(folders, loss, used):
    """
    From half of its tolerance on it is said how much of it a figure has used: here a loss of one query in 40.
    """
    old = written(ran(folders, "old", exact=False))
    new = written(ran(folders, "new", 1 - loss, exact=False, gate={}))

    outcome, notes = told(old, new)

    expected = f"tolerance used: {used} by nDCG@10 of BM25() @ CSR() on tiny; figures that moved and pass: 0 up, 1 down"
    assert ("pass", [expected] if used else []) == (outcome, notes[1:])


def test_a_bound_on_the_loss(folders):
    """
    Where a loss passes by a bound on it, that is the tolerance that is used.
    """
    policy = {"quality": 0.001, "non_inferior": 0.05}
    old = written(ran(folders, "old", exact=False, gate=policy))
    new = written(ran(folders, "new", 0.955, rest=0.96, exact=False, gate=policy))

    outcome, notes = told(old, new)

    assert "pass" == outcome
    assert "tolerance used: 0.0401 of 0.05 by nDCG@10" in notes[-1]


def test_a_gain_beyond_its_tolerance(folders):
    """
    A gain that a bound on the loss lets pass uses nothing of a tolerance.
    """
    policy = {"quality": 0.001, "non_inferior": 0.2}
    old = written(ran(folders, "old", 0.9, rest=0.9, exact=False, gate=policy))
    new = written(ran(folders, "new", exact=False, gate=policy))

    assert ("pass", []) == told(old, new)


def test_bytes_that_are_used(folders):
    """
    Bytes have a tolerance of their own, and it is said as they are.
    """
    weights = [Footprint(ledger={"rows": n_bytes}, disk_bytes=None, resident=None) for n_bytes in (1_000, 1_080)]
    runs = zip(("old", "new"), weights, strict=True)
    old, new = (written(ran(folders, name, gate={"bytes": 0.1}, storage_weight=weight)) for name, weight in runs)

    outcome, notes = told(old, new)

    assert "pass" == outcome
    assert "tolerance used: 8.00% of 10.00% by ledger_bytes of BM25() @ CSR() on tiny" in notes[-1]
