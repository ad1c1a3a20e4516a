"""An SVG read back: its elements by class, its words, and its axes as functions from pixels to values."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

SPACE = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> Element:
    """The root of a picture; ParseError where it is no XML."""
    return ElementTree.fromstring(svg)


def of_class(root: Element, name: str) -> list[Element]:
    """The elements that have a class, in their order."""
    return [node for node in root.iter() if name in node.get("class", "").split()]


def words(root: Element) -> list[str]:
    """Every line of words that is drawn."""
    return [node.text or "" for node in root.iter(f"{SPACE}text")]


def title(node: Element) -> str:
    """What an element says to one who points at it."""
    found = node.find(f"{SPACE}title")
    assert found is not None
    return found.text or ""


def moved(node: Element) -> tuple[float, float]:
    """Where a group stands."""
    found = re.fullmatch(r"translate\((\S+),(\S+)\)", node.get("transform", ""))
    assert found is not None
    return float(found[1]), float(found[2])


def centre(node: Element) -> tuple[float, float]:
    """Where the middle of a circle, a rectangle or a polygon stands."""
    if node.tag == f"{SPACE}circle":
        return float(node.get("cx", "nan")), float(node.get("cy", "nan"))
    if node.tag == f"{SPACE}rect":
        left, top, wide, high = (float(node.get(name, "nan")) for name in ("x", "y", "width", "height"))
        return left + wide / 2, top + high / 2
    corners = [tuple(map(float, corner.split(","))) for corner in node.get("points", "").split()]
    return sum(x for x, _ in corners) / len(corners), sum(y for _, y in corners) / len(corners)


def ends(bar: Element) -> tuple[float, float]:
    """From where to where a level bar of an interval goes."""
    found = re.match(r"M([-\d.]+),[-\d.]+H([-\d.]+)", bar.get("d", ""))
    assert found is not None
    return float(found[1]), float(found[2])


def axis(root: Element, name: str, *, log: bool = False) -> Callable[[float], float]:
    """The value of a pixel, read from the first and the last tick that an axis of that class shows."""
    (group,) = of_class(root, name)
    pixel = "x1" if name == "x-axis" else "y1"
    places = [float(line.get(pixel, "nan")) for line in group.iter(f"{SPACE}line")]
    values = [float((node.text or "").replace(",", "")) for node in of_class(group, "tick")]
    (start, *_, end), (low, *_, high) = places, values
    if log:
        return lambda at: low * (high / low) ** ((at - start) / (end - start))
    return lambda at: low + (high - low) * (at - start) / (end - start)
