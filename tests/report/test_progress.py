"""What a terminal is told while a run goes, and what is kept from it."""

from __future__ import annotations

import io
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.progress import Task, TaskID

from bench.progress import Passages
from bench.report.console import progress as progress_lines
from bench.report.console.lists import print_rows
from bench.report.console.progress import Left, shown
from bench.report.text import UNSEEN, printable

HOSTILE = "\x1b]0;title\x07\x1b[31mred\u202e\u2028\ud800"
TAMED = "\ufffd]0;title\ufffd\ufffd[31mred\ufffd \ufffd"


def console(*, terminal: bool = False, width: int = 80) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=width, color_system=None, legacy_windows=False)


def text_of(used: Console) -> str:
    assert isinstance(used.file, io.StringIO)
    return used.file.getvalue()


# Text from elsewhere


def test_printable():
    """
    A control character is replaced, white space by a space, and nothing else changes: joiners and marks stay.
    """
    assert TAMED == printable(HOSTILE)
    assert "a b  c" == printable("a\tb\r\nc")
    assert "👩\u200d🚀 می\u200cخواهم 한국어 é [red]x[/red] :smile:" == printable(
        "👩\u200d🚀 می\u200cخواهم 한국어 é [red]x[/red] :smile:"
    )


@settings(deadline=None)
@given(text=st.text(st.characters()))
@example(text="".join(map(chr, range(0x2100))))
def test_nothing_that_a_terminal_obeys_is_left(text):
    """
    Whatever the text, no control character, line separator or lone surrogate is left, nor what is not seen;
    all else stays.
    """
    plain = printable(text)

    assert len(UNSEEN.sub("", text)) == len(plain)
    assert set() == {unicodedata.category(c) for c in plain} & {"Cc", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize("terminal", [True, False])
def test_what_went_wrong_is_said_in_plain_text(terminal):
    """
    A reason is printed as text: no escape reaches the terminal, no markup and no emoji code is read.
    """
    used = console(terminal=terminal)

    with shown(used) as progress:
        progress.says(f"{HOSTILE} [red]x[/red] :smile:")

    assert f"{TAMED} [red]x[/red] :smile:" in text_of(used)


def test_a_list_of_sets_is_plain_text():
    """
    A title is text, whatever it holds.
    """
    used = console()

    print_rows([{"name": "zoo", "passages": 4000, "title": f"{HOSTILE} [b] :smile:"}], used)

    assert f"4,000  {TAMED} [b] :smile:" in text_of(used)


TITLE = "a title of some length " * 8


def test_a_pipe_gets_whole_titles():
    """
    Where there is no terminal a title is never cut.
    """
    used = console()

    print_rows([{"name": "zoo", "passages": 4000, "title": TITLE}], used)

    assert f"zoo      4,000  {TITLE}".rstrip() == text_of(used).splitlines()[1]


def test_a_terminal_marks_what_it_cuts():
    """
    A title that a terminal has no room for ends in an ellipsis, and no other column is cut.
    """
    used = console(terminal=True)

    print_rows([{"name": "zoo", "passages": 4000, "title": TITLE}], used)

    line = text_of(used).splitlines()[1]
    assert "zoo      4,000  a title" == line[:23]
    assert (80, "…") == (len(line), line[-1])


# The bar


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_bar_keeps_its_figures(width):
    """
    However long the name of what runs, done of all, time elapsed and time left are whole, on one line.
    """
    used = console(terminal=True, width=width)

    with shown(used) as progress:
        progress.starts(
            'search BiEncoder("all-MiniLM-L6-v2", dims=128) @ Faiss("HNSW32", efSearch=64)', 17, 120, 3700.0
        )

    *_, line = (line for line in text_of(used).split("\x1b[2K") if "120" in line)  # each drawing clears its line
    assert len(line.partition("\n")[0]) <= width
    for figure in ("17/120", "0:00:00", "about 62 min left", "search"):
        assert figure in line


def test_time_left_falls():
    """
    What was predicted falls while a child runs; where it takes longer no time left is claimed.
    """
    clock = iter([0.0, 30.0, 500.0])
    task = Task(TaskID(0), "search", 1, 0, _get_time=lambda: next(clock), fields={"ends": 80.0})

    assert ["about 80 s left", "about 50 s left", ""] == [Left().render(task).plain for _ in range(3)]


def test_bar():
    """
    On a terminal, a bar shows the name, made fit for it, and the bytes of what is under way, and of nothing before.
    """
    console = Console(file=io.StringIO(), force_terminal=True, width=100)

    with shown(console, "bytes") as progress:
        progress.starts("first.zip", 0, None)
        progress.starts("sec[red]ond\x1b.zip", 1000, 4000)
        progress.moves(2000)
        (task,) = progress._progress.tasks
        progress.says("[bold]said")

    assert ("sec[red]ond\N{REPLACEMENT CHARACTER}.zip", 2000, 4000) == (task.description, task.completed, task.total)
    assert "[bold]said" in console.file.getvalue()


# Lines, where there is no terminal


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when they are told to."""
    now = [1000.0]
    monkeypatch.setattr(progress_lines.time, "monotonic", lambda: now[0])
    return now


def lines(used: Console) -> list[str]:
    return text_of(used).splitlines()


def test_ten_minutes_of_one_encoding(clock):
    """
    One line as it begins, one every half minute: passages, their rate, and what is left by what runs.
    """
    used = console(width=200)
    with shown(used) as progress:
        progress.starts("encode BM25()", 0, 20, None)
        clock[0] += 8.0
        progress.starts("encode Slow()", 1, 20, None)
        for second in range(1, 601):
            clock[0] += 1.0
            progress.runs(Passages(20 * second, 12_000, 20.0), 600.0 - second, 640.0 - second)

    assert "0 of 20 stages done; now encode BM25()" == lines(used)[0]
    assert "1 of 20 stages done; now encode Slow()" == lines(used)[1]
    assert 20 == len(lines(used)[2:])
    assert (
        "1 of 20 stages done; now encode Slow(), 600 of 12,000 passages, 20.0 a second, about 10 min left of it; "
        "about 10 min left in all"
    ) == lines(used)[2]
    assert (
        "1 of 20 stages done; now encode Slow(), 11,400 of 12,000 passages, 20.0 a second, about 30 s left of it; "
        "about 70 s left in all"
    ) == lines(used)[-2]


def test_short_stages_have_no_line(clock):
    """
    Of many short stages some are told; one that lasts is named after a second, and none that is over.
    """
    used = console(width=200)
    with shown(used) as progress:
        for number in range(100):
            clock[0] += 0.1
            progress.starts(f"search C{number}()", number, 101, 10.0)
        progress.starts("build D()", 100, 101, 10.0)
        clock[0] += 1.5
        progress.runs(None, None, 10.0)

    assert 8 <= len(lines(used)) <= 12
    assert "100 of 101 stages done; now build D(); about 10 s left in all" == lines(used)[-1]


def test_nothing_is_claimed_that_is_not_known(clock):
    """
    Neither a rate nor a time left where there is none yet.
    """
    used = console(width=200)
    with shown(used) as progress:
        progress.starts("encode Slow()", 1, 20, None)
        clock[0] += 31.0
        progress.runs(Passages(0, 12_000, None), None, None)

    assert "1 of 20 stages done; now encode Slow(), 0 of 12,000 passages" == lines(used)[-1]


def test_the_bar_moves_inside_one_encoding():
    """
    On a terminal the passages stand before the name, which is cut where there is no room.
    """
    used = console(terminal=True, width=80)

    with shown(used) as progress:
        progress.starts('encode BiEncoder("all-MiniLM-L6-v2")', 5, 19, None)
        progress.runs(Passages(12_800, 40_000, 61.0), 445.0, 900.0)

    *_, line = (line for line in text_of(used).split("\x1b[2K") if "12,800" in line)
    for figure in ("5/19", "about 15 min left", "12,800 of 40,000"):
        assert figure in line
