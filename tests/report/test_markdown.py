"""Text of others in Markdown."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.report.render.markdown import code, escaped


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a b", "a b"),
        ("a|b", r"a\|b"),
        ("<b> &lt;", r"\<b\> \&lt;"),
        ("![a](b)", r"!\[a\](b)"),
        ("*a* _b_ ~~c~~ `d`", r"\*a\* \_b\_ \~\~c\~\~ \`d\`"),
        ("a\\", r"a\\"),
        ("a\nb", "a b"),
    ],
)
def test_no_markup(text, shown):
    """
    What would be markup, a link, an entity, a cell's end or a line's is shown as it is.
    """
    assert shown == escaped(text)


def test_code():
    """
    A spelling is code; one with a back tick or a backslash is, too, and ends neither its code nor its cell.
    """
    assert "`A(b=1)`" == code("A(b=1)")
    assert r"`A\|B()`" == code("A|B()")
    assert "<code>A&#96;&#60;i&#62;&#124;</code>" == code("A`<i>|")
    assert "<code>&#92;&#124;</code>" == code("\\|")


@given(st.text(alphabet="ab|`\\<>&[]*_ ", max_size=20))
@settings(deadline=None)
def test_any_code_is_one_cell(text):
    """
    Of any spelling the text is what is read, and no bar in it ends a cell.
    """
    found = code(text)

    inside = re.fullmatch(r"<code>(.*)</code>|`(.*)`", found)
    read = html.unescape(inside[1]) if inside[1] is not None else inside[2].replace(r"\|", "|")
    assert text == read
    assert "|" not in found.replace(r"\|", "")
