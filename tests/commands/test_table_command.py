"""`sparring table`: how wide it is into a pipe, and the names that its options take."""

from __future__ import annotations

import re

import pytest
from click.testing import Result
from typer.testing import CliRunner

from bench.cli import app
from bench.commands.table import COMMA
from bench.errors import InputError
from tests.helpers.histories import write
from tests.helpers.tables import full


@pytest.fixture
def run(tmp_path):
    """A run of one cell that has a number in every column."""
    return write(tmp_path / "run", full(encode_seconds=1.5, build_seconds=0.5))


def printed(run, *arguments: str, columns: str | None = None) -> Result:
    return CliRunner().invoke(app, ["table", str(run), *arguments], env={"COLUMNS": columns}, catch_exceptions=False)


@pytest.mark.parametrize("columns", [60, 80, 100, 120, 150])
def test_a_pipe_is_as_wide_as_columns_says(run, columns):
    """
    COLUMNS is followed into a pipe: lines are as long as it allows, and no longer.
    """
    lines = printed(run, "--wide", columns=str(columns)).stdout.splitlines()

    assert columns - 15 < max(map(len, lines)) <= columns


@pytest.mark.parametrize("columns", [None, "", "0", "-80", "wide", "1e2", "9999999"])
def test_a_pipe_without_columns(run, columns):
    """
    A pipe is 120 columns wide where COLUMNS is not set, or is no number of columns.
    """
    lines = printed(run, "--wide", columns=columns).stdout.splitlines()

    assert 105 < max(map(len, lines)) <= 120


def test_a_wide_pipe_drops_nothing(run):
    """
    With COLUMNS=200 every column is there, the last too, which at 60 none of the others would make room for.
    """
    wide, narrow = (printed(run, "--wide", columns=columns).stdout for columns in ("200", "60"))

    assert "no room" not in wide
    assert "overlap" in wide
    assert "set COLUMNS to more than 60" in " ".join(narrow.split())


def test_columns_by_their_headings(run):
    """
    --columns takes keys and headings, in any case and with blanks round them.
    """
    names = ("R@10,single_p50_ms,index_seconds", " r@10, p50 ms ,INDEX TIME")

    said = [printed(run, "--format", "markdown", "--columns", one).stdout for one in names]

    assert "| retriever | R@10 | p50 ms | index s |" in said[0]
    assert said[0] == said[1]


@pytest.mark.parametrize("names", ["R@10,", ",", ""])
def test_no_column_is_an_error(run, names):
    """
    An empty name is no column.
    """
    with pytest.raises(InputError, match="found ''"):
        printed(run, "--columns", names)


def test_a_comma_within_a_measure_parts_no_columns():
    """
    Names are parted by commas, but not by those within the brackets of a measure.
    """
    assert ["R(rel=2,a=1)@10", "p50 ms", "R(1"] == COMMA.split("R(rel=2,a=1)@10,p50 ms,R(1")


PRICES = """
currency = "EUR"
ram_gb_hour = 0.01
core_hour = 0.036
queries_a_month = 1_000_000
hours_a_month = 100
"""


@pytest.fixture
def prices(tmp_path):
    """A file of prices: a month of 100 hours costs 1 for each GB, a core-second 0.00001."""
    path = tmp_path / "prices.toml"
    path.write_text(PRICES)
    return path


@pytest.fixture
def priced(tmp_path):
    """A run of a cell of 1 GB whose median query takes 1 ms of a core: 1.01 a month."""
    return write(tmp_path / "priced", full(deployment_bytes=10**9, cpu_p50=1.0))


@pytest.mark.parametrize("arguments", [(), ("--wide",), ("--columns", "price"), ("--format", "markdown"), ("--json",)])
def test_prices(priced, prices, arguments):
    """
    --prices goes with every table of cells, for readers and programs.
    """
    assert "1.01" in printed(priced, "--prices", str(prices), *arguments, columns="200").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--labels",), "--prices: expected --columns or --wide, found --labels"),
        (("--pivot", "storage"), "--prices: expected --columns or --wide, found --pivot"),
        (("--format", "bibtex"), "--prices: expected --format terminal or markdown"),
        (("--check",), "--check and --write take pages and nothing else, found --prices"),
    ],
)
def test_prices_go_with_tables_of_cells(priced, prices, arguments, said):
    """
    With what has no column of its own for each figure of a cell, --prices is a usage error.
    """
    found = CliRunner().invoke(app, ["table", str(priced), "--prices", str(prices), *arguments])

    assert 2 == found.exit_code
    assert said in " ".join(re.sub(r"[│╭╮╰╯─]", " ", found.output).split())


def test_a_page_names_its_prices(priced, prices):
    """
    In a page the file of prices is relative to the page; one that is not there is an error with the page's line.
    """
    page = priced.parent / "docs" / "page.md"
    page.parent.mkdir()
    page.write_text("<!-- sparring table ../priced --columns price --prices ../prices.toml -->\n<!-- end -->\n")

    written = CliRunner().invoke(app, ["table", "--write", str(page)])

    assert 0 == written.exit_code
    assert "| 1.01 | 0.00101 | - |" in page.read_text()
    assert 0 == CliRunner().invoke(app, ["table", "--check", str(page)]).exit_code
    prices.unlink()
    with pytest.raises(InputError, match=r"page\.md:1: .*prices\.toml"):
        CliRunner().invoke(app, ["table", "--check", str(page)], catch_exceptions=False)
