"""The picture of word overlap: what it is made of, and that it shows just that."""

from __future__ import annotations

import re

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from bench.analysis.overlap import NO_CAUSE, OverlapShare
from bench.cli import app
from bench.errors import InputError
from bench.formats.files import write_whole
from bench.records import journal, run_folder
from bench.records.decision import Decision
from bench.records.kept_overlap import read_overlap, write_overlap
from bench.report.charts import overlap as chart
from bench.report.numbers import four, share
from bench.report.overlap_words import noted, share_said
from bench.report.tables.overlap import MOST_LINES, Judged, OverlapCurves, curves, read
from bench.statistics import paired
from tests.helpers.judged import judged_run
from tests.helpers.pictures import SPACE, axis, moved, of_class, parsed, title, words
from tests.helpers.records import failed

N = 120
NAMES = {"A() @ CSR()": "sparse", 'B("m") @ Flat()': "dense", "C()": "engine", "D() @ Flat()": "sparse"}
CLUSTERS = [f"article {query // 2}" for query in range(N)]
SHARES = np.append(np.arange(N - 1) // 2 / 60, np.nan)  # rises, in pairs


def found_of(seed: int, mean: float) -> np.ndarray:
    """A measure of 0, .5 or 1 of every query."""
    return np.random.default_rng(seed).choice([0.0, 0.5, 1.0], N, p=[1 - mean, 0.1, mean - 0.1])


@pytest.fixture
def run(tmp_path):
    """A run of four cells whose set has an overlap that is kept."""
    values = {
        name: found_of(seed, mean) for seed, (name, mean) in enumerate(zip(NAMES, (0.8, 0.4, 0.6, 0.3), strict=True))
    }
    made = judged_run(tmp_path / "run", values, CLUSTERS)
    known = {"sparse": {"nonzeros": 9}, "dense": {}, "engine": {"encoder": None, "storage": None}}
    cells = [msgspec.structs.replace(m, **known[NAMES[m.retriever]]) for m in made.measurements]
    write_overlap(made.folder, run_folder.read_set(made.folder, "primer"), SHARES)
    return run_folder.Run(made.folder, made.record, made.environment, tuple(cells))


def drawn(found: OverlapCurves):
    return parsed(chart.svg(found))


def cells(*of_cells: tuple[str, str, np.ndarray]) -> list[Judged]:
    return [Judged(*each, None) for each in of_cells]


def test_every_figure_is_that_of_the_records(run):
    """
    Each tenth, mean, interval and gap of the picture is what slow loops over the values on disk come to.
    """
    found = read([run])

    kept = read_overlap(run.folder, run_folder.read_set(run.folder, "primer"))
    edges = [sorted(kept[:-1])[int(np.ceil(part * (N - 1) / 10)) - 1] for part in range(1, 10)]
    tenths = [sum(edge < overlap for edge in edges) for overlap in kept[:-1]]
    on_disk = {m.retriever: np.load(run.folder / m.files["quality"])["nDCG@10"] for m in run.measurements}
    assert 10 == len(found.tenths)
    for number, tenth in enumerate(found.tenths):
        rows = [query for query, own in enumerate(tenths) if own == number]
        inside = [CLUSTERS[query] for query in rows]
        overlaps = [kept[query] for query in rows]
        assert (len(rows), min(overlaps), max(overlaps)) == (tenth.n_queries, tenth.low, tenth.high)
        assert pytest.approx(sum(overlaps) / len(rows)) == tenth.mean
        for line in found.lines:
            own = [on_disk[line.name][query] for query in rows]
            assert pytest.approx(sum(own) / len(own)) == line.values[number]
            assert paired.interval_of_mean(own, inside) == line.intervals[number]
        apart = [on_disk["A() @ CSR()"][query] - on_disk['B("m") @ Flat()'][query] for query in rows]
        assert pytest.approx(sum(apart) / len(apart)) == found.gap.values[number]
        assert paired.interval(apart, inside) == found.gap.intervals[number]
    assert {name: on_disk[name].mean() for name in NAMES} == {line.name: line.whole for line in found.lines}
    assert NAMES == {line.name: line.vectors for line in found.lines}
    assert ("A() @ CSR()", 'B("m") @ Flat()') == (found.gap.better, found.gap.other)
    assert "queries without a word, or with nothing relevant, in no tenth: 1" in found.remarks


def test_the_picture_has_every_figure(run):
    """
    Values and intervals can be read back from the axes, overlap and queries stand below each tenth, and the words of
    the picture have all of them.
    """
    found = read([run])
    root = drawn(found)

    (field,), (gap,) = of_class(root, "measure"), of_class(root, "gap")
    up, above = axis(field, "y-axis"), axis(gap, "y-axis")
    told = root.find(f"{SPACE}desc").text
    figures = [
        (of_class(cell, "mark"), line, up, "") for cell, line in zip(of_class(field, "cell"), found.lines, strict=True)
    ]
    for marks, line, scale, sign in [*figures, (of_class(gap, "mark"), found.gap, above, "+")]:
        assert len(found.tenths) == len(marks)
        for mark, value, interval in zip(marks, line.values, line.intervals, strict=True):
            _, y = moved(mark)
            assert value == pytest.approx(scale(y), abs=0.002)
            bar = re.match(r"M0,(\S+?)V(\S+?)M", of_class(mark, "interval")[0].get("d"))
            ends = [scale(y + float(end)) for end in bar.groups()]
            assert interval == pytest.approx(tuple(ends), abs=0.002)
            written = f"{four(value, sign)} [{four(interval[0], sign)}, {four(interval[1], sign)}]"
            assert written in title(mark)
            assert written in told
    assert [share(tenth.mean) for tenth in found.tenths] == [node.text for node in of_class(root, "overlap-mean")]
    assert [str(tenth.n_queries) for tenth in found.tenths] == [node.text for node in of_class(root, "queries")]
    for tenth in found.tenths:
        assert f"{share(tenth.mean)} ({share(tenth.low)} to {share(tenth.high)}; {tenth.n_queries} queries)" in told


def test_lines_are_told_apart_in_black_and_white(run):
    """
    Each line has a dash of its own, each kind of vectors a shape, and the legend shows both beside the name.
    """
    root = drawn(read([run]))

    lines = of_class(root, "curve")
    assert 4 == len({line.get("stroke-dasharray") for line in lines})
    shapes = {cell.get("class"): of_class(cell, "glyph")[0].tag for cell in of_class(root, "cell")}
    assert 3 == len(set(shapes.values()))
    (legend,) = of_class(root, "legend")
    assert [line.get("stroke-dasharray") for line in lines] == [
        node.get("stroke-dasharray") for node in legend.iter(f"{SPACE}line")
    ]
    named = " ".join(words(legend))
    assert all(name in named for name in NAMES)


def test_marks_of_one_tenth_stand_side_by_side(run):
    """
    No two marks of a tenth lie upon one another, and all lie nearer to their tenth than to the next.
    """
    root = drawn(read([run]))

    middles = [float(node.get("x")) for node in of_class(root, "overlap-mean")]
    for cell in of_class(of_class(root, "measure")[0], "cell"):
        for mark, middle in zip(of_class(cell, "mark"), middles, strict=True):
            assert abs(moved(mark)[0] - middle) < (middles[1] - middles[0]) / 2
    places = {moved(mark)[0] for mark in of_class(of_class(root, "measure")[0], "mark")}
    assert 40 == len(places)


def test_the_share_is_told_with_what_it_is_not():
    """
    Where the gap is sure the share stands below the picture with both gaps, and that it is no cause; else why there is
    none.
    """
    overlap = np.repeat([0.2, 0.5, 0.9], 40)
    low, high = np.zeros(N), np.concatenate([np.arange(40) < wins for wins in (9, 16, 20)]).astype(np.float64)

    sure = curves("s", "R@10", cells(("B()", "dense", low), ("A()", "sparse", high)), overlap)
    unsure = curves("s", "R@10", cells(("B()", "dense", high), ("A()", "sparse", high)), overlap)

    said = " ".join(" ".join(words(drawn(sure))).split())
    start = "A(), less B(): 40% ["
    assert start in said
    assert "of the gap goes with word overlap: it is +.2250 among the 40 queries that share the fewest words" in said
    assert "+.3750 over all" in said
    assert NO_CAUSE in said
    said = " ".join(" ".join(words(drawn(unsure))).split())
    assert "no share of the gap that goes with word overlap: the gap over these queries is identical" in said
    assert NO_CAUSE not in said


def test_words_of_a_share():
    """
    A share has both gaps beside it and its note once; without an interval it says so.
    """
    told = OverlapShare(share=1.25, interval=None, third="highest", n_queries=1_000, gap=-0.1, gap_there=0.025)

    assert (
        "125% (interval unknown) of the gap goes with word overlap: it is +.0250 among the 1,000 queries that share "
        "the most, -.1000 over all"
    ) == share_said(told)
    assert [NO_CAUSE] == noted([told, told, OverlapShare(why="the gap is undecided")])
    assert [] == noted([OverlapShare(why="the gap is undecided")])


def test_more_cells_than_lines():
    """
    Of many cells the best of each kind are drawn, then the best of all; twins are drawn once, and all others are named.
    """
    rng = np.random.default_rng(3)
    many = [(f"S{n}()", "sparse", (rng.random(N) < 0.5 + n / 20).astype(float)) for n in range(6)]
    twin = ("T()", "sparse", many[5][2].copy())
    worst = ("W()", "dense", np.zeros(N))

    found = curves("s", "m", cells(*many, twin, worst), np.linspace(0, 1, N))

    names = [line.name for line in found.lines]
    assert MOST_LINES == len(names)
    assert "W()" == names[-1]
    assert "drawn once, alike on every query: S5(), T()" in found.remarks
    left = {f"S{n}()" for n in range(6)} - set(names)
    (said,) = [remark for remark in found.remarks if remark.startswith("not drawn, since 4 lines")]
    assert left == set(said.partition(": ")[2].split(", "))
    assert "S5(), less W()" in chart.svg(found)


def test_other_encoders_come_before_other_storages():
    """
    Where there is room for some cells alone, one of an encoder that is not shown yet comes before a better one of an
    encoder that is; a twin of what is drawn is named with it.
    """
    shades = np.linspace(0.0, 1.0, N)
    lost = {"A() @ X()": 0, "A() @ Y()": 50, "A() @ Z()": 60, "B() @ X()": 70, "C() @ X()": 80, "C() @ Y()": 80}
    made = [Judged(name, "sparse", np.where(np.arange(N) < n, 0.0, shades), None, name[:3]) for name, n in lost.items()]

    found = curves("s", "m", made, np.linspace(0, 1, N))

    assert ["A() @ X()", "A() @ Y()", "B() @ X()", "C() @ X()"] == [line.name for line in found.lines]
    assert "drawn once, alike on every query: C() @ X(), C() @ Y()" in found.remarks
    assert "not drawn, since 4 lines can be told apart: A() @ Z()" in found.remarks


def test_equal_overlaps_make_fewer_groups():
    """
    A set whose queries share all their words is one group; without sparse beside dense vectors there is no gap.
    """
    found = curves("s", "m", cells(("A()", "sparse", np.linspace(0, 1, N))), np.ones(N))

    root = drawn(found)
    assert (1, None) == (len(found.tenths), found.gap)
    assert ["1.000"] == [node.text for node in of_class(root, "overlap-mean")]
    assert [] == of_class(root, "gap")


def test_what_lacks_values_is_named(run):
    """
    Cells that failed, were asked in looks, lack the measure or their values are named below and not drawn.
    """
    a, b, c, d = run.measurements
    (run.folder / d.files["quality"]).unlink()
    decision = Decision(
        baseline="A()",
        measure="nDCG@10",
        verdict="better",
        n_asked=9,
        n_looks=1,
        planned_looks=2,
        difference=0.1,
        interval=(0.0, 0.2),
        level=0.99,
    )
    others = (
        failed(retriever="E()", cell="e"),
        msgspec.structs.replace(b, decision=decision),
        msgspec.structs.replace(c, quality={"nDCG@10": None}),
    )

    found = read([run_folder.Run(run.folder, run.record, run.environment, (a, *others, d))])

    assert ["A() @ CSR()"] == [line.name for line in found.lines]
    assert {
        "not drawn, failed: E()",
        'not drawn, asked in looks: B("m") @ Flat()',
        "not drawn, no nDCG@10: C()",
        "not drawn, the value of each query is not on disk: D() @ Flat()",
    } <= set(found.remarks)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run: (run.folder / "sets" / "primer.overlap.npz").unlink(), "expected word overlap kept with a run"),
        (
            lambda run: [path.unlink() for path in (run.folder / "quality").iterdir()],
            "expected the value of each query",
        ),
        (
            lambda run: write_overlap(run.folder, run_folder.read_set(run.folder, "primer"), np.full(N, np.nan)),
            "expected judged queries whose word overlap is known",
        ),
    ],
)
def test_what_cannot_be_drawn_is_an_error(run, change, message):
    """
    Without any overlap or any values there is no picture, and it says what is lacking.
    """
    change(run)

    with pytest.raises(InputError, match=f"overlap of primer: {message}"):
        read([run])


def test_runs_of_other_passages_are_refused(run):
    """
    Two contents of one name have no common tenths.
    """
    other = [msgspec.structs.replace(m, passage_set_sha256="11") for m in run.measurements]

    with pytest.raises(InputError, match="expected the same passages in every run"):
        read([run, run_folder.Run(run.folder, run.record, run.environment, tuple(other))])


def test_a_hostile_name_is_a_name():
    """
    Markup in a name is words in the picture.
    """
    name = 'A("<script>]]>\'&")'

    picture = chart.svg(curves("<set>", "m", cells((name, "sparse", np.linspace(0, 1, N))), np.linspace(0, 1, N)))

    assert "<script" not in picture
    assert name in " ".join(words(parsed(picture)))


def test_the_same_values_give_the_same_bytes(run):
    """
    A picture is made alike each time.
    """
    assert chart.svg(read([run])) == chart.svg(read([run]))


def test_it_is_drawn_at_the_command_line(run, tmp_path):
    """
    `sparring plot overlap` writes the picture of a run folder.
    """
    write_whole(run.folder / run_folder.RUN, run_folder.pretty(run.record))
    write_whole(run.folder / run_folder.ENVIRONMENT, run_folder.pretty(run.environment))
    for m in run.measurements:
        journal.Writer(run.folder).measured(m)
    file = tmp_path / "overlap.svg"

    ended = CliRunner().invoke(app, ["plot", "overlap", str(run.folder), "-o", str(file)])

    assert (0, f"{file}\n") == (ended.exit_code, ended.output)
    assert chart.svg(read([run])) == file.read_text("utf-8")
