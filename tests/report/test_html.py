"""Tables as a web page."""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.report.charts import frontier
from bench.report.render import html
from bench.report.tables.frontier import read
from bench.report.verdict.run import verdict
from bench.report.view import View
from tests.helpers.judged import judged_run
from tests.helpers.records import failed, latency, measurement, run_of
from tests.helpers.verdicts import BM25, MINILM, costs, found, situation

VOID = {"meta"}


class Page(HTMLParser):
    """The elements of a page, each closed where it has to be, and the texts of its table's fields."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.lines: list[list[str]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.names.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.lines.append([])
        elif tag in ("td", "th"):
            self.lines[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data
        if {"td", "th"} & set(self.open):
            self.lines[-1][-1] += data


def test_a_page_has_the_table():
    """
    A page has the table's lines, its title, notes and conditions, in elements that are all closed.
    """
    run = run_of(
        measurement(quality={"R@1": 0.25}, single=latency(0.25, 1.5), n_unanswered=2),
        failed(retriever="RankBM25()", status="timeout", reason="longer than 600 s"),
        measures=["R@1"],
    )

    page = Page(html.table([run], View(wide=True)))

    assert [] == page.open
    assert [
        ["retriever", "R@1", "p50 ms", "p95 ms", ""],
        ["BM25() @ CSR()", ".250", "0.250", "1.50", "a"],
        ["RankBM25() (timeout)", "-", "-", "-", ""],
    ] == page.lines
    for told in ("primer: 150 passages", "a: judged queries with no hits", "longer than 600 s", "A CPU, 2 cores"):
        assert told in page.text


def test_a_page_needs_nothing_else():
    """
    A page has no script and loads nothing; it follows the reader's choice of light or dark, and the width of a phone.
    """
    text = html.table([run_of(measurement())])

    page = Page(text)

    assert not {"script", "link", "img", "iframe"} & set(page.names)
    assert not {"src", "href"} & {name for name, _ in page.attributes}
    assert "url(" not in text
    assert "color-scheme: light dark" in text
    assert ("content", "width=device-width, initial-scale=1") in page.attributes


def test_figures_are_marked(tmp_path):
    """
    The best figure is strong, what ties with it emphasised, a dagger raised, and an interval small.
    """
    values = {"A()": [0.0, 1.0] * 50, "B()": [1.0, 0.0] * 49 + [1.0, 1.0], "C()": [0.0] * 100}
    run = judged_run(tmp_path, values)

    text = html.table([run], View(intervals=True))

    assert '<td class="number"><strong>.510</strong> <small>[' in text
    assert '<td class="number"><em>.500</em> <small>[' in text
    assert '<td class="number">.000<sup>†</sup>' in text


@pytest.mark.slow
@settings(deadline=None)
@given(st.text(max_size=40))
def test_a_page_shows_text_as_it_is(text):
    """
    Whatever a name or a reason holds, it is text: it opens no element and ends none.
    """
    plain = Page(html.table([run_of(measurement(), failed())]))

    page = Page(html.table([run_of(measurement(retriever=f"A({text})"), failed(passage_set="primer", reason=text))]))

    assert [] == page.open
    assert plain.names[: plain.names.index("ul")] == page.names[: page.names.index("ul")]


def test_markup_in_names_is_shown():
    """
    Markup in a spelling is shown as it was typed.
    """
    hostile = '<script>alert("1")</script>&amp;'

    page = Page(html.table([run_of(measurement(retriever=hostile, passage_set=hostile))]))

    assert "script" not in page.names
    assert hostile == page.lines[1][0]


def test_a_quote_ends_no_attribute():
    """
    A title stands in an attribute as well: a quotation mark in it does not end that.
    """
    hostile = 'a" onfocus="alert(1)'

    page = Page(html.table([run_of(measurement(passage_set=hostile))]))

    assert "onfocus" not in {name for name, _ in page.attributes}
    assert any(name == "aria-label" and value.startswith(hostile) for name, value in page.attributes)


def test_a_run_without_cells_is_a_page():
    """
    A run that has no cell yet is a page that says so.
    """
    page = Page(html.table([run_of()]))

    assert [] == page.open
    assert "no cell measured yet" in page.text


def test_a_page_has_verdict_and_frontier(tmp_path):
    """
    A page has the verdict and the picture of the frontier before its table, the same as are printed and drawn alone.
    """
    run = situation(tmp_path, {BM25: found(30), MINILM: found(70)}, {BM25: costs(0.2, 10), MINILM: costs(30, 10)})

    text = html.table([run])

    assert frontier.svg(read([run])) in text
    assert f"<li>{escape(next(iter(verdict(run)[0].clauses)).text)}</li>" in text
    assert text.index("<section>") < text.index("<svg") < text.index("<table>")
    assert "svg" not in Page(html.table([run], View(columns=("nDCG@10",)))).names
