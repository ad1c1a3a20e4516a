"""
Labels beside what they name, none upon another: a search that always finds the same.

Each label takes the cheapest free spot: near its anchor, upon no line, with a leader that crosses nothing. They do so
in several orders, of which the one that costs least is taken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

DISTANCES = (4, 10, 18, 28, 40)  # of a label from its anchor's edge, in pixels; beyond, it may lie anywhere
DIRECTIONS = (0, -45, 45, 180, -135, 135, -90, 90, -22, 22, -158, 158, -67, 67, -113, 113)  # degrees, the best first
TURNED = 3.0  # pixels of distance that the next best direction is worth
CROSSED = 40.0  # that a line through a label, or a mark or a line through its leader, is worth
UPON = 15.0  # that an area under a label is worth
ACROSS, DOWN = 20, 12  # pixels from one spot that is not near to the next
FAR = 60.0  # pixels of distance that not being near is worth
CROWD = 24  # labels; of more, those without a near spot have none: nobody could follow their leaders


class Box(NamedTuple):
    """A rectangle that a label may not cover, or a label's own."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def holds(self, other: Box) -> bool:
        return (
            self.left <= other.left
            and self.top <= other.top
            and other.right <= self.right
            and other.bottom <= self.bottom
        )


class Anchor(NamedTuple):
    """What is named, and how large its label is."""

    x: float
    y: float
    radius: float  # of the mark, where a leader ends
    reach: float  # of what is drawn around it, where a label begins
    near: float  # a label that is no farther needs no leader
    weight: float  # what its having a label is worth, beside others
    width: float
    height: float


class Segment(NamedTuple):
    """A straight line."""

    x1: float
    y1: float
    x2: float
    y2: float

    def meets(self, box: Box) -> bool:
        """Whether a part of it lies in a box (Liang and Barsky 1984)."""
        first, last = 0.0, 1.0
        for start, run, low, high in (
            (self.x1, self.x2 - self.x1, box.left, box.right),
            (self.y1, self.y2 - self.y1, box.top, box.bottom),
        ):
            if run == 0:
                if not low < start < high:
                    return False
                continue
            enters, leaves = sorted(((low - start) / run, (high - start) / run))
            first, last = max(first, enters), min(last, leaves)
        return first < last

    def crosses(self, other: Segment) -> bool:
        """Whether it has a point in common with another line, none of the two being the other's continuation."""
        return self._parts(other) and other._parts(self)

    def _parts(self, other: Segment) -> bool:
        """Whether the ends of another line lie on both sides of it."""
        sides = [
            (self.x2 - self.x1) * (y - self.y1) - (self.y2 - self.y1) * (x - self.x1)
            for x, y in ((other.x1, other.y1), (other.x2, other.y2))
        ]
        return sides[0] * sides[1] < 0


class Surroundings(NamedTuple):
    """Where labels may lie."""

    frame: Box  # what no label leaves
    obstacles: Sequence[Box] = ()  # what no label covers, and no leader rather crosses
    areas: Sequence[Box] = ()  # what a label rather does not cover
    lines: Sequence[Segment] = ()  # the same, and leaders neither


class Spot(NamedTuple):
    """Where a label may lie, and what that costs by itself."""

    cost: float
    box: Box
    leader: Segment | None


def place(anchors: Sequence[Anchor], around: Surroundings) -> list[Box | None]:
    """Where each label goes, the most important being the first; None where there is no room for it."""
    spots = [_spots(anchor, around, everywhere=len(anchors) <= CROWD) for anchor in anchors]
    best, score = dict[int, Spot](), (0.0, 0.0)
    for order in _orders(anchors):
        placed: dict[int, Spot] = {}
        for _ in range(2):  # once more, with those first that found no room
            placed, spent = _in_order(sorted(order, key=placed.__contains__), spots)
            reached = (sum(anchors[index].weight for index in placed), -spent)
            best, score = (placed, reached) if reached > score else (best, score)
            if len(placed) == len(order):
                break
    return [best[index].box if index in best else None for index in range(len(anchors))]


def leader(anchor: Anchor, box: Box) -> Segment | None:
    """The line from an anchor's edge to its label, to the middle of its side; None where it stands beside it."""
    x, y = min(max(anchor.x, box.left), box.right), min(max(anchor.y, box.top), box.bottom)
    if math.hypot(x - anchor.x, y - anchor.y) <= anchor.near:
        return None
    if x != anchor.x:
        y = (box.top + box.bottom) / 2
    edge = anchor.radius / math.hypot(x - anchor.x, y - anchor.y)
    return Segment(anchor.x + (x - anchor.x) * edge, anchor.y + (y - anchor.y) * edge, x, y)


def _orders(anchors: Sequence[Anchor]) -> list[list[int]]:
    """In which orders labels are placed to see which is best: theirs, and from each side; a crowd's own alone."""
    own = list(range(len(anchors)))
    if len(anchors) > CROWD:
        return [own]
    sides = [[anchor.x for anchor in anchors], [anchor.y for anchor in anchors]]
    return [own, *(sorted(own, key=side.__getitem__, reverse=back) for side in sides for back in (False, True))]


def _in_order(order: Sequence[int], spots: Sequence[Sequence[Spot]]) -> tuple[dict[int, Spot], float]:
    """The labels, each in the cheapest spot that those before it leave, and what they cost together."""
    placed: dict[int, Spot] = {}
    spent = 0.0
    for index in order:
        taken = list(placed.values())
        found, cheapest = None, math.inf
        for spot in spots[index]:
            if spot.cost >= cheapest:
                break  # they come by cost
            if any(_collide(spot, other) for other in taken):
                continue
            cost = spot.cost + CROSSED * sum(_cross(spot, other) for other in taken)
            if cost < cheapest:
                found, cheapest = spot, cost
        if found is not None:
            placed[index] = found
            spent += cheapest
    return placed, spent


def _collide(one: Spot, other: Spot) -> bool:
    """Whether a label, or the leader to it, lies upon another label."""
    return (
        one.box.meets(other.box)
        or (one.leader is not None and one.leader.meets(other.box))
        or (other.leader is not None and other.leader.meets(one.box))
    )


def _cross(one: Spot, other: Spot) -> bool:
    """Whether two leaders cross."""
    return one.leader is not None and other.leader is not None and one.leader.crosses(other.leader)


def _spots(anchor: Anchor, around: Surroundings, *, everywhere: bool) -> list[Spot]:
    """The spots of a label that hide nothing, the cheapest first: near its anchor, and all over the frame."""
    made = []
    for cost, box in (*_near(anchor), *(_anywhere(anchor, around.frame) if everywhere else ())):
        if around.frame.holds(box) and not any(box.meets(obstacle) for obstacle in around.obstacles):
            led = leader(anchor, box)
            cost += UPON * sum(area.meets(box) for area in around.areas)
            made.append(Spot(cost + CROSSED * _crossings(anchor, box, led, around), box, led))
    return sorted(made, key=lambda spot: (spot.cost, spot.box))


def _crossings(anchor: Anchor, box: Box, led: Segment | None, around: Surroundings) -> int:
    """How many lines a label hides, and how many marks and lines its leader crosses on its way."""
    found = sum(line.meets(box) for line in around.lines)
    if led is None:
        return found
    own = Box(anchor.x, anchor.y, anchor.x, anchor.y)
    passed = sum(led.meets(mark) for mark in around.obstacles if not mark.holds(own))
    return found + passed + sum(led.crosses(line) for line in around.lines)


def _near(anchor: Anchor) -> list[tuple[float, Box]]:
    """Spots around an anchor, and what they cost."""
    made = []
    for distance in DISTANCES:
        for turn, degrees in enumerate(DIRECTIONS):
            across, down = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
            far = anchor.reach + distance
            x, y = anchor.x + across * far, anchor.y + down * far
            left = x - anchor.width / 2 * (1 - _sign(across))
            top = y - anchor.height / 2 * (1 - down)
            made.append((distance + TURNED * turn, Box(left, top, left + anchor.width, top + anchor.height)))
    return made


def _anywhere(anchor: Anchor, frame: Box) -> list[tuple[float, Box]]:
    """Spots all over the frame, and what they cost."""
    made = []
    for x in range(int(frame.left) + 1, int(frame.right - anchor.width), ACROSS):
        for y in range(int(frame.top) + 1, int(frame.bottom - anchor.height), DOWN):
            box = Box(x, y, x + anchor.width, y + anchor.height)
            across = max(box.left - anchor.x, anchor.x - box.right, 0)
            down = max(box.top - anchor.y, anchor.y - box.bottom, 0)
            if math.hypot(across, down) > anchor.reach:
                made.append((FAR + math.hypot(across, down), box))
    return made


def _sign(across: float) -> float:
    """-1, 0 or 1: a label begins at its spot, has its middle there, or ends there."""
    return 0.0 if abs(across) < 0.1 else math.copysign(1.0, across)
