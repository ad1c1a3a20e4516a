"""What the gate says: findings, cell by cell, and all of it on one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

import msgspec

from bench.gate.figures import FIGURES
from bench.gate.speed import LEAST_BYTES

Outcome: TypeAlias = Literal["pass", "fail", "undecided", "skipped"]

FASTER = "suspiciously fast:"
LITTLE = f"grew less than {LEAST_BYTES >> 20} MiB"  # of memory: whatever its share


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was held to the reference."""

    kind: Literal["status", "policy", "quality", "bytes", "speed"]
    name: str  # as `sparring table --json` calls it, or the kind's
    outcome: Outcome
    said: str
    old: float | None = None
    new: float | None = None
    n_queries: int | None = None  # of quality: those that were compared
    first_worse: str = ""  # of quality: the first query that got worse
    why: str = ""  # of speed: it is undecided
    fails_undecided: bool = False  # it fails for no more than that

    @property
    def is_undecided(self) -> bool:
        """Also where that fails."""
        return self.outcome == "undecided" or self.fails_undecided


class CellVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate says of one cell."""

    passage_set: str
    retriever: str
    threads: int | None = None
    outcome: Outcome
    findings: tuple[Finding, ...]


class GateVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate says."""

    outcome: Literal["pass", "fail"]
    line: str
    cells: tuple[CellVerdict, ...]
    notes: tuple[str, ...] = ()
    environment: tuple[tuple[str, object, object], ...] = ()  # field, old, new


def worse(judgment: GateVerdict) -> Iterator[tuple[CellVerdict, Finding]]:
    """Each figure of quality and bytes that failed by having got worse, with its cell."""
    for cell in judgment.cells:
        for one in cell.findings:
            if one.outcome == "fail" and one.old is not None and one.new is not None:
                less = one.new < one.old
                if (one.kind == "quality" and (less or one.first_worse)) or (one.kind == "bytes" and not less):
                    yield cell, one


def line_of(outcome: str, cells: Sequence[CellVerdict], timed: bool) -> str:
    """The verdict on one line."""
    failed = [cell for cell in cells if cell.outcome == "fail"]
    n_cells = f"{len(cells)} cell{'' if len(cells) == 1 else 's'}"
    if failed and all(one.is_undecided for cell in failed for one in cell.findings if one.outcome == "fail"):
        return f"gate: {outcome} - {len(failed)} of {n_cells} undecided; {', '.join(_summary(cells, timed))}"
    if outcome == "fail" and not failed:
        remedy = "does each run on both sides?" if timed else "is it this suite's? --accept makes it so"
        return f"gate: {outcome} - {n_cells}, none held to the reference: {remedy}"
    if failed:
        return f"gate: {outcome} - {len(failed)} of {n_cells}; {'; '.join(_reasons(failed))}"
    return f"gate: {outcome} - {n_cells}; {', '.join(_summary(cells, timed))}"


def _reasons(failed: Sequence[CellVerdict], most: int = 3) -> Iterator[str]:
    """Why the first cells failed, a phrase each, those that are decided first; and every other figure that failed."""
    of_cells = [[one for one in cell.findings if one.outcome == "fail"] for cell in failed]
    ordered = sorted(zip(failed, of_cells, strict=True), key=lambda pair: pair[1][0].is_undecided)
    for cell, (first, *_) in ordered[:most]:
        cell_named = "" if first.kind == "policy" else f"{cell.retriever} on {cell.passage_set}: "
        yield f"{cell_named}{first.name} {first.said}".replace("\n", " ")
    if len(failed) > most:
        yield f"{len(failed) - most} more"
    named = {first.name for _, (first, *_) in ordered[:most]}
    others = [one.name for _, found in ordered for one in found if one.name not in named]
    if others:
        yield f"failed too: {', '.join(dict.fromkeys(others))}"


def _summary(cells: Sequence[CellVerdict], timed: bool) -> Iterator[str]:
    """What was compared, kind by kind."""
    findings = [finding for cell in cells for finding in cell.findings]
    for kind in ("quality", "bytes"):
        found = [finding for finding in findings if finding.kind == kind and finding.outcome == "pass"]
        alike = all(finding.said.endswith("alike") for finding in found)
        names = ", ".join(dict.fromkeys(finding.name for finding in found)) if kind == "quality" else ""
        counts = sorted({finding.n_queries for finding in found if finding.n_queries is not None})
        queries = (
            f" on {' to '.join(f'{n:,}' for n in dict.fromkeys((counts[0], counts[-1])))} queries" if counts else ""
        )
        yield f"{names or kind} {'not compared' if not found else 'equal' if alike else 'within its limits'}{queries}"
        if kind == "quality" and found and not any(finding.kind == "bytes" for finding in findings):
            break  # two run files, which tell neither bytes nor times
    else:
        yield from _speeds(findings) if timed else ["speed and memory not compared (no --ab)"]
    skipped = sum(cell.outcome == "skipped" for cell in cells)
    if skipped:
        yield f"{skipped} without a counterpart"


def _speeds(findings: Sequence[Finding]) -> Iterator[str]:
    """Which figures of speed are no worse, which are undecided and why, and what looks too good."""
    by_name: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.kind == "speed" and finding.outcome != "skipped":
            by_name.setdefault(finding.name, []).append(finding)
    passed = {name: found for name, found in by_name.items() if all(f.outcome == "pass" for f in found)}
    little = {name: [LITTLE in f.said for f in found] for name, found in passed.items()}
    alike = [FIGURES[name].name for name, each in little.items() if not any(each)]
    if alike or not by_name:
        yield f"{', '.join(alike)} no worse" if alike else "speed and memory not compared"
    for name, each in little.items():
        if any(each):
            yield f"{FIGURES[name].name} {'' if all(each) else 'no worse, or '}{LITTLE}"
    for name, found in by_name.items():
        undecided = [finding for finding in found if finding.is_undecided]
        if undecided:
            yield f"{FIGURES[name].name} undecided in {len(undecided)} of {len(found)} ({undecided[0].why})"
    fast = sum(FASTER in finding.said for finding in findings)
    if fast:
        yield f"{fast} suspiciously fast"
