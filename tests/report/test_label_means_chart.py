"""The picture of labels: the record's means by label, the intervals of their queries, and that it shows just that."""

from __future__ import annotations

import itertools
from dataclasses import replace as changed

import msgspec
import numpy as np
import pytest

from bench.errors import InputError
from bench.instruments import quality
from bench.records import run_folder
from bench.records.decision import Decision
from bench.report.charts import label_means
from bench.report.numbers import four
from bench.report.tables.label_means import MOST_MEANS, LabelledQueries, LabelMean, LabelMeans, read
from bench.statistics import paired
from tests.helpers.judged import judged_run
from tests.helpers.pictures import SPACE, axis, centre, ends, of_class, parsed, title, words
from tests.helpers.records import failed, measurement, run_of

N = 40
LABELS = ("question", "typing error", "", "question") * 10
VALUES = {"A()": [0.0, 1.0] * 20, "B()": [0.5, 0.0, 1.0, 1.0] * 10}
CLUSTERS = tuple(f"c{n // 5}" for n in range(N))
MEASURE = "nDCG@10"


def labelled(folder, values=VALUES, labels=LABELS, clusters=CLUSTERS):
    """A run on disk whose queries have labels, its records made of the values as the harness makes them."""
    run = judged_run(folder, values, clusters)
    kept = run_folder.read_set(folder, "primer")
    run_folder.write_set(folder, msgspec.structs.replace(kept, labels=tuple(labels)))
    cells = []
    for m in run.measurements:
        found = quality.by_label(np.array(values[m.retriever]), labels)
        by_label = {label: {MEASURE: mean} for label, (_, mean) in found.items()}
        counts = {label: n for label, (n, _) in found.items()}
        cells.append(msgspec.structs.replace(m, quality_by_label=by_label, label_counts=counts))
    return changed(run, measurements=tuple(cells))


def drawn(found: LabelMeans):
    return parsed(label_means.svg(found))


def many(n_cells: int, n_labels: int) -> LabelMeans:
    """Cells that all find about as much, under labels of long names."""
    names = tuple(f"Retriever{n:02}(k1=0.9) @ CSR()" for n in range(n_cells))
    means = tuple(LabelMean(0.5 + n / 100, (0.4, 0.95)) for n in range(n_cells))
    labels = tuple(LabelledQueries(f"a label of many words, number {n:02}", 7, means) for n in range(n_labels))
    return LabelMeans("primer", MEASURE, names, labels)


# What it is made of


def test_every_figure_is_the_records(tmp_path):
    """
    Means and numbers of queries are those of the record, and an interval is that of a mean over the clusters of the
    queries with that label.
    """
    run = labelled(tmp_path)

    found = read([run])

    assert ("primer", MEASURE, ("A()", "B()")) == (found.passage_set, found.measure, found.names)
    assert ["no label", "question", "typing error"] == [label.label for label in found.labels]
    for shown, label in zip(found.labels, ("", "question", "typing error"), strict=True):
        for m, mean in zip(run.measurements, shown.means, strict=True):
            assert m.label_counts[label] == shown.n_queries
            assert m.quality_by_label[label][MEASURE] == mean.mean
            own = [n for n in range(N) if LABELS[n] == label]
            values = [VALUES[m.retriever][n] for n in own]
            assert paired.interval_of_mean(values, [CLUSTERS[n] for n in own]) == mean.interval
    assert found.labels[1].means[0].interval is not None
    assert () == found.remarks


def test_queries_of_their_own_are_clusters(tmp_path):
    """
    Where the set says of no clusters, each query counts for itself.
    """
    found = read([labelled(tmp_path, clusters=None)])

    values = [VALUES["A()"][n] for n in range(N) if LABELS[n] == "question"]
    assert paired.interval_of_mean(values) == found.labels[1].means[0].interval


def test_queries_that_are_not_judged_have_no_part(tmp_path):
    """
    Labels are those of the judged queries, wherever in the set they stand.
    """
    run = labelled(tmp_path, {"A()": [0.0, 1.0, 1.0, 0.5]}, ("a", "b", "a", "b"), None)
    kept = run_folder.read_set(tmp_path, "primer")
    ids = ("unjudged", *kept.query_ids)
    run_folder.write_set(tmp_path, msgspec.structs.replace(kept, query_ids=ids, labels=("a", *kept.labels)))

    found = read([run])

    assert [(0.5, 2), (0.75, 2)] == [(label.means[0].mean, label.n_queries) for label in found.labels]
    assert () == found.remarks
    assert paired.interval_of_mean([0.0, 1.0]) == found.labels[0].means[0].interval


def test_without_values_there_is_no_interval(tmp_path):
    """
    Where the value or the label of each query is gone, or they are not those of the record, means are drawn alone.
    """
    run = labelled(tmp_path)
    np.savez(tmp_path / "quality" / "1.npz", **{MEASURE: np.full(N, 0.25)})

    other = read([run])
    (tmp_path / "sets" / "primer.json").unlink()
    gone = read([run])

    assert ("no interval, the values on disk are not those of the record: B()",) == other.remarks
    assert [True, False] == [mean.interval is not None for mean in other.labels[1].means]
    why = "no interval, the value and the label of each query not on disk (folders quality and sets of the run)"
    assert (f"{why}: A(), B()",) == gone.remarks
    assert [label.means[0].mean for label in other.labels] == [label.means[0].mean for label in gone.labels]
    assert {None} == {mean.interval for label in gone.labels for mean in label.means}


def test_a_set_that_says_other_labels_is_not_believed(tmp_path):
    """
    A set of fewer labels than queries, or of none, or with other ones than the record's, gives no interval.
    """
    run = labelled(tmp_path)
    kept = run_folder.read_set(tmp_path, "primer")

    for labels in (None, ("question",), tuple("q" * N)):
        run_folder.write_set(tmp_path, msgspec.structs.replace(kept, labels=labels))
        assert ("no interval, the values on disk are not those of the record: A(), B()",) == read([run]).remarks


def test_what_is_not_drawn_is_named(tmp_path):
    """
    Cells that failed, were stopped, or have no labels are named; one that was asked in looks is drawn without interval.
    """
    known = {"baseline": "A()", "measure": MEASURE, "n_looks": 1, "planned_looks": 3, "level": 0.975}
    said = Decision(**known, verdict="better", n_asked=20, difference=0.4, interval=(0.2, 0.6))
    run = labelled(tmp_path)
    first, second = run.measurements
    cells = (
        first,
        msgspec.structs.replace(second, decision=msgspec.structs.replace(said, n_asked=N)),
        failed(retriever="C()"),
        measurement(retriever="D()", decision=said, quality=None),
        measurement(retriever="E()"),
        measurement(retriever="F()", quality_by_label={"question": {"R@1": 0.5}}, label_counts={"question": 20}),
    )

    found = read([changed(run, measurements=cells)])

    assert ("A()", "B()") == found.names
    assert [True, False] == [mean.interval is not None for mean in found.labels[1].means]
    assert (
        "no interval, asked in looks: B()",
        "not drawn, failed: C()",
        "not drawn, stopped before its last query: D()",
        "not drawn, no labels: E()",
        f"not drawn, no {MEASURE}: F()",
    ) == found.remarks


def test_a_cell_may_lack_a_label():
    """
    A label that one cell alone has is drawn with that cell.
    """
    cells = [
        measurement(retriever="A()", quality_by_label={"a": {MEASURE: 0.5}}, label_counts={"a": 3}),
        measurement(retriever="B()", quality_by_label={"b": {MEASURE: 0.0}}, label_counts={"b": 1}),
    ]

    found = read([run_of(*cells)])

    assert [("a", (LabelMean(0.5), None)), ("b", (None, LabelMean(0.0)))] == [
        (label.label, label.means) for label in found.labels
    ]
    assert [["1", ".500"], ["2", ".000"]] == [words(mean) for mean in of_class(drawn(found), "mean")]
    assert "1 query" in words(drawn(found))


def test_another_measure_can_be_drawn():
    """
    The measure is the suite's primary one unless another is asked for; one that there is not is a mistake.
    """
    means = {"a": {MEASURE: 0.5, "R@1": 0.25}}
    run = run_of(measurement(quality_by_label=means, label_counts={"a": 3}))

    assert 0.25 == read([run], measure="R@1").labels[0].means[0].mean
    with pytest.raises(InputError, match=r"--measure: expected one of .*, found 'R@2'"):
        read([run], measure="R@2")


def test_what_cannot_be_drawn_is_an_error():
    """
    A set without labels, and more means than anyone reads, are told with what to do.
    """
    with pytest.raises(
        InputError, match=r"labels of primer: expected cells with nDCG@10 by label, found none: not dra"
    ):
        read([run_of(measurement())])
    by_label = {f"{n}": {MEASURE: 0.5} for n in range(MOST_MEANS + 1)}
    crowd = run_of(measurement(quality_by_label=by_label, label_counts=dict.fromkeys(by_label, 1)))
    with pytest.raises(InputError, match="at most 1,000 means in a picture, found 1,001 labels of 1 cells: read `spar"):
        read([crowd])


def test_runs_of_other_machines_are_drawn_together():
    """
    Nothing here was timed: runs of unlike machines meet, those of other passages do not.
    """
    known = {"quality_by_label": {"a": {MEASURE: 0.5}}, "label_counts": {"a": 3}}
    one = run_of(measurement(**known))

    found = read([one, run_of(measurement(**known), cpu="B CPU", name="other")])

    assert ("run: BM25() @ CSR()", "other: BM25() @ CSR()") == found.names
    with pytest.raises(InputError, match="labels of primer: expected the same passages in every run"):
        read([one, run_of(measurement(**known, passage_set_sha256="11"), name="other")])


# That it shows just that


def test_every_mark_stands_where_its_figures_are(tmp_path):
    """
    Means and the ends of their intervals can be read back from the axis, under the label and the number they are of.
    """
    found = read([labelled(tmp_path)])
    root = drawn(found)
    across = axis(root, "x-axis")

    for label, node in zip(found.labels, of_class(root, "label"), strict=True):
        assert [label.label, f"{label.n_queries} queries"] == words(node)[:2]
        for row, (mean, mark) in enumerate(zip(label.means, of_class(node, "mean"), strict=True), start=1):
            assert str(row) == words(mark)[0]
            assert mean.mean == pytest.approx(across(centre(of_class(mark, "point")[0])[0]), abs=0.001)
            bars = [tuple(map(across, ends(bar))) for bar in of_class(mark, "interval")]
            expected = [] if mean.interval is None else [mean.interval]
            assert expected == [pytest.approx(bar, abs=0.001) for bar in bars]
    assert ["1", "A()", "2", "B()"] == words(of_class(root, "legend")[0])


def test_every_figure_is_told_in_words(tmp_path):
    """
    The title of each mark and the description have every mean with its interval.
    """
    found = read([labelled(tmp_path)])
    root = drawn(found)

    about = root.find(f"{SPACE}desc").text
    told = {title(mark) for mark in of_class(root, "mean")}
    for label in found.labels:
        for name, mean in zip(found.names, label.means, strict=True):
            around = "" if mean.interval is None else f" [{', '.join(map(four, mean.interval))}]"
            assert f"{label.label}: {name} {four(mean.mean)}{around}" in told
            assert f"{name} {four(mean.mean)}{around}" in about
        assert f"{label.label} ({label.n_queries} queries): " in about
    assert "bars: 95 % interval of a mean over clusters of queries, each by itself" in " ".join(words(root))


def test_cells_differ_without_colour():
    """
    A cell is told by its number on each line; its shape and colour are those of the list, and 20 cells look different.
    """
    root = drawn(many(20, 2))

    (legend,) = of_class(root, "legend")
    looks = [(node.get("class"), node.tag) for node in of_class(legend, "point")]
    assert 20 == len(set(looks))
    for node in of_class(root, "label"):
        assert [str(n) for n in range(1, 21)] == [words(mean)[0] for mean in of_class(node, "mean")]
        assert looks == [(point.get("class"), point.tag) for point in of_class(node, "point")]


def test_many_cells_and_labels_have_several_axes():
    """
    Of 40 cells a panel has one label and an axis of its own, all on one scale; no line shares its height with another.
    """
    root = drawn(many(40, 5))

    panels = of_class(root, "panel")
    assert [1] * 5 == [len(of_class(panel, "label")) for panel in panels]
    assert 1 == len({axis(panel, "x-axis")(300.0) for panel in panels})
    heights = [centre(point)[1] for panel in panels for point in of_class(panel, "point")]
    assert 200 == len(heights)
    assert all(later - earlier > 11 for earlier, later in itertools.pairwise(heights))
    assert max(float(node.get("y")) for node in root.iter(f"{SPACE}text")) < float(root.get("height"))
    assert [4, 1] == [len(of_class(panel, "label")) for panel in of_class(drawn(many(10, 5)), "panel")]


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ('<script>alert(1)</script>" onload="x', '<script>alert(1)</script>" onload="x'),
        ("a\x1b[2Jb\u202ec\nd", "a\ufffd[2Jb\ufffdc d"),
        ("", "no label"),
        ("x" * 10**5, "x" * 79 + "…"),
    ],
)
def test_a_hostile_label_is_a_label(label, shown):
    """
    A label is words of the set's maker: markup and control codes are shown, and one without end is cut.
    """
    run = run_of(measurement(quality_by_label={label: {MEASURE: 0.5}}, label_counts={label: 3}))

    picture = label_means.svg(read([run]))

    root = parsed(picture)
    named = words(of_class(root, "label")[0])
    assert shown.replace(" ", "") == "".join(named[: named.index("3 queries")]).replace(" ", "")
    assert title(of_class(root, "mean")[0]).startswith(f"{shown}: BM25")
    assert "<script" not in picture
    assert len(picture) < 20_000


def test_the_same_values_give_the_same_bytes():
    """
    A picture is made alike each time, and the last bits of a mean do not show.
    """
    one, other = (
        LabelMeans("s", "m", ("A()",), (LabelledQueries("a", 3, (LabelMean(mean),)),))
        for mean in (0.3, float(np.nextafter(0.3, 1)))
    )

    assert label_means.svg(one) == label_means.svg(other)
