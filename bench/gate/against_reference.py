"""The gate of a run folder beside the reference that is kept of another run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.analysis.compare import compare
from bench.errors import InputError, did_you_mean
from bench.gate import age
from bench.gate.judge import judge, n_cells, unmeasured
from bench.gate.policy import policy_changes, policy_of
from bench.gate.reference import unstopped, whole
from bench.gate.verdict import GateVerdict
from bench.records import run_folder
from bench.records.run_folder import RUN, Run, is_reference


def judged(run: Run, reference: Path, *, strict: bool = False, undecided_fails: bool = False) -> GateVerdict:
    """
    The gate's word on a run, by the policy of its reference; strict and undecided_fails as in `judge`.

    InputError for a folder that holds no reference, or less than it says, and for a run that cannot be held to one.
    """
    _refuse_swapped(run, reference)
    run = unstopped(run)
    if not (reference / RUN).is_file():
        raise InputError(
            f"reference {reference}: expected a reference run, found none{_near(reference)} "
            f"`sparring gate {run.folder} --accept --reference {reference}` makes this run the first"
        )
    held_to = unstopped(run_folder.read(reference))
    whole(held_to, f"reference {reference}")
    policy_of(run)  # one that cannot be read is an input error
    found, policy = compare(held_to, run), policy_of(held_to)
    judgment = judge(
        found,
        policy,
        str(held_to.record.suite.get("primary")),
        strict=strict,
        unmeasured=unmeasured(run),
        changed_policy=policy_changes(held_to.record.suite, run.record.suite, n_cells(run)),
        undecided_fails=undecided_fails,
    )
    aged = age.notes(held_to, run, found, judgment, policy)
    return msgspec.structs.replace(judgment, notes=(*_changed_plugins(run), *judgment.notes, *aged))


def _refuse_swapped(run: Run, reference: Path) -> None:
    """InputError for one folder that is given twice, and for a run that is a reference: nothing of it was measured."""
    if reference.exists() and run.folder.samefile(reference):
        raise InputError(f"run {run.folder}: expected another folder than the reference, found the same one")
    if is_reference(run.folder):
        raise InputError(
            f"run {run.folder}: expected a run with its hits, found an accepted reference: are the two swapped? "
            f"`sparring gate RUN --reference {run.folder}`"
        )


def _near(reference: Path) -> str:
    """That a folder beside it, of a name like it, is a reference."""
    known = {path.name for path in reference.parent.glob("*") if is_reference(path)}
    mistyped = did_you_mean(reference.name, sorted(known))
    return f".{mistyped} Else" if mistyped else ";"


def _changed_plugins(run: Run) -> Iterator[str]:
    """Of each plug-in file that is still where the run read it, and is another now: the run tells nothing of that."""
    for name, sha256 in run.record.plugin_hashes:
        path = Path(name)
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            yield f"{path.name} has changed since this run: run it again"
