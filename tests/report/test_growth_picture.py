"""The picture of growth: a cost by the number of passages, and the sizes at which two retrievers cross."""

from __future__ import annotations

import functools
import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.commands.plot import plot
from bench.errors import InputError
from bench.records.schema import Latency
from bench.report import rows as flat
from bench.report.charts import growth, series
from bench.report.costs import COSTS
from bench.report.tables.growth import Growth, GrowthCurve, GrowthStep, SizeCrossing, crossings, read
from tests.helpers import command
from tests.helpers.histories import write
from tests.helpers.pictures import SPACE, axis, moved, of_class, parsed, title, words
from tests.helpers.records import failed, measurement, run_of, weight

REAL = 1_000
P50, BYTES = COSTS["p50"], COSTS["bytes"]


def cell(retriever: str, synthetic: int, ms: float | None = 1.0, around: float | None = 0.1, **changes):
    """A cell of so many synthetic passages, whose times have an interval of so many ms to both sides."""
    interval = None if ms is None or around is None else (ms - around, ms + around)
    single = Latency(p50=ms, p95=None, p99=None, cold=None, p50_interval=interval)
    known = {"n_passages": REAL + synthetic, "n_distractors": synthetic, "quality": None, "single": single}
    return measurement(**{"retriever": retriever, "storage_weight": weight(8 * (REAL + synthetic))} | known | changes)


def ladder(*steps, name: str = "r", **environment):
    """A run a size, each of the cells that are given for it."""
    return [run_of(*cells, name=f"{name}{number}", **environment) for number, cells in enumerate(steps)]


TWO = ladder(
    [cell("A()", 0, 1.0), cell("B()", 0, 2.0), cell("C()", 0, 8.0, None)],
    [cell("A()", 9_000, 4.0), cell("B()", 9_000, 2.0), cell("C()", 9_000, 8.0)],
    [cell("A()", 99_000, 40.0), cell("B()", 99_000, 4.0), failed(retriever="C()", n_passages=100_000)],
)


def curve(name: str, **values: float) -> GrowthCurve:
    """A curve of exact figures: n10=3.0 is 3.0 at 10 passages."""
    return GrowthCurve(name, tuple(GrowthStep(int(size[1:]), value) for size, value in values.items()))


# What is told of the records


@pytest.mark.parametrize("cost", COSTS)
def test_every_figure_is_that_of_a_record(cost):
    """
    Each step of each curve is the figure of one record by the key of its cost, with its interval; none is left out.
    """
    known = {"encoder": None, "build_seconds": 3.5, "deployment_bytes": 10**8}
    latency = Latency(p50=1.0, p95=2.0, p99=None, cold=None, p50_interval=(0.9, 1.2), p95_interval=(1.8, 2.5))
    runs = ladder(*([cell(name, n, single=latency, **known) for name in ("A()", "B()")] for n in (0, 500, 9_000)))

    found = read(runs, cost=cost)

    drawn = {(one.name, step.n_passages): (step.value, step.interval) for one in found.curves for step in one.steps}
    expected = {}
    for m in (m for run in runs for m in run.measurements):
        row = flat.row(m)
        key = COSTS[cost].key
        interval = (row.get(key.replace("_ms", "_low_ms")), row.get(key.replace("_ms", "_high_ms")))
        expected[m.retriever, m.n_passages] = (row[key], interval if cost in ("p50", "p95") else None)
    assert expected == drawn
    assert all(value is not None for value, _ in drawn.values())


def test_what_lacks_a_figure_is_named():
    """
    A cell that failed, or was not timed, is not drawn and named below with its size, as are doubtful figures.
    """
    runs = ladder(
        [cell("A()", 0), cell("B()", 0, None), cell("C()", 0, around=None)],
        [cell("A()", 10, flags=("unstable: it jumps",)), failed(retriever="B()", n_passages=1_010, n_distractors=10)],
    )

    found = read(runs)

    assert (
        "open marks, a flag speaks against the figure: A() at 1,010",
        "not drawn, no p50: B() at 1,000",
        "not drawn, failed: B() at 1,010",
        "no interval recorded: C() at 1,000",
    ) == found.remarks
    assert [("A()", [False, True]), ("C()", [False])] == [
        (one.name, [step.is_doubtful for step in one.steps]) for one in found.curves
    ]


def test_a_curve_of_what_remembers_is_of_new_queries():
    """
    Where a retriever remembers at one size, its whole curve is of new queries, and a remark says so.
    """
    new = Latency(p50=5.0, p95=None, p99=None, cold=None, p50_interval=(4.0, 6.0))
    runs = ladder(
        [cell("A()", 0, 1.0, new=new)],
        [cell("A()", 10, 0.01, new=new, flags=("remembers: it does",))],
    )

    found = read(runs)

    assert [(5.0, (4.0, 6.0))] * 2 == [(step.value, step.interval) for step in found.curves[0].steps]
    assert ("times of new queries, since repeated ones are answered faster: A()",) == found.remarks


def test_threads_are_named_where_they_differ():
    """
    One retriever under several numbers of threads is several curves.
    """
    runs = ladder(*([cell("A()", n, cell="1"), cell("A()", n, cell="2", threads=2)] for n in (0, 10)))

    assert ["A(), threads 1", "A(), threads 2"] == [one.name for one in read(runs).curves]


def test_other_versions_are_said():
    """
    Runs of other libraries are drawn together, and a remark names what differs.
    """
    runs = ladder([cell("A()", 0)], [cell("A()", 10)])
    other = type(runs[1].environment)(**{
        name: getattr(runs[1].environment, name) for name in runs[1].environment.__struct_fields__
    } | {"libraries": {"numpy": "9"}, "code_sha256": "11"})  # fmt: skip

    found = read([runs[0], type(runs[1])(runs[1].folder, runs[1].record, other, runs[1].measurements)])

    assert ("the runs differ in more than size: Sparring's code, numpy",) == found.remarks


ONE = [cell("A()", 0)]


@pytest.mark.parametrize(
    ("runs", "cost", "message"),
    [
        (ladder(ONE), None, "expected a cost of several sizes, found p50 of 1,000 passages alone: grow the set"),
        (ladder(ONE), None, "`sparring run RETRIEVER... --passages primer --distractors 10000 -o FOLDER`"),
        (ladder([failed(retriever="A()")]), None, r"found no p50 of any; not drawn, failed: A\(\) at 150: grow"),
        (ladder(ONE, ONE), None, r"found A\(\) at 1,000 passages in r0, r1: leave one of the runs out"),
        (ladder(ONE, [cell("A()", 9, k=5)]), None, "expected runs that differ in size alone, found k: 10 / 5"),
        (ladder(ONE, [cell("A()", 9, seed=8)]), None, "expected runs that differ in size alone, found seed: 7 / 8"),
        (ladder(ONE, [cell("A()", 9, passage_set_sha256="1")]), None, "found passage_set_sha256: 00 / 1"),
        (ladder([cell("A()", n, encode_threads=n) for n in (1, 2)]), "index", "found encode_threads: 1 / 2"),
        (ladder([*ONE, cell("B()", 0, passage_set="x")]), None, "found primer, x: name one with --passages"),
        (ladder(ONE), "byte", r"--cost: expected one of p50, p95, bytes, .*, found 'byte'. Did you mean bytes\?"),
    ],
)
def test_what_cannot_be_drawn_is_an_error(runs, cost, message):
    """
    A single size, a cell twice, and runs that differ in more than size are refused, naming what differs.
    """
    with pytest.raises(InputError, match=message):
        read(runs, cost=cost)


def test_times_of_two_machines_are_refused():
    """
    Times of other hardware are refused with the field; bytes, which are the same everywhere, are drawn.
    """
    runs = [*ladder([cell("A()", 0)]), *ladder([cell("A()", 9_000)], name="s", cpu="B CPU")]

    with pytest.raises(InputError, match="expected times of one machine, found cpu: A CPU / B CPU"):
        read(runs)
    assert [8_000, 80_000] == [step.value for step in read(runs, cost="bytes").curves[0].steps]
    assert "A CPU, 2 cores / B CPU, 2 cores" in read(runs, cost="bytes").conditions


def test_it_is_drawn_at_the_command_line(tmp_path):
    """
    `sparring plot growth SMALL LARGE --cost bytes` draws two run folders; a measure is none of its options.
    """
    folders = [write(tmp_path / str(n), cell("A()", n, cell=str(n))) for n in (0, 9_000)]
    call = functools.partial(command.call, plot, "growth", *folders, "-o", tmp_path / "g.svg")

    assert 0 == call("--cost", "bytes").exit_code

    (line,) = of_class(parsed((tmp_path / "g.svg").read_text("utf-8")), "curve")
    assert ["A(): 1,000 passages 8.00 kB", "A(): 10,000 passages 80.0 kB"] == list(map(title, of_class(line, "mark")))
    with pytest.raises(InputError, match="plot growth: takes no --measure"):
        call("--measure", "R@10")


# Where two cross


def test_a_crossing_by_hand():
    """
    1 and 4 ms beside 2 and 2, at 1,000 and 10,000 passages: half way on logarithmic axes, at 3,162.
    """
    (found,) = read(TWO).crossings[:1]

    assert ("A()", "B()", (1_000, 10_000), True) == (found.cheaper, found.other, found.between, found.is_sure)
    assert found.about == pytest.approx(1_000 * math.sqrt(10))


def test_a_crossing_is_sure_where_intervals_are_apart():
    """
    Intervals that meet at either size, that are lacking, or a flag against a figure make a crossing not sure.
    """

    def is_sure(*, first: float | None = 0.1, last: float | None = 0.1, cost: str = "p50", **changes) -> bool:
        runs = ladder(
            [cell("A()", 0, 1.0, first), cell("B()", 0, 2.0)],
            [cell("A()", 9_000, 4.0, last, **changes), cell("B()", 9_000, 2.0)],
        )
        (found,) = read(runs, cost=cost).crossings
        return found.is_sure

    assert is_sure()
    assert not is_sure(first=0.95)
    assert not is_sure(last=2.0)
    assert not is_sure(first=None)
    assert not is_sure(flags=("unstable: it jumps",))


def test_the_order_of_exact_figures_is_sure():
    """
    Exact bytes cross surely though they have no interval; measured memory does not.
    """
    curves = [curve("A()", n10=1.0, n1000=4.0), curve("B()", n10=2.0, n1000=2.0)]

    assert [True] == [turn.is_sure for turn in crossings(curves, BYTES)]
    assert [False] == [turn.is_sure for turn in crossings(curves, COSTS["deployment"])]


def test_nothing_is_told_beyond_what_was_measured():
    """
    Lines that would meet beyond their sizes, or between sizes that one of them lacks, have no crossing there.
    """
    apart = [curve("A()", n10=1.0, n100=1.9), curve("B()", n10=2.0, n100=2.0)]
    lacking = [curve("A()", n10=1.0, n100=3.0, n1000=4.0), curve("B()", n10=2.0, n1000=2.0)]

    assert [] == crossings(apart, P50)
    assert [(10, 1000)] == [turn.between for turn in crossings(lacking, P50)]


def test_equal_figures_are_no_order():
    """
    Figures that are equal at a size turn nothing there: the order turns at that size, or not at all.
    """
    a = curve("A()", n10=1.0, n100=2.0, n1000=3.0)

    assert [] == crossings([a, a], P50)
    assert [] == crossings([a, curve("B()", n10=2.0, n100=2.0, n1000=4.0)], P50)
    (turn,) = crossings([a, curve("B()", n10=2.0, n100=2.0, n1000=2.0)], P50)
    assert ((10, 1000), 100) == (turn.between, pytest.approx(turn.about))


def test_each_turn_of_each_pair_is_told_the_sure_ones_first():
    """
    Two curves that cross twice have two crossings; the sure ones stand first, then those of smaller sizes.
    """
    narrow, wide = ((0.9, 1.1), (2.9, 3.1)), ((0.1, 5.0), (0.1, 5.0))
    one = GrowthCurve(
        "A()", (GrowthStep(1, 1.0, wide[0]), GrowthStep(10, 3.0, narrow[1]), GrowthStep(100, 1.0, narrow[0]))
    )
    other = GrowthCurve("B()", tuple(GrowthStep(size, 2.0, (1.9, 2.1)) for size in (1, 10, 100)))

    found = crossings([one, other], P50)

    assert [("B()", (10, 100), True), ("A()", (1, 10), False)] == [
        (turn.cheaper, turn.between, turn.is_sure) for turn in found
    ]


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=2, max_size=6))
def test_crossings_are_those_of_a_slow_search(values):
    """
    Each turn is where a search by halves finds the two lines meet, and there is one wherever the sign changes.
    """
    sizes = [10 ** (number + 1) for number in range(len(values))]
    one, other = (
        GrowthCurve(name, tuple(GrowthStep(n, float(pair[side])) for n, pair in zip(sizes, values, strict=True)))
        for side, name in enumerate("ab")
    )

    found = sorted(crossings([one, other], P50), key=lambda turn: turn.about)

    signs = [(n, a - b) for n, (a, b) in zip(sizes, values, strict=True) if a != b]
    turns = [(m, n) for (m, before), (n, after) in itertools.pairwise(signs) if before * after < 0]
    assert turns == [turn.between for turn in found]
    for turn in found:
        low, high = map(math.log10, turn.between)
        if high - low < 1.5:  # no size of equal figures lies between
            assert math.log10(turn.about) == pytest.approx(_met(values[round(low) - 1], values[round(low)], low))


def _met(before: tuple[int, int], after: tuple[int, int], start: float) -> float:
    """Where two straight lines over one decade meet, found by halving."""
    low, high = 0.0, 1.0
    for _ in range(60):
        at = (low + high) / 2
        a, b = (math.log(x) + (math.log(y) - math.log(x)) * at for x, y in zip(before, after, strict=True))
        low, high = (at, high) if (a < b) == (before[0] < before[1]) else (low, at)
    return start + low


# The picture


def drawn(found: Growth):
    return parsed(growth.svg(found))


@pytest.mark.parametrize("cost", ["p50", "bytes"])
def test_the_picture_has_every_figure(cost):
    """
    Every step of every curve has a mark that stands where its figures are and says them; all are in the words too.
    """
    found = read(TWO, cost=cost)
    root = drawn(found)
    across, up = axis(root, "x-axis", log=True), _up(root)

    curves = of_class(root, "curve")

    assert len(found.curves) == len(curves)
    about = root.find(f"{SPACE}desc").text
    for one, group in zip(found.curves, curves, strict=True):
        marks = of_class(group, "mark")
        assert len(one.steps) == len(marks)
        for step, mark in zip(one.steps, marks, strict=True):
            x, y = moved(mark)
            assert step.n_passages == pytest.approx(across(x), rel=0.005)
            assert step.value == pytest.approx(up(y), rel=0.005)
            said = title(mark).removeprefix(f"{one.name}: ")
            assert said.startswith(f"{step.n_passages:,} passages {found.cost.written(step.value)}")
            assert said in about
    for remark in (*found.remarks, found.conditions):
        assert remark in about
        assert remark in " ".join(words(root))


def _up(root):
    """The cost of a pixel: the vertical axis, whose ticks may have units."""
    (group,) = of_class(root, "y-axis")
    for tick in of_class(group, "tick"):
        value, *unit = tick.text.split()
        tick.text = str(float(value) * {"MB": 1e6, "kB": 1e3, "B": 1.0}[unit[0]]) if unit else value
    return axis(root, "y-axis", log=True)


def test_intervals_are_areas_and_bars():
    """
    Neighbouring intervals are one area whose corners are their ends; one by itself is a bar; none is nothing.
    """
    root = drawn(read(TWO))
    across, up = axis(root, "x-axis", log=True), _up(root)

    a, _, c = of_class(root, "curve")

    (area,) = of_class(a, "band")
    corners = [tuple(map(float, pair.split(","))) for pair in area.get("points").split()]
    expected = [(1_000, 1.1), (10_000, 4.1), (100_000, 40.1), (100_000, 39.9), (10_000, 3.9), (1_000, 0.9)]
    assert [pytest.approx(pair, rel=0.005) for pair in expected] == [(across(x), up(y)) for x, y in corners]
    assert ([], 1) == (of_class(c, "band"), len(of_class(c, "interval")))


def test_crossings_are_lines_and_sentences():
    """
    A crossing is a vertical line at its size, of other dashes where it is sure, and a sentence that says no more.
    """
    turns = (
        SizeCrossing("A()", "B()", (1_000, 10_000), 3_162.3, True),
        SizeCrossing("A()", "C()", (10, 20), 12, False),
    )
    root = drawn(Growth("s", P50, 10, read(TWO).curves, turns))
    across = axis(root, "x-axis", log=True)

    lines = [(title(group), group.find(f"{SPACE}line")) for group in of_class(root, "crossing")]

    assert [
        "A() goes above B() between 1,000 and 10,000 passages, about 3,160, surely",
        "A() goes above C() between 10 and 20 passages, about 12, not surely",
    ] == [said for said, _ in lines]
    assert [3_162.3, 12] == [pytest.approx(across(float(line.get("x1"))), rel=0.005) for _, line in lines]
    assert 2 == len({line.get("stroke-dasharray") for _, line in lines})
    assert {said for said, _ in lines} < set(words(root))
    assert "surely: exact figures, or 95 % intervals that are apart at both sizes" in words(root)


def test_many_crossings_and_curves_stay_readable():
    """
    Of more crossings than six, and more lines than can be told apart, the others are counted and named below; of lines
    that are not drawn no crossing is told.
    """
    curves = tuple(curve(f"A{number:02}()", n10=1.0 + number, n100=100.0 - number) for number in range(40))

    root = drawn(Growth("s", P50, 10, curves, tuple(crossings(curves, P50))))

    assert (series.MOST, 6) == (len(of_class(root, "curve")), len(of_class(root, "crossing")))
    said = " ".join(words(root))
    assert "and 99 more crossings, not drawn" in said
    assert "not drawn, more than 15 lines: A15(), A16(), A17(), A18() and 21 more" in said


def test_lines_are_told_apart_in_black_and_white():
    """
    The first five lines have marks of their own, and no two of those drawn share mark and dash, or mark and colour.
    """
    looks = [series.style(index) for index in range(series.MOST)]

    assert 5 == len({look.shape for look in looks[:5]})
    assert series.MOST == len({(look.shape, look.dash) for look in looks})
    assert series.MOST == len({(look.shape, look.colour) for look in looks})


def test_each_line_is_named_with_its_ends():
    """
    The list has each retriever with what it costs at its smallest and at its largest size; a single size once.
    """
    (listed,) = of_class(drawn(read(TWO)), "legend")

    assert ["A(): 1.00 ms to 40.0 ms", "B(): 2.00 ms to 4.00 ms", "C(): 8.00 ms"] == words(listed)


def test_a_single_mark_and_hostile_names():
    """
    A retriever with one size is a mark without a line; markup in names is words.
    """
    name = 'A("<script>]]>\'&\u2028")'
    found = Growth("<set>", P50, 10, (curve(name, n10=1.0), curve("B()", n10=1.0, n20=2.0)))

    root = drawn(found)

    assert [0, 1] == [len(of_class(group, "series")) for group in of_class(root, "curve")]
    assert 'A("<script>]]>\'& "): 1.00 ms' in words(root)
    assert "<script" not in growth.svg(found)


def test_the_same_values_give_the_same_bytes():
    """
    A picture is made alike each time, and the last bits of a figure do not show.
    """
    values = (1.0, math.nextafter(1.0, 2))

    one, other = (growth.svg(Growth("s", P50, 10, (curve("A()", n10=value, n100=3.0),))) for value in values)

    assert one == other


def test_ticks_of_large_sizes_are_short():
    """
    Sizes of a million and more are written in millions.
    """
    root = drawn(Growth("s", P50, 10, (curve("A()", n200000=1.0, n3000000=3.0),)))

    (group,) = of_class(root, "x-axis")
    assert {"1M", "2M", "5M", "500,000"} <= {tick.text for tick in of_class(group, "tick")}
