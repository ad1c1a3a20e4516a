"""
How old a reference has grown: what has changed round it since, and how much of its tolerance is used.

Notes, which fail nothing: a reference that holds less than it did looks like one that holds all.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator

from bench.analysis.compare import Comparison
from bench.errors import InputError
from bench.gate.judge import ROUNDING
from bench.gate.verdict import Finding, GateVerdict
from bench.records.comparability import LIBRARY
from bench.records.run_folder import Run, read_set
from bench.run.suite import Gate

SPARRING = f"{LIBRARY}sparring"
SPENT = 0.5  # share of a tolerance from which it is said: less is what near ties and approximate retrievers move


def notes(old: Run, new: Run, found: Comparison, judgment: GateVerdict, policy: Gate) -> list[str]:
    """
    What there is to say of a reference's age, a line each, behind one that dates it; nothing where nothing has changed.

    Its libraries are named by the judgment itself.
    """
    said = [*_sets(old, new, found), *_measures(found, policy), *_tolerance(judgment, policy)]
    versions = [(was, now) for name, was, now in found.environment if name == SPARRING]
    libraries = any(name.startswith(LIBRARY) for name, _, _ in found.environment)
    return [_dated(old, new, versions), *said] if said or libraries else []


def _dated(old: Run, new: Run, versions: list[tuple[object, object]]) -> str:
    age = 0
    with contextlib.suppress(ValueError, TypeError):  # a date that is none, or one without a zone
        was, now = (datetime.datetime.fromisoformat(run.record.made) for run in (old, new))
        age = (now - was).days
    days = f", {age:,} days before the run" if age > 0 else ""
    by = "".join(f", Sparring {was or 'unknown'} -> {now or 'unknown'}" for was, now in versions)
    return f"the reference was measured on {old.record.made[:10]}{days}{by}"


def _sets(old: Run, new: Run, found: Comparison) -> Iterator[str]:
    """Of each set that is another one under the same name: what of it is."""
    pairs = {
        pair.passage_set: pair for pair in found.pairs if pair.old.passage_set_sha256 != pair.new.passage_set_sha256
    }
    for name, pair in pairs.items():
        was, now = pair.old, pair.new
        counts = (("passages", was.n_passages, now.n_passages), ("queries", was.n_queries, now.n_queries))
        parts = [f"{what} {one:,} -> {other:,}" for what, one, other in counts if one != other]
        with contextlib.suppress(InputError):  # a side that kept no set, or whose judgments are withheld yet
            kept, present = read_set(old.folder, name), read_set(new.folder, name)
            parts += ["judgments differ"] if kept.qrels != present.qrels else []
        told = ", ".join(parts) or "texts, ids or their order differ"
        hashes = f"sha256 {was.passage_set_sha256[:8]} -> {now.passage_set_sha256[:8]}"
        yield f"{name} is another set than the reference's: {told} ({hashes}); its cells are held once it is accepted"


def _measures(found: Comparison, policy: Gate) -> Iterator[str]:
    """What the suite measures now and the reference has not: it would be held, and cannot be."""
    gained: dict[str, int] = {}
    for pair in found.pairs:
        for d in pair.differences:
            if d.kind == "quality" and d.old is None and d.new is not None and not policy.measures:
                gained[d.name] = gained.get(d.name, 0) + 1
    if gained:
        counts = ", ".join(f"{name} ({n} cell{'' if n == 1 else 's'})" for name, n in gained.items())
        yield f"measured now and not in the reference, so held once it is accepted: {counts}"


def _tolerance(judgment: GateVerdict, policy: Gate) -> Iterator[str]:
    """How many figures have moved and pass, which way, and which has used most; from SPENT of a tolerance on."""
    moved = [
        (_used(finding, policy), finding, cell)
        for cell in judgment.cells
        for finding in cell.findings
        if finding.outcome == "pass" and finding.kind in ("quality", "bytes") and abs(_moved(finding)) > ROUNDING
    ]
    if not moved:
        return
    (share, used), finding, cell = max(moved, key=lambda one: one[0][0])
    if share < SPENT:
        return
    ways = [_moved(finding) for _, finding, _ in moved]
    up, down = sum(way > 0 for way in ways), sum(way < 0 for way in ways)
    yield (
        f"tolerance used: {used} by {finding.name} of {cell.retriever} on {cell.passage_set}; "
        f"figures that moved and pass: {up} up, {down} down"
    )


def _moved(finding: Finding) -> float:
    return 0.0 if finding.old is None or finding.new is None else finding.new - finding.old


def _used(finding: Finding, policy: Gate) -> tuple[float, str]:
    """The share of its tolerance that a figure has used, and the same in words."""
    by = _moved(finding)
    if finding.kind == "bytes":
        share = abs(by) / finding.old if finding.old else 0.0
        return (share / policy.bytes, f"{share:.2%} of {policy.bytes:.2%}") if policy.bytes else (0.0, "")
    limit = policy.quality
    if abs(by) > policy.quality + ROUNDING:  # a gain that a bound on the loss lets pass uses nothing of it
        limit = (policy.non_inferior or 0.0) if by < 0 else 0.0
    return (abs(by) / limit, f"{abs(by):.4f} of {limit:g}") if limit else (0.0, "")
