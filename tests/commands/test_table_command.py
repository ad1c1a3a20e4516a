"""`sparring table`: how wide it is into a pipe, and the names that its options take."""

from __future__ import annotations

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
