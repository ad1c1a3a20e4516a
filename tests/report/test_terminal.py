"""What a terminal has room for, how names break, and what never reaches one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from bench.report import model
from bench.report.render import markdown
from tests.helpers.records import failed, measurement, run_of
from tests.helpers.tables import LONG, drawn, full


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_tables_fit_their_terminal(width):
    """
    No line is wider than the terminal, whatever it is, and none of a retriever's name is lost.
    """
    lines = drawn(run_of(full(), measurement(), failed()), width=width).splitlines()

    assert width >= max(cell_len(line) for line in lines)
    for part in ('BiEncoder("all-MiniLM-L6-v2")', '@ Faiss("HNSW32", efSearch=64)'):
        assert any(part in line for line in lines)


def test_a_narrow_terminal_keeps_what_matters_most():
    """
    In 80 columns the measures, the median time, throughput and the index size stay; what had no room is named.
    """
    text = drawn(run_of(full()), width=80)

    head = [line.split() for line in text.splitlines()[1:3]]
    assert [
        ["R", "R", "R", "nDCG", "RR", "p50", "batch", "index"],
        ["retriever", "@1", "@10", "@100", "@10", "@10", "ms", "q/s", "MB"],
    ] == head
    assert "no room for p95 ms, encode ms, search ms, resident MB, disk MB, encoder MB," in text


def test_a_wide_terminal_shows_everything():
    """
    With room for all, every column is there and the name stands on one line.
    """
    text = drawn(run_of(full()), width=200)

    assert "no room" not in text
    line = next(line for line in text.splitlines() if line.startswith(LONG))
    assert ".500 .500 .500 .500 .500 12.3 23.4 11.1 1.24 12,300 7.96 8.00 7.97 91.4 .981" == " ".join(
        line[len(LONG) :].split()
    )


def test_the_storage_stands_on_its_own_line():
    """
    A long pairing breaks at its own @, not at one of a retriever inside it.
    """
    assert 'BiEncoder("all-MiniLM-L6-v2")\n  @ Flat()' == model.broken('BiEncoder("all-MiniLM-L6-v2") @ Flat()')
    assert "Sharded(BM25() @ CSR(),\n    shards=3, seed=12345)" == model.broken(
        "Sharded(BM25() @ CSR(), shards=3, seed=12345)"
    )


@settings(deadline=None)
@given(st.text(alphabet='Ab1"()@,= ', max_size=120))
def test_breaking_a_name_loses_nothing(spelling):
    """
    A name over several lines has every character of the whole but spaces.
    """
    assert spelling.replace(" ", "") == model.broken(spelling).replace(" ", "").replace("\n", "")


def test_markup_in_names_is_text():
    """
    Brackets in a spelling or a reason are no markup.
    """
    run = run_of(measurement(retriever="A(sizes=[1, 2])"), failed(retriever="B()", reason="[red]x[/red] [/]"))

    text = drawn(run)

    assert "A(sizes=[1, 2])" in text
    assert "[red]x[/red] [/]" in text


def test_control_characters_never_reach_a_reader():
    """
    What a terminal obeys, in a spelling, a reason or a name, is shown as a replacement, in a terminal and in Markdown.
    """
    hostile = "\x1b]0;title\x07\x1b[31mred"
    run = run_of(
        measurement(passage_set=hostile, retriever=f'A("{hostile}")', flags=(hostile,)),
        failed(passage_set=hostile, reason=hostile),
    )

    for text in (drawn(run), markdown.table([run])):
        assert not {"\x1b", "\x07"} & set(text)
        assert "\ufffd]0;title\ufffd\ufffd[31mred: 150 passages" in text.replace("\\", "")
        assert 'A("\ufffd]0;title\ufffd\ufffd[31mred")' in text
