"""What a notebook shows of `bench.load`, and the example that shows it."""

from __future__ import annotations

import ast
import copy
import pickle
import re
from collections.abc import Iterator

import pandas
import pytest

import bench
from bench.report import notebook
from bench.report.render import html
from bench.report.verdict import run as verdicts
from tests.helpers.histories import write
from tests.helpers.places import ROOT
from tests.helpers.records import failed, latency, measurement, run_of, weight

EXAMPLE = ROOT / "tests" / "examples" / "first_look.py"


def cell(**changes):
    """A cell with a time, that stands on a frontier."""
    return measurement(**{"single": latency(1.0), "storage_weight": weight(1_000)} | changes)


def plain(found) -> bool:
    """Whether a data frame is shown as pandas shows it."""
    return type(found) is pandas.DataFrame and "sparring" not in found._repr_html_()


@pytest.fixture
def cells(tmp_path):
    """The frame of two cells on disk."""
    return bench.load(write(tmp_path / "run", cell(cell="1"), cell(cell="2", retriever="B()", passage_set="other")))


def test_a_run_is_a_data_frame(cells, tmp_path):
    """
    `bench.load` gives pandas' own data frame, the same as that of the rows, also to those who compare frames.
    """
    expected = verdicts.frame(
        [run_of(cell(cell="1"), cell(cell="2", retriever="B()", passage_set="other"), name="run")]
    )

    assert pandas.DataFrame is type(cells)
    pandas.testing.assert_frame_equal(expected, cells)


def test_it_shows_its_tables_and_frontiers(cells):
    """
    In a notebook a frame of runs is the tables of its passage sets and a frontier of each, as a part of a page.
    """
    shown = cells._repr_html_()

    assert (2, 2) == (shown.count("<table>"), len(re.findall("<svg [^>]*sparring frontier", shown)))
    assert "BM25() @ CSR()" in shown
    assert "A CPU, 2 cores" in shown
    assert not re.search(r"<(script|html|body|head|link|meta)\b", shown)


def test_what_cannot_be_drawn_has_its_table():
    """
    A passage set without a frontier has no picture; its table says what it lacks.
    """
    run = run_of(cell(), failed(passage_set="other"), measurement(passage_set="third"))

    shown = notebook.frame([run])._repr_html_()

    assert (3, 1) == (shown.count("<table>"), shown.count("<svg "))
    assert "it broke" in shown


@pytest.mark.parametrize(
    "derive",
    [
        lambda frame: frame[["retriever", "status"]],
        lambda frame: frame[frame["status"] == "ok"],
        lambda frame: frame.head(1),
        lambda frame: frame.loc[:],
        lambda frame: frame.copy(),
        lambda frame: copy.copy(frame),
        lambda frame: copy.deepcopy(frame),
        lambda frame: frame.assign(x=1),
        lambda frame: frame.groupby("passage_set").first(),
        lambda frame: next(iter(frame.groupby("passage_set")))[1],
        lambda frame: pandas.concat([frame, frame]),
        lambda frame: frame.merge(frame, on="retriever"),
        lambda frame: frame.T,
        lambda frame: pickle.loads(pickle.dumps(frame)),
    ],
)
def test_what_is_made_from_it_is_plain(cells, derive):
    """
    A slice, a group, a copy and a pickle are plain data frames, and the frame they come from stays what it was.
    """
    assert plain(derive(cells))
    assert "sparring" in cells._repr_html_()


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.__setitem__("x", 1),
        lambda frame: frame.__setitem__("R@1", 0.9),
        lambda frame: frame.pop("status"),
        lambda frame: frame.insert(0, "x", [1, 2]),
    ],
)
def test_a_changed_frame_is_shown_as_it_is(cells, change):
    """
    A frame that was changed in place is no more what its runs tell, and is shown as pandas shows it.
    """
    change(cells)

    assert plain(cells)


def test_names_are_words():
    """
    Markup in what a record says is text, in the table, in the picture and in what is said of one that is not drawn.
    """
    name = "<script>alert(1)</script>"
    run = run_of(cell(retriever=name, passage_set=name), failed(passage_set=f"{name}2", reason=name))

    shown = notebook.frame([run])._repr_html_()

    assert "<script" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown


def test_rules_hold_within_it_alone(cells):
    """
    No rule of its style reaches what else stands on the page: each begins with its own class, or with the pictures'.
    """
    styles = "\n".join(re.findall("<style>(.*?)</style>", cells._repr_html_(), re.DOTALL))

    heads = [head for rule in re.findall(r"([^{}]+)\{[^{}]*\}", styles) for head in rule.split(",")]

    assert len(heads) > 20
    assert [] == [head for head in heads if not head.strip().startswith((".sparring-cells", ".sparring "))]


def test_the_rules_are_those_of_a_page():
    """
    Each rule of a page's tables is there, before it what it holds within, once for each of its selectors.
    """
    scoped = html.rules(".a").splitlines()

    assert len(html.TABLES.splitlines()) == len(scoped)
    assert (
        ".a th, .a td { padding: .3rem .6rem; text-align: left; vertical-align: baseline; white-space: nowrap; }"
        in scoped
    )


# The example


def code(path) -> Iterator[str]:
    """The code of a notebook's cells, in the percent format."""
    for part in re.split(r"^# %%", path.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        if not part.startswith(" [markdown]"):
            yield part.partition("\n")[2]


def test_the_example_runs():
    """
    Each cell of the example runs, one after the other, and those that show something show what their words say.
    """
    names: dict[str, object] = {}
    shown = []

    for part in code(EXAMPLE):
        tree = ast.parse(part)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, EXAMPLE, "exec"), names)
        if last is not None:
            shown.append(eval(compile(ast.Expression(last.value), EXAMPLE, "eval"), names))

    assert 6 == len(shown)
    assert "<svg" in shown[0]._repr_html_()
    assert all(plain(found) for found in shown[1:] if isinstance(found, pandas.DataFrame))
    assert [] == [place for place, found in enumerate(shown) if found.empty or found.isna().all(axis=None)]
