"""What a terminal has room for, how names break, and what never reaches one."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from bench.report import model
from bench.report.model import NEVER
from bench.report.render import markdown, terminal
from bench.report.tables.cells import grids
from bench.report.view import DEFAULT, View
from tests.helpers.records import MEASURES, failed, measurement, run_of
from tests.helpers.tables import LONG, WIDE, drawn, full


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
    In 80 columns the measures, the median time, the index size and the overlap with exact search stay; what had no room
    is named.
    """
    text = drawn(run_of(full()), width=80)

    head = [line.split() for line in text.splitlines()[1:3]]
    assert [
        ["R", "R", "R", "nDCG", "RR", "p50", "index", "overlap"],
        ["retriever", "@1", "@10", "@100", "@10", "@10", "ms", "MB", "exact"],
    ] == head
    told = "no room for p95 ms, encode ms, search ms, batch q/s, resident MB, disk MB, encoder MB: set COLUMNS to more"
    assert told in " ".join(text.split())


@pytest.mark.parametrize("view", [DEFAULT, WIDE])
def test_what_was_dropped_is_named(view):
    """
    At every width each column is either there or named below; overlap with exact search is the last that goes, and what
    a deployment takes goes before the time to make an index.
    """
    run = run_of(full(encode_seconds=1.5, build_seconds=0.5, deployment_bytes=10**9))
    (whole,) = grids([run], view)
    heads = [column.head for column in whole.columns]
    before = len(heads)

    for width in range(220, 40, -9):
        console = Console(width=width, file=io.StringIO())
        (shown,) = terminal.draw(whole, console)
        kept = {column.head for column in shown.columns}

        lines = " ".join(console.file.getvalue().split())
        named = re.findall(rf"no room for (.*): set COLUMNS to more than {width}, or take another --format", lines)
        assert ", ".join(head for head in heads if head not in kept) == "".join(named)
        optional = {column.head for column in shown.columns if column.drop != NEVER}
        assert "overlap exact" in optional or not optional
        assert "index s" in optional or "deployment MB" not in optional
        assert len(kept) <= before
        before = len(kept)

    assert "no room" not in drawn(run, width=220, view=view)


def test_a_terminal_is_to_be_widened():
    """
    On a terminal the remedy is the terminal's.
    """
    console = Console(width=80, file=io.StringIO(), force_terminal=True)

    terminal.table([run_of(full())], console, WIDE)

    assert ": widen the terminal, or" in console.file.getvalue()


@pytest.mark.parametrize("width", [1, 20, 40, 60, 80, 120, 200])
def test_columns_that_were_asked_for_are_all_there(width):
    """
    However narrow the terminal is, no column that was asked for is lost and no figure cut: others follow below.
    """
    keys = (*MEASURES, "p50", "p95", "encode s", "build s", "index s", "flags", "index MB", "status", "resolved")
    figures = {".500", "12.3", "23.4", "1,230", "34.5", "1,260", "7.96", "ok", ".981"}
    run = run_of(full(encode_seconds=1230.0, build_seconds=34.5, flags=("a sentence of some words " * 9,)))

    text = drawn(run, width=width, view=View(columns=(*keys, "overlap exact")))

    assert set() == figures - set(text.split())
    assert 5 == text.split().count(".500")
    assert "no room" not in text
    assert width < 60 or width >= max(cell_len(line) for line in text.splitlines())


def test_figures_are_never_cut():
    """
    A table that cannot be made as narrow as the terminal is wider than it.
    """
    text = drawn(run_of(full()), width=20, view=DEFAULT)

    assert {".500", "12.3", "7.96"} <= set(text.split())


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
