"""
The gate: whether a run may pass beside its reference.

No false alarms: what is not decided passes, and says so. And not vacuous: quality and bytes that are known at all are
held exactly where nothing but the code has changed, both ways.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from bench.analysis.compare import CellPair, Comparison
from bench.analysis.difference import Difference
from bench.gate.speed import Speed
from bench.gate.speed_findings import UNTIMED, speed_finding
from bench.gate.verdict import CellVerdict, Finding, GateVerdict, Outcome, line_of
from bench.records.comparability import HARDWARE, LIBRARY, versioned
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.run.suite import Gate
from bench.statistics.paired import Paired

ROUNDING = 1e-12
ONE_SIDED = 1 / 16  # chance of so many losses among near ties, which swap both ways: four of four, six of seven
BLESS = "bless it with --accept"
UNDECIDED_FAILS = "undecided, which fails (--undecided fail):"
WAIT = "where it is meant, accept it in the reference (--reference): --ab stays red until REF has it"  # in place of it
BETTER = f"better, and unexplained: {BLESS}"
BLESSED = ("quality", "bytes", "policy")  # kinds of findings of which a change may be meant
# What decides no hits: of the environment, these may differ and quality is exact all the same.
NO_MATTER = (
    *("commit", "dirty", "code_sha256", "installed_sha256", "kernel", "memory_bytes", f"{LIBRARY}sparring"),
    *("affinity", "governor"),  # which decide times alone
)
NO_CONDITION = tuple(f"suite.{key}" for key in ("name", "passages", "cells", "baseline", "published", "gate"))
FROM_RUNS = ("suite.", "passage_sets.", "plugins", "adapters.")  # fields that tell of the run, none of the machine


def judge(
    found: Comparison,
    policy: Gate,
    primary: str,
    *,
    speeds: Mapping[str, Sequence[Speed]] | None = None,
    strict: bool = False,
    notes: Sequence[str] = (),
    unmeasured: Sequence[tuple[str, str]] = (),
    changed_policy: Sequence[str] = (),
    undecided_fails: bool = False,
) -> GateVerdict:
    """
    The gate's word on a comparison.

    speeds: by the new cell's key, of an A/B; None where there was none. strict: a cell without its counterpart fails.
    unmeasured: of the new run, as the function of that name finds them. changed_policy: as `policy_changes` tells it;
    policy and primary are the reference's, and another one fails. undecided_fails: so does a cell that is undecided. A
    reference that no cell is held to fails.
    """
    machine = _machine(found)
    cells = [_cell(pair, policy, primary, machine, speeds, strict) for pair in found.pairs]
    cells += [_alone(m, "the reference has no such cell", strict) for m in found.only_new]
    cells += [_alone(m, "the run has no such cell: the reference has", strict) for m in found.only_old]
    said = [*notes, *found.notes]
    cells += [_unmeasured(name, retriever) for name, retriever in unmeasured]
    cells += [_policy_differs(changed_policy)] if changed_policy else []
    cells = cells if speeds is None else list(map(_in_ab, cells))
    cells = list(map(_refused, cells)) if undecided_fails else cells
    if machine:
        differ = ", ".join(versioned(*field) for field in found.environment if field[0] in machine)
        said.append(f"another environment than the reference's ({differ}): hits that nearly tie may swap")
    hardware = [name for name, _, _ in found.environment if name in HARDWARE]
    if hardware and speeds is None:
        said.append(f"speed is not compared across hardware: {', '.join(hardware)} differ")
    conditions = [name for name, _, _ in found.environment if name.startswith("suite.") and name not in NO_CONDITION]
    if conditions:
        said.append(f"made under other conditions than the reference: {', '.join(conditions)} differ")
    if speeds is not None and any(f.kind in BLESSED and f.outcome == "fail" for cell in cells for f in cell.findings):
        said.append(
            "--ab accepts nothing: what is meant is accepted in the reference (--reference); "
            "the --ab job stays red until REF has it, and it is the old side from then on"
        )
    if not cells:
        said.append("there is no cell")
    # In an A/B a suite may be all new; but where the old side had cells something has to be held to them.
    had = bool(found.pairs or found.only_old)
    vacuous = all(cell.outcome == "skipped" for cell in cells) and (speeds is None or had or not cells)
    outcome: Literal["pass", "fail"] = "fail" if vacuous or any(c.outcome == "fail" for c in cells) else "pass"
    return GateVerdict(
        outcome=outcome,
        line=line_of(outcome, cells, speeds is not None),
        cells=tuple(cells),
        notes=tuple(said),
        environment=found.environment,
    )


def unmeasured(run: Run) -> list[tuple[str, str]]:
    """Passage set and retriever of each cell that a run's suite comes to and that it has not measured (yet)."""
    each = _thread_counts(run)
    measured = Counter((m.passage_set, m.retriever) for m in run.measurements)
    wanted = [tuple(name.split(": ", 1)) for name in run.record.identities]
    return [(name, retriever) for name, retriever in wanted if measured[name, retriever] < each]


def n_cells(run: Run) -> int:
    """How many cells a run's suite comes to."""
    return max(len(run.record.identities) * _thread_counts(run), len(run.measurements))


def _thread_counts(run: Run) -> int:
    threads = run.record.suite.get("threads")
    return len(threads) if isinstance(threads, list) else 1


def _machine(found: Comparison) -> list[str]:
    """The fields of machine and software that differ and may change a hit."""
    names = [name for name, _, _ in found.environment]
    return [name for name in names if name not in NO_MATTER and not name.startswith(FROM_RUNS)]


def _cell(
    pair: CellPair,
    policy: Gate,
    primary: str,
    machine: Sequence[str],
    speeds: Mapping[str, Sequence[Speed]] | None,
    strict: bool,
) -> CellVerdict:
    if pair.problem:
        return _verdict(pair.new, [_status(pair, strict)])
    if pair.old.exact and pair.new.exact is False:  # which would bring it a tolerance
        said = f"exact in the reference, approximate now: {BLESS}"
        return _verdict(pair.new, [Finding(kind="status", name="exact", outcome="fail", said=said)])
    known = tuple(d.name for d in pair.differences if d.kind == "quality" and d.old is not None)
    findings = [_quality(pair, name, policy, machine, strict) for name in policy.measures or known or (primary,)]
    told = [d for d in pair.differences if d.kind == "bytes" and not (d.old is None and d.new is None)]
    findings += [_bytes(d, policy) for d in told]
    if speeds is not None:
        of_cell = speeds.get(pair.new.cell, ())
        findings += [speed_finding(speed, policy, pair) for speed in of_cell] if of_cell else [UNTIMED]
    return _verdict(pair.new, findings)


def _verdict(m: Measurement, findings: Sequence[Finding]) -> CellVerdict:
    """The cell's outcome: the worst of its findings'; skipped where nothing was held to anything."""
    outcomes = {finding.outcome for finding in findings}
    ranked: tuple[Outcome, ...] = ("fail", "undecided", "pass")
    outcome: Outcome = next((one for one in ranked if one in outcomes), "skipped")
    return CellVerdict(
        passage_set=m.passage_set, retriever=m.retriever, threads=m.threads, outcome=outcome, findings=tuple(findings)
    )


def _alone(m: Measurement, said: str, strict: bool) -> CellVerdict:
    outcome: Outcome = "fail" if strict else "skipped"
    return _verdict(m, [Finding(kind="status", name="reference", outcome=outcome, said=said)])


def _in_ab(cell: CellVerdict) -> CellVerdict:
    """The same cell, to be blessed nowhere: what an A/B holds to is a revision, and accepts nothing."""
    told = (msgspec.structs.replace(one, said=one.said.replace(BLESS, WAIT)) for one in cell.findings)
    return msgspec.structs.replace(cell, findings=tuple(told))


def _refused(cell: CellVerdict) -> CellVerdict:
    """A cell that is undecided, as one that fails by what of it is."""
    if cell.outcome != "undecided":
        return cell
    told = (
        msgspec.structs.replace(one, outcome="fail", said=f"{UNDECIDED_FAILS} {one.said}", fails_undecided=True)
        if one.outcome == "undecided"
        else one
        for one in cell.findings
    )
    return msgspec.structs.replace(cell, outcome="fail", findings=tuple(told))


def _unmeasured(passage_set: str, retriever: str) -> CellVerdict:
    said = "not measured: the run has not ended; run it again to the end"
    finding = Finding(kind="status", name="status", outcome="fail", said=said)
    return CellVerdict(passage_set=passage_set, retriever=retriever, outcome="fail", findings=(finding,))


def _policy_differs(changes: Sequence[str]) -> CellVerdict:
    """Another policy than the reference's is a change like any other: it is blessed, or it fails."""
    said = f"differs: {', '.join(changes)}: {BLESS}"
    finding = Finding(kind="policy", name="policy", outcome="fail", said=said)
    return CellVerdict(passage_set="suite", retriever="policy", outcome="fail", findings=(finding,))


def _status(pair: CellPair, strict: bool) -> Finding:
    """Why nothing of a pair is compared: a cell that has broken fails, and one that was measured on something else."""
    was, now = pair.old.status == "ok", pair.new.status == "ok"
    outcome: Outcome = "fail" if was else _missing(strict)
    said = pair.problem
    if now:
        said = f"{pair.problem if was else f'ok now; in the reference {pair.old.status}'}: {BLESS}"
    return Finding(kind="status", name="status", outcome=outcome, said=said)


def _missing(strict: bool) -> Outcome:
    return "fail" if strict else "skipped"


def _quality(pair: CellPair, name: str, policy: Gate, machine: Sequence[str], strict: bool) -> Finding:
    d = next((one for one in pair.differences if one.kind == "quality" and one.name == name), None)
    if d is None:
        said = "no measure: no judgments, or synthetic passages"
        return Finding(kind="quality", name=name, outcome=_missing(strict), said=said)

    def finding(outcome: Outcome, said: str) -> Finding:
        n_queries = None if d.paired is None else d.paired.n_queries
        return Finding(
            kind="quality",
            name=name,
            outcome=outcome,
            said=said,
            old=d.old,
            new=d.new,
            n_queries=n_queries,
            first_worse=d.first_worse or "",
        )

    if d.paired is None or d.old is None or d.new is None:  # what the reference had must not go unseen
        return finding(_missing(strict) if d.old is None else "fail", d.why or "not compared")
    changed = d.paired.wins + d.paired.losses
    if not changed:
        return finding("pass", f"{d.new:.4f}, every query alike")
    first = f", the first {d.first_worse!r}" if d.first_worse else ""
    moved = f"{d.old:.4f} -> {d.new:.4f} ({d.paired.losses} queries worse{first}, {d.paired.wins} better)"
    loose = _loose(pair, machine)
    loss = policy.non_inferior if pair.new.exact is False else None
    if loss is not None and _loses_less(d.paired, loss, policy):
        return finding("pass", f"{moved}: loses surely less than {loss:g}")
    tolerated = policy.quality
    if loss is not None and d.paired.difference < 0:
        tolerated = min(tolerated, loss)  # what is not sure has to be small by both
    if loose and pair.new.exact is not False and _one_sided(d.paired):
        return finding("fail", f"{moved}: near ties swap both ways")
    if loose and tolerated and abs(d.paired.difference) <= tolerated + ROUNDING:
        return finding("pass", f"{moved}: within {tolerated:g}, {loose}")
    return finding("fail", f"{moved}: {BETTER}" if d.paired.difference > 0 else moved)


def _one_sided(paired: Paired) -> bool:
    """Whether more queries got worse than near ties make: a sign test."""
    from scipy.special import bdtrc

    changed = paired.wins + paired.losses
    return float(bdtrc(paired.losses - 1, changed, 0.5)) <= ONE_SIDED if paired.losses else False


def _loose(pair: CellPair, machine: Sequence[str]) -> str:
    """Why a mean may move; empty where it may not."""
    if pair.new.exact is False:
        return "approximate"
    return "another environment" if machine else ""


def _loses_less(paired: Paired, loss: float, policy: Gate) -> bool:
    """Whether a loss is surely below one that is accepted; a gain is held to as much."""
    low = paired.interval[0] if paired.interval is not None else -loss
    return low > -loss and paired.difference <= max(policy.quality, loss) + ROUNDING


def _bytes(d: Difference, policy: Gate) -> Finding:
    def finding(outcome: Outcome, said: str) -> Finding:
        return Finding(kind="bytes", name=d.name, outcome=outcome, said=said, old=d.old, new=d.new)

    if d.old is None:
        return finding("skipped", "not in the reference")
    if d.new is None:
        return finding("fail", "no longer told; the reference has it")
    if d.old == d.new:
        return finding("pass", f"{d.new:,.0f}, alike")
    share = abs(d.new - d.old) / d.old if d.old else float("inf")
    moved = f"{d.old:,.0f} -> {d.new:,.0f} bytes ({(d.new - d.old) / d.old:+.2%})" if d.old else f"0 -> {d.new:,.0f}"
    if share <= policy.bytes + ROUNDING:
        return finding("pass", f"{moved}: within {policy.bytes:.2%}")
    return finding("fail", f"{moved}: {BETTER}" if d.new < d.old else moved)
