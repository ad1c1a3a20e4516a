"""Strata and several passage sets of a comparison, as a reader and a machine get them."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from bench.analysis.compare import compare
from bench.analysis.overlap import NO_CAUSE
from bench.analysis.several_sets import with_means
from bench.commands.compare import compare as command
from bench.formats.files import write_whole
from bench.records import run_folder
from bench.records.kept_overlap import write_overlap
from bench.records.run_folder import Run
from bench.report.tables.comparison_sets import SAMPLE, sets_grid
from tests.helpers.run_folders import N, cell, several_sets

LOW, HIGH = np.zeros(N), np.linspace(0.0, 1.0, N)


def on_disk(run: Run) -> Run:
    """The run with its records beside its values."""
    write_whole(run.folder / run_folder.RUN, run_folder.pretty(run.record))
    write_whole(run.folder / run_folder.ENVIRONMENT, run_folder.pretty(run.environment))
    lines = b"".join(msgspec.json.encode(m) + b"\n" for m in run.measurements)
    write_whole(run.folder / run_folder.MEASUREMENTS, lines)
    return run


def printed(*arguments: object) -> tuple[int, str]:
    """The command's exit code and what it prints."""
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, [*map(str, arguments), "--queries", "0"], env={"COLUMNS": "120"})
    return result.exit_code, result.output


@pytest.fixture
def two_labels(folders):
    """Two runs of one cell on a set of two labels, of which one has a single query."""
    labels = ("rare", *["common"] * (N - 1))
    folders.passage_set = msgspec.structs.replace(folders.passage_set, labels=labels)
    sides = (("old", LOW), ("new", HIGH))
    return [on_disk(folders.run(name, cell(), values={"nDCG@10": found})).folder for name, found in sides]


def test_a_line_a_stratum(two_labels):
    """
    Every format has each stratum with its queries and its verdict, and which family its p is adjusted in.
    """
    (code, terminal), (_, markdown) = (
        printed(*two_labels, "--by", "label"),
        printed(*two_labels, "--by", "label", "--format", "markdown"),
    )
    (pair,) = json.loads(printed(*two_labels, "--by", "label", "--json")[1])["pairs"]

    assert 0 == code
    assert "tiny: nDCG@10 by label" in terminal
    assert "| `BM25() @ CSR()` | common | 39 | .0000 |" in markdown
    assert all("p Holm: adjusted for all strata of all retrievers on this set" in text for text in (terminal, markdown))
    assert [("label", "common", "better", 39), ("label", "rare", "identical", 1)] == [
        (one["by"], one["name"], one["difference"]["verdict"], one["difference"]["paired"]["n_queries"])
        for one in pair["strata"]
    ]
    assert pair["strata_said"] is None


def test_no_strata_says_why(two_labels):
    """
    Where a stratum cannot be had, every format says why.
    """
    printing = [printed(*two_labels, "--by", "length", *form)[1] for form in ((), ("--format", "markdown"))]
    (pair,) = json.loads(printed(*two_labels, "--by", "length", "--json")[1])["pairs"]

    assert all("no strata: no texts" in text for text in printing)
    assert pair["strata_said"].startswith("no strata: no texts")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--measure", "R@10"], "--measure: expected --by, found none"),
        (["--by", "lable"], "expected one of label, length, overlap, found 'lable'"),
    ],
)
def test_options_that_do_not_fit_are_refused(two_labels, options, said):
    """
    A measure of no strata, and strata that there are none of, are a mistake of usage.
    """
    code, shown = printed(*two_labels, *options)

    assert 2 == code
    assert said in " ".join(shown.replace("│", " ").split())


def test_a_line_a_retriever_over_sets(folders):
    """
    Every format has the mean over sets with its interval, wins, ties and losses by set, and the sets left out.
    """
    old = on_disk(several_sets(folders, "old", a={"A()": LOW}, b={"A()": HIGH[:9]}, c={"A()": LOW}))
    new = on_disk(several_sets(folders, "new", a={"A()": HIGH}, b={"A()": LOW[:9]}, d={"A()": LOW}))
    both = old.folder, new.folder

    (_, terminal), (_, markdown) = printed(*both), printed(*both, "--format", "markdown")
    (told,) = json.loads(printed(*both, "--json")[1])["over_sets"]

    assert "Mean over passage sets" in terminal
    assert "| `A()` | nDCG@10 | 2 | .0513 | .2500 | +.1987 | " in markdown
    assert all("not in the mean, since not compared: c, d" in text for text in (terminal, markdown))
    assert (["a", "b"], ["c", "d"]) == (told["passage_sets"], told["left_out"])
    assert (2, 1, 0, 1) == tuple(told["mean"][key] for key in ("n_sets", "wins", "ties", "losses"))


def test_one_set_has_no_line(two_labels):
    """
    Of one set there is no mean.
    """
    assert "Mean over passage sets" not in printed(*two_labels)[1]
    assert [] == json.loads(printed(*two_labels, "--json")[1])["over_sets"]


def test_a_second_interval_where_sets_are_many(folders):
    """
    With five sets the interval of a sample of sets stands beside the other, and is explained; with four it does not.
    """
    known = {name: {"A()": LOW} for name in "abcde"}
    old = several_sets(folders, "old", **known)
    new = several_sets(folders, "new", **{name: {"A()": HIGH * (0.2 + n / 10)} for n, name in enumerate("abcde")})
    fewer = type(new)(new.folder, new.record, new.environment, new.measurements[:4])

    five, four = (sets_grid(with_means(old, one, compare(old, one)).over_sets) for one in (new, fewer))

    assert ([True, False], [True, False]) == (
        [any(column.head == "as a sample" for column in grid.columns) for grid in (five, four)],
        [SAMPLE in grid.notes for grid in (five, four)],
    )


def test_what_is_identical_has_no_line(folders):
    """
    Measures in which no query differs on any set are counted and not shown.
    """
    run = several_sets(folders, "run", a={"A()": LOW}, b={"A()": LOW})

    grid = sets_grid(with_means(run, run, compare(run, run)).over_sets)

    assert ((), ("identical: nDCG@10",)) == (grid.lines, grid.notes)


class TestOverlap:
    """By word overlap: how much of the gap goes with it."""

    @pytest.fixture
    def one_run(self, folders):
        """A run of a sparse and a dense cell, the sparse one better where more words are shared."""
        known = {"passage_set_sha256": folders.passage_set.sha256}
        cells = [
            cell(cell="0", retriever="D()", encoder="D()", storage="Flat()", cell_name="d", **known),
            cell(cell="1", retriever="S()", encoder="S()", storage="CSR()", nonzeros=9, cell_name="s", **known),
        ]
        run = folders.run("run", *cells, values={"nDCG@10": LOW})
        won = np.concatenate([np.arange(13) < 8, np.ones(N - 13)]).astype(np.float64)
        np.savez(run.folder / "quality" / "1.npz", **{"nDCG@10": won})
        write_overlap(run.folder, folders.passage_set, np.arange(N) / N)
        return on_disk(run).folder

    def test_the_share_is_told_in_every_format(self, one_run):
        """
        The share stands below the strata with both gaps and with what it is not; a machine gets the same fields.
        """
        asked = (one_run, "--retrievers", "d", "s", "--by", "overlap")

        printing = [printed(*asked)[1], printed(*asked, "--format", "markdown")[1]]
        (pair,) = json.loads(printed(*asked, "--json")[1])["pairs"]

        for text in printing:
            plain = " ".join(text.replace("\\", "").split())
            assert "of the gap goes with word overlap: it is +.6429 among the 14 queries that share the fewest" in plain
            assert NO_CAUSE in plain
        found = pair["overlap_share"]
        assert ("lowest", 14, "", NO_CAUSE) == tuple(found[name] for name in ("third", "n_queries", "why", "note"))
        assert pytest.approx(1 - (9 / 14) / (35 / 40)) == found["share"]
        assert found["interval"][0] < found["share"] < found["interval"][1]

    def test_where_there_is_none_it_says_why(self, one_run):
        """
        Two cells that are not told apart have no share, and nothing is said of what it is not.
        """
        asked = (one_run, "--retrievers", "d", "d", "--by", "overlap")

        _, text = printed(*asked)

        plain = " ".join(text.split())
        assert "D(): no share of the gap that goes with word overlap: the gap is identical" in plain
        assert NO_CAUSE not in plain
