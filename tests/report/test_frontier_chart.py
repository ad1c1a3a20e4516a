"""The picture of the frontier: what it is made of, and that it shows just that."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
from msgspec.structs import replace

from bench.analysis.prices import Prices
from bench.errors import InputError
from bench.records.decision import Decision
from bench.report import rows as flat
from bench.report.charts import frontier
from bench.report.charts.svg import width
from bench.report.costs import COSTS
from bench.report.tables.frontier import Frontier, Point, points_of, read
from tests.helpers.judged import judged_run
from tests.helpers.pictures import SPACE, axis, moved, of_class, parsed, title, words
from tests.helpers.records import failed, latency, measurement, run_of, weight

POINTS = (
    Point("BM25() @ CSR()", "sparse", 0.678, 0.386, 3_000_000, (0.63, 0.72)),
    Point('BiEncoder("all-MiniLM-L6-v2") @ Flat()', "dense", 0.645, 17.5, 8_000_000, None),
    Point("Engine()", "engine", 0.7, 40.0, None, None),
    Point("Slow()", "engine", 0.65, 40.0, 500_000, None),
)


def cell(retriever: str, quality: float | None = 0.5, ms: float | None = 1.0, **changes):
    """A sparse cell with a time and an index of 1 MB."""
    known = {
        "retriever": retriever,
        "quality": {"nDCG@10": quality},
        "single": None if ms is None else latency(ms),
        "storage_weight": weight(1_000_000),
        "shape": (150, 1_000),
        "nonzeros": 3_000,
    }
    return measurement(**known | changes)


def drawn(*points: Point, **more):
    return parsed(frontier.svg(Frontier("scifact", "nDCG@10", points, **more)))


def marks(root) -> dict[str, tuple[float, float]]:
    """Of each mark the quality and the time that it stands for, read from the axes."""
    across, up = axis(root, "x-axis", log=True), axis(root, "y-axis")
    places = {title(mark).partition(": nDCG@10")[0]: moved(mark) for mark in of_class(root, "mark")}
    return {name: (up(y), across(x)) for name, (x, y) in places.items()}


def area(shape) -> float:
    """The area of a circle, a square or a triangle."""
    if shape.tag == f"{SPACE}circle":
        return math.pi * float(shape.get("r")) ** 2
    if shape.tag == f"{SPACE}rect":
        return float(shape.get("width")) * float(shape.get("height"))
    (ax, ay), (bx, by), (cx, cy) = (map(float, corner.split(",")) for corner in shape.get("points").split())
    return abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay)) / 2


def test_every_mark_stands_where_its_figures_are():
    """
    Quality and time of every cell can be read back from the axes, to what a pixel tells.
    """
    found = marks(drawn(*POINTS))

    assert {point.name for point in POINTS} == found.keys()
    for point in POINTS:
        quality, ms = found[point.name]
        assert point.quality == pytest.approx(quality, abs=0.0005)
        assert point.cost == pytest.approx(ms, rel=0.005)


def test_areas_are_as_the_bytes():
    """
    Areas of marks of all shapes are to each other as the bytes of the indices, and the legend's circle is one of them.
    """
    root = drawn(*POINTS)

    by_name = {title(mark).partition(": nDCG@10")[0]: of_class(mark, "area") for mark in of_class(root, "mark")}
    per_byte = [area(by_name[point.name][0]) / point.bytes for point in POINTS if point.bytes]
    assert [] == by_name["Engine()"]
    assert per_byte == pytest.approx([per_byte[0]] * 3, rel=0.01)
    (legend,) = of_class(root, "legend")
    (circle,) = of_class(legend, "faint-line")
    assert "index of 5 MB" in words(legend)
    assert per_byte[0] == pytest.approx(area(circle) / 5_000_000, rel=0.01)


def test_a_picture_says_what_its_bars_are():
    """
    Where a cell has an interval a line below says what the bars are; where none has, nothing is said.
    """
    alone = Point("A()", "sparse", 0.5, 1.0, 1)

    assert any("bars: 95 % interval, of nDCG@10" in line for line in words(drawn(*POINTS)))
    assert not any("bars" in line for line in words(drawn(alone)))


def test_intervals_are_bars():
    """
    The ends of a bar are those of the quality's interval; a cell without one has no bar.
    """
    root = drawn(*POINTS)
    up = axis(root, "y-axis")

    (bar,) = of_class(root, "interval")

    (mark,) = [mark for mark in of_class(root, "mark") if bar in list(mark)]
    _, y = moved(mark)
    low, high = bar.get("d").split("M")[1].removeprefix("0,").split("V")
    assert POINTS[0].interval == pytest.approx((up(y + float(low)), up(y + float(high))), abs=0.0005)


def test_intervals_of_the_cost_are_bars_too():
    """
    The ends of a level bar are those of the cost's interval, and the words of the mark have them.
    """
    root = drawn(dataclasses.replace(POINTS[0], cost_interval=(0.3, 0.5)))
    across = axis(root, "x-axis", log=True)

    (bar,) = of_class(root, "cost-interval")

    (mark,) = of_class(root, "mark")
    x, _ = moved(mark)
    low, high = bar.get("d").split("M")[1].replace(",0", "").split("H")
    assert (0.3, 0.5) == pytest.approx((across(x + float(low)), across(x + float(high))), rel=0.005)
    assert "p50 0.386 ms [0.300, 0.500]" in title(mark)


def test_the_band_holds_what_ties_with_the_best():
    """
    A band reaches from the best to the lowest cell that is not told apart from it; what stands alone has none.
    """
    tied = [dataclasses.replace(point, is_tied=True) for point in POINTS[:3]]
    root = drawn(*tied, POINTS[3])
    up = axis(root, "y-axis")

    (band,) = of_class(root, "band")

    top, high = float(band.get("y")), float(band.get("height"))
    assert (0.7, 0.645) == pytest.approx((up(top + frontier.BAND), up(top + high - frontier.BAND)), abs=0.0005)
    said = " ".join(words(root))
    assert "band: 3 cells that are not told apart from the best; told apart, or not tested: Slow()" in said
    assert [] == of_class(drawn(tied[0], *POINTS[1:]), "band")


def test_ties_are_those_of_the_tables(tmp_path):
    """
    The cells of the band are those that a table sets in italics, and the best.
    """
    values = {"A()": [0.0, 1.0] * 50, "B()": [1.0, 0.0] * 49 + [1.0, 1.0], "C()": [0.0] * 60 + [0.0, 1.0] * 20}
    run = judged_run(tmp_path, values, single=latency(1.0))

    assert {"A()": True, "B()": True, "C()": False} == {point.name: point.is_tied for point in read([run]).points}


@pytest.mark.parametrize("name", COSTS)
def test_every_cost_can_be_drawn(name):
    """
    Each cost stands at the figure of its key, and its axis and the words of a mark are of it.
    """
    one = cell("A()", 0.5, deployment_bytes=3_000_000, encode_seconds=1.0, build_seconds=2.0)
    one = replace(one, single=latency(2.0, 5.0))

    found = read([run_of(one)], cost_name=name)

    assert flat.row(one)[COSTS[name].key] == found.points[0].cost
    root = parsed(frontier.svg(found))
    assert f"{COSTS[name].label} (left is less)" in words(root)
    assert COSTS[name].phrase.format(COSTS[name].written(found.points[0].cost)) in title(of_class(root, "mark")[0])


def test_prices_can_be_drawn():
    """
    A month's price stands at the figure of its key with its interval, and its axis names currency and volume.
    """
    prices = Prices(currency="EUR", ram_gb_hour=0.01, core_hour=36.0, queries_a_month=1000, hours_a_month=100)
    one = cell("A()", deployment_bytes=10**9, cpu_p50=2.0)
    one = replace(one, single=replace(latency(2.0), p50_interval=(1.0, 4.0)))

    (point,) = read([run_of(one)], prices=prices).points

    assert (pytest.approx(1.02), pytest.approx((1.01, 1.04))) == (point.cost, point.cost_interval)
    root = parsed(frontier.svg(read([run_of(one)], cost_name="price", prices=prices)))
    assert "price of a month of 1,000 queries, in EUR (left is less)" in words(root)
    for name, given in (("price", None), ("bytes", prices)):
        with pytest.raises(InputError, match="--prices: expected it with --cost price alone"):
            read([run_of(one)], cost_name=name, prices=given)


def test_sizes_of_two_machines_go_together():
    """
    Bytes are the same on every machine, and are drawn on one pair of axes whatever ran where.
    """
    one, other = run_of(cell("A()")), run_of(cell("B()"), cpu="B CPU", name="other")

    assert 2 == len(read([one, other], cost_name="bytes").points)
    with pytest.raises(InputError, match=r"--cost: expected one of p50, p95, .*, found 'byte'. Did you mean bytes"):
        read([one], cost_name="byte")


def test_shape_and_colour_tell_kinds_apart():
    """
    Sparse and dense vectors and engines have a shape and a colour each, and the legend names those that there are.
    """
    root = drawn(*POINTS)

    looks = {}
    for mark in of_class(root, "mark"):
        (glyph,) = of_class(mark, "glyph")
        looks.setdefault(mark.get("class"), set()).add((glyph.tag, glyph.get("class").split()[-2]))
    assert {1} == {len(look) for look in looks.values()}
    assert 3 == len({shape for look in looks.values() for shape, _ in look})
    assert 3 == len({colour for look in looks.values() for _, colour in look})
    assert ["sparse vectors", "dense vectors", "engine"] == words(of_class(root, "legend")[0])[:3]
    assert "engine" not in words(drawn(*POINTS[:2]))


def test_the_line_goes_by_the_frontier():
    """
    The line rises at each cell of the frontier to its quality, and only their marks are full and their names bold.
    """
    root = drawn(*POINTS)
    across, up = axis(root, "x-axis", log=True), axis(root, "y-axis")

    (line,) = of_class(root, "frontier-line")
    corners = [tuple(map(float, pair.split(","))) for pair in line.get("d")[1:].split("L")]
    assert [(0.386, 0.678), (40, 0.678), (40, 0.7)] == [
        (pytest.approx(across(x), rel=0.005), pytest.approx(up(y), abs=0.0005)) for x, y in corners[1:-1]
    ]
    full = {title(mark).partition(": nDCG@10")[0] for mark in of_class(root, "mark")
            if of_class(mark, "glyph")[0].get("class").split()[0] != "ground"}  # fmt: skip
    assert {"BM25() @ CSR()", "Engine()"} == full
    bold = {node.text for node in root.iter(f"{SPACE}text") if node.get("font-weight") == "bold"}
    assert {"scifact: nDCG@10 against the time of a query", *full} == bold


def test_each_cell_is_named_beside_its_mark():
    """
    The label of a cell is its name and the size of its index, and no two labels share a pixel.
    """
    crowd = [Point(f"Retriever{n}(k1=0.9) @ CSR()", "sparse", 0.6 + n / 1000, 10.0 + n, 10**6 * n) for n in range(1, 9)]

    root = drawn(*crowd)

    labels = of_class(root, "label")
    assert {f"Retriever{n}(k1=0.9) @ CSR()" for n in range(1, 9)} == {words(label)[0] for label in labels}
    assert {f"{n}.00 MB" for n in range(1, 9)} == {words(label)[1] for label in labels}
    boxes = [_box(label) for label in labels]
    for a, b in itertools.combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def _box(label) -> tuple[float, float, float, float]:
    """Where the words of a label stand, as wide as they are drawn."""
    lines = list(label.iter(f"{SPACE}text"))
    rights, lefts = [], []
    for line in lines:
        x, wide = float(line.get("x")), width(line.text, 12)
        lefts.append(x - wide if line.get("text-anchor") == "end" else x)
        rights.append(lefts[-1] + wide)
    ys = [float(line.get("y")) for line in lines]
    return min(lefts), min(ys) - 10, max(rights), max(ys) + 2


def test_names_without_room_are_said():
    """
    Where there are too many cells to name each, those without a label are told of below.
    """
    crowd = [Point(f"ARetrieverOfALongName{n:03}()", "sparse", 0.6, 10.0, 10**6) for n in range(40)]

    root = drawn(*crowd)

    named = {words(label)[0] for label in of_class(root, "label")}
    assert 40 > len(named) > 5
    said = " ".join(words(root))
    assert "no room for the name: ARetrieverOfALongName" in said
    assert f"and {40 - len(named) - 4} more" in said


def test_no_cell_and_one_cell():
    """
    Of nothing a picture has axes and says what is lacking; of one cell it has one mark, on the frontier.
    """
    none, one = drawn(remarks=("not drawn, failed: A()",)), drawn(POINTS[0])

    assert {} == marks(none)
    assert "not drawn, failed: A()" in words(none)
    assert ["BM25() @ CSR()"] == list(marks(one))
    assert 1 == len(of_class(one, "label"))


def test_a_hostile_name_is_a_name():
    """
    Markup, quotes and separators in a name are words in the picture.
    """
    name = 'A("<script>]]>\'&\u2028")'

    picture = frontier.svg(Frontier("<set>", "nDCG@10", (Point(name, "engine", 0.5, 1.0, 10),)))

    assert 'A("<script>]]>\'& ")' in words(parsed(picture))
    assert "<script" not in picture


def test_the_same_values_give_the_same_bytes():
    """
    A picture is made alike each time, and the last bits of a figure do not show.
    """
    nudged = [Point(p.name, p.vectors, float(np.nextafter(p.quality, 1)), p.cost, p.bytes, p.interval) for p in POINTS]

    one, other = (frontier.svg(Frontier("s", "m", tuple(points))) for points in (POINTS, nudged))

    assert one == frontier.svg(Frontier("s", "m", POINTS))
    assert one == other


# What it is made of


def test_what_lacks_a_figure_is_left_out_and_said():
    """
    Cells that failed, were not timed, or have no quality are not drawn and are named below; no index is no area.
    """
    cells = [
        cell("A()", 0.5, 2.0),
        failed(retriever="B()"),
        cell("C()", status="timeout"),
        cell("D()", None),
        cell("E()", ms=None),
        cell("F()", storage_weight=None, flags=("unstable: it jumps",)),
        *(failed(retriever=f"G{n}()") for n in range(5)),
    ]

    points, remarks = points_of([flat.row(m) for m in cells], "nDCG@10")

    assert [Point("A()", "sparse", 0.5, 2.0, 1_000_000), Point("F()", "sparse", 0.5, 1.0, None)] == list(points)
    assert (
        "not drawn, failed: B(), G0(), G1(), G2() and 2 more",
        "not drawn, timeout: C()",
        "not drawn, no nDCG@10: D()",
        "not drawn, no p50: E()",
        "index not weighed: F()",
        "times unstable: F()",
    ) == remarks


def test_what_remembers_stands_at_its_new_queries():
    """
    A cell that remembers is drawn at the time of its new queries, and named below.
    """
    liar = cell("A()", 0.5, 0.01, flags=("remembers: it does",), new=latency(2.0))

    (point,), remarks = points_of([flat.row(liar)], "nDCG@10")

    assert 2.0 == point.cost
    assert ("time of new queries, since repeated ones are answered faster: A()",) == remarks


def test_kinds_go_by_the_vectors():
    """
    A cell is sparse or dense by what its encoder makes, fused where it is made of several retrievers, else an engine.
    """
    cells = [
        cell("A() @ Flat()", storage="Flat()"),
        cell("B() @ CSR()", nonzeros=None),
        cell("C()", encoder=None, storage=None, shape=None, nonzeros=None, resolved="C(analyser=Words())"),
        cell("RRF()", encoder=None, storage=None, nonzeros=None, resolved="RRF([A() @ Flat(), C()], k=60)"),
        cell("S()", encoder=None, storage=None, nonzeros=None, resolved="Sharded(A() @ Flat(), shards=2)"),
    ]

    points, _ = points_of([flat.row(m) for m in cells], "nDCG@10")

    assert ["sparse", "dense", "engine", "fused", "engine"] == [point.vectors for point in points]


def test_runs_and_threads_are_named_where_they_differ():
    """
    Cells that a name does not tell apart have their run and their threads in it.
    """
    one, other = run_of(cell("A()"), name="one"), run_of(cell("A()", threads=2), name="two")

    assert ["A()"] == [point.name for point in read([one]).points]
    assert ["one: A(), threads 1", "two: A(), threads 2"] == [point.name for point in read([one, other]).points]


def test_an_interval_is_that_of_the_queries(tmp_path):
    """
    Where the run keeps the value of every query, the quality has the interval that the tables tell.
    """
    values = {"A()": [0.0, 1.0] * 20}
    run = judged_run(tmp_path, values, single=latency(1.0), storage_weight=weight(10))

    (point,) = read([run]).points

    assert point.interval is not None
    assert 0.5 == point.quality == pytest.approx(sum(point.interval) / 2)


@pytest.mark.parametrize(
    ("passages", "measure", "message"),
    [
        (None, None, "expected one passage set, found primer, other: name one with --passages"),
        ("prmer", None, r"--passages: expected one of primer, other, found 'prmer'. Did you mean primer\?"),
        ("primer", "nDCG@1", r"--measure: expected one of .*, found 'nDCG@1'. Did you mean nDCG@10\?"),
        ("other", None, "expected cells with nDCG@10 and p50, found none: not drawn, failed: B()"),
    ],
)
def test_what_cannot_be_drawn_is_an_error(passages, measure, message):
    """
    A set or a measure that has to be named, or is not there, and cells without figures are told with what there is.
    """
    run = run_of(cell("A()"), failed(retriever="B()", passage_set="other"))

    with pytest.raises(InputError, match=message.replace("()", r"\(\)")):
        read([run], passages, measure)


def test_runs_that_do_not_go_together():
    """
    Times of two machines, or two contents of one name, are not drawn on one pair of axes.
    """
    one = run_of(cell("A()"))

    with pytest.raises(InputError, match="expected times of one machine, found cpu: A CPU / B CPU"):
        read([one, run_of(cell("B()"), cpu="B CPU", name="other")])
    with pytest.raises(InputError, match="expected the same passages in every run"):
        read([one, run_of(cell("B()", passage_set_sha256="11"), name="other")])
    with pytest.raises(InputError, match="expected one primary measure, found nDCG@10, R@1"):
        read([one, run_of(cell("B()"), name="other", primary="R@1")])


def test_another_measure_can_be_drawn():
    """
    The measure is the suite's primary one unless another is asked for.
    """
    run = run_of(measurement(quality={"nDCG@10": 0.5, "R@1": 0.25}, single=latency(1.0)))

    assert ("nDCG@10", 0.5) == (read([run]).measure, read([run]).points[0].quality)
    assert ("R@1", 0.25) == (read([run], measure="R@1").measure, read([run], measure="R@1").points[0].quality)


def test_no_interval_of_what_was_asked_in_looks(tmp_path):
    """
    A cell that was asked all its queries in looks is drawn without an interval, and a remark says why.
    """
    run = judged_run(tmp_path, {"A()": [0.0, 1.0] * 50, "B()": [1.0] * 99 + [0.0]}, single=latency(1.0))
    known = {"baseline": "A()", "measure": "nDCG@10", "n_looks": 3, "planned_looks": 3, "level": 0.975}
    said = Decision(**known, verdict="better", n_asked=100, difference=0.49, interval=(0.2, 0.6))
    first, second = run.measurements
    whole = (first, replace(second, n_judged=100, decision=said))

    found = read([type(run)(run.folder, run.record, run.environment, whole)])

    assert [True, False] == [point.interval is not None for point in found.points]
    assert ("no interval of a cell that was asked in looks",) == found.remarks[-1:]
    assert found.is_claimed


def test_no_frontier_beside_what_was_stopped():
    """
    Where a cell was stopped before its last query no frontier is claimed; what was decided of it is said below.
    """
    known = {"baseline": "A()", "measure": "nDCG@10", "n_looks": 1, "planned_looks": 3, "level": 0.975}
    cells = [cell("A()"), cell("B()", 0.6, 2.0)]
    for name, n_asked, verdict in (("C()", 20, "better"), ("D()", 20, "better"), ("E()", 40, "worse")):
        said = Decision(**known, verdict=verdict, n_asked=n_asked, difference=0.4, interval=(0.2, 0.6))
        cells.append(replace(cell(name), quality=None, n_judged=320, decision=said))

    found = read([run_of(*cells)])

    root = parsed(frontier.svg(found))
    assert ["A()", "B()"] == [point.name for point in found.points]
    assert (
        "not drawn, stopped: better after 20 of 320 judged queries: C(), D(); worse after 40 of 320 judged queries: E()"
    ) in found.remarks
    assert any(remark.startswith("no frontier: ") for remark in found.remarks)
    assert [] == of_class(root, "frontier-line")
    assert {"ground"} == {of_class(mark, "glyph")[0].get("class").split()[0] for mark in of_class(root, "mark")}
    assert "frontier (full marks)" not in words(root)
    assert "On the frontier" not in frontier.svg(found)
