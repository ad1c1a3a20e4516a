"""The picture of single queries: its curves are the harness's percentiles, and it shows what the record has."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.analysis.raw_times import text_to_ids
from bench.errors import InputError
from bench.instruments import latency as instrument
from bench.records.schema import Latency
from bench.report.charts import latency
from bench.report.numbers import significant
from bench.report.tables.latency import Latencies, QueryTimes, curve_of, read
from tests.helpers.pictures import axis, centre, ends, of_class, parsed, title, words
from tests.helpers.raw_times import spread, timed_run
from tests.helpers.records import failed, measurement, run_of
from tests.helpers.records import latency as of

PAIR, ENGINE = "BM25() @ CSR()", "Engine()"
FIGURES = ("p50", "p95", "encode", "search")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A pair and an engine of 200 queries, with raw times."""
    folder = tmp_path_factory.mktemp("timed")
    return timed_run(folder, {PAIR: (spread(200, 0.1), spread(200, 0.3)), ENGINE: ([], spread(200, 5.0))})


@pytest.fixture
def copied(run, tmp_path):
    """A copy of that run, to be spoilt."""
    return replace(run, folder=Path(shutil.copytree(run.folder, tmp_path / "copied")))


def drawn(*cells: QueryTimes, **more):
    return parsed(latency.svg(Latencies("primer", cells, **more)))


def many(n: int, **more) -> list[QueryTimes]:
    """Cells that all take about as long, each with a curve."""
    curve = tuple((percent / 100, 0.9 + percent / 100) for percent in range(2, 99))
    return [QueryTimes(f"Retriever{at:02}(k1=0.9) @ CSR()", 1.4, 1.85, curve=curve, **more) for at in range(n)]


def curve_points(node, across, up) -> list[tuple[float, float]]:
    """Share and time of each point of a curve, read from the axes."""
    (line,) = of_class(node, "spread")
    places = (tuple(map(float, place.split(","))) for place in line.get("d")[1:].split("L"))
    return [(up(y) / 100, across(x)) for x, y in places]


# What it is made of


def test_every_figure_is_the_records(run):
    """
    Percentiles, intervals and stages are those of the record, and each point of a curve is the harness's percentile of
    the raw times, to the last bit.
    """
    found = {times.name: times for times in read([run]).cells}

    assert {PAIR, ENGINE} == found.keys()
    for m in run.measurements:
        times, rounds = found[m.retriever], text_to_ids(run, m)
        assert (m.single.p50, m.single.p95) == (times.p50, times.p95)
        assert (m.single.p50_interval, m.single.p95_interval) == (times.p50_interval, times.p95_interval)
        stages = (m.encode.p50, m.search.p50) if m.encoder else (None, None)
        assert stages == (times.encode, times.search)
        at = dict(times.curve)
        assert (m.single.p50, m.single.p95) == (at[0.5], at[0.95])
        assert at == {share: instrument.percentile(rounds, share) for share in at}
        assert (0.05, 0.95) == (times.curve[0][0], times.curve[-1][0])


@given(
    st.lists(st.integers(1, 10**9), min_size=20, max_size=30),
    st.integers(1, 3),
    st.integers(1, 4),
)
@settings(max_examples=15, deadline=None)
def test_a_curve_rises(values, n_passes, n_rounds):
    """
    Whatever the times, a curve rises in both and goes through the p50 of the harness.
    """
    rng = np.random.default_rng(len(values))
    rounds = [rng.permutation(np.tile(np.array(values, np.int64), (n_passes, 1)).T).T + n for n in range(n_rounds)]

    curve = curve_of(rounds)

    assert instrument.percentile(rounds, 0.5) == dict(curve)[0.5]
    assert sorted(curve) == list(curve)
    assert sorted(ms for _, ms in curve) == [ms for _, ms in curve]


@pytest.mark.parametrize(
    ("n_queries", "expected"), [(19, None), (20, (0.5, 0.5)), (40, (0.25, 0.75)), (500, (0.02, 0.98))]
)
def test_a_curve_ends_where_percentiles_do(n_queries, expected):
    """
    A curve goes as far as ten distinct queries lie beyond it, at either end, as a percentile does.
    """
    curve = curve_of(spread(n_queries, 1.0))

    assert expected == ((curve[0][0], curve[-1][0]) if curve else None)
    assert () == curve_of([])


def test_without_raw_times_there_is_no_curve(copied):
    """
    Where raw times are gone, or are not those of the record, percentiles and stages are told alone, and a remark says
    why.
    """
    first, second = copied.measurements
    (copied.folder / first.files["query-1"]).unlink()
    np.savez(copied.folder / second.files["search-1"], single=np.full((2, 200), 7))

    found = read([copied])

    assert [(), ()] == [times.curve for times in found.cells]
    assert [first.single.p50, second.single.p50] == [times.p50 for times in found.cells]
    assert (
        f"no curve, raw times not on disk (folder samples of the run): {PAIR}",
        f"no curve, the raw times on disk are not those of the record: {ENGINE}",
    ) == found.remarks


def test_damaged_raw_times_are_an_error(copied):
    """
    A file of raw times that cannot be read, or has other queries in each stage, is a mistake that names the folder.
    """
    path = copied.folder / copied.measurements[0].files["query-0"]
    np.savez(path, single=np.ones((2, 3), np.int64))

    with pytest.raises(InputError, match="of the same queries in each stage"):
        read([copied])
    path.write_bytes(b"no archive")
    with pytest.raises(InputError, match="expected raw times, found none that can be read"):
        read([copied])


def test_what_remembers_is_drawn_at_its_new_queries(tmp_path):
    """
    A cell that answers repeated queries faster stands at its new ones, whose curve it has, and without stages.
    """
    flags = ("remembers: it does",)
    run = timed_run(tmp_path, {PAIR: (spread(200, 1.0), spread(200, 2.0))}, "new", flags=flags, single=of(0.001))
    (m,) = run.measurements

    found = read([run])

    (times,) = found.cells
    assert (m.new.p50, m.new.p95, m.new.p50_interval) == (times.p50, times.p95, times.p50_interval)
    assert times.is_new
    assert (None, None) == (times.encode, times.search)
    assert m.new.p50 == dict(times.curve)[0.5]
    assert (f"time of new queries, since repeated ones are answered faster; stages not drawn: {PAIR}",) == found.remarks
    assert "p50 of new queries" in latency.svg(found)


def test_what_lacks_a_time_is_named():
    """
    Cells that failed or have no p50 are not drawn and are named; so is what has no p95, or a flag against its times.
    """
    contended = {"single_p95_ms": "contention: CPU wait in 9% of the timed loops", "batch_qps": "contention: the same"}
    cells = [
        measurement(retriever="A()", single=of(2.0, 3.0), figure_flags=contended, flags=("unstable: it jumps",)),
        failed(retriever="B()"),
        measurement(retriever="C()", status="timeout"),
        measurement(retriever="D()"),
        measurement(retriever="E()", single=of(1.0)),
        measurement(retriever="F()", flags=("remembers: it does",), single=of(1.0, 2.0)),
        *(failed(retriever=f"G{n}()") for n in range(5)),
    ]

    found = read([run_of(*cells)])

    assert ["E()", "A()"] == [times.name for times in found.cells]
    assert (
        "unstable times: A()",
        "CPU contention, p95 alone: A()",
        "no curve, raw times not on disk (folder samples of the run): A(), E()",
        "not drawn, failed: B(), G0(), G1(), G2() and 2 more",
        "not drawn, timeout: C()",
        "not drawn, no p50: D(), F()",
        "no p95, fewer than 200 queries timed: E()",
    ) == found.remarks


def test_times_that_have_no_place():
    """
    A stage or an interval that a logarithmic axis has no place for is left out; the rest is drawn.
    """
    zero = Latency(p50=1.0, p95=2.0, p99=None, cold=None, p50_interval=(0.0, 2.0), p95_interval=(3.0, 1.0))

    (times,) = read([run_of(measurement(single=zero, encode=of(0.0), search=of(1.0)))]).cells

    assert QueryTimes("BM25() @ CSR()", 1.0, 2.0, search=1.0) == times


@pytest.mark.parametrize(
    ("passages", "message"),
    [
        (None, "latency: expected one passage set, found primer, other: name one with --passages"),
        ("prmer", "--passages: expected one of primer, other, found 'prmer'. Did you mean primer?"),
        ("other", "latency of other: expected cells with a p50, found none: not drawn, failed: B()"),
    ],
)
def test_what_cannot_be_drawn_is_an_error(passages, message):
    """
    A set that has to be named or is not there, and one without a time, are told with what there is.
    """
    run = run_of(measurement(single=of(1.0)), failed(retriever="B()", passage_set="other"))

    with pytest.raises(InputError, match=re.escape(message)):
        read([run], passages)


def test_runs_that_do_not_go_together():
    """
    Times of two machines, or of other passages under one name, do not stand on one axis; those of one are told apart.
    """
    one, two = run_of(measurement(single=of(1.0))), run_of(measurement(single=of(2.0), threads=2), name="two")

    with pytest.raises(InputError, match="latency of primer: expected times of one machine, found cpu: A CPU / B CPU"):
        read([one, run_of(measurement(single=of(1.0)), cpu="B CPU", name="other")])
    with pytest.raises(InputError, match="expected the same passages in every run"):
        read([one, run_of(measurement(single=of(1.0), passage_set_sha256="11"), name="other")])
    names = [times.name for times in read([one, two]).cells]
    assert [f"run: {PAIR}, threads 1", f"two: {PAIR}, threads 2"] == names


# That it shows just that


def test_every_mark_and_curve_stands_where_its_figures_are(run):
    """
    p50, p95, intervals, stages and every point of the curves can be read back from the axis, to what a pixel tells.
    """
    found = read([run])
    root = parsed(latency.svg(found))
    (field,), (listed,) = of_class(root, "field"), of_class(root, "list")

    across, up = axis(field, "x-axis", log=True), axis(field, "y-axis")
    for times, node in zip(found.cells, of_class(field, "curve"), strict=True):
        points = curve_points(node, across, up)
        assert times.curve == tuple((pytest.approx(a, abs=1e-4), pytest.approx(b, rel=2e-3)) for a, b in points)
        marks = [centre(point) for point in of_class(node, "point")]
        assert [times.p50, times.p95] == pytest.approx([across(x) for x, _ in marks], rel=2e-3)
        assert [50, 95] == pytest.approx([up(y) for _, y in marks], abs=0.01)
    across = axis(listed, "x-axis", log=True)
    for times, node in zip(found.cells, of_class(listed, "row"), strict=True):
        known = [ms for name in FIGURES if (ms := getattr(times, name)) is not None]
        assert known == pytest.approx([across(centre(point)[0]) for point in of_class(node, "point")], rel=2e-3)
        bars = [tuple(map(across, ends(bar))) for bar in of_class(node, "interval")]
        assert [times.p50_interval, times.p95_interval] == [pytest.approx(bar, rel=2e-3) for bar in bars]


def test_every_figure_is_told_in_words(run):
    """
    The description, and the title of each line, have every figure as the tables write it.
    """
    found = read([run])
    root = parsed(latency.svg(found))

    about = root.find("{http://www.w3.org/2000/svg}desc").text
    rows = {title(row) for row in of_class(root, "row")}
    for number, times in enumerate(found.cells, start=1):
        low, high = (significant(end) for end in times.p50_interval)
        told = [f"p50 {significant(times.p50)} ms [{low}, {high}]", f"p95 {significant(times.p95)} ms ["]
        told += [f"{name} p50 {significant(ms)} ms" for name in FIGURES[2:] if (ms := getattr(times, name))]
        told.append(f"curve from 5% within {significant(times.curve[0][1])} ms to 95% within ")
        (row,) = (row for row in rows if row.startswith(f"{times.name}: "))
        assert [] == [part for part in told if part not in row]
        assert f"{number} {row}." in about
        assert f"{significant(times.p50)} ms" in words(root)
    assert found.conditions in about


def test_figures_differ_without_colour(run):
    """
    p50, p95 and the two stages are told apart by shape and filling, and the legend shows those that there are.
    """
    root = parsed(latency.svg(read([run])))

    (legend,) = of_class(root, "legend")
    looks = [(node.tag, len(node.get("points", "").split()), "ground" in node.get("class").split())
             for node in of_class(legend, "point")]  # fmt: skip
    assert ["p50", "p95", "encode p50", "search p50"] == words(legend)
    assert 4 == len(looks) == len(set(looks))
    assert ["p50"] == words(of_class(drawn(QueryTimes("A()", 1.0)), "legend")[0])


def test_curves_differ_without_colour():
    """
    Each curve has a number at a height of its own, that of its line in the list, and no two of a field look alike.
    """
    root = drawn(*many(8))

    (field,) = of_class(root, "field")
    numbers = [node for node in field if node.get("font-weight") == "bold"]
    assert [str(n) for n in range(1, 9)] == [node.text for node in numbers]
    heights = sorted(float(node.get("y")) for node in numbers)
    assert 12 < min(np.diff(heights))
    assert [str(n) for n in range(1, 9)] == [words(row)[0] for row in of_class(root, "row")]
    lines = [of_class(node, "spread")[0] for node in of_class(field, "curve")]
    assert 8 == len({(line.get("class"), line.get("stroke-dasharray")) for line in lines})


def test_numbers_keep_off_the_marks():
    """
    A number never stands where its curve has p50 or p95, of few cells or many, of a whole curve or a short one.
    """
    for n in range(1, 9):
        for low, high in ((0.02, 0.98), (0.25, 0.75), (0.1, 0.9)):
            shares = [latency._share(row, n, low, high) for row in range(n)]
            assert sorted(shares) == shares
            assert all(low <= share <= high and abs(share - 0.5) > 0.04 and share <= 0.9 for share in shares)
    assert 0.5 == latency._share(0, 1, 0.5, 0.5)


def test_many_cells_have_several_fields():
    """
    Of 40 cells five fields have eight curves each, every cell its line, and all stand on one scale.
    """
    root = drawn(*many(40))

    fields = of_class(root, "field")
    assert [8] * 5 == [len(of_class(field, "curve")) for field in fields]
    assert [str(n) for n in range(1, 41)] == [words(row)[0] for row in of_class(root, "row")]
    assert 1 == len({axis(part, "x-axis", log=True)(100.0) for part in (*fields, *of_class(root, "list"))})
    height = float(root.get("height"))
    assert all(float(node.get("y")) < height for node in root.iter("{http://www.w3.org/2000/svg}text"))


def test_cells_without_curves_are_a_list():
    """
    Without raw times there is no field, and nothing is said of curves.
    """
    root = drawn(QueryTimes("A()", 1.0, 2.0), remarks=("no curve, for some reason: A()",))

    assert ([], 1) == (of_class(root, "field"), len(of_class(root, "row")))
    assert not any("Curves" in line for line in words(root))
    assert "no curve, for some reason: A()" in words(root)


def test_a_hostile_name_is_a_name():
    """
    Markup, quotes and separators in a name are words in the picture.
    """
    picture = latency.svg(Latencies("<set>", (QueryTimes('A("<script>]]>\'&\u2028")', 1.0),)))

    assert 'A("<script>]]>\'& ")' in words(parsed(picture))
    assert "<script" not in picture


def test_the_same_values_give_the_same_bytes(run):
    """
    A picture is made alike each time, and the last bits of a figure do not show.
    """
    cells = many(3)
    nudged = [QueryTimes(t.name, float(np.nextafter(t.p50, 2)), t.p95, curve=t.curve) for t in cells]

    one, other = (latency.svg(Latencies("s", tuple(times))) for times in (cells, nudged))

    assert one == other
    assert latency.svg(read([run])) == latency.svg(read([run]))


def test_a_long_name_keeps_its_line():
    """
    A name of several lines leaves the room of the figure beside it, and its marks stand below it.
    """
    name = "BiEncoder('a-model-of-a-very-long-name-indeed', query_prompt='and a prompt as well') @ Faiss('IVF100,Flat')"
    (row,) = of_class(drawn(QueryTimes(name, 1.0)), "row")

    lines = [line for line in words(row) if line not in ("1", "1.00 ms")]
    assert 1 < len(lines)
    assert name.replace(" ", "") == "".join(lines).replace(" ", "")
    last = max(float(node.get("y")) for node in row.iter("{http://www.w3.org/2000/svg}text"))
    assert last < centre(of_class(row, "point")[0])[1]


def test_an_accepted_reference_is_drawn(tmp_path: Path):
    """
    Of a run that kept no raw times, as one that is committed, percentiles and stages are drawn.
    """
    known = {"single": of(1.0, 2.0), "encode": of(0.3), "search": of(0.7)}
    run = run_of(measurement(files={"query-0": "samples/a.npz", "search-0": "samples/b.npz"}, **known))

    (times,) = read([run]).cells

    assert QueryTimes("BM25() @ CSR()", 1.0, 2.0, encode=0.3, search=0.7) == times
