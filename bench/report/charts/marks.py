"""The mark of a cell by what it makes of a text: for each kind a shape, which grey print shows too, and a colour."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bench.analysis.representation import Vectors
from bench.report.charts.svg import Markup, element, number

COLOURS: Mapping[Vectors, str] = {
    "sparse": "series-1",
    "dense": "series-2",
    "fused": "series-4",
    "engine": "series-3",
}
SHOWN: Mapping[Vectors, str] = {
    "sparse": "sparse vectors",
    "dense": "dense vectors",
    "fused": "fused",
    "engine": "engine",
}
# How far a shape reaches from its middle, of the root of its area.
EXTENT: Mapping[Vectors, float] = {"sparse": 0.57, "dense": 0.5, "fused": 0.71, "engine": 0.76}


def shape(vectors: Vectors, area: float, **how: str | float) -> Markup:
    """A shape of an area around the origin: circle, square, diamond or triangle."""
    if vectors == "sparse":
        return element("circle", r=math.sqrt(area / math.pi), **how)
    side = math.sqrt(area)
    if vectors == "dense":
        return element("rect", x=-side / 2, y=-side / 2, width=side, height=side, **how)
    if vectors == "fused":
        half = math.sqrt(area / 2)
        return _polygon(((0, -half), (half, 0), (0, half), (-half, 0)), **how)
    side = math.sqrt(4 * area / math.sqrt(3))
    high = side * math.sqrt(3) / 2
    return _polygon(((0, -high * 2 / 3), (side / 2, high / 3), (-side / 2, high / 3)), **how)


def _polygon(corners: tuple[tuple[float, float], ...], **how: str | float) -> Markup:
    return element("polygon", points=" ".join(f"{number(x)},{number(y)}" for x, y in corners), **how)
