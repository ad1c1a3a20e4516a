"""The search for labels that do not collide."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.report.charts import labels
from bench.report.charts.labels import Anchor, Box, Segment, Surroundings

FRAME = Box(0, 0, 400, 300)
ALONE = Surroundings(FRAME)


def anchor(x: float, y: float, width: float = 80, weight: float = 1) -> Anchor:
    """A mark of six pixels and a label of two lines."""
    return Anchor(x, y, radius=6, reach=6, near=18, weight=weight, width=width, height=30)


@pytest.mark.slow
@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.tuples(st.integers(20, 380), st.integers(20, 280), st.integers(20, 120)), min_size=1, max_size=12),
)
def test_labels_do_not_collide(marks):
    """
    No label leaves the frame, covers another, or covers a mark; what has no such place has no label.
    """
    anchors = [anchor(x, y, wide) for x, y, wide in marks]
    obstacles = [Box(x - 6, y - 6, x + 6, y + 6) for x, y, _ in marks]

    boxes = [box for box in labels.place(anchors, Surroundings(FRAME, obstacles)) if box is not None]

    assert not any(a.meets(b) for a, b in itertools.combinations(boxes, 2))
    assert not any(box.meets(obstacle) for box in boxes for obstacle in obstacles)
    assert all(FRAME.holds(box) for box in boxes)


def test_the_same_labels_are_found_again():
    """
    The search is the same each time, a single label stands right of its mark, and none is where there is no room.
    """
    anchors = [anchor(100 + step, 100) for step in range(6)]

    assert labels.place(anchors, ALONE) == labels.place(anchors, ALONE)
    assert [Box(110, 85, 190, 115)] == labels.place(anchors[:1], ALONE)
    assert [None] == labels.place([anchor(10, 10, 900)], ALONE)


def test_a_label_avoids_lines():
    """
    A label goes where no line crosses it, if there is such a place near.
    """
    line = Segment(100, 100, 400, 100)

    (box,) = labels.place([anchor(100, 100)], Surroundings(FRAME, lines=[line]))

    assert box is not None
    assert not line.meets(box)


def test_a_far_label_has_a_line_to_it():
    """
    A label that stands away from its mark is joined to it by a line from the mark's edge.
    """
    mark = anchor(100, 100)

    assert labels.leader(mark, Box(110, 85, 190, 115)) is None
    assert Segment(106, 100, 150, 100) == labels.leader(mark, Box(150, 85, 230, 115))


@settings(deadline=None)
@given(*[st.integers(-50, 50)] * 4)
def test_a_line_meets_a_box_as_its_points_do(x1, y1, x2, y2):
    """
    A line of which a point lies inside a box meets it, and one that stays a pixel away does not.
    """
    segment = Segment(x1, y1, x2, y2)
    points = [(x1 + (x2 - x1) * step / 500, y1 + (y2 - y1) * step / 500) for step in range(501)]

    def reaches(box: Box) -> bool:
        return any(box.left < x < box.right and box.top < y < box.bottom for x, y in points)

    assert segment.meets(Box(-20, -10, 15, 25)) or not reaches(Box(-20, -10, 15, 25))
    assert not segment.meets(Box(-20, -10, 15, 25)) or reaches(Box(-21, -11, 16, 26))


@pytest.mark.parametrize("n", [20, 60])
def test_what_is_important_has_a_label(n):
    """
    Where there is no room for all labels, those that are worth more have theirs.
    """
    crowd = [anchor(200, 150, 300, weight=100 if number == 0 else 1) for number in range(n)]

    boxes = labels.place(crowd, ALONE)

    assert None in boxes
    assert boxes[0] is not None


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (Segment(5, -5, 5, 5), True),
        (Segment(5, 1, 5, 5), False),
        (Segment(0, 1, 10, 1), False),
        (Segment(10, 0, 20, 5), False),
    ],
)
def test_lines_that_cross(other, expected):
    """
    Two lines cross where each has its ends on both sides of the other; touching ends do not.
    """
    assert expected is Segment(0, 0, 10, 0).crosses(other) is other.crosses(Segment(0, 0, 10, 0))
