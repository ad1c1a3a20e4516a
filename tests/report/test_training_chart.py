"""The picture of trainings: what more negatives bring, and recall on the way."""

from __future__ import annotations

import itertools

import pytest

from bench.report.charts import training
from bench.report.charts.training import DevCurve, Gain, Trainings
from tests.helpers.pictures import SPACE, axis, of_class, parsed, words

TRAINING = Trainings(
    title="What training brings",
    measure="R@10",
    fewest=7,
    gains=(Gain(15, 0.006, (0.002, 0.01), (0.008, 0.004)), Gain(127, -0.007, None, (-0.01, -0.004))),
    curves=(
        DevCurve("batch-8", 1, ((0, 0.56), (10, 0.76), (20, 0.78))),
        DevCurve("batch-8", 2, ((0, 0.56), (10, 0.78), (20, 0.8))),
        DevCurve("whole", 1, ((0, 0.94), (20, 0.96))),
    ),
)


def corners(path) -> list[tuple[float, float]]:
    return [tuple(map(float, pair.split(","))) for pair in path.get("d")[1:].split("L")]


def test_every_curve_goes_by_its_figures():
    """
    Steps and recall of every seed, and the mean of a variant's seeds, can be read back from the axes.
    """
    (field,) = of_class(parsed(training.svg(TRAINING)), "curves")
    across, up = axis(field, "x-axis"), axis(field, "y-axis")

    def told(name: str) -> list[list[tuple[float, float]]]:
        return [[(across(x), up(y)) for x, y in corners(path)] for path in of_class(field, name)]

    seeds = [list(curve.points) for curve in TRAINING.curves]
    means = [[(0, 0.56), (10, 0.77), (20, 0.79)], [(0, 0.94), (20, 0.96)]]
    for expected, found in zip([*seeds, *means], [*told("seed"), *told("mean")], strict=True):
        assert [value for point in expected for value in point] == pytest.approx(
            [value for point in found for value in point], abs=0.01
        )


def test_every_gain_stands_where_its_figures_are():
    """
    Mean, interval and seeds can be read back; a gain without an interval has no bar.
    """
    (field,) = of_class(parsed(training.svg(TRAINING)), "gains")
    across, up = axis(field, "x-axis", log=True), axis(field, "y-axis")

    gains = of_class(field, "gain")

    assert len(TRAINING.gains) == len(gains)
    for expected, found in zip(TRAINING.gains, gains, strict=True):
        (mean,) = of_class(found, "mean")
        assert expected.negatives == pytest.approx(across(float(mean.get("cx"))), rel=0.01)
        assert expected.difference == pytest.approx(up(float(mean.get("cy"))), abs=0.0001)
        seeds = [up(float(seed.get("cy"))) for seed in of_class(found, "seed")]
        assert sorted(expected.seeds) == pytest.approx(sorted(seeds), abs=0.0001)
        bars = [bar.get("d").split("M")[1].partition(",")[2].split("V") for bar in of_class(found, "interval")]
        ends = [pytest.approx([up(float(end)) for end in bar], abs=0.0001) for bar in bars]
        assert ([] if expected.interval is None else [list(expected.interval)]) == ends


def test_names_stand_at_the_ends_of_curves():
    """
    Each variant is named once, beside a piece of its own line, and as many as there are colours and dashes look apart.
    """
    most = len(training.SERIES) * len(training.DASHES)
    curves = tuple(DevCurve(f"v{n:02}", 1, ((0, 0.5), (10, 0.7 + n / 1000))) for n in range(most))

    (field,) = of_class(parsed(training.svg(Trainings("t", "R@10", curves))), "curves")

    labels = of_class(field, "label")
    assert {curve.variant for curve in curves} == {words(label)[0] for label in labels}
    ys = sorted(float(next(label.iter(f"{SPACE}text")).get("y")) for label in labels)
    xs = {float(next(label.iter(f"{SPACE}text")).get("x")) for label in labels}
    assert len(xs) > 1 or all(b - a > 12 for a, b in itertools.pairwise(ys))
    looks = {(path.get("class"), path.get("stroke-dasharray")) for path in of_class(field, "mean")}
    assert most == len(looks)


def test_what_is_lacking_leaves_no_gap():
    """
    Without gains there is no field of them; without curves, or with one of a single step, there is a picture too.
    """
    none = parsed(training.svg(Trainings("t", "R@10", ())))
    one = parsed(training.svg(Trainings("t", "R@10", (DevCurve("a", 1, ((5, 0.5),)), DevCurve("b", 1, ())))))

    assert [] == of_class(none, "gains") == of_class(none, "mean")
    assert ["a"] == [words(label)[0] for label in of_class(one, "label")]


def test_a_mean_is_of_the_steps_that_all_seeds_have():
    """
    A seed that was stopped early shortens the mean and no more.
    """
    curves = [
        DevCurve("a", 1, ((0, 0.2), (1, 0.4), (2, 0.9))),
        DevCurve("a", 2, ((0, 0.4), (1, 0.6))),
        DevCurve("b", 1, ()),
    ]

    assert {"a": [(0, pytest.approx(0.3)), (1, pytest.approx(0.5))]} == training.means(curves)


def test_hostile_names_are_names():
    """
    Markup in a title or a variant's name is words.
    """
    name = "<script>]]>'\"&\u2028"

    picture = training.svg(Trainings(name, name, (DevCurve(name, 1, ((0, 0.1), (1, 0.2))),)))

    assert "<script>]]>'\"&" in [line.strip() for line in words(parsed(picture))]
    assert "<script" not in picture
