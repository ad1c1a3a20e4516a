"""The kit of the pictures: elements, words, numbers and colours."""

from __future__ import annotations

import itertools
import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.report.charts import svg
from bench.report.charts.svg import DARK, LIGHT, SERIES, document, element, escaped, number, text, width, wrapped
from tests.helpers.pictures import SPACE, parsed, words

HOSTILE = "<script>alert(1)</script> \"'& ]]> a\u2028b\x00\ud800\uffff"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (1, "1"), (100, "100"), (1.5, "1.5"), (1 / 3, "0.33"), (-0.001, "0"), (-2.5, "-2.5"), (1e6, "1000000")],
)
def test_numbers_are_short(value, expected):
    """
    A number is written with two decimals at most, so that its last bits do not show.
    """
    assert expected == number(value)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_refused(value):
    """
    What cannot be drawn is an error, not a place.
    """
    with pytest.raises(ValueError, match="expected a number that can be drawn"):
        number(value)


def test_hostile_text_is_text():
    """
    Markup, quotes, the end of a CDATA section, line separators and what XML may not hold come out as plain words.
    """
    picture = document("x", 50, HOSTILE, HOSTILE, text(0, 0, HOSTILE), element("g", fill=HOSTILE))

    root = parsed(picture)
    shown = "<script>alert(1)</script> \"'& ]]> a b\ufffd\ufffd\ufffd"
    assert [shown] == words(root)
    assert [shown, shown] == [root.findtext(f"{SPACE}title"), root.findtext(f"{SPACE}desc")]
    assert [shown] == [node.get("fill") for node in root.iter(f"{SPACE}g")]
    assert "<script" not in picture
    assert "]]>" not in picture


@settings(deadline=None)
@given(st.text())
def test_any_text_gives_xml(words_):
    """
    Whatever a name holds, the picture is well-formed.
    """
    assert ElementTree.fromstring(element("text", escaped(words_), fill=words_)).tag == "text"


def test_an_element():
    """
    Attributes that are None are left out, and `_` stands for `-`.
    """
    made = element("line", x1=1.0, y1=None, stroke_width=2, class_="ink-line")

    assert '<line x1="1" stroke-width="2" class="ink-line"/>' == made


def test_a_document_speaks_to_all():
    """
    A picture has a role, a title, a description, a ground of its own, and colours for a dark page.
    """
    root = parsed(document("x", 50, "What it is", "What it shows"))

    assert ("img", "sparring x", "0 0 520 50") == (root.get("role"), root.get("class"), root.get("viewBox"))
    assert ["title", "desc", "style", "rect"] == [node.tag.removeprefix(SPACE) for node in root]
    style = root.findtext(f"{SPACE}style") or ""
    light, dark = style.split(svg.PREFERS_DARK)
    assert f".sparring .ground{{fill:{LIGHT['ground']}}}" in light
    assert f".sparring .ground{{fill:{DARK['ground']}}}" in dark


def luminance(colour: str) -> np.ndarray:
    """Linear red, green and blue of a colour."""
    parts = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """WCAG 2's ratio of two colours."""
    bright = sorted(float(luminance(each) @ [0.2126, 0.7152, 0.0722]) for each in (one, other))
    return (bright[1] + 0.05) / (bright[0] + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_stand_out(theme):
    """
    Letters have at least 4.5 to 1 against the ground and marks 3 to 1 (WCAG 2), on a light page and on a dark one.
    """
    assert min(contrast(theme[name], theme["ground"]) for name in ("ink", "faint")) >= 4.5
    assert min(contrast(theme[name], theme["ground"]) for name in SERIES) >= 3


# What colour-blind readers see of linear red, green and blue: Machado, Oliveira and Fernandes 2009, severity 1.
BLIND = {
    "none": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(colour: str, sight: str) -> np.ndarray:
    """CIELAB of a colour as such a reader sees it."""
    seen = np.clip(np.array(BLIND[sight]) @ luminance(colour), 0, 1)
    x, y, z = np.cbrt(TO_XYZ @ seen / TO_XYZ.sum(axis=1))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("sight", BLIND)
@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_kinds_are_told_apart_by_every_eye(theme, sight):
    """
    The three colours of the frontier differ for colour-blind readers by 10 in CIELAB, where 2.3 are just seen.
    """
    pairs = itertools.combinations(SERIES[:3], 2)

    apart = [float(np.linalg.norm(lab(theme[a], sight) - lab(theme[b], sight))) for a, b in pairs]

    assert min(apart) >= 10


def test_widths():
    """
    A line is as wide as its letters: narrow, wide, Chinese; what stands on another letter takes no room.
    """
    assert width("MMMM", 10) > 3 * width("iiii", 10)
    assert 20 == width("漢字", 10)
    assert width("q", 10) == width("q\u0307", 10)
    assert width("bold", 10, bold=True) > width("bold", 10)


def test_words_are_broken_where_they_may_be():
    """
    A line ends at a space, or where a spelling goes on; a piece that is too wide ends anywhere.
    """
    assert ["one two", "three"] == wrapped("one two three", width("one two", 10), 10)
    spelled = wrapped('BiEncoder("all-MiniLM")', 50, 10, after=svg.SPELLED)
    assert ["BiEncoder(", '"all-', 'MiniLM")'] == spelled
    assert ["aaa", "aa"] == wrapped("aaaaa", width("aaa", 10), 10)
    assert [] == wrapped("", 10)


@settings(deadline=None)
@given(st.text(alphabet="Ab1()=,- \"_'é漢", max_size=90), st.integers(8, 90))
def test_broken_lines_fit_and_lose_nothing(spelling, room):
    """
    Every line fits, unless it is a single letter, and nothing but spaces is lost.
    """
    lines = wrapped(spelling, room, 10, after=svg.SPELLED)

    assert spelling.replace(" ", "") == "".join(lines).replace(" ", "")
    assert all(width(line, 10) <= room or len(line) == 1 for line in lines)


def test_a_child_is_on_a_line_of_its_own():
    """
    Groups are written a child a line, so that a change of a picture is a change of a few lines.
    """
    made = element("g", element("rect"), element("rect"))

    assert "<g>\n<rect/>\n<rect/>\n</g>" == made
    assert re.fullmatch(r"<text>a</text>", element("text", escaped("a")))
