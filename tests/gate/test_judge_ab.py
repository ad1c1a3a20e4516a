"""The gate beside a revision: speed and memory, what is undecided, and what is meant to change."""

from __future__ import annotations

import msgspec
import pytest

from bench.gate.speed import Speed
from bench.report.render import ci
from tests.helpers.gated import EXACT, HALF, cell, judged, requery, rewrite


@pytest.mark.slow
@pytest.mark.parametrize("decision", ["pass", "slower"])
def test_what_remembers_decides_no_speed(ran, other, decision):
    """
    The speed of a cell that answers repeated queries faster than new ones is undecided, and it is said why.
    """
    rewrite(other, flags=("remembers: it does",))
    speed = Speed(decision=decision, rounds=5, old=1.0, new=1.0, ratio=1.0, bounds=(0.9, 1.1))

    new = msgspec.structs.replace(speed, name="new_p50_ms")

    found = judged(ran, other, speeds={cell(other).cell: (speed, new)})

    p50, of_new = (f for c in found.cells for f in c.findings if f.kind == "speed" and f.outcome != "skipped")
    assert ["undecided", decision.replace("slower", "fail")] == [p50.outcome, of_new.outcome]
    assert p50.said.endswith("; new: repeated queries are answered faster than new ones")


@pytest.mark.parametrize("flags", [(), ("unstable: rounds differ",)])
def test_a_busy_machine(ran, other, flags):
    """
    An undecided figure of a cell that other work disturbed leads to `sparring calibrate`.
    """
    rewrite(other, flags=flags)
    speed = Speed(decision="undecided", rounds=5, old=1.0, new=1.0, ratio=1.0, bounds=(0.9, 1.1), why="pairs: 5")

    found = judged(ran, other, speeds={cell(other).cell: (speed,)})

    (said,) = (f.said for c in found.cells for f in c.findings if f.outcome == "undecided")
    assert bool(flags) == said.endswith(
        "; unstable: rounds differ; `sparring calibrate` says whether this machine is quiet"
    )


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["pass", "fail"])
def test_what_is_undecided(ran, other, asked):
    """
    What is undecided passes unless it is asked not to; the line says of which figure, and why.
    """
    calm = {"rounds": 5, "old": 1.0, "new": 1.0, "ratio": 1.0, "bounds": (0.9, 1.1)}
    p50 = Speed(decision="pass", **calm)
    batch = Speed(name="batch_qps", decision="undecided", why="pairs: 5, about 9 would tell", **calm)
    speeds = {cell(other, EXACT).cell: (p50, batch), cell(other, HALF).cell: (p50,)}

    found = judged(ran, other, speeds=speeds, undecided_fails=asked == "fail")

    assert asked == found.outcome
    assert f"gate: {asked} - " in found.line
    assert "p50 no worse, batch undecided in 1 of 1 (pairs: 5, about 9 would tell)" in found.line


@pytest.mark.parametrize(
    ("name", "old", "new", "said", "contradicted"),
    [
        ("single_p50_ms", 2.0, 1.9, "x1.030, bounds x0.900 to x1.100", True),
        ("single_p50_ms", 2.0, 2.1, "x1.030, bounds x0.900 to x1.100", False),
        ("batch_qps", 100.0, 97.0, "x1.030 as long, bounds x0.900 to x1.100", False),
        ("batch_qps", 100.0, 101.0, "x1.030 as long, bounds x0.900 to x1.100", True),
    ],
)
def test_a_ratio_beside_its_figures(ran, other, name, old, new, said, contradicted):
    """
    The ratio of a rate is of times, and says so; figures that point the other way say what they and it are.
    """
    speed = Speed(name=name, decision="pass", rounds=5, old=old, new=new, ratio=1.03, bounds=(0.9, 1.1))

    found = judged(ran, other, speeds={cell(other).cell: (speed,)})

    told = next(f.said for c in found.cells for f in c.findings if f.kind == "speed" and f.outcome != "skipped")
    assert told.startswith(said)
    assert contradicted == ("(medians of the sides; of the pairs it is the other way round)" in told)


@pytest.mark.parametrize(("bound", "said"), [(1.01, "p50, memory no worse"), (1.4, "memory grew less than 4 MiB")])
def test_memory_that_grew_little(ran, other, bound, said):
    """
    Of memory that passes because it is little, and by no share of it, the line says just that.
    """
    speed = Speed(decision="pass", rounds=5, old=1.0, new=1.0, ratio=1.0, bounds=(0.9, 1.01))
    memory = msgspec.structs.replace(speed, name="resident_bytes", bounds=(0.9, bound))

    line = judged(ran, other, speeds={cell(other).cell: (speed, memory)}).line

    assert f", {said}" in line
    assert ("memory no worse" in line) == (bound == 1.01)


@pytest.mark.parametrize("p95", ["undecided", "slower"])
def test_what_is_undecided_and_fails(ran, other, p95):
    """
    Where what is undecided is to fail, it does in every report; not in a cell that fails by something decided.
    """
    calm = {"rounds": 5, "old": 1.0, "new": 1.0, "ratio": 1.0, "bounds": (0.9, 1.1)}
    batch = Speed(name="batch_qps", decision="undecided", why="pairs: 5, about 9 would tell", **calm)
    tail = Speed(name="single_p95_ms", decision=p95, **calm)

    found = judged(ran, other, speeds={cell(other).cell: (tail, batch)}, undecided_fails=True)

    n_failed = {"undecided": 2, "slower": 1}[p95]
    of_cell = next(c for c in found.cells if c.retriever == EXACT)
    assert ("fail", n_failed) == (of_cell.outcome, [f.outcome for f in of_cell.findings].count("fail"))
    assert f'failures="{n_failed}"'.encode() in ci.junit(found)
    assert f"| fail | tiny | `{EXACT}` |" in ci.markdown(found)
    assert ("1 of 2 cells undecided" in found.line) == (p95 == "undecided")


def test_nothing_that_both_sides_can_run(ran, other):
    """
    In an A/B cells that have failed on both sides are held to nothing: no pass.
    """
    for spelling in (EXACT, HALF):
        rewrite(other, spelling, status="failed", reason="ValueError")

    found = judged(other, other, speeds={})

    assert "gate: fail - 2 cells, none held to the reference: does each run on both sides?" == found.line


@pytest.mark.parametrize("losses", [{}, dict.fromkeys(range(4), -1.0)])
def test_nothing_is_accepted_by_a_revision(ran, other, losses):
    """
    An A/B that fails on what may be meant says that nothing is accepted there; one that passes does not.
    """
    requery(other, losses)

    found = judged(ran, other, speeds={})

    assert bool(losses) == any(note.startswith("--ab accepts nothing") for note in found.notes)


def test_what_is_better_than_a_revision(ran, other):
    """
    In an A/B what is better, approximate now or of another policy is not to be blessed: it waits for REF.
    """
    requery(other, {19: 0.5})
    rewrite(other, HALF, passage_set_sha256="0" * 64)

    found = judged(ran, other, speeds={}, changed_policy=["primary a -> b"])

    said = [f.said for c in found.cells for f in c.findings if f.outcome == "fail"]
    assert 3 == len(said)
    assert all("accept it in the reference (--reference): --ab stays red until REF has it" in one for one in said)
    assert not any("--accept" in text for text in (*said, *found.notes, found.line))
