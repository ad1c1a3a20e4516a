"""How a cost grows with the number of passages: a curve for each retriever, and the sizes at which two cross."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.errors import InputError
from bench.instruments import stability
from bench.records.comparability import LIBRARY, differences
from bench.records.run_folder import Run
from bench.records.schema import Measurement
from bench.report import costs, doubts
from bench.report import rows as flat
from bench.report.columns import is_number
from bench.report.costs import Cost
from bench.report.significance import percentile
from bench.report.tables.lines import RunCell
from bench.report.tables.picture_cells import passage_set_of, several_of

# What is the same for all sizes of a curve: other passages, or a search for another k, are no other size.
SAME = ("passage_set_sha256", "k", "seed")
EXAMPLE = 10_000  # synthetic passages of the run that is suggested


@dataclass(frozen=True)
class GrowthStep:
    """What a retriever costs at one size."""

    n_passages: int
    value: float  # above 0, in the unit of the cost's key
    interval: tuple[float, float] | None = None  # 95 %; None where none was recorded
    is_doubtful: bool = False  # a flag speaks against it


@dataclass(frozen=True)
class GrowthCurve:
    """One retriever."""

    name: str
    steps: tuple[GrowthStep, ...]  # the smallest size first; at least one


@dataclass(frozen=True)
class SizeCrossing:
    """Two measured sizes between which the order of two curves turns."""

    cheaper: str  # the curve that is below up to there
    other: str
    between: tuple[int, int]  # passages
    about: float  # passages, by interpolation between the two on logarithmic axes
    is_sure: bool  # the order is certain at both sizes: exact figures, or 95 % intervals that are apart


@dataclass(frozen=True)
class Growth:
    """What is told of one passage set."""

    passage_set: str
    cost: Cost
    n_real: int  # passages that are not synthetic
    curves: tuple[GrowthCurve, ...]
    crossings: tuple[SizeCrossing, ...] = ()
    remarks: tuple[str, ...] = ()  # what was left out, and what a reader must know
    conditions: str = ""  # what the numbers hold for


def read(runs: Sequence[Run], passage_set: str | None = None, cost: str | None = None) -> Growth:
    """
    What runs of several sizes tell of one cost.

    Args:
        runs: of the same passages, with other numbers of synthetic ones (`--distractors`).
        passage_set: the one that is drawn; None: the only one.
        cost: its name (`bench.report.costs`); None: p50.

    InputError for a set or a cost that is none, for runs that do not go together (other passages, another k or seed,
    of a time other hardware), for a cell that two runs have at one size, and where fewer than two sizes were measured.
    """
    kind = costs.named(cost)
    name = passage_set_of(runs, passage_set, "growth")
    cells: list[RunCell] = [
        (run_name, run, m)
        for run_name, run in zip(flat.names(runs), runs, strict=True)
        for m in run.measurements
        if m.passage_set == name
    ]
    _refuse_unlike(name, cells, kind)
    curves, remarks = _curves(name, cells, kind)
    sizes = sorted({step.n_passages for curve in curves for step in curve.steps})
    if len(sizes) < 2:
        found = f"{kind.name} of {sizes[0]:,} passages alone" if sizes else f"no {kind.name} of any"
        lacking = "".join(f"; {remark}" for remark in remarks)
        raise InputError(
            f"growth of {name}: expected a cost of several sizes, found {found}{lacking}: grow the set, "
            f"`sparring run RETRIEVER... --passages {name} --distractors {EXAMPLE} -o FOLDER`, and draw both runs"
        )
    used = list({id(run): run for _, run, _ in cells}.values())
    n_real = min(m.n_passages - m.n_distractors for _, _, m in cells)
    more = (*_versions(used), *remarks)
    return Growth(name, kind, n_real, curves, tuple(crossings(curves, kind)), more, _conditions(cells))


def _refuse_unlike(name: str, cells: Sequence[RunCell], cost: Cost) -> None:
    """InputError, naming the field, for runs whose cells differ in more than their size."""
    encoding = ("encode_threads",) if cost.key == "index_seconds" else ()
    for field in (*SAME, *encoding):
        values = dict.fromkeys(value for _, _, m in cells if (value := getattr(m, field)) is not None)
        if len(values) > 1:
            found = " / ".join(str(value)[:12] for value in values)
            raise InputError(f"growth of {name}: expected runs that differ in size alone, found {field}: {found}")
    used = list({id(run): run for _, run, _ in cells}.values())
    if cost.is_time and (apart := flat.hardware(used)):
        raise InputError(f"growth of {name}: expected times of one machine, found {apart}: draw the runs of one")


# The curves


def _curves(passage_set: str, cells: Sequence[RunCell], cost: Cost) -> tuple[tuple[GrowthCurve, ...], tuple[str, ...]]:
    """A curve for each retriever, and threads where they vary, in the runs' order; and a remark for what is lacking."""
    several = len({m.threads for _, _, m in cells}) > 1
    by_name: dict[str, list[RunCell]] = {}
    for cell in cells:
        m = cell[2]
        by_name.setdefault(f"{m.retriever}, threads {m.threads}" if several else m.retriever, []).append(cell)
    curves, lacking = list[GrowthCurve](), dict[str, list[str]]()
    for name, found in by_name.items():
        _refuse_twice(passage_set, name, found)
        is_new = cost.key in costs.NEW and any(stability.remembers(m.flags) for _, _, m in found)
        key = costs.NEW[cost.key] if is_new else cost.key
        if is_new:
            lacking.setdefault("times of new queries, since repeated ones are answered faster", []).append(name)
        steps = []
        for m in sorted((m for _, _, m in found), key=lambda m: m.n_passages):
            step, said = _step(m, key, cost)
            steps += [] if step is None else [step]
            for why in said:
                lacking.setdefault(why, []).append(f"{name} at {m.n_passages:,}")
        curves += [GrowthCurve(name, tuple(steps))] if steps else []
    return tuple(curves), tuple(f"{why}: {several_of(names)}" for why, names in lacking.items())


def _refuse_twice(passage_set: str, name: str, found: Sequence[RunCell]) -> None:
    """InputError where two runs have one cell at one size: which of the two is drawn is not ours to choose."""
    by_size: dict[int, list[str]] = {}
    for run_name, _, m in found:
        by_size.setdefault(m.n_passages, []).append(run_name)
    for size, runs in by_size.items():
        if len(runs) > 1:
            raise InputError(
                f"growth of {passage_set}: expected a cell of each size once, found {name} at {size:,} passages in "
                f"{', '.join(runs)}: leave one of the runs out"
            )


def _step(m: Measurement, key: str, cost: Cost) -> tuple[GrowthStep | None, list[str]]:
    """What a cell costs, None where that is not known; and what is to be said of it."""
    row = flat.row(m)
    value = row.get(key)
    if m.status != "ok":
        return None, [f"not drawn, {m.status}"]
    if not is_number(value) or value <= 0:
        return None, [f"not drawn, no {cost.name}"]
    interval = percentile(m, key)
    has_none = interval is None and cost.name in ("p50", "p95")
    is_doubtful = doubts.is_doubtful(row, key)
    said = ["no interval recorded"] if has_none else []
    said += ["open marks, a flag speaks against the figure"] if is_doubtful else []
    return GrowthStep(m.n_passages, float(value), interval, is_doubtful), said


# Where two cross


def crossings(curves: Sequence[GrowthCurve], cost: Cost) -> list[SizeCrossing]:
    """Each turn of the order of two curves between sizes that both have: the sure ones first, then the smaller size."""
    found = [turn for one, other in itertools.combinations(curves, 2) for turn in _turns(one, other, cost)]
    return sorted(found, key=lambda turn: (not turn.is_sure, turn.about))


def _turns(one: GrowthCurve, other: GrowthCurve, cost: Cost) -> Iterator[SizeCrossing]:
    """The turns of the order of two curves; nothing is told of sizes beyond those that both were measured at."""
    others = {step.n_passages: step for step in other.steps}
    both = [(step, others[step.n_passages]) for step in one.steps if step.n_passages in others]
    apart = [index for index, (a, b) in enumerate(both) if a.value != b.value]
    for first, last in itertools.pairwise(apart):
        (a, b), (c, d) = both[first], both[last]
        if (a.value < b.value) == (c.value < d.value):
            continue
        equal = [step.n_passages for step, _ in both[first + 1 : last]]
        about = statistics.geometric_mean(equal) if equal else _meeting(a, b, c, d)
        cheaper, dearer = (one, other) if a.value < b.value else (other, one)
        sure = cost.is_exact or (_are_apart(a, b) and _are_apart(c, d))
        is_sure = sure and not any(step.is_doubtful for step in (a, b, c, d))
        yield SizeCrossing(cheaper.name, dearer.name, (a.n_passages, c.n_passages), about, is_sure)


def _meeting(a: GrowthStep, b: GrowthStep, c: GrowthStep, d: GrowthStep) -> float:
    """The size at which straight lines on logarithmic axes meet, one from a to c and one from b to d."""
    before, after = math.log(a.value / b.value), math.log(c.value / d.value)
    return float(a.n_passages * (c.n_passages / a.n_passages) ** (before / (before - after)))


def _are_apart(one: GrowthStep, other: GrowthStep) -> bool:
    """Whether the intervals of two figures have no point in common."""
    if one.interval is None or other.interval is None:
        return False
    return one.interval[1] < other.interval[0] or other.interval[1] < one.interval[0]


# What the numbers hold for


def _versions(runs: Sequence[Run]) -> Iterator[str]:
    """A remark where the runs were made by other versions: a step of a curve may then be theirs."""
    found = {
        "Sparring's code" if name == "code_sha256" else name.removeprefix(LIBRARY)
        for run in runs
        for name in differences(runs[0].environment, run.environment)
        if name in ("python", "code_sha256") or name.startswith(LIBRARY)
    }
    if found:
        yield f"the runs differ in more than size: {several_of(sorted(found))}"


def _conditions(cells: Sequence[RunCell]) -> str:
    """What a picture has room for of what its numbers hold for."""
    runs = list({id(run): run for _, run, _ in cells}.values())
    machines = dict.fromkeys(f"{run.environment.cpu}, {run.environment.cores} cores" for run in runs)
    rounds = sorted({m.rounds for _, _, m in cells if m.rounds})
    days = sorted({run.record.made[:10] for run in runs})
    commits = dict.fromkeys(
        run.environment.commit[:10] + (" with uncommitted changes" if run.environment.dirty else "")
        for run in runs
        if run.environment.commit is not None
    )
    parts = [" / ".join(machines), f"seed {cells[0][2].seed}"]
    parts += [f"{' / '.join(map(str, rounds))} rounds"] if rounds else []
    parts.append(days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}")
    parts += [f"commit {several_of(list(commits))}"] if commits else []
    return ", ".join(parts)
