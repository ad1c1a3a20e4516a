"""What a stranger's texts may do to a terminal or a spreadsheet: nothing."""

from __future__ import annotations

import csv
import io

import pytest
from rich.table import Table
from rich.text import Text

from bench.report.console.safe import SafeConsole
from bench.report.render import csv as as_csv
from bench.report.render.markdown import escaped
from bench.report.text import cell
from tests.helpers.records import measurement, run_of

HOSTILE = [
    "\x1b]0;own\x07title",
    "\x1b[2Jgone",
    "a\x9bb",
    "\u202eevil",
    "\x1b[35mred\x1b[0m",
    "nul\0byte",
    "back\b\b\bspace",
]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://a.b or https://a.b", "http<!-- -->://a.b or https<!-- -->://a.b"),
        ("www.a.b, me@a.b", "www<!-- -->.a.b, me@<!-- -->a.b"),
        ("@me and (@you)", "@<!-- -->me and (@<!-- -->you)"),
        ("closes #12, o/r#1, GH-3", "closes #<!-- -->12, o/r#<!-- -->1, GH-<!-- -->3"),
        ("$x$ <b> `c` [d](e) *f*", r"\$x\$ \<b\> \`c\` \[d\](e) \*f\*"),
        ("R@10, nDCG@10 of BM25() @ CSR() #", "R@10, nDCG@10 of BM25() @ CSR() #"),
    ],
)
def test_nothing_is_linked_unasked(text, shown):
    """
    Markdown shows a text, and GitHub makes no link, name or reference of it.
    """
    assert shown == escaped(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_code_reaches_the_terminal(text):
    """
    However a text is printed, as a line, a text or a cell of a table, its control codes are replaced; rich's own pass.
    """
    out = io.StringIO()
    console = SafeConsole(file=out, force_terminal=True, color_system="standard", width=60)
    table = Table(title=text)
    table.add_column(text)
    table.add_row(Text(text, "bold"))

    console.print(text, markup=False, highlight=False)
    console.print(Text(text, "red"))
    console.print(table)

    shown = out.getvalue()
    own = ("\x1b[31m", "\x1b[0m", "\x1b[1m", "\x1b[3m", "\x1b[1;3m")
    for code in sorted(own, key=len, reverse=True):
        shown = shown.replace(code, "")
    assert not any(ord(character) < 32 and character != "\n" for character in shown)
    assert not {"\x7f", "\x9b", "\u202e"} & set(shown)


@pytest.mark.parametrize("text", ["=CMD|calc!A0", "@SUM(1+1)", "+1", "-1", " =1", "\t=1", "\uff1d1"])
def test_no_formula(text):
    """
    A cell that a spreadsheet would run stands behind an apostrophe; numbers stay numbers.
    """
    assert str(cell(text)).startswith("'")
    assert [-1.5, None, 3, "a=b"] == [cell(value) for value in (-1.5, None, 3, "a=b")]


def test_a_table_as_csv():
    """
    Names, flags and reasons of a record are inert in its CSV.
    """
    m = measurement(retriever="=CMD|calc!A0", flags=("\x1b]0;own\x07", "@flag"), reason="\x1b[2J")

    (row,) = csv.DictReader(io.StringIO(as_csv.table([run_of(m)])))

    assert "'=CMD|calc!A0" == row["retriever"]
    assert not any(ord(character) < 32 for value in row.values() for character in value)
    assert not [value for value in row.values() if value[:1] in "=@" and value]


@pytest.mark.parametrize("name", ["COLUMNS", "LINES"])
@pytest.mark.parametrize("text", ["9" * 5000, "wide", "-3", ""])
def test_a_size_that_is_none(monkeypatch, name, text):
    """
    What COLUMNS or LINES say is taken where it is a number of a terminal's size, and left alone otherwise.
    """
    monkeypatch.setenv(name, text)

    assert SafeConsole(stderr=True).size.width > 0
